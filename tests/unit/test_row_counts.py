"""The stream ``row_counts``: what Exact says how many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.endpoints import by_name, load
from tap_exactonline.exact.odata import announced
from tap_exactonline.sync.row_counts import ROW_COUNTS, counted_by
from tests.exact_online import faults
from tests.support.in_process import InProcessRun
from tests.support.sync import HOME, ITEMS, SyncFixture, lab

ACCOUNTS, JOURNALS, LINES = "sync_crm_accounts", "financial_journals", "sync_financial_transaction_lines"
STREAMS = (ACCOUNTS, ITEMS, JOURNALS, ROW_COUNTS)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SyncFixture]:
    with lab(tmp_path, {ACCOUNTS: 4, ITEMS: 7, JOURNALS: 2, LINES: 3}) as made:
        yield made


def counts(run: InProcessRun) -> dict[str, dict[str, Any]]:
    return {row["stream"]: row for row in run.records(ROW_COUNTS)}


def test_each_stream_is_counted_with_one_call(home: SyncFixture) -> None:
    without = len(home.exact.log)
    home.run(*STREAMS[:-1])
    without = len(home.exact.log) - without
    home.state = None
    before = len(home.exact.log)

    done = home.run(*STREAMS, "run_log")

    assert {name: row["rows_at_exact"] for name, row in counts(done).items()} == {
        ACCOUNTS: 4, ITEMS: 7, JOURNALS: 2,
    }  # fmt: skip
    assert len(home.exact.log) - before <= without + 3
    assert done.complete
    (logged,) = [row for row in done.records("run_log") if row["stream"] == ROW_COUNTS]
    assert (logged["rows"], logged["calls"]) == (3, 3)


def test_a_later_run_counts_all_rows_not_only_new_ones(home: SyncFixture) -> None:
    home.run(*STREAMS)
    home.table(ITEMS).insert()

    assert counts(home.run(*STREAMS))[ITEMS]["rows_at_exact"] == 8


def test_a_refused_count_is_empty_and_says_why(home: SyncFixture) -> None:
    home.exact.faults.add("logistics_items", faults.refusal("scope"), times=None)

    done = home.run(*STREAMS)

    row = counts(done)[ITEMS]
    assert row["rows_at_exact"] is None
    assert "scope" in row["reason"]
    assert done.complete, "the rows are all in"


def test_what_was_not_read_is_not_counted(home: SyncFixture) -> None:
    home.exact.faults.add(ITEMS, faults.refusal("scope"), times=None)

    row = counts(home.run(*STREAMS))[ITEMS]

    assert (row["rows_at_exact"], row["reason"]) == (None, "the stream was not read completely")


def test_a_start_date_leaves_dated_streams_uncounted(home: SyncFixture) -> None:
    home.settings["start_date"] = "2020-01-01"

    found = counts(home.run(LINES, ITEMS, ROW_COUNTS))

    assert found[ITEMS]["rows_at_exact"] == 7
    assert (found[LINES]["rows_at_exact"], found[LINES]["reason"]) == (None, "start_date leaves out rows")


def test_a_day_that_is_spent_costs_the_counts_and_nothing_else(home: SyncFixture) -> None:
    home.run(*STREAMS[:-1])
    home.exact.limits(day=home.exact.limits_of(HOME).day.used + 4, division=HOME)

    done = home.run(*STREAMS)

    assert done.complete
    assert any(row["rows_at_exact"] is None and row["reason"] for row in counts(done).values())


def lose_one(home: SyncFixture, stream: str) -> None:
    def lacking(rows: list[dict[str, Any]]) -> None:
        del rows[-1]

    home.exact.faults.add(stream, faults.edit_rows(lacking))


def test_a_read_that_brings_fewer_rows_than_announced_is_incomplete_and_starts_over(
    home: SyncFixture,
) -> None:
    lose_one(home, ITEMS)
    assert home.run(ITEMS).complete, "without the setting nobody can tell"
    home.state = None
    home.settings["count_rows"] = True
    assert home.run(ITEMS).complete
    home.state = None
    lose_one(home, ITEMS)

    done = home.run(ITEMS)

    assert not done.complete
    assert "Exact has 7 rows, and the read from the beginning brought 6" in str(done.error)
    assert str(done.error).endswith("Run again: soon.")
    again = home.run(ITEMS)
    assert again.complete
    assert len(again.records(ITEMS)) == 7


def test_rows_that_are_deleted_during_the_read_are_not_missed(home: SyncFixture) -> None:
    home.settings["count_rows"] = True
    table = home.table(ITEMS)

    def shrink(rows: list[dict[str, Any]]) -> None:
        sent = {row["ID"] for row in rows}
        (later, *_) = (key for key in [*table.keys()] if key not in sent)
        table.delete(later)

    home.exact.faults.add(ITEMS, faults.edit_rows(shrink))

    done = home.run(ITEMS)
    assert done.complete
    assert len(done.records(ITEMS)) == 6

    def shrink_and_lose(rows: list[dict[str, Any]]) -> None:
        shrink(rows)
        del rows[-1]

    home.state = None
    home.exact.faults.add(ITEMS, faults.edit_rows(shrink_and_lose))
    assert "Exact has 5 rows, and the read from the beginning brought 4" in str(home.run(ITEMS).error)


def test_what_cannot_be_counted_is_not_compared(home: SyncFixture) -> None:
    home.settings |= {"count_rows": True, "start_date": "2020-01-01"}
    assert home.run(LINES).complete
    assert [call for call in home.exact.log if "$inlinecount" in call.query] == [], "rows are left out"

    home.exact.faults.add("logistics_items", faults.refusal("scope"), times=None)
    lose_one(home, ITEMS)
    assert home.run(ITEMS).complete


def test_only_a_read_from_the_beginning_is_compared(home: SyncFixture) -> None:
    home.settings["count_rows"] = True
    home.run(ITEMS)
    home.exact.log.clear()

    assert home.run(ITEMS).complete
    assert [call for call in home.exact.log if "$inlinecount" in call.query] == []


def test_twins_have_the_same_key_and_lines_have_none() -> None:
    for endpoint in load():
        twin = counted_by(endpoint)
        if twin is not None:
            assert twin.kind in ("single", "bulk")
            assert twin.key == endpoint.key
    accounts = counted_by(by_name(ACCOUNTS))
    assert accounts is not None
    assert accounts.path == "crm/Accounts", "of two twins, the one with the smaller pages"
    assert counted_by(by_name("sync_sales_invoice_sales_invoices")) is None
    assert counted_by(by_name("sync_payroll_bank_accounts")) is None
    assert sum(counted_by(one) is not None for one in load() if one.kind == "sync") > 30


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"d":{"results":[{}],"__count":"1234","__next":"x"}}', 1234),
        (b'{"d":{"results":[{}],"__count":7}}', 7),
        (b'{"d":{"results":[{},{}]}}', 2),
        (b'{"d":{"results":[{},{}],"__next":"x"}}', None),
        (b'{"d":{"results":[{}],"__next":"x","__count":"many"}}', None),
        (b'{"d":[{},{},{}]}', 3),
    ],
)
def test_every_shape_of_an_announced_number_is_understood(body: bytes, count: int | None) -> None:
    assert announced(body) == count
