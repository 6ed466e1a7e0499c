"""Whether an administration was moved may be unknown: then nothing starts over, and a move is seen later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.sync import HOME, ITEMS, SyncFixture, lab

SCHEDULES = "sync_hrm_schedules"
DATES = {"DivisionMoveDate": ITEMS, "DivisionHRLinkUnlinkDate": SCHEDULES}
LIST = "system_divisions"


def a_week_later(home: SyncFixture) -> None:
    """What was refused is tried again."""
    assert home.state is not None
    refused = home.state["divisions"]["refused"]
    refused.update(dict.fromkeys(refused, (datetime.now(UTC) - timedelta(days=8)).isoformat()))


def changes(home: SyncFixture, name: str) -> None:
    """What the date tells happens now."""
    home.exact.clock.advance(1)
    if name == "DivisionMoveDate":
        home.exact.move_division(HOME, 50)
    else:
        home.exact.link_hr(HOME)


def without_rights(bookmark: dict[str, Any]) -> dict[str, Any]:
    """A bookmark without the moment at which rights were asked for last."""
    return {name: value for name, value in bookmark.items() if name != "rights_at"}


@pytest.mark.parametrize("how", ["refused", "absent"])
@pytest.mark.parametrize("name", DATES)
def test_a_date_that_goes_and_comes_back_starts_nothing_over(tmp_path: Path, name: str, how: str) -> None:
    stream = DATES[name]
    with lab(tmp_path, {stream: 3}) as home:
        changes(home, name)
        assert home.run(stream).complete
        before = without_rights(home.bookmark(stream))

        if how == "refused":
            home.exact.refuse_field(LIST, name)
            first = home.run(stream)
            assert not first.complete
            assert name in str(first.error)
            assert "--full-refresh" in str(first.error)
            assert not first.records(stream)
            errors = len(home.exact.errors_4xx)
            second = home.run(stream)
            assert second.said(name, "new Timestamps")
            assert len(home.exact.errors_4xx) == errors == 1, "asked again for what was refused"
        else:
            home.exact.withheld_fields[LIST] = {name}
            second = home.run(stream)
        assert second.complete
        assert not second.records(stream)
        assert without_rights(home.bookmark(stream)) == before, "the old date is kept"

        home.exact.refused_fields.clear()
        home.exact.withheld_fields.clear()
        if how == "refused":
            a_week_later(home)
        back = home.run(stream)
        assert back.complete
        assert not back.records(stream)
        assert without_rights(home.bookmark(stream)) == before
        assert not (home.state or {}).get("divisions")


@pytest.mark.parametrize("name", DATES)
def test_a_move_that_could_not_be_seen_is_seen_when_the_date_comes_back(tmp_path: Path, name: str) -> None:
    stream = DATES[name]
    with lab(tmp_path, {stream: 3}) as home:
        assert home.run(stream).complete
        home.exact.refuse_field(LIST, name)
        home.run(stream)
        changes(home, name)
        assert home.run(stream).complete

        home.exact.refused_fields.clear()
        a_week_later(home)
        run = home.run(stream)

        assert run.complete
        assert run.said(name, "changed")
        assert len(run.records(stream)) == 3
        assert not home.run(stream).records(stream)


@pytest.mark.parametrize(("moved", "starts_over"), [("long ago", False), ("since", True), ("never", False)])
@pytest.mark.parametrize("name", DATES)
def test_a_stream_begun_in_between_starts_over_only_if_it_was_moved_since(
    tmp_path: Path, name: str, moved: str, starts_over: bool
) -> None:
    stream = DATES[name]
    with lab(tmp_path, {stream: 3}) as home:
        if moved == "long ago":
            division = home.exact.division(HOME)
            division.move_date = division.hr_link_date = home.exact.now() - timedelta(days=400)
        home.exact.refuse_field(LIST, name)
        home.run(stream)
        assert home.run(stream).complete
        table = home.table(stream)
        table.update(table.keys()[0])
        assert len(home.run(stream).records(stream)) == 1

        if moved == "since":
            changes(home, name)
        home.exact.refused_fields.clear()
        a_week_later(home)

        assert bool(home.run(stream).records(stream)) == starts_over
        assert not home.run(stream).records(stream), "once is enough"


def test_rows_that_are_gone_stay_while_nobody_can_say_whether_it_was_moved(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, emit_activate_version_messages=True) as home:
        home.exact.refuse_field(LIST, "DivisionMoveDate")
        home.run(ITEMS)
        run = home.run(ITEMS)
        assert run.complete
        assert run.activated() == []
        assert run.said("Rows that are gone stay", "does not say whether it has moved", str(HOME))
        home.exact.refused_fields.clear()
        a_week_later(home)
        assert home.run(ITEMS).activated() == [ITEMS]
