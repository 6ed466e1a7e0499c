"""The source and the target side by side, what happens to them, and what must be equal afterwards."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tap_exactonline.endpoints import by_name, catalogue
from tests.exact_online import Call, ExactOnline, faults

from .runs import Cut, Run, run_tap
from .target import DELETED_AT, Key, Target

LOG = "sync_deleted"
SYNC = (
    "sync_financial_gl_classifications",
    "sync_hrm_schedules",
    "sync_inventory_stock_positions",  # no Modified
    "sync_sales_order_goods_deliveries",  # EntryID is its key
)
MODIFIED = ("bulk_financial_gl_accounts", "hrm_costunits")
FULL = (
    "bulk_documents_document_attachments",
    "openingbalance_current_year_processed",  # a key of two columns
    "read_financial_journal_status_list",  # one of three, and no pages
)
ONCE = "system_divisions"

LOG_FORGETS = timedelta(days=70)

Change = Literal["insert", "update", "delete", "recreate", "replace"]
Place = tuple[str, int]


class Diverged(AssertionError):
    """The target does not hold what the source holds."""


@dataclass(slots=True)
class Tally:
    """What was tried, over all histories."""

    histories: int = 0
    runs: int = 0
    cut: int = 0
    checks: int = 0
    rows: int = 0

    def add(self, other: Mapping[str, int]) -> None:
        for name, value in other.items():
            setattr(self, name, getattr(self, name) + value)


TALLY = Tally()


@dataclass
class World:
    """A stand-in, a target and the state between them.

    Args:
        exact: The stand-in, served.
        home: A directory for the token store.
        settings: Of the tap.
        streams: The streams of this history.
        hard_delete: Of the target.
    """

    exact: ExactOnline
    home: Path
    settings: dict[str, Any]
    streams: list[str]
    hard_delete: bool = True
    state: dict[str, Any] | None = None
    states: list[dict[str, Any]] = field(default_factory=list)
    selected: frozenset[str] = frozenset()
    unlucky: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    deleted: dict[Place, list[Key]] = field(default_factory=lambda: defaultdict(list))
    forgotten: dict[Place, set[Key]] = field(default_factory=lambda: defaultdict(set))
    refused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    without: frozenset[tuple[str, str]] = frozenset()
    told: int = 0

    def __post_init__(self) -> None:
        self.target = Target(hard_delete=self.hard_delete)
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

    def refuse(self, stream: str, which: int) -> None:
        """Exact no longer knows a field."""
        endpoint = by_name(stream)
        names = [
            f.name
            for f in endpoint.fields
            if not f.hidden and f.name not in (*endpoint.key, endpoint.bookmark)
        ]
        name = names[which % len(names)]
        self.exact.refuse_field(stream, name)
        self.refused[stream].add(endpoint.field(name).column)

    def deselect(self, stream: str, which: int) -> None:
        """Leave a column out of the selection, or take all in again if one was left out."""
        endpoint = by_name(stream)
        fixed = (*endpoint.key, endpoint.bookmark)
        names = [f.column for f in endpoint.fields if not f.hidden and f.name not in fixed]
        self.without = frozenset() if self.without else frozenset({(stream, names[which % len(names)])})

    def an_hour_passes(self) -> None:
        """After several refusals the tap leaves an endpoint alone for an hour."""
        self.state = _without_refusals(self.state)
        self.states = [_without_refusals(state) or {} for state in self.states]

    def two_months_pass(self) -> None:
        """Longer than the log of deletions remembers."""
        for stream in set(SYNC) & set(self.streams):
            for code in self.exact.divisions:
                self.forgotten[stream, code] |= (
                    self._live(stream, code).keys() - self._source(stream, code).keys()
                )
        self.exact.clock.advance(LOG_FORGETS.total_seconds())
        self.state = _older(self.state)
        self.states = [_older(state) or {} for state in self.states]

    # -- what happens to the tap -----------------------------------------------------------------

    def run(
        self,
        *,
        after: int | None = None,
        cut: Cut = "kill",
        applied: float = 1.0,
        committed: float = 1.0,
    ) -> Run:
        """Run the tap; load what it wrote; keep the state that the target would have confirmed.

        Args:
            after: Cut the run after so many messages.
            cut: How.
            applied: The share of a cut run's messages that reached the tables.
            committed: The share of those whose state was confirmed.
        """
        before = {place: set(self._live(*place)) for place in self._places() if self._known(*place)}
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
        self.target.load(lines)
        states = [json.loads(line)["value"] for line in confirmed if line.startswith(b'{"type":"STATE"')]
        if states:
            self.state = states[-1]
            self.states.append(states[-1])
        self._nothing_taken_away(before)
        return run

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

    def check(self, run: Run) -> None:
        """After a run that nothing disturbed: each table equals the source.

        Raises:
            Diverged: If one does not.
        """
        if not run.complete:
            raise Diverged(f"the run should have been complete: {run.error}")
        TALLY.checks += 1
        said: list[str] = []
        for stream in sorted(self.selected):
            for code in self.exact.divisions:
                readable = self._readable(stream, code)
                if stream != ONCE and readable:
                    said += self._compare(stream, code)
        if ONCE in self.selected:
            said += self._compare_divisions()
        if said:
            raise Diverged("\n".join(said[:12]))

    # -- comparing -------------------------------------------------------------------------------

    def _places(self) -> Iterable[Place]:
        return [(stream, code) for stream in self.streams if stream != ONCE for code in self.exact.divisions]

    def _live(self, stream: str, code: int) -> dict[Key, dict[str, Any]]:
        """The target's rows: key without the division → columns."""
        table = self.target.tables.get(stream)
        return {key[1:]: values for key, values in table.live(code).items()} if table else {}

    def _source(self, stream: str, code: int) -> dict[Key, dict[str, Any]]:
        endpoint = by_name(stream)
        columns = {f.name: f.column for f in endpoint.fields if not f.hidden}
        rows = {}
        for values in self.exact.expected(code, stream, list(columns)):
            row = {columns[name]: _shown(value) for name, value in values.items()} | {"division": code}
            if stream == LOG:
                kind = next(
                    (one for one in catalogue().entity_types if one.code == values["EntityType"]), None
                )
                row |= {"entity": kind and kind.entity, "stream": kind and kind.stream}
            rows[tuple(values[name] for name in endpoint.key)] = row
        return rows

    def _compare(self, stream: str, code: int) -> list[str]:
        found, wanted = self._live(stream, code), self._source(stream, code)
        TALLY.rows += len(wanted)
        where = f"{stream}, division {code}"
        said = [f"{where}: {key} is missing" for key in wanted.keys() - found.keys()]
        said += [
            f"{where}: {key} is too many ({why})"
            for key in found.keys() - wanted.keys()
            if (why := self._too_many(stream, code, key))
        ]
        ignored = (
            self.refused[stream] | {DELETED_AT} | {name for place, name in self.without if place == stream}
        )
        for key in wanted.keys() & found.keys():
            one, other = wanted[key], found[key]
            if one == other and not ignored & one.keys():
                continue
            said += [
                f"{where}: {key} has {name} {other.get(name)!r} instead of {one.get(name)!r}"
                for name in one.keys() | other.keys()
                if name not in ignored
                and (one.get(name), type(one.get(name))) != (other.get(name), type(other.get(name)))
            ]
        return said

    def _too_many(self, stream: str, code: int, key: Key) -> str | None:
        """Why a row that the source lacks may not be in the target, or None if the documents say that it may."""
        plain = key[0] if len(key) == 1 else key
        if stream == LOG:
            return None  # the log forgets after two months, the table does not
        if plain not in self.deleted[stream, code]:
            return "it never was at the source"
        if stream in SYNC and self.tombstones:
            log_hidden = LOG in self.exact.divisions[code].forbidden
            return None if key in self.forgotten[stream, code] or log_hidden else "it was deleted"
        if stream in FULL and self.versions:
            return None if self._held_back(stream) else "it was deleted, and the table is read in full"
        return None

    def _held_back(self, stream: str) -> bool:
        """Whether some administration whose rows are in the table could not be read, so nothing may be activated."""
        entry = ((self.state or {}).get("bookmarks") or {}).get(stream, {})
        known = {partition["context"]["division"] for partition in entry.get("partitions", [])}
        known |= set(self.exact.divisions)
        return any(code not in self.exact.divisions or not self._readable(stream, code) for code in known)

    def _known(self, stream: str, code: int) -> bool:
        """Whether the tap can know of the administration: from Exact, or from the state."""
        entry = ((self.state or {}).get("bookmarks") or {}).get(stream, {})
        division = self.exact.divisions[code]
        excluded = code in self.settings.get("exclude_divisions", [])
        return (division.in_scope and not excluded) or any(
            partition["context"]["division"] == code for partition in entry.get("partitions", [])
        )

    def _readable(self, stream: str, code: int) -> bool:
        division = self.exact.divisions[code]
        excluded = code in self.settings.get("exclude_divisions", [])
        return (
            division.in_scope and division.status == 1 and stream not in division.forbidden and not excluded
        )

    def _compare_divisions(self) -> list[str]:
        table = self.target.tables[ONCE]
        found = set(table.live())
        open_ones = {(code, code) for code, division in self.exact.divisions.items() if division.in_scope}
        if found == open_ones or (not self.versions and found > open_ones):
            return []
        return [f"{ONCE}: {sorted(found)} instead of {sorted(open_ones)}"]

    def _nothing_taken_away(self, before: dict[Place, set[Key]]) -> None:
        """No run removes a row that was never deleted, whatever happened to the run."""
        for (stream, code), keys in before.items():
            lost = keys - set(self._live(stream, code))
            for key in lost:
                plain = key[0] if len(key) == 1 else key
                if plain not in self.deleted[stream, code]:
                    raise Diverged(
                        f"{stream}, division {code}: the run took away {key}, which is still at the source"
                    )


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _changed(
    state: Mapping[str, Any] | None, change: Callable[[dict[str, Any]], None]
) -> dict[str, Any] | None:
    """A copy of the state with each object in it changed."""
    if state is None:
        return None
    copy = json.loads(json.dumps(state))

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            change(value)
        for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inside)

    walk(copy)
    return dict(copy)


def _older(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state as it is after two months in which no run took place."""

    def change(inside: dict[str, Any]) -> None:
        inside.pop("refused", None)
        if "read_at" in inside:
            inside["read_at"] = (datetime.fromisoformat(inside["read_at"]) - LOG_FORGETS).isoformat()

    return _changed(state, change)


def _without_refusals(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    def change(inside: dict[str, Any]) -> None:
        inside.pop("refused", None)

    return _changed(state, change)


def hiccups() -> dict[str, Callable[[], faults.Action]]:
    """What the network and Exact's machines do now and then."""
    return {
        "503": lambda: faults.status(503),
        "500 after": lambda: faults.status(500, faults.HTML),
        "reset": faults.reset,
        "reset after": lambda: faults.reset(after=True),
        "midway": lambda: faults.reset_midway(0.6),
        "truncated": lambda: faults.truncated(0.7),
        "html": faults.html,
        "empty": faults.empty,
        "twice": faults.duplicate_row,
        "new field": faults.extra_field,
    }
