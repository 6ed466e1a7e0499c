"""Table versions: which one the records of a stream carry, and when rows of older ones may be declared gone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.bookmarks import Bookmarks
from tap_exactonline.sync.deletions import LOG
from tap_exactonline.sync.reading import Job


class Versions:
    """Which version each stream's records carry, and when older rows may be declared gone.

    A version covers a whole table. It may be activated only when every division whose rows may be in the table was
    read completely under it.
    """

    def __init__(
        self, jobs: Sequence[Job], divisions: Sequence[Division], bookmarks: Bookmarks, *, on: bool
    ) -> None:
        self._bookmarks = bookmarks
        self._divisions = {division.code for division in divisions}
        self._done: dict[str, set[int | None]] = defaultdict(set)
        self.held_back: list[str] = []
        """Streams that would be ready, were it not for administrations that can't be read."""
        # The log of deletions forgets, and what it has told stays true.
        self._jobs = [job for job in jobs if on and job.name != LOG]
        now = int(time.time() * 1000)
        for job in jobs:
            if not on and bookmarks.known(job.name).get("version") is not None:
                # Rows delivered from now on carry none, and would be taken for gone under the old one.
                bookmarks.stream(job.name).pop("version")
        for job in self._jobs:
            # A clock that was set back must not make the new rows older than the old ones.
            stored = bookmarks.known(job.name).get("version")
            job.version = self._choose(job, max(now, stored + 1) if isinstance(stored, int) else now)
            if job.version is not None:
                bookmarks.stream(job.name)["version"] = job.version

    def _choose(self, job: Job, now: int) -> int | None:
        if job.bookmark_column is None:
            return now
        # Rows delivered before versions were turned on carry none, and would be taken for gone.
        stored: int | None = self._bookmarks.stream(job.name).get("version")
        return stored if self._bookmarks.begun(job.name) else now

    def completed(self, job: Job, division: int | None) -> dict[str, Any]:
        """Note that a division is in; returns what its bookmark should remember."""
        if job.version is None:
            return {}
        self._done[job.name].add(division)
        return {"version": job.version}

    def ready(self, closed: Collection[int] = ()) -> list[Job]:
        """The streams whose older rows are gone, and not yet declared so.

        Args:
            closed: Administrations that can't be read now. Nobody knows whether a table holds rows of them: the
                state may have been lost since.
        """
        jobs = [job for job in self._jobs if job.version is not None and self._is_ready(job)]
        self.held_back = [job.name for job in jobs if closed and not job.once]
        return [job for job in jobs if job.name not in self.held_back]

    def _is_ready(self, job: Job) -> bool:
        stream = self._bookmarks.stream(job.name)
        if stream.get("activated") == job.version or not self._done[job.name]:
            return False
        if job.endpoint.login_wide or None in self._done[job.name]:
            return True
        full = job.bookmark_column is None
        for code in self._divisions | self._bookmarks.divisions(job.name):
            under = code in self._done[job.name] or (
                not full and self._bookmarks.get(job.name, code).get("version") == job.version
            )
            if not under:
                return False
        return True

    def activated(self, job: Job) -> None:
        """Note that it was declared."""
        self._bookmarks.stream(job.name)["activated"] = job.version
