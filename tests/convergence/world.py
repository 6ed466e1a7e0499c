"""The source and the target side by side, what happens to them, and what must be equal afterwards."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tap_exactonline.endpoints import by_name
from tests.exact_online import Call, ExactOnline
from tests.support.in_process import Cut, InProcessRun, run_tap

from . import comparing
from .states import merged, older, partly, without_doubt, without_refusals
from .subjects import LOG, LOG_FORGETS, ONCE, SYNC, TALLY, Change, Diverged, Place
from .target import DELETED_AT, Key, Target

COLUMN_GONE = "which is left out: what was delivered before stays as it is"
DELETIONS_LAST = "a column came or went after rows or deletions had been written"
MANY_REFUSED = ("forms of the query one after the other", "refused several times within")


@dataclass
class World:
    """A stand-in, a target and the state between them.

    Args:
        exact: The stand-in, served.
        home: A directory for the token store.
        settings: Of the tap.
        streams: The streams of this history.
        hard_delete: Of the target.
        batch: Of the target.
    """

    exact: ExactOnline
    home: Path
    settings: dict[str, Any]
    streams: list[str]
    hard_delete: bool = True
    batch: int = 1
    state: dict[str, Any] | None = None
    states: list[dict[str, Any]] = field(default_factory=list)
    selected: frozenset[str] = frozenset()
    unlucky: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    deleted: dict[Place, list[Key]] = field(default_factory=lambda: defaultdict(list))
    forgotten: dict[Place, set[Key]] = field(default_factory=lambda: defaultdict(set))
    refused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    without: frozenset[tuple[str, str]] = frozenset()
    told: int = 0
    column_gone: bool = False

    def __post_init__(self) -> None:
        self.target = Target(hard_delete=self.hard_delete, batch=self.batch)
        self.selected = frozenset(self.streams)

    @property
    def tombstones(self) -> bool:
        return self.settings.get("deletions") == "tombstones"

    @property
    def versions(self) -> bool:
        return bool(self.settings.get("emit_activate_version_messages"))

    # -- what happens at Exact -------------------------------------------------------------------

    def change(self, code: int, stream: str, what: Change, which: int) -> None:
        """What a user of Exact Online does to one row."""
        table = self.exact.table(code, stream)
        keys = table.keys()
        gone = [key for key in self.deleted[stream, code] if key not in set(keys)]
        choice = gone if what == "recreate" else keys
        self.told += 1
        if what == "insert" or not choice:
            table.insert()
            return
        key = choice[which % len(choice)]
        if what == "update":
            table.update(key, **self._visible(stream))
            return
        if what in ("delete", "replace"):
            table.delete(key)
            self.deleted[stream, code].append(key)
        if what in ("recreate", "replace"):
            values = dict(zip(table.key, key if isinstance(key, tuple) else (key,), strict=True))
            table.insert(**values, **self._visible(stream))

    def _visible(self, stream: str) -> dict[str, Any]:
        """A value that changes some column, so that a lost update shows."""
        endpoint = by_name(stream)
        refused = self.refused[stream]
        for one in endpoint.fields:
            fixed = one.name in (*endpoint.key, endpoint.bookmark) or one.hidden or one.name in refused
            if one.type in ("string", "double") and not fixed and "Number" not in one.name:
                return {one.name: f"change {self.told}" if one.type == "string" else self.told + 0.25}
        return {}

    def between_pages(self, calls: int, happening: Callable[[], None]) -> None:
        """In the next run, while the answer to so many calls is on its way."""
        self.unlucky.append((calls, happening))

    def refuse(self, stream: str, which: int, division: int | None) -> None:
        """Exact no longer knows a field, everywhere or in one administration."""
        endpoint = by_name(stream)
        names = [
            f.name
            for f in endpoint.fields
            if not f.hidden and f.name not in (*endpoint.key, endpoint.bookmark)
        ]
        name = names[which % len(names)]
        self.exact.refuse_field(stream, name, division)
        self.refused[stream].add(endpoint.field(name).column)

    def take_back(self) -> None:
        """Exact knows all fields again, and the tap asks for them again."""
        self.exact.refused_fields.clear()
        self.refused.clear()
        self.state = without_doubt(self.state)

    def deselect(self, stream: str, which: int) -> None:
        """Leave a column out of the selection, or take all in again if one was left out."""
        endpoint = by_name(stream)
        fixed = (*endpoint.key, endpoint.bookmark)
        names = [f.column for f in endpoint.fields if not f.hidden and f.name not in fixed]
        if self.tombstones and stream in SYNC:
            names.insert(0, DELETED_AT)
        self.without = frozenset() if self.without else frozenset({(stream, names[which % len(names)])})

    def filter_out(self, stream: str, code: int) -> None:
        """Let no row of a stream and an administration through, or all again if some were filtered."""
        if not self.settings.pop("stream_maps", None):
            self.settings["stream_maps"] = {stream: {"__filter__": f"division != {code}"}}

    def filtered(self, stream: str, code: int) -> bool:
        """Whether stream maps let no row through."""
        maps = self.settings.get("stream_maps", {})
        return maps == {stream: {"__filter__": f"division != {code}"}}

    def an_hour_passes(self) -> None:
        """After several refusals the tap leaves an endpoint alone for an hour."""
        self.state = without_refusals(self.state)
        self.states = [without_refusals(state) or {} for state in self.states]

    def two_months_pass(self) -> None:
        """Longer than the log of deletions remembers."""
        for stream in set(SYNC) & set(self.streams):
            for code in self.exact.divisions:
                self.forgotten[stream, code] |= (
                    comparing.live(self, stream, code).keys() - comparing.source(self, stream, code).keys()
                )
        self.exact.clock.advance(LOG_FORGETS.total_seconds())
        self.state = older(self.state)
        self.states = [older(state) or {} for state in self.states]

    # -- what happens to the tap -----------------------------------------------------------------

    def run(
        self,
        *,
        after: int | None = None,
        cut: Cut = "kill",
        applied: float = 1.0,
        committed: float = 1.0,
        loaded: Collection[str] | None = None,
    ) -> InProcessRun:
        """Run the tap; load what it wrote; keep the state that the target would have confirmed.

        Args:
            after: Cut the run after so many messages.
            cut: How.
            applied: The share of a cut run's messages that reached the tables.
            committed: The share of those whose state was confirmed.
            loaded: Only rows of these streams were loaded until then; of the others the target confirms what the run began with,
                as target-duckdb and those of pipelinewise do (``flush_streams``). None: all.
        """
        before = {
            place: set(comparing.live(self, *place))
            for place in comparing.places(self)
            if comparing.known(self, *place)
        }
        values = comparing.values_of_refused(self)
        ends = self._arm()
        try:
            run = run_tap(
                self.exact,
                self.selected,
                self.state,
                home=self.home,
                settings=self.settings,
                without=self.without,
                after=after,
                cut=cut,
                talk=False,
            )
        finally:
            for end in ends:
                end()
        TALLY.runs += 1
        lines = run.lines
        if not run.complete:
            TALLY.cut += 1
            lines = lines[: round(len(lines) * applied)]
        confirmed = lines if run.complete else lines[: round(len(lines) * committed)]
        self.target.load(lines if loaded is None else [line for line in lines if _reaches(line, loaded)])
        states = [json.loads(line)["value"] for line in confirmed if line.startswith(b'{"type":"STATE"')]
        if states:
            state = states[-1] if loaded is None else partly(self.state, states[-1], loaded)
            self.state = state
            self.states.append(state)
        comparing.nothing_taken_away(self, before)
        comparing.nothing_emptied(self, values)
        return run

    def refresh(self, after: int) -> None:
        """A run with Meltano's ``--full-refresh`` that is asked to end after so many messages."""
        found, self.state = self.state, None
        self.run(after=after, cut="term")
        self.state = merged(self.state or {}, found)
        # As after a lost state, older ones must not come back.
        self.states.clear()

    def _arm(self) -> list[Callable[[], None]]:
        waiting = sorted(self.unlucky, key=lambda item: item[0])
        self.unlucky = []
        seen = 0

        def hook(call: Call) -> None:
            nonlocal seen
            if call.division is None:
                return
            seen += 1
            while waiting and waiting[0][0] <= seen:
                waiting.pop(0)[1]()

        return [self.exact.on_page(hook)] if waiting else []

    def _something_is_withdrawn(self) -> bool:
        """Whether Exact refuses what a run asks for, a stream or an administration.

        If rows came before, no run is complete until it is given back, or the administration is excluded.
        """
        asked = self.selected | ({LOG} if self.tombstones else set())
        excluded = self.settings.get("exclude_divisions", ())
        return any(
            asked & set(division.forbidden) or (not division.in_scope and code not in excluded)
            for code, division in self.exact.divisions.items()
        )

    def check(self, run: InProcessRun) -> None:
        """After a run that nothing disturbed: each table equals the source.

        Raises:
            Diverged: If one does not.
        """
        error = "" if run.complete else str(run.error)
        # A column is missing for the first time: all rows are in, and none is declared gone.
        self.column_gone = COLUMN_GONE in error or DELETIONS_LAST in error
        many = any(self.refused.values()) and any(words in error for words in MANY_REFUSED)
        if not run.complete and not (self.column_gone or many) and not self._something_is_withdrawn():
            raise Diverged(f"the run should have been complete: {error}")
        if many:
            return
        TALLY.checks += 1
        said: list[str] = []
        for stream in sorted(self.selected):
            if self.column_gone and stream in self.target.torn:
                continue  # incomplete, and a deletion may have come last
            for code in self.exact.divisions:
                readable = comparing.readable(self, stream, code)
                if stream != ONCE and readable and not self.filtered(stream, code):
                    said += comparing.compare(self, stream, code)
        if ONCE in self.selected:
            said += comparing.compare_divisions(self)
        if said:
            raise Diverged("\n".join(said[:12]))


def _reaches(line: bytes, streams: Collection[str]) -> bool:
    """Whether a message has an effect in a target that has loaded these streams only."""
    message = json.loads(line)
    return message["type"] == "SCHEMA" or message.get("stream") in streams
