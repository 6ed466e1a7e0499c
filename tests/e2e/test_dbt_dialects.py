"""The dbt package on Snowflake and BigQuery, as far as that is known without an account.

Each model and each test is compiled by the warehouse's own adapter and parsed in its dialect. Then DuckDB runs it in its own
words, and every figure of every mart is that of the companies' books. What a warehouse does differently from what sqlglot
knows of it, this does not find.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import ROOT
from tests.e2e.test_dbt import DAYS, EMPTY, STREAMS, World, assert_true, world
from tests.support.loading import DuckDatabase, loader

__all__ = ["world"]

PYTHON = ROOT / ".venvs/dialects/bin/python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="`make dialects` fetches the adapters: 800 MB")


def compiled(dialect: str, home: Path, variables: dict[str, Any]) -> dict[str, dict[str, str]]:
    home.mkdir()
    done = subprocess.run(
        [PYTHON, "-m", "scripts.dbt_dialects", dialect, home, json.dumps(variables)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return json.loads((home / "duckdb.json").read_text(encoding="utf-8"))


def test_every_figure_is_that_of_the_books(world: World, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    world.live_until(DAYS[0])
    load = loader(world.exact, tmp_path, "target-duckdb", {"path": str(path)}, STREAMS)
    load()
    truth = world.live_until(DAYS[1])
    with closing(DuckDatabase(path)) as database:
        database.query(EMPTY)
    load()
    variables = {"exact_online_as_of": truth.as_of.isoformat(), "exact_online_streams": STREAMS}
    for dialect in ("snowflake", "bigquery"):
        found = compiled(dialect, tmp_path / dialect, variables)
        with closing(DuckDatabase(path)) as database:
            database.query("create schema analytics")
            for name, statement in found["model"].items():
                database.query(f"create table analytics.{name} as {statement}")
            assert_true(database, truth)
            failed = [name for name, statement in found["test"].items() if database.query(statement)]
            assert failed == []
            assert len(found["test"]) > 40
            database.query("drop schema analytics cascade")
