"""The SQL of docs/verify.md finds five kinds of loss in PostgreSQL and DuckDB, and nothing in an intact administration."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import ROOT
from scripts.postgres import embedded
from tests.exact_online import ExactOnline, faults
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, read, selected, singer

pytestmark = pytest.mark.process

ACCOUNTS, LINES = "sync_crm_accounts", "sync_financial_transaction_lines"
BALANCE = "financial_reporting_balance"
INTACT, PAGE, DELETION, FOREIGN, STALE, AMOUNT = DIVISIONS = (101, 102, 103, 104, 105, 106)
BLOCKS = dict(
    re.findall(
        r'^```sql title="([^"]+)"\n(.*?)^```',
        (ROOT / "docs/verify.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
both = pytest.mark.parametrize("name", ["postgres", "duckdb"])


def lose(exact: ExactOnline) -> None:
    """What goes wrong in the first run."""

    def lacking(rows: list[dict[str, Any]]) -> None:
        del rows[:3]

    def strange(rows: list[dict[str, Any]]) -> None:
        rows.append({**rows[-1], "ID": "11111111-1111-1111-1111-111111111111"})

    def other_amount(rows: list[dict[str, Any]]) -> None:
        rows[0]["AmountDC"] += 1

    for division, stream, change in (
        (PAGE, ACCOUNTS, lacking),
        (FOREIGN, ACCOUNTS, strange),
        (AMOUNT, LINES, other_amount),
    ):
        exact.faults.add(stream, faults.edit_rows(change), division=division, times=None)


def keep_books(exact: ExactOnline, division: int) -> None:
    """Eight lines of a ledger, and Exact's own totals of them."""
    sums: dict[tuple[Any, ...], float] = defaultdict(float)
    for number in range(8):
        place = (f"00000000-0000-0000-0000-00000000000{number % 2}", 2026, 1 + number // 4)
        amount = 12.5 * (number + 1) * (-1) ** number
        exact.table(division, LINES).insert(
            GLAccount=place[0], FinancialYear=place[1], FinancialPeriod=place[2], AmountDC=amount
        )
        sums[place] += amount
    for (account, year, period), amount in sums.items():
        exact.table(division, BALANCE).insert(
            GLAccount=account, ReportingYear=year, ReportingPeriod=period, Amount=amount
        )


def go_stale(state: Path) -> None:
    """A bookmark that is too high: what changes below it is never asked for."""
    content = json.loads(state.read_text())
    for partition in content["bookmarks"][ACCOUNTS]["partitions"]:
        if partition["context"]["division"] == STALE:
            partition["replication_key_value"] = partition["seen"] = 10**12
    state.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    home = tmp_path_factory.mktemp("verify")
    exact = ExactOnline(seed=11)
    exact.limits(minute=10**6, day=10**6)
    for code in DIVISIONS:
        exact.add_division(code, rows={ACCOUNTS: 6})
        keep_books(exact, code)
    lose(exact)
    schema = {"default_target_schema": "exact_online"}
    with exact.serve(), embedded() as postgres:
        config = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(home / "login.json"),
        }
        targets = {
            "target-postgres": schema | {"sqlalchemy_url": postgres.sqlalchemy_url},
            "target-duckdb": schema | {"path": str(home / "warehouse.duckdb")},
        }
        catalog = json.loads(singer("tap-exactonline", {}, home, "--discover").stdout)
        streams = (ACCOUNTS, LINES, BALANCE, "sync_deleted", "row_counts")
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
        exact.table(STALE, ACCOUNTS).insert()
        go_stale(home / "state.json")
        read(config, targets, home)
        duck = DuckDatabase(home / "warehouse.duckdb")
        with postgres.connect() as connection:
            yield {"postgres": PostgresDatabase(connection), "duckdb": duck}
        duck.close()


@both
def test_the_counts_find_what_is_missing_and_what_is_too_much(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query(BLOCKS["counts"])
    found = {row["division"]: row["rows_here"] - row["rows_at_exact"] for row in rows}
    assert found == {PAGE: -3, DELETION: 1, FOREIGN: 1, STALE: -1}
    assert {row["stream"] for row in rows} == {ACCOUNTS}


@both
def test_the_ledger_finds_a_changed_amount(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query(BLOCKS["ledger"])
    assert [row["division"] for row in rows] == [AMOUNT]
    assert float(rows[0]["amount_here"]) == pytest.approx(float(rows[0]["amount_at_exact"]) + 1)


@both
def test_what_cannot_be_counted_says_why(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query("SELECT * FROM exact_online.row_counts WHERE division = 101")
    counts = {row["stream"]: row for row in rows}
    assert set(counts) == {ACCOUNTS, LINES, BALANCE, "sync_deleted"}
    assert counts["sync_deleted"]["rows_at_exact"] is None
    assert "no endpoint" in counts["sync_deleted"]["reason"]
    assert counts[ACCOUNTS]["counted_by"] == "crm/Accounts"
    assert counts[ACCOUNTS]["reason"] is None
