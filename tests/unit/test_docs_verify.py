"""The SQL of docs/verify.md finds five kinds of loss in PostgreSQL and DuckDB, and nothing in an intact administration.

Exact's side is kept as Exact keeps it: totals and lists change with each booking, and never come from the lines that are sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import ROOT
from scripts.postgres import Postgres
from tests.exact_online import ExactOnline, faults
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, read, selected, singer

pytestmark = pytest.mark.process

ACCOUNTS, LINES = "sync_crm_accounts", "sync_financial_transaction_lines"
TERMS = "sync_cashflow_payment_terms"
BALANCE = "financial_reporting_balance"
LISTS = {20: "read_financial_receivables_list", 22: "read_financial_payables_list"}
"""Exact's open items by ``LineType`` of the payment term."""

INTACT, PAGE, DELETION, FOREIGN, STALE, AMOUNT = DIVISIONS = (101, 102, 103, 104, 105, 106)
BLOCKS = dict(
    re.findall(
        r'^```sql title="([^"]+)"\n(.*?)^```',
        (ROOT / "docs/verify.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
Rows = list[dict[str, Any]]


class Books:
    """What is booked in one administration: lines and open items, and beside them Exact's totals and lists."""

    def __init__(self, exact: ExactOnline, division: int) -> None:
        self.lines = exact.table(division, LINES)
        self.terms = exact.table(division, TERMS)
        self._balance = exact.table(division, BALANCE)
        self._lists = {side: exact.table(division, name) for side, name in LISTS.items()}
        self._totals: dict[tuple[Any, ...], Any] = {}
        self._listed: dict[str, tuple[int, Any]] = {}
        for number in range(8):
            self.book(
                f"00000000-0000-0000-0000-00000000000{number % 2}", 1 + number // 4, 12.5 * (number + 1)
            )
            self.open(number % 3, (20, 22)[number % 2], 100.0 + number)

    def book(self, account: str, period: int, amount: float) -> None:
        """A line, and the total that it changes."""
        place = {"GLAccount": account, "FinancialYear": 2026, "FinancialPeriod": period}
        self.lines.insert(**place, AmountDC=amount)
        self._move(account, period, amount)

    def _move(self, account: str, period: int, amount: float) -> None:
        total = self._totals.get((account, period))
        if total is None:
            total = self._balance.insert(
                GLAccount=account, ReportingYear=2026, ReportingPeriod=period, Amount=0.0
            )
            self._totals[account, period] = total
        total["Amount"] += amount
        self._balance.update(total["ID"], Amount=total["Amount"])

    def open(self, party: int, side: int, amount: float) -> None:
        """An open item; in the lists a debt is positive, whatever sign it has in the books."""
        account = f"00000000-0000-0000-0000-0000000001{party:02}"
        term = self.terms.insert(
            Account=account,
            Currency="EUR",
            LineType=side,
            EndDate=None,
            AmountFC=amount if side == 20 else -amount,
        )
        listed = self._lists[side].insert(AccountId=account, CurrencyCode="EUR", Amount=amount)
        self._listed[term["ID"]] = side, listed["HID"]

    def pay(self) -> None:
        """The newest item is paid: it has an end, and is not in the list any more."""
        key = self.terms.keys()[-1]
        self.terms.update(key, EndDate=datetime(2026, 11, 27))  # noqa: DTZ001 - Exact's have no zone
        self._leave_list(key)

    def drop(self) -> None:
        """A line and an item are deleted, and Exact's log of deletions does not tell."""
        line, key = self.lines.rows()[0], self.terms.keys()[0]
        self.lines.purge(lambda row: row.key == line["ID"])
        self._move(line["GLAccount"], line["FinancialPeriod"], -line["AmountDC"])
        self.terms.purge(lambda row: row.key == key)
        self._leave_list(key)

    def _leave_list(self, key: str) -> None:
        side, listed = self._listed.pop(key)
        self._lists[side].delete(listed)


def lose(exact: ExactOnline) -> None:
    """What goes wrong in the first run."""

    def lacking(rows: list[dict[str, Any]]) -> None:
        del rows[:3]

    def strange(rows: list[dict[str, Any]]) -> None:
        rows.append({**rows[-1], "ID": "11111111-1111-1111-1111-111111111111"})

    def other_amount(rows: list[dict[str, Any]]) -> None:
        for name in ("AmountDC", "AmountFC"):
            rows[0][name] += 1

    for stream in (ACCOUNTS, LINES, TERMS):
        exact.faults.add(stream, faults.edit_rows(lacking), division=PAGE, times=None)
        exact.faults.add(stream, faults.edit_rows(strange), division=FOREIGN, times=None)
        if stream != ACCOUNTS:
            exact.faults.add(stream, faults.edit_rows(other_amount), division=AMOUNT, times=None)


def go_stale(state: Path) -> None:
    """Bookmarks that are too high: what changes below them is never asked for."""
    content = json.loads(state.read_text())
    for stream in (ACCOUNTS, LINES, TERMS):
        for partition in content["bookmarks"][stream]["partitions"]:
            if partition["context"]["division"] == STALE:
                partition["replication_key_value"] = partition["seen"] = 10**12
    state.write_text(json.dumps(content))


@pytest.fixture
def loaded(tmp_path: Path, database: Postgres) -> Iterator[dict[str, Database]]:
    home = tmp_path
    exact = ExactOnline(seed=11)
    exact.limits(minute=10**6, day=10**6)
    books = {}
    for code in DIVISIONS:
        exact.add_division(code, rows={ACCOUNTS: 6})
        books[code] = Books(exact, code)
    lose(exact)
    schema = {"default_target_schema": "exact_online"}
    with exact.serve():
        config = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(home / "login.json"),
        }
        targets = {
            "target-postgres": schema | {"sqlalchemy_url": database.sqlalchemy_url},
            "target-duckdb": schema | {"path": str(home / "warehouse.duckdb")},
        }
        catalog = json.loads(singer("tap-exactonline", {}, home, "--discover").stdout)
        streams = (ACCOUNTS, LINES, TERMS, BALANCE, *LISTS.values(), "sync_deleted", "row_counts")
        (home / "catalog.json").write_text(json.dumps(selected(catalog, streams)))
        # The log of deletions needs a row, or some targets make no table of it.
        accounts = exact.table(INTACT, ACCOUNTS)
        accounts.delete(accounts.keys()[0])
        read(config, targets, home)
        exact.faults.clear()
        accounts.delete(accounts.keys()[0])
        accounts.insert()
        unlogged = exact.table(DELETION, ACCOUNTS)
        first = unlogged.keys()[0]
        unlogged.purge(lambda row: row.key == first)
        books[DELETION].drop()
        exact.table(STALE, ACCOUNTS).insert()
        for code in (INTACT, STALE):
            books[code].book("00000000-0000-0000-0000-000000000002", 11, 7.25)
            books[code].pay()
        go_stale(home / "state.json")
        with database.connect() as connection:
            PostgresDatabase(connection).query(BLOCKS["before the run"])
        with closing(DuckDatabase(home / "warehouse.duckdb")) as base:
            base.query(BLOCKS["before the run"])
        read(config, targets, home)
        duck = DuckDatabase(home / "warehouse.duckdb")
        with database.connect() as connection:
            yield {"postgres": PostgresDatabase(connection), "duckdb": duck}
        duck.close()


def test_each_statement_finds_what_was_lost(loaded: dict[str, Database]) -> None:
    """One test: if several workers had a part of it each, each of them would fill both databases."""
    assert len(loaded) == 2
    for database in loaded.values():
        assert_counts(database.query(BLOCKS["counts"]))
        assert_ledger(database.query(BLOCKS["ledger"]))
        assert_open_items(database.query(BLOCKS["open items"]))
        assert_reasons(database.query("SELECT * FROM exact_online.row_counts WHERE division = 101"))


def assert_counts(rows: Rows) -> None:
    found = {(row["stream"], row["division"]): row["rows_here"] - row["rows_at_exact"] for row in rows}
    off = {PAGE: -3, DELETION: 1, FOREIGN: 1, STALE: -1}
    assert found == {(stream, code): rows for stream in (ACCOUNTS, LINES) for code, rows in off.items()}


def assert_ledger(rows: Rows) -> None:
    assert {row["division"] for row in rows} == {*DIVISIONS} - {INTACT}
    (changed,) = [row for row in rows if row["division"] == AMOUNT]
    assert float(changed["amount_here"]) == pytest.approx(float(changed["amount_at_exact"]) + 1)


def assert_open_items(rows: Rows) -> None:
    assert {row["division"] for row in rows} == {*DIVISIONS} - {INTACT}
    assert {row["kind"] for row in rows} == {"receivable", "payable"}
    (changed,) = [row for row in rows if row["division"] == AMOUNT]
    assert abs(float(changed["amount_here"])) == pytest.approx(float(changed["amount_at_exact"]) + 1)


def assert_reasons(rows: Rows) -> None:
    """What cannot be counted says why."""
    counts = {row["stream"]: row for row in rows}
    assert set(counts) == {ACCOUNTS, LINES, TERMS, BALANCE, *LISTS.values(), "sync_deleted"}
    assert counts["sync_deleted"]["rows_at_exact"] is None
    assert "no endpoint" in counts["sync_deleted"]["reason"]
    assert counts[ACCOUNTS]["counted_by"] == "crm/Accounts"
    assert counts[ACCOUNTS]["reason"] is None
