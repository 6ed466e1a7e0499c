"""Several processes share the administrations of one login and load the same tables side by side."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import executable
from scripts.postgres import Postgres
from scripts.warehouse import Stream, Warehouse
from tests.exact_online import ExactOnline
from tests.support.loading import selected, singer

from .conftest import assert_equal

CODES = range(1000, 1024)
ROWS = {"sync_crm_accounts": 5, "sync_logistics_items": 4, "financial_journals": 3}
STREAMS = (*ROWS, "system_divisions", "sync_deleted")


class Parts:
    """Runs of the tap into target-postgres, each with a state of its own and all with one login."""

    def __init__(self, exact: ExactOnline, database: Postgres, home: Path) -> None:
        self.exact = exact
        self.home = home
        self.config: dict[str, Any] = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": database.sqlalchemy_url,
        }
        self.target = home / "target.json"
        self.target.write_text(
            json.dumps({"sqlalchemy_url": database.sqlalchemy_url, "default_target_schema": "exact_online"})
        )
        discovered = json.loads(singer("tap-exactonline", self.config, home, "--discover").stdout)
        self.catalog = home / "catalog.json"
        self.catalog.write_text(json.dumps(selected(discovered, STREAMS)))

    def run(self, name: str, code: int = 0, **settings: Any) -> str:
        """One part into the target; returns its log.

        Args:
            name: Of its files.
            code: What the tap has to end with.
            settings: Of the tap.
        """
        config, state = self.home / f"config-{name}.json", self.state(name)
        config.write_text(json.dumps({**self.config, **settings}))
        tap: list[str | Path] = [
            executable("tap-exactonline"),
            "--config",
            config,
            "--catalog",
            self.catalog,
        ]
        if state.exists():
            tap += ["--state", state]
        log = self.home / f"log-{name}"
        with log.open("wb") as errors:
            source = subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=errors)
            loaded = subprocess.run(
                [executable("target-postgres"), "--config", self.target],
                stdin=source.stdout, capture_output=True, text=True, timeout=180, check=False,
            )  # fmt: skip
            assert source.stdout is not None
            source.stdout.close()
            ended = source.wait(60)
        told = log.read_text()
        assert ended == code, told[-3000:]
        assert loaded.returncode == 0, loaded.stderr[-3000:]
        if lines := loaded.stdout.splitlines():
            state.write_text(lines[-1])
        return told

    def state(self, name: str) -> Path:
        return self.home / f"state-{name}.json"

    def run_all(self, parts: int, code: int = 0) -> list[str]:
        """All parts at the same time."""

        def run(part: int) -> str:
            return self.run(f"{part}of{parts}", code, shard=f"{part}/{parts}")

        with ThreadPoolExecutor(parts) as pool:
            return list(pool.map(run, range(parts)))


@pytest.fixture
def parts(tmp_path: Path, database: Postgres) -> Iterator[Parts]:
    exact = ExactOnline(latency=0.01)
    for code in CODES:
        exact.add_division(code, rows=ROWS)
    with exact.serve():
        yield Parts(exact, database, tmp_path)


def live(warehouse: Warehouse, catalogue: Mapping[str, Stream]) -> dict[str, list[Mapping[str, object]]]:
    return {name: warehouse.rows(catalogue[name]) for name in ROWS}


def age_the_list(database: Postgres) -> None:
    """As if the list of administrations had been asked for long ago."""
    with database.connect() as connection:
        connection.execute(
            "UPDATE tap_exactonline_tokens SET version = version - 3600 WHERE id LIKE '%#divisions'"
        )
        connection.commit()


def rows_read(logs: list[str], stream: str) -> int:
    """Rows of a stream that were read, by the lines of the logs."""
    return sum(
        int(line.split("): ")[1].split(" row")[0].replace(",", ""))
        for log in logs
        for line in log.splitlines()
        if f"{stream}, division" in line
    )


def test_parts_on_an_empty_database_and_twice_as_many_later(
    parts: Parts, warehouse: Warehouse, catalogue: Mapping[str, Stream], database: Postgres
) -> None:
    exact = parts.exact
    assert "Only the schemas of 5 streams" in parts.run("prepare", only_schemas=True)
    assert not exact.log, "the step that makes the tables asks Exact for nothing"
    assert warehouse.tables() >= set(STREAMS)

    parts.run_all(3)
    assert_equal(live(warehouse, catalogue), exact, catalogue)
    assert warehouse.count(catalogue["system_divisions"]) == len(CODES)
    assert exact.token_calls == 1, "each part renewed the login"
    assert all(exact.max_concurrency(code) == 1 for code in CODES)
    assert not exact.errors_4xx
    # Once the list for all, once the stream of the same name.
    assert exact.calls(stream="system_divisions") == 2

    exact.clear_log()
    for code in CODES:
        exact.table(code, "sync_crm_accounts").insert(Name=f"New in {code}")
    logs = parts.run_all(3)
    assert_equal(live(warehouse, catalogue), exact, catalogue)
    assert rows_read(logs, "sync_crm_accounts") == len(CODES)
    assert exact.calls(stream="system_divisions") == 1, "the list is ten minutes young at most"

    for part in range(3):
        for half in (part, part + 3):
            shutil.copy(parts.state(f"{part}of3"), parts.state(f"{half}of6"))
    age_the_list(database)
    exact.clear_log()
    exact.add_division(1024, rows=ROWS)
    items = exact.table(1000, "sync_logistics_items")
    items.update(items.keys()[0], Description="Changed between three parts and six")
    logs = parts.run_all(6)
    assert_equal(live(warehouse, catalogue), exact, catalogue)
    assert rows_read(logs, "sync_logistics_items") == 1 + ROWS["sync_logistics_items"], "a row came again"
    assert all(exact.max_concurrency(code) == 1 for code in exact.divisions)


def test_four_targets_meet_a_new_column(
    parts: Parts, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    whole = parts.catalog.read_text()
    without = json.loads(whole)
    for entry in without["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == ["properties", "name"]:
                item["metadata"]["selected"] = False
    parts.catalog.write_text(json.dumps(without))
    parts.run("prepare", only_schemas=True)
    parts.run_all(4)

    parts.catalog.write_text(whole)
    parts.run("prepare", only_schemas=True)
    parts.run_all(4)
    assert_equal(live(warehouse, catalogue), parts.exact, catalogue)


def test_parts_stop_together_when_the_calls_of_the_contract_are_used(
    parts: Parts, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    exact = parts.exact
    parts.run("prepare", only_schemas=True)
    parts.config["contract_calls"] = 10
    for log in parts.run_all(4, code=1):
        assert "contract_calls" in log
        assert "00:00 UTC" in log
    assert exact.calls() == 10
    parts.config["contract_calls"] = 1000
    parts.run_all(4)
    assert_equal(live(warehouse, catalogue), exact, catalogue)
