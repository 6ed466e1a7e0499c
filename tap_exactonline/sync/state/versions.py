"""Table versions: which one the records of a stream carry, and when rows of older ones may be declared gone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence

from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.state.bookmark import Changes
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.stream_read import LOG, StreamRead


class Versions:
    """Which version each stream's records carry, and when older rows may be declared gone.

    A version covers a whole table. It may be activated only when every division whose rows may be in the table was
    read completely under it.
    """

    def __init__(
        self, reads: Sequence[StreamRead], divisions: Sequence[Division], state: State, *, on: bool
    ) -> None:
        self._state = state
        self._divisions = {division.code for division in divisions}
        self._done: dict[str, set[int | None]] = defaultdict(set)
        self.held_back: list[str] = []
        """Streams that would be ready, were it not for administrations that can't be read."""
        # The log of deletions forgets, and what it has told stays true.
        self._reads = [read for read in reads if on and read.name != LOG]
        now = int(time.time() * 1000)
        for read in reads:
            if not on and state.known(read.name).version is not None:
                # Rows delivered from now on carry none, and would be taken for gone under the old one.
                state.stream(read.name).version = None
        for read in self._reads:
            # A clock that was set back must not make the new rows older than the old ones.
            stored = state.known(read.name).version
            read.version = self._choose(read, now if stored is None else max(now, stored + 1))
            if read.version is not None:
                state.stream(read.name).version = read.version

    def _choose(self, read: StreamRead, now: int) -> int | None:
        if read.bookmark_column is None:
            return now
        # Rows delivered before versions were turned on carry none, and would be taken for gone.
        stored = self._state.known(read.name).version
        return stored if self._state.begun(read.name) else now

    def completed(self, read: StreamRead, division: int | None) -> Changes:
        """Note that a division is in; returns what its bookmark should remember."""
        if read.version is None:
            return {}
        self._done[read.name].add(division)
        return {"version": read.version}

    def ready(self, closed: Collection[int] = ()) -> list[StreamRead]:
        """The streams whose older rows are gone, and not yet declared so.

        Args:
            closed: Administrations that can't be read now. Nobody knows whether a table holds rows of them: the
                state may have been lost since.
        """
        reads = [read for read in self._reads if read.version is not None and self._is_ready(read)]
        self.held_back = [read.name for read in reads if closed and not read.once]
        return [read for read in reads if read.name not in self.held_back]

    def _is_ready(self, read: StreamRead) -> bool:
        if self._state.known(read.name).activated == read.version or not self._done[read.name]:
            return False
        if read.endpoint.login_wide or None in self._done[read.name]:
            return True
        full = read.bookmark_column is None
        for code in self._divisions | self._state.divisions(read.name):
            # By Timestamps, only the list of administrations tells whether they were renewed while one was read.
            seen = code in self._divisions or read.endpoint.kind != "sync"
            under = code in self._done[read.name] or (
                not full and seen and self._state.get(read.name, code).version == read.version
            )
            if not under:
                return False
        return True

    def activated(self, read: StreamRead) -> None:
        """Note that it was declared."""
        self._state.stream(read.name).activated = read.version
