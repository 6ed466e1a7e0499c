"""Bookmarks that no run can have written: they would hide every row for ever, so the stream starts over and says so."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.endpoints import load
from tap_exactonline.sync.state.state import State, StateError
from tests.support.sync import HOME, SyncFixture, lab

ITEMS = "sync_logistics_items"
ACCOUNTS = "sync_crm_accounts"
COSTUNITS = "hrm_costunits"
GL_ACCOUNTS = "bulk_financial_gl_accounts"
TASKS = "activities_tasks"
LOG = "sync_deleted"
FAR = 10**15


def equal(home: SyncFixture, *streams: str) -> None:
    for stream in streams:
        assert home.live(stream) == set(home.table(stream).keys()), stream


def at(home: SyncFixture, stream: str, value: Any, *, without: str | None = None) -> None:
    """Set a bookmark by hand."""
    bookmark = home.bookmark(stream)
    bookmark["replication_key_value"] = value
    bookmark.pop(without or "", None)


@pytest.mark.parametrize("value", ["2099-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_modified_that_has_yet_to_come(tmp_path: Path, value: str) -> None:
    with lab(tmp_path, {COSTUNITS: 4, GL_ACCOUNTS: 4}) as home:
        assert home.run(COSTUNITS, GL_ACCOUNTS).complete
        home.exact.clock.advance(7200)
        home.table(COSTUNITS).insert()
        at(home, COSTUNITS, value)
        run = home.run(COSTUNITS, GL_ACCOUNTS)
        assert run.complete
        assert run.said(str(HOME), f"the bookmark {value} has yet to come", "streams start over", COSTUNITS)
        assert not run.said("start over", GL_ACCOUNTS)
        equal(home, COSTUNITS)
        assert not home.run(COSTUNITS).said("start over"), "once"


def test_a_row_of_tomorrow_does_not_hide_those_of_today(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        table = home.table(COSTUNITS)
        table.update(table.keys()[0], Modified=home.exact.now() + timedelta(hours=20))
        assert home.run(COSTUNITS).complete
        home.exact.clock.advance(4 * 3600)
        table.insert()
        assert home.run(COSTUNITS).complete
        equal(home, COSTUNITS)


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(hours=20)])
def test_clocks_that_differ_by_hours_start_nothing_over(tmp_path: Path, ahead: timedelta) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        assert home.run(COSTUNITS).complete
        value = (home.exact.now() + ahead).isoformat(timespec="seconds")
        at(home, COSTUNITS, value)
        assert not home.run(COSTUNITS).said("start over")


@pytest.mark.parametrize("days", [-400, 400])
def test_the_later_of_both_clocks_counts(tmp_path: Path, days: int) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        home.exact.clock.advance(max(days, 0) * 86_400)
        for row in home.table(COSTUNITS).rows():
            home.table(COSTUNITS).update(row["ID"])
        assert home.run(COSTUNITS).complete
        home.exact.clock.advance(min(days, 0) * 86_400)  # a server whose clock is wrong today
        assert home.run(COSTUNITS).said("start over") is False


def test_a_start_date_in_the_future_is_no_bookmark_in_the_future(tmp_path: Path) -> None:
    with lab(tmp_path, {TASKS: 4}, start_date="2099-01-01") as home:
        for _ in range(2):
            assert not home.run(TASKS).said("start over")
        assert home.bookmark(TASKS)["replication_key_value"] == "2099-01-01T00:00:00"


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
@pytest.mark.parametrize("value", [FAR, str(FAR), 2**63 - 1])
@pytest.mark.parametrize("stream", [ITEMS, LOG])
def test_a_timestamp_that_exact_never_gave(tmp_path: Path, stream: str, value: Any, deletions: str) -> None:
    with lab(tmp_path, {ITEMS: 5, ACCOUNTS: 5}, deletions=deletions) as home:
        assert home.run(ITEMS, ACCOUNTS, LOG).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        assert home.run(ITEMS, ACCOUNTS, LOG).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        home.table(ITEMS).insert()
        at(home, stream, value)
        run = home.run(ITEMS, ACCOUNTS, LOG)
        assert run.complete
        assert run.said(
            str(HOME), f"the bookmark {value} is higher than every Timestamp", "start over", stream
        )
        assert not run.said("start over", ACCOUNTS)
        assert home.live(LOG) == set(home.table(LOG).keys())
        if deletions == "tombstones":
            equal(home, ITEMS)
        assert set(home.table(ITEMS).keys()) <= home.live(ITEMS)
        assert not home.run(ITEMS, ACCOUNTS, LOG).said("start over"), "once"


@pytest.mark.parametrize("stream", [ITEMS, LOG])
def test_a_bookmark_that_does_not_tell_what_was_seen_is_doubted_when_nothing_comes(
    tmp_path: Path, stream: str
) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        assert home.run(ITEMS, LOG).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        assert home.run(ITEMS, LOG).complete
        at(home, stream, FAR, without="seen")
        home.table(ITEMS).insert()
        run = home.run(ITEMS, LOG)
        assert run.complete
        assert run.said(stream, str(HOME), str(FAR), "starts over")
        assert run.records(stream)
        assert home.live(LOG) == set(home.table(LOG).keys())
        assert set(home.table(ITEMS).keys()) <= home.live(ITEMS)
        assert not home.run(ITEMS, LOG).said("starts over"), "once"


def test_a_bookmark_of_an_earlier_version_that_is_right_costs_one_call_once(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        assert home.run(ITEMS).complete
        home.bookmark(ITEMS).pop("seen")
        for calls in (2, 1, 1):
            home.exact.clear_log()
            run = home.run(ITEMS)
            assert run.complete
            assert not run.records(ITEMS)
            assert home.exact.calls(HOME, ITEMS) == calls
        assert home.bookmark(ITEMS)["seen"] == home.bookmark(ITEMS)["replication_key_value"]


def test_a_state_that_was_only_handed_in_is_doubted_too(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        partition = {"context": {"division": HOME}, "replication_key_value": FAR}
        home.state = {"bookmarks": {ITEMS: {"partitions": [partition]}}}
        assert home.run(ITEMS).said(ITEMS, "starts over")
        equal(home, ITEMS)


def test_an_emptied_table_is_doubted_once(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        assert home.run(ITEMS).complete
        home.bookmark(ITEMS).pop("seen")
        for row in home.table(ITEMS).rows():
            home.table(ITEMS).delete(row["ID"])
        assert home.run(ITEMS).said("starts over")
        home.exact.clear_log()
        assert not home.run(ITEMS).said("starts over")
        assert home.exact.calls(HOME, ITEMS) == 1


def test_a_lowered_bookmark_and_a_move_are_no_reason(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, deletions="tombstones") as home:
        assert home.run(ITEMS).complete
        at(home, ITEMS, home.bookmark(ITEMS)["replication_key_value"] - 2)
        run = home.run(ITEMS)
        assert len(run.records(ITEMS)) == 2
        assert not run.said("start over")
        home.exact.move_division(HOME, 1)
        for _ in range(2):
            run = home.run(ITEMS)
            assert run.complete
            assert not run.said("higher than every Timestamp")
        equal(home, ITEMS)
        at(home, ITEMS, 9_000)  # below what was seen before the move, above all that there is now
        assert home.run(ITEMS).said("higher than every Timestamp", ITEMS)


@pytest.mark.parametrize("value", [datetime(1, 1, 1), datetime(1, 1, 1, 1), datetime(1752, 12, 31)])
def test_a_bookmark_at_the_beginning_of_time_reads_everything(tmp_path: Path, value: datetime) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        assert home.run(COSTUNITS).complete
        at(home, COSTUNITS, value.isoformat())
        home.exact.clear_log()
        run = home.run(COSTUNITS)
        assert run.complete
        assert len(run.records(COSTUNITS)) == 4
        assert home.filters(COSTUNITS) == [None]


@pytest.mark.parametrize("member", ["replication_key_value", "seen"])
@pytest.mark.parametrize("value", [2**63, 10**30, "²", "9" * 30])
def test_a_number_that_is_no_row_version_is_refused(member: str, value: Any) -> None:
    partition = {"context": {"division": HOME}, member: value}
    with pytest.raises(StateError, match="is not a Timestamp"):
        State.read({"bookmarks": {ITEMS: {"partitions": [partition]}}}, {one.name: one for one in load()})
