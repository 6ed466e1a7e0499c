"""The SQL of docs/monitoring.md, run in PostgreSQL and DuckDB on a log with failures, a recovery and a killed run."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import ROOT, executable
from scripts.postgres import Postgres
from tests.exact_online import ExactOnline, faults
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, selected, singer

pytestmark = pytest.mark.process

ACCOUNTS, ITEMS, LOG = "sync_crm_accounts", "sync_logistics_items", "run_log"
PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'^```sql title="([^"]+)"\n(.*?)^```', PAGE, re.DOTALL | re.MULTILINE))


class Schedule:
    """Runs of the tap, whose messages go into both databases."""

    def __init__(self, exact: ExactOnline, home: Path, targets: dict[str, dict[str, Any]]) -> None:
        self.home = home
        self.targets = targets
        (home / "config.json").write_text(
            json.dumps(
                {
                    "api_url": exact.url,
                    "client_id": exact.client_id,
                    "client_secret": exact.client_secret,
                    "refresh_token": exact.issue_login(),
                    "token_store": str(home / "login.json"),
                }
            )
        )
        catalog = json.loads(singer("tap-exactonline", {}, home, "--discover").stdout)
        (home / "catalog.json").write_text(json.dumps(selected(catalog, (ACCOUNTS, ITEMS, LOG))))

    def run(self, *, killed: bool = False) -> int:
        """One run; of a killed one nothing but its first state is kept."""
        state = self.home / "state.json"
        options = ["--state", str(state)] if state.exists() else []
        done = subprocess.run(
            [executable("tap-exactonline"), "--config", "config.json", "--catalog", "catalog.json", *options],
            cwd=self.home, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        states = [line for line in done.stdout.splitlines() if line.startswith('{"type":"STATE"')]
        state.write_text(json.dumps(json.loads(states[0 if killed else -1])["value"]))
        messages = self.home / "messages"
        messages.write_text("" if killed else done.stdout, encoding="utf-8")
        for program, settings in self.targets.items():
            singer(program, settings, self.home, stdin=messages)
        return done.returncode


@pytest.fixture
def loaded(tmp_path: Path, database: Postgres) -> Iterator[dict[str, Database]]:
    home = tmp_path
    exact = ExactOnline(seed=11)
    exact.limits(minute=10**6, day=10**6)
    for code in (101, 102, 103):
        exact.add_division(code, rows={ACCOUNTS: 2, ITEMS: 2})
    schema = {"default_target_schema": "exact_online"}
    with exact.serve():
        targets = {
            "target-postgres": schema | {"sqlalchemy_url": database.sqlalchemy_url},
            "target-duckdb": schema | {"path": str(home / "warehouse.duckdb")},
        }
        schedule = Schedule(exact, home, targets)
        assert schedule.run() == 0
        exact.faults.add(ACCOUNTS, faults.firewall(), division=102, times=None)
        exact.faults.add(action=faults.forbidden("division"), division=103, times=None)
        assert schedule.run() == 1
        schedule.run(killed=True)
        exact.faults.script.pop()
        assert schedule.run() == 1
        duck = DuckDatabase(home / "warehouse.duckdb")
        with database.connect() as connection:
            databases: dict[str, Database] = {"postgres": PostgresDatabase(connection), "duckdb": duck}
            for title in ("runs", "freshness", "failures"):
                for one in databases.values():
                    one.query(BLOCKS[title])
            yield databases
        duck.close()


def test_the_views_say_what_the_runs_were(loaded: dict[str, Database]) -> None:
    """One test: if several workers had a part of it each, each of them would fill both databases."""
    assert set(loaded) == {"postgres", "duckdb"}
    for name, database in loaded.items():
        assert_runs(database)
        assert_failures(database)
        assert_freshness(database)
        assert_late(database, name)
    assert_old_rows_can_be_removed(loaded["postgres"])


def assert_runs(database: Database) -> None:
    rows = database.query("SELECT * FROM exact_online.exact_runs ORDER BY started")
    assert [row["status"] for row in rows] == ["ok", "incomplete", "killed", "incomplete"]
    assert [row["again"] for row in rows[:3]] == [None, "soon", "soon"]
    assert datetime.fromisoformat(rows[3]["again"]), "after four refusals the tap rests for an hour"


def assert_failures(database: Database) -> None:
    """What fails now is one table; an administration that has recovered is not there."""
    rows = database.query("SELECT * FROM exact_online.exact_failures")
    assert [(row["division"], row["stream"], row["status"]) for row in rows] == [
        (102, ACCOUNTS, "incomplete")
    ]
    assert rows[0]["message"]


def assert_freshness(database: Database) -> None:
    """Quiet streams are fresh, and the failing one is not."""
    rows = database.query("SELECT * FROM exact_online.exact_freshness")
    fresh = {(row["division"], row["stream"]): str(row["fresh_at"]) for row in rows}
    assert set(fresh) == {(code, stream) for code in (101, 102, 103) for stream in (ACCOUNTS, ITEMS)}
    started = [
        str(row["started"])
        for row in database.query("SELECT started FROM exact_online.exact_runs ORDER BY started")
    ]
    assert fresh.pop((102, ACCOUNTS)) < started[1]
    assert min(fresh.values()) > started[3]


def assert_late(database: Database, name: str) -> None:
    title = {"postgres": "late (PostgreSQL)", "duckdb": "late (DuckDB)"}[name]
    assert database.query(BLOCKS[title]) == []
    unit = {"postgres": "interval '26 hours'", "duckdb": "INTERVAL 26 HOUR"}[name]
    earlier = BLOCKS[title].replace(unit, f"{unit} + {unit}").replace(" - ", " + ")
    assert len(database.query(earlier)) == 6, "everything is late two days from now"


def assert_old_rows_can_be_removed(database: Database) -> None:
    before = database.query("SELECT count(*) AS n FROM exact_online.run_log")
    database.query(BLOCKS["keep 90 days (PostgreSQL)"])
    assert database.query("SELECT count(*) AS n FROM exact_online.run_log") == before
