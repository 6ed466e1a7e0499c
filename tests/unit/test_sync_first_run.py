"""The first read of a stream: from the start date on, or from the very beginning."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import Clock, faults
from tests.support.sync import HOME, SyncFixture, lab

LINES = "sync_financial_transaction_lines"  # SyncTimestamp knows it
ENTRIES = "sync_financial_purchase_entries"  # and not this one
STOCK = "sync_inventory_stock_positions"  # has no Modified
INVOICES = "purchase_purchase_invoices"
COSTUNITS = "hrm_costunits"
START = "2021-07-01"


def newer(home: SyncFixture, stream: str) -> set[Any]:
    """Keys of the rows that were modified on or after the start date."""
    moment = datetime.fromisoformat(START)
    return {row["ID"] for row in home.table(stream).rows() if row["Modified"] >= moment}


def test_exact_is_asked_where_the_start_date_lies(tmp_path: Path) -> None:
    with lab(tmp_path, {LINES: 12}, start_date=START) as home:
        wanted = newer(home, LINES)
        assert 0 < len(wanted) < 12

        assert home.run(LINES).complete

        assert home.live(LINES) == wanted
        lowest = min(home.table(LINES).get(key)["Timestamp"] for key in wanted)
        assert home.filters(LINES) == [f"Timestamp gt {lowest - 1}L"]


def test_no_row_since_the_start_date_costs_no_read(tmp_path: Path) -> None:
    with lab(tmp_path, {LINES: 12}, start_date="2030-01-01") as home:
        assert home.run(LINES).complete
        assert home.exact.calls(HOME, LINES) == 0
        asked = [call.query["modified"][9:13] for call in home.exact.log if "SyncTimestamp" in call.path]
        assert asked == ["2030", "1900"], "there are older rows, so what it says can be believed"
        home.exact.clear_log()
        assert home.run(LINES).complete
        asked = [call.query["modified"][9:13] for call in home.exact.log if "SyncTimestamp" in call.path]
        assert asked == ["2030"]

        home.exact.clock.advance(5 * 365 * 86400)
        home.table(LINES).update(home.table(LINES).keys()[0])
        assert home.run(LINES).complete
        assert len(home.live(LINES)) == 1


@pytest.mark.parametrize("stream", [LINES, ENTRIES])
def test_a_stream_that_is_empty_costs_one_call_in_later_runs(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path, start_date=START) as home:
        assert home.run(stream).complete
        for _ in range(2):
            home.exact.clear_log()
            assert not home.run(stream).said("SyncTimestamp")
            assert home.filters(stream) == ["Timestamp gt 1L"]
            assert not any("SyncTimestamp" in call.path for call in home.exact.log)
            assert ("start_date" in home.bookmark(stream)) is (stream == LINES), (
                "noted only where it is of use"
            )
        old, new = (home.table(stream).insert()["ID"] for _ in range(2))
        home.table(stream).update(old, Modified=datetime(2020, 1, 1))
        assert home.run(stream).complete
        assert home.live(stream) == {new}
        assert "start_date" not in home.bookmark(stream), "it is read to the end"


@pytest.mark.parametrize(
    "named",
    [[], [{"TimeStampAsBigInt": "0"}], [{"TimeStampAsBigInt": "1000000000"}], [{"SyncTimestamp": "9950"}]],
    ids=["nothing", "zero", "a row that does not come", "in another form"],
)
def test_what_is_said_of_the_start_date_is_believed_only_if_rows_confirm_it(
    tmp_path: Path, named: list[dict[str, str]]
) -> None:
    answer = {"d": {"results": named}}
    with lab(tmp_path, {LINES: 12}, start_date=START) as home:
        home.exact.faults.add("SyncTimestamp", faults.json_body(answer), times=None)
        wanted = newer(home, LINES)
        assert home.run(LINES).complete
        assert home.live(LINES) == wanted
        assert home.filters(LINES)[-1] == "Timestamp gt 1L"
        assert home.bookmark(LINES)["replication_key_value"] > 1


def test_silence_about_rows_that_were_delivered_is_never_believed(tmp_path: Path) -> None:
    with lab(tmp_path, {LINES: 12}, start_date=START) as home:
        for _ in range(3):
            assert home.run(LINES, without=frozenset({(LINES, "description")})).complete
        assert home.bookmark(LINES)["rights_at"], "Exact has said that the user may see the rows"
        home.exact.faults.add("SyncTimestamp", faults.json_body({"d": {"results": []}}), times=None)
        run = home.run(LINES)
        assert run.said(LINES, "starts over")
        assert {row["id"] for row in run.records(LINES)} == newer(home, LINES)


@pytest.mark.parametrize("answers", ["known", "by_modified"])
def test_a_move_since_the_start_date_leaves_no_order_to_begin_from(tmp_path: Path, answers: str) -> None:
    with lab(tmp_path, {LINES: 12}, start_date=START, sync_timestamp=answers, move_order="key") as home:
        wanted = newer(home, LINES)
        home.exact.move_division(HOME)
        assert home.run(LINES).complete
        assert home.live(LINES) == wanted
        home.state = None
        home.settings["start_date"] = (home.exact.now() + timedelta(days=1)).date().isoformat()
        home.exact.clock.advance(3 * 86_400)
        home.table(LINES).update(home.table(LINES).keys()[0])
        home.exact.clear_log()
        assert home.run(LINES).complete
        assert home.filters(LINES) != ["Timestamp gt 1L"], "what was modified since then comes in order"


@pytest.mark.parametrize("answers", ["known", "404"])
def test_elsewhere_older_rows_are_left_out_on_arrival(tmp_path: Path, answers: str) -> None:
    stream = ENTRIES if answers == "known" else LINES
    with lab(tmp_path, {stream: 12}, start_date=START, sync_timestamp=answers) as home:
        wanted = newer(home, stream)

        run = home.run(stream, without=frozenset({(stream, "modified")}))

        assert run.complete
        assert home.live(stream) == wanted
        assert home.filters(stream) == ["Timestamp gt 1L"]
        assert "modified" not in run.records(stream)[0], "read for the start date, and not selected"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2024-01-01", datetime(2024, 1, 1)),
        ("2024-01-01T00:00:00", datetime(2024, 1, 1)),
        # Meltano and others write a plain date as midnight UTC; the midnight of the administration is meant.
        ("2024-01-01T00:00:00Z", datetime(2024, 1, 1)),
        ("2024-01-01T00:00:00+00:00", datetime(2024, 1, 1)),
        ("2024-01-01T00:00:00-05:00", datetime(2024, 1, 1, 6)),
        ("2024-01-01T12:00:00Z", datetime(2024, 1, 1, 13)),
    ],
)
def test_a_start_date_is_in_the_clock_of_the_administration(
    tmp_path: Path, text: str, first: datetime
) -> None:
    with lab(tmp_path, {ENTRIES: 2}, start_date=text, timezone="Europe/Amsterdam") as home:
        table = home.table(ENTRIES)
        before, at = table.keys()
        table.update(before, Modified=first - timedelta(seconds=1))
        table.update(at, Modified=first)
        assert home.run(ENTRIES).complete
        assert home.live(ENTRIES) == {at}


def test_a_first_run_that_is_interrupted_goes_on_leaving_out(tmp_path: Path) -> None:
    with lab(tmp_path, {ENTRIES: 12}, start_date="2023-01-01") as home:
        table = home.table(ENTRIES)
        # Old rows come last, too: their Timestamps were given anew when the administration moved.
        table.update(table.keys()[0], Modified=datetime(2020, 1, 1))
        home.exact.faults.add(faults.Match(stream=ENTRIES, nth=3), faults.forbidden())
        assert not home.run(ENTRIES).records(ENTRIES)
        assert home.bookmark(ENTRIES)["replication_key_value"] > 1
        home.exact.faults.clear()

        assert home.run(ENTRIES).complete

        wanted = {row["ID"] for row in table.rows() if row["Modified"] >= datetime(2023, 1, 1)}
        assert home.live(ENTRIES) == wanted
        # After the first run everything that changes is wanted, whatever Exact says of when.
        table.update(table.keys()[1], Modified=datetime(2020, 1, 1))
        assert home.run(ENTRIES).complete
        assert table.keys()[1] in home.live(ENTRIES)


def test_a_stream_without_modified_is_read_whole(tmp_path: Path) -> None:
    with lab(tmp_path, {STOCK: 7}, start_date="2030-01-01") as home:
        assert home.run(STOCK).complete
        assert home.live(STOCK) == set(home.table(STOCK).keys())


def test_modified_streams_filter_in_exacts_own_clock(tmp_path: Path) -> None:
    with lab(tmp_path, {INVOICES: 12}, start_date=START) as home:
        wanted = newer(home, INVOICES)
        assert home.run(INVOICES).complete
        assert home.live(INVOICES) == wanted
        assert home.filters(INVOICES) == [f"Modified ge datetime'{START}T00:00:00'"]


def test_a_moment_yet_to_come_does_not_swallow_what_happens_before_it(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 3}, clock=Clock.manual()) as home:
        table = home.table(COSTUNITS)
        first, _, third = table.keys()
        table.update(third, Modified=datetime(2999, 12, 31))
        assert home.run(COSTUNITS).complete

        home.exact.clock.advance(3600)
        table.update(first, Description="changed")
        run = home.run(COSTUNITS)

        assert "changed" in {record["description"] for record in run.records(COSTUNITS)}
        assert home.filters(COSTUNITS)[-1] is not None


def test_the_hour_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    # 27 October 2024, 02:50 summer time in Amsterdam; twenty minutes later the clock shows 02:10 again.
    with lab(tmp_path, {COSTUNITS: 3}, clock=Clock.manual(1_729_990_200.0)) as home:
        table = home.table(COSTUNITS)
        first, second, _ = table.keys()
        table.update(first, Description="before")
        assert table.get(first)["Modified"] == datetime(2024, 10, 27, 2, 50)
        assert home.run(COSTUNITS).complete

        home.exact.clock.advance(20 * 60)
        table.update(second, Description="after")
        assert table.get(second)["Modified"] == datetime(2024, 10, 27, 2, 10)

        assert "after" in {record["description"] for record in home.run(COSTUNITS).records(COSTUNITS)}
