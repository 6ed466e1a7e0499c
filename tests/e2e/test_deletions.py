"""Deleted rows in real databases: stamped, vanished, alive again; and the statements of docs/deletions.md."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.compare import differences, plain, source_rows
from scripts.meltano_project import ROOT, Project
from scripts.postgres import Postgres
from scripts.warehouse import Stream, Warehouse
from tests.exact_online import ExactOnline, faults

from .conftest import DIVISIONS, ProjectFactory, duckdb_rows, run

FIRST, SECOND = DIVISIONS
ACCOUNTS = "sync_crm_accounts"
DELIVERIES = "sync_sales_order_goods_deliveries"  # EntryID is its key
BALANCES = "openingbalance_current_year_processed"
SOURCES = "crm_lead_sources"
STATEMENTS = dict(
    re.findall(
        r'^```sql title="([^"]+)"\n(.*?)^```',
        (ROOT / "docs/deletions.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


def remaining(warehouse: Warehouse, title: str, stream: str, key: str = "id") -> list[dict[str, Any]]:
    """What a statement of the page gives, for another table than the one it shows if need be."""
    statement = STATEMENTS[title].replace(ACCOUNTS, stream).replace("a.id", f"a.{key}")
    cursor = warehouse.connection.execute(statement.encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, map(plain, row), strict=True)) for row in cursor.fetchall()]


def equal(rows: list[dict[str, Any]], exact: ExactOnline, stream: Stream) -> None:
    assert differences(rows, source_rows(exact, stream.name), stream.key) == []


def test_postgres_keeps_deleted_rows_stamped_and_the_statements_leave_them_out(
    new_project: ProjectFactory,
    exact: ExactOnline,
    database: Postgres,
    warehouse: Warehouse,
    catalogue: Mapping[str, Stream],
) -> None:
    accounts, deliveries = exact.table(FIRST, ACCOUNTS), exact.table(SECOND, DELIVERIES)
    project = new_project(
        [f"{name}.*" for name in (ACCOUNTS, DELIVERIES, "sync_deleted")],
        {
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
            "TAP_EXACTONLINE_DELETIONS": "tombstones",
        },
    )
    run(project, "target-postgres")
    gone, back = accounts.keys()[:2]
    accounts.delete(gone)
    accounts.delete(back)
    exact.clock.advance(2)
    accounts.insert(ID=back, Name="Came back")
    deliveries.delete(deliveries.keys()[0])

    run(project, "target-postgres")

    def right() -> None:
        for stream in (ACCOUNTS, DELIVERIES):
            equal(remaining(warehouse, "tombstones", stream), exact, catalogue[stream])

    right()
    found = {
        str(row["id"]): row
        for row in warehouse._select("SELECT * FROM {schema}.{table}", catalogue[ACCOUNTS])
    }
    filled = {
        name for name, value in found[gone].items() if value is not None and not name.startswith("_sdc_")
    }
    assert filled == {"division", "id", "timestamp"}, "the page says that all other columns become null"
    assert found[gone]["_sdc_deleted_at"] is not None
    assert found[back]["_sdc_deleted_at"] is None
    assert found[back]["name"] == "Came back"

    # New row versions for everything, all of them lower than before.
    exact.clock.advance(2)
    exact.move_division(FIRST, 1)
    accounts.delete(accounts.keys()[3])
    run(project, "target-postgres")
    right()


def test_postgres_removes_what_a_full_read_did_not_bring(
    new_project: ProjectFactory,
    exact: ExactOnline,
    database: Postgres,
    warehouse: Warehouse,
    catalogue: Mapping[str, Stream],
) -> None:
    project = new_project(
        [f"{BALANCES}.*", f"{SOURCES}.*"],
        {
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
            "TARGET_POSTGRES_HARD_DELETE": "true",
            "TAP_EXACTONLINE_EMIT_ACTIVATE_VERSION_MESSAGES": "true",
        },
    )
    run(project, "target-postgres")
    for stream in (BALANCES, SOURCES):
        exact.table(FIRST, stream).delete(exact.table(FIRST, stream).keys()[0])
    exact.table(SECOND, BALANCES).delete(exact.table(SECOND, BALANCES).keys()[5])
    # One administration fails in one stream.
    exact.faults.add(faults.Match(stream=SOURCES, division=SECOND), faults.forbidden("plain"), times=None)
    before = warehouse.count(catalogue[SOURCES])

    refused = project.run("run", "tap-exactonline", "target-postgres")

    assert refused.returncode == 1, "rows came before, so the refusal is a failure"
    assert warehouse.count(catalogue[SOURCES]) == before, "nothing goes while an administration is missing"
    equal(list(map(dict, warehouse.rows(catalogue[BALANCES]))), exact, catalogue[BALANCES])
    exact.faults.clear()
    run(project, "target-postgres")
    equal(list(map(dict, warehouse.rows(catalogue[SOURCES]))), exact, catalogue[SOURCES])


def test_postgres_the_log_tells_what_is_gone_and_after_a_pause_its_absence_does(
    new_project: ProjectFactory,
    exact: ExactOnline,
    database: Postgres,
    warehouse: Warehouse,
    catalogue: Mapping[str, Stream],
) -> None:
    project = new_project(
        [f"{ACCOUNTS}.*", "sync_deleted.*"], {"TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url}
    )
    run(project, "target-postgres")
    accounts = exact.table(FIRST, ACCOUNTS)
    # What the log tells: gone, back again, and a move after which no row version tells which came first.
    gone, back = accounts.keys()[1:3]
    accounts.delete(gone)
    accounts.delete(back)
    exact.clock.advance(2)
    accounts.insert(ID=back, Name="Came back")
    exact.move_division(FIRST, 100_000)
    run(project, "target-postgres")
    equal(remaining(warehouse, "log", ACCOUNTS), exact, catalogue[ACCOUNTS])

    # What it does not tell.
    accounts.delete(accounts.keys()[0])
    exact.switches.deleted_days = 0  # Exact has forgotten it
    exact.clock.advance(2)
    _pass_two_months(project)

    said = run(project, "target-postgres")

    assert "the log of deletions was last read 70 days ago" in said
    assert len(remaining(warehouse, "log", ACCOUNTS)) == len(source_rows(exact, ACCOUNTS)) + 1
    warehouse.connection.execute(STATEMENTS["after a pause"].encode())
    equal(remaining(warehouse, "log", ACCOUNTS), exact, catalogue[ACCOUNTS])


def _pass_two_months(project: Project) -> None:
    """Make the state so old."""
    name = "dev:tap-exactonline-to-target-postgres"
    done = project.run("state", "get", name)
    assert done.returncode == 0, done.stdout
    text = next(line for line in done.stdout.splitlines() if line.startswith("{"))

    def older(match: re.Match[str]) -> str:
        return (datetime.fromisoformat(match[0]) - timedelta(days=70)).isoformat()

    aged = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", older, text)
    assert aged != text
    done = project.run("state", "set", "--force", name, json.dumps(json.loads(aged)))
    assert done.returncode == 0, done.stdout


def test_duckdb_lets_deleted_rows_vanish(
    new_project: ProjectFactory, exact: ExactOnline, catalogue: Mapping[str, Stream]
) -> None:
    project = new_project(
        [f"{ACCOUNTS}.*", f"{DELIVERIES}.*"],
        {"TARGET_DUCKDB_HARD_DELETE": "true", "TAP_EXACTONLINE_DELETIONS": "tombstones"},
    )
    path: Path = project.root / "output/warehouse.duckdb"
    accounts, deliveries = exact.table(FIRST, ACCOUNTS), exact.table(SECOND, DELIVERIES)
    run(project, "target-duckdb")
    gone, back = accounts.keys()[:2]
    accounts.delete(gone)
    accounts.delete(back)
    accounts.insert(ID=back, Name="Came back")
    deliveries.delete(deliveries.keys()[0])

    run(project, "target-duckdb")

    tables = duckdb_rows(path)
    for stream in (ACCOUNTS, DELIVERIES):
        keys = {tuple(str(row[name]) for name in catalogue[stream].key) for row in tables[stream]}
        wanted = {
            tuple(str(row[name]) for name in catalogue[stream].key) for row in source_rows(exact, stream)
        }
        assert keys == wanted
        assert len(tables[stream]) == len(wanted)
    assert {row["name"] for row in tables[ACCOUNTS] if row["id"] == back} == {"Came back"}
