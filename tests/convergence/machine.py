"""Histories: what may happen to administrations, runs and states, in any order."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tap_exactonline.endpoints import by_name
from tap_exactonline.sync import batches, writer
from tests.exact_online import Call, ExactOnline, faults

from .subjects import FULL, LOG, MODIFIED, ONCE, SYNC, TALLY, Change, hiccups
from .world import World

CODES = (101, 102, 103)
small = st.integers(0, 12)
shares = st.floats(0, 1, width=16)
# Where, in which stream, what, to which row.
events = st.tuples(
    small,
    small,
    st.sampled_from(["insert", "update", "update", "delete", "recreate", "replace", "move", "move", "hr"]),
    small,
)
usual = events.filter(lambda event: event[2] not in ("move", "hr"))
Event = tuple[int, int, str, int]
# The last ones name fields that may be empty, and what follows them in Exact's own lists.
DEMANDED = (
    ["Modified"],
    ["Created", "ID"],
    ["ID"],
    ["EndDate", "Description", "ID"],
    ["Description", "EndDate"],
)
# The stand-in's rows were changed from 2019 on.
START_DATES = (None, "2020-01-01", "2021-03-01")
before = st.lists(usual, max_size=6)
# While the answer to so many calls is on its way.
during = st.lists(st.tuples(st.integers(1, 30), events), max_size=4)


class Histories(RuleBasedStateMachine):
    """One history of an Exact Online, a tap, a target and the state between them."""

    def __init__(self) -> None:
        super().__init__()
        self._home = tempfile.TemporaryDirectory()
        self._patches = ExitStack()

    @initialize(
        sync=st.sets(st.sampled_from(SYNC), min_size=1, max_size=3),
        others=st.sets(st.sampled_from((*MODIFIED, *FULL, ONCE)), max_size=3),
        log=st.booleans(),
        deletions=st.sampled_from(["log", "tombstones", "tombstones"]),
        versions=st.booleans(),
        hard=st.booleans(),
        lanes=st.sampled_from([1, 1, 1, 3]),
        sdk_path=st.sampled_from([False, False, False, True]),
        rows=st.integers(0, 7) | st.integers(3, 9),
        page_rows=st.integers(1, 4),
        first=st.sampled_from([9_990, 2**53 - 20, 2]),
        int64_as=st.sampled_from(["string", "number"]),
        full_page=st.booleans(),
        order=st.sampled_from(["timestamp", "timestamp", "any", "across", "key"]),
        null=st.sampled_from(["never", "as_value"]),
        divisions=st.integers(1, 2),
        start_date=st.sampled_from(START_DATES),
        batch=st.sampled_from([1, 1, 3]),
        files=st.sampled_from([False, False, False, True]),
        often=st.booleans(),
    )
    def begin(
        self, *, sync: set[str], others: set[str], log: bool, deletions: str, versions: bool, hard: bool, lanes: int, sdk_path: bool,
        rows: int, page_rows: int, first: int, int64_as: Any, full_page: bool, order: Any, null: Any, divisions: int,
        start_date: str | None, batch: int, files: bool, often: bool,
    ) -> None:  # fmt: skip
        if often:
            self._write_states_often()
        self.exact = ExactOnline(
            page_rows=page_rows,
            int64_as=int64_as,
            next_on_full_page=full_page,
            sync_order=order,
            null_compares=null,
            error_limit=10**6,
        )
        self.exact.limits(minute=10**6, day=10**7)
        self.streams = sorted({*sync, *others, *([LOG] if log else [])})
        self.tables = [name for name in self.streams if name not in (LOG, ONCE)]
        self.rows, self.first = rows, first
        for code in CODES[:divisions]:
            self._open(code)
        self.exact.start()
        settings = {
            "deletions": deletions,
            "emit_activate_version_messages": versions,
            "max_parallel_divisions": lanes,
            "start_date": start_date,
            **({"stream_map_config": {"anything": True}} if sdk_path else {}),
            **({"batch_config": self._files()} if files else {}),
        }
        self.world = World(
            self.exact, Path(self._home.name), settings, self.streams, hard_delete=hard, batch=batch
        )

    def _write_states_often(self) -> None:
        """A STATE behind each page and file. Beside so few rows it is large, and the tap would write it at the end only."""
        for module, name in ((writer, "_STATE_SHARE"), (batches, "_STATE_SECONDS")):
            self._patches.enter_context(mock.patch.object(module, name, 0))

    def _files(self) -> dict[str, Any]:
        """The setting for records that go into small files."""
        root = Path(self._home.name, "files").as_uri()
        return {"encoding": {"format": "jsonl"}, "storage": {"root": root}, "batch_size": 3}

    def _open(self, code: int) -> None:
        self.exact.add_division(code, rows=dict.fromkeys(self.tables, self.rows), first_rowversion=self.first)

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self._final()
                TALLY.histories += 1
        finally:
            if hasattr(self, "exact"):
                self.exact.stop()
            self._home.cleanup()
            self._patches.close()

    def _final(self) -> None:
        """Whatever happened: one undisturbed run of everything, and all is equal; a second one changes nothing."""
        self.exact.faults.clear()
        for name in ("exclude_divisions", "start_date", "stream_maps"):
            self.world.settings.pop(name, None)
        self.world.without = frozenset()
        self.world.selected = frozenset(self.streams)
        self.world.take_back()
        # The first run finds out which fields are back, the second fills their columns in all rows.
        self.world.run()
        self.world.check(self.world.run())
        self.world.check(self.world.run())

    def _code(self, which: int) -> int:
        known = sorted(self.exact.divisions)
        return known[which % len(known)]

    # -- at Exact

    def _happens(self, event: Event) -> None:
        where, stream, what, which = event
        code = self._code(where)
        if what == "move":
            self.exact.clock.advance(1)  # two moves within a millisecond would look like one
            self.exact.move_division(code, (1, 50, 20_000)[which % 3])
        elif what == "hr":
            self.exact.clock.advance(1)
            self.exact.link_hr(code)
        else:
            change: Change = what  # type: ignore[assignment]
            self.world.change(code, self.tables[stream % len(self.tables)], change, which)

    def _prepare(self, before: list[Event], during: list[tuple[int, Event]]) -> None:
        for event in before:
            self._happens(event)
        for calls, event in during:
            self.world.between_pages(calls, partial(self._happens, event))

    @rule(event=events)
    def happens(self, event: Event) -> None:
        self._happens(event)

    @rule(code=st.sampled_from(CODES))
    def add_division(self, code: int) -> None:
        if code not in self.exact.divisions:
            self._open(code)

    @rule(where=small, how=st.sampled_from(["archive", "revoke", "open"]))
    def close_or_open_division(self, where: int, how: str) -> None:
        division = self.exact.divisions[self._code(where)]
        if how == "open":
            division.status, division.in_scope = 1, True
        elif self._readable_without(division.code):
            division.status = 2 if how == "archive" else division.status
            division.in_scope = how == "archive" and division.in_scope

    @rule(
        where=small,
        stream=small,
        kind=st.sampled_from(
            [
                "rights",
                "scope",
                "plain",
                "not_found",
                "firewall",
                "unauthorized",
                "unknown_words",
                "back",
                "back",
                "back",
            ]
        ),
    )
    def withdraw_right_or_give_it_back(self, where: int, stream: int, kind: Any) -> None:
        forbidden = self.exact.divisions[self._code(where)].forbidden
        name = self.streams[stream % len(self.streams)]
        if kind == "back":
            forbidden.clear()
            self.world.an_hour_passes()
        elif name != ONCE:
            forbidden[name] = kind

    @rule(
        stream=small,
        which=small,
        how=st.sampled_from(["refuse", "refuse", "add", "withdraw filter", "demand filter"]),
        where=st.none() | small,
    )
    def change_the_schema(self, stream: int, which: int, how: str, where: int | None) -> None:
        name = self.tables[stream % len(self.tables)]
        if how == "add":
            self.exact.add_field(name, "BrandNew", {"deep": [1]})
        elif how == "withdraw filter" and name in MODIFIED and name not in self.exact.required_filters:
            self.exact.refuse_filter(name, "Modified")
        elif how == "demand filter" and name in MODIFIED and name not in self.exact.refused_filters:
            # What the reference does not let a filter use, Exact would not list.
            allowed = by_name(name).filters
            listed = [one for one in DEMANDED[which % len(DEMANDED)] if allowed is None or one in allowed]
            self.exact.require_filter(name, listed or ["ID"])
        elif how.endswith("filter"):
            pass
        elif sum(map(len, self.world.refused.values())) < 3:
            self.world.refuse(name, which, None if where is None else self._code(where))

    # -- the tap

    @rule(before=before, during=during)
    def run(self, before: list[Event], during: list[tuple[int, Event]]) -> None:
        self._prepare(before, during)
        undisturbed = not during
        done = self.world.run()
        if undisturbed:
            self.world.check(done)

    @rule(chosen=st.sets(small, min_size=1, max_size=4), before=before)
    def run_with_another_selection(self, chosen: set[int], before: list[Event]) -> None:
        self.world.selected = frozenset(self.streams[which % len(self.streams)] for which in chosen)
        self.run(before, [])
        self.world.selected = frozenset(self.streams)

    @rule(
        before=before,
        during=during,
        after=st.integers(0, 20) | st.integers(0, 90),
        cut=st.sampled_from(["kill", "term", "pipe"]),
        applied=shares,
        committed=shares,
        loaded=st.none() | st.none() | st.sets(small, max_size=3),
    )
    def run_that_is_cut(
        self,
        *,
        before: list[Event],
        during: list[tuple[int, Event]],
        after: int,
        cut: Any,
        applied: float,
        committed: float,
        loaded: set[int] | None,
    ) -> None:
        self._prepare(before, during)
        streams = None if loaded is None else {self.streams[one % len(self.streams)] for one in loaded}
        self.world.run(
            after=after,
            cut=cut,
            applied=1.0 if cut == "term" else applied,
            committed=committed,
            loaded=streams,
        )

    @rule(before=before, during=during, after=st.integers(0, 90))
    def full_refresh(self, before: list[Event], during: list[tuple[int, Event]], after: int) -> None:
        self._prepare(before, during)
        self.world.refresh(after)

    @rule(
        before=before,
        during=during,
        what=st.lists(
            st.tuples(st.sampled_from(sorted(hiccups())), st.integers(1, 30), st.sampled_from([1, 2, 30])),
            min_size=1,
            max_size=2,
        ),
    )
    def run_through_hiccups(
        self, before: list[Event], during: list[tuple[int, Event]], what: list[tuple[str, int, int]]
    ) -> None:
        self._prepare(before, during)
        for name, call, times in what:
            self._hiccup(hiccups()[name](), call, times)
        done = self.world.run()
        self.exact.faults.clear()
        if done.complete and not during:
            # Whatever was in the way: a run that calls itself complete has everything.
            self.world.check(done)
        self.world.an_hour_passes()

    def _hiccup(self, action: faults.Action, call: int, times: int) -> None:
        """From one call on, so many times."""
        seen = 0

        def when(one: Call) -> bool:
            nonlocal seen
            if one.division is None or one.stream == ONCE:
                return False
            seen += 1
            return seen >= call

        self.exact.faults.add(faults.Match(when=when), action, times=times)

    @rule(before=before, where=small, calls=st.integers(0, 20))
    def run_until_the_day_is_spent(self, before: list[Event], where: int, calls: int) -> None:
        self._prepare(before, [])
        code = self._code(where)
        day = self.exact.limits_of(code).day.at(self.exact.clock.now())
        self.exact.limits(day=day.used + calls, division=code)
        self.world.run()
        self.exact.limits(day=10**7, division=code)

    # -- the configuration

    @rule(
        what=st.sampled_from(["versions", "deletions", "exclude", "column", "column", "start_date", "maps"]),
        which=small,
        stream=small,
    )
    def configure(self, what: str, which: int, stream: int) -> None:
        settings = self.world.settings
        if what == "versions":
            settings["emit_activate_version_messages"] = not settings["emit_activate_version_messages"]
        elif what == "deletions":
            settings["deletions"] = "log" if self.world.tombstones else "tombstones"
        elif what == "column":
            self.world.deselect(self.tables[stream % len(self.tables)], which)
        elif what in ("start_date", "maps"):
            # With versions the next run takes away what is not asked for now; a state from before would not read it again
            # (docs/reading-again.md).
            self.world.states.clear()
            self._ask_for_other_rows(what, which, stream)
        elif settings.pop("exclude_divisions", None) is None and self._readable_without(
            code := self._code(which)
        ):
            settings["exclude_divisions"] = [code]

    def _ask_for_other_rows(self, what: str, which: int, stream: int) -> None:
        if what == "start_date":
            self.world.settings["start_date"] = START_DATES[which % len(START_DATES)]
        else:
            self.world.filter_out(self.tables[stream % len(self.tables)], self._code(which))

    def _readable_without(self, code: int) -> bool:
        """Whether another administration would be left to read."""
        excluded = (code, *self.world.settings.get("exclude_divisions", []))
        return any(
            one.in_scope and one.status == 1 and other not in excluded
            for other, one in self.exact.divisions.items()
        )

    # -- the state

    @rule()
    def lose_state(self) -> None:
        self.world.state = None
        # What is read from the beginning then goes beyond what older states tell; they must not come back.
        self.world.states.clear()

    @rule(which=small)
    def restore_an_older_state(self, which: int) -> None:
        states = self.world.states
        if states:
            # Those after it must not come back: a run from the older one writes old deletions again, and the rows that
            # came back since are missing until it has read them (docs/reading-again.md).
            del states[which % len(states) + 1 :]
            self.world.state = states[-1]

    @rule()
    def two_months_pass(self) -> None:
        self.world.two_months_pass()
