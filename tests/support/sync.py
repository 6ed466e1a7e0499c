"""Runs of the tap against a stand-in whose pages are small, one after the other, each going on from the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tap_exactonline.endpoints import by_name
from tests.convergence.target import Target
from tests.exact_online import Call, Clock, ExactOnline, Table
from tests.support.in_process import Columns, Cut, InProcessRun, run_tap

HOME = 101
ITEMS = "sync_logistics_items"


class SyncFixture:
    """A stand-in with one administration, a state that is handed on, and a target.

    Attributes:
        settings: Of the tap; may be changed between runs.
    """

    def __init__(self, exact: ExactOnline, home: Path, **settings: Any) -> None:
        self.exact = exact
        self.home = home
        self.settings = settings
        self.state: dict[str, Any] | None = None
        self.target = Target(hard_delete=False)

    def run(
        self, *streams: str, without: Columns = frozenset(), after: int | None = None, cut: Cut = "kill"
    ) -> InProcessRun:
        """Run the tap and load all that it wrote."""
        done = run_tap(
            self.exact, streams, self.state,
            home=self.home, settings=self.settings, without=without, after=after, cut=cut,
        )  # fmt: skip
        self.target.load(done.lines)
        self.state = done.state or self.state
        return done

    def table(self, stream: str, division: int = HOME) -> Table:
        return self.exact.table(division, stream)

    def bookmark(self, stream: str, division: int = HOME) -> dict[str, Any]:
        """What the state remembers of a stream; it may be changed."""
        assert self.state is not None
        entry = self.state["bookmarks"].get(stream, {})
        return next(
            (one for one in entry.get("partitions", []) if one["context"]["division"] == division), {}
        )

    def live(self, stream: str, division: int = HOME) -> set[Any]:
        """The keys of the target's rows."""
        found = self.target.tables[stream].live(division)
        return {key[1] if len(key) == 2 else key[1:] for key in found}

    def filters(self, stream: str) -> list[str | None]:
        """The filters with which the stream was read, since the log was cleared; first pages only."""
        return [
            call.query.get("$filter")
            for call in self.exact.log
            if call.stream == stream and not _is_about_the_end(call) and "$skiptoken" not in call.query
        ]


def _is_about_the_end(call: Call) -> bool:
    """Whether it was asked if the last page was the end."""
    return "$inlinecount" in call.query or call.query.get("$select") == "Timestamp"


@contextmanager
def lab(
    home: Path,
    rows: dict[str, int] | int = 0,
    *,
    clock: Clock | None = None,
    page_rows: int = 3,
    **options: Any,
) -> Iterator[SyncFixture]:
    """A served stand-in; what of ``options`` is no switch of it is a setting of the tap."""
    known = {name: options.pop(name) for name in list(options) if name in _SWITCHES}
    exact = ExactOnline(clock=clock, page_rows=page_rows, **{"error_limit": 10**6, **known})
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(HOME, rows=rows)
    with exact.serve():
        yield SyncFixture(exact, home, **options)


_SWITCHES = {
    "int64_as",
    "date_suffix",
    "sync_timestamp",
    "sync_order",
    "move_order",
    "envelope",
    "next_on_full_page",
    "deleted_days",
    "references",
}


def columns(stream: str) -> dict[str, str]:
    """Field → column of a stream."""
    return {field.name: field.column for field in by_name(stream).fields if not field.hidden}
