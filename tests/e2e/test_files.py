"""`meltano run` into DuckDB and JSON Lines: another SQL dialect, and every message as it was sent."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.compare import plain
from scripts.meltano_project import Project
from scripts.warehouse import Stream
from tap_exactonline.endpoints import load
from tap_exactonline.sync.run_log import RUN_LOG
from tests.exact_online import ExactOnline

from .conftest import DIVISIONS, ROWS, ProjectFactory, assert_equal, duckdb_rows, run

FIRST, SECOND = DIVISIONS


def from_duckdb(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Tables in the form of the comparison."""

    def value(shown: Any) -> Any:
        return plain(datetime.fromisoformat(shown["moment"])) if isinstance(shown, dict) else shown

    return {
        table: [{column: value(shown) for column, shown in row.items()} for row in rows]
        for table, rows in duckdb_rows(path).items()
    }


def lines(project: Project, stream: str) -> list[dict[str, Any]]:
    path = project.root / "output" / f"{stream}.jsonl"
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def comparable(rows: list[dict[str, Any]], stream: Stream) -> list[dict[str, Any]]:
    """The last version of each row; dates in the comparison's form."""
    last = {tuple(row[name] for name in stream.key): row for row in rows}
    return [
        {
            name: plain(datetime.fromisoformat(value)) if stream.is_moment(name) and value else value
            for name, value in row.items()
        }
        for row in last.values()
    ]


def test_duckdb_holds_every_column_after_both_runs(
    new_project: ProjectFactory, exact: ExactOnline, catalogue: Mapping[str, Stream]
) -> None:
    project = new_project([f"{name}.*" for name in ROWS])
    path = project.root / "output/warehouse.duckdb"
    exact.table(FIRST, "sync_logistics_items").delete(exact.table(FIRST, "sync_logistics_items").keys()[0])

    run(project, "target-duckdb")
    found = from_duckdb(path)
    gone = exact.table(FIRST, "sync_logistics_items")
    assert set(found) == set(ROWS)
    # target-duckdb loads by way of CSV files, in which '' and NULL look the same.
    assert_equal(found, exact, catalogue, empty_text_is_null=True)

    for key in exact.table(SECOND, "sync_crm_accounts").keys()[:3]:
        exact.table(SECOND, "sync_crm_accounts").update(key, Name="Renamed")
    gone.insert()
    exact.clear_log()
    run(project, "target-duckdb")

    assert_equal(from_duckdb(path), exact, catalogue, empty_text_is_null=True)
    assert exact.calls(SECOND, "sync_crm_accounts") == 1


def test_jsonl_holds_every_column_and_the_second_run_adds_only_the_changes(
    new_project: ProjectFactory, exact: ExactOnline, catalogue: Mapping[str, Stream]
) -> None:
    project = new_project([f"{name}.*" for name in ROWS])
    exact.table(FIRST, "sync_logistics_items").delete(exact.table(FIRST, "sync_logistics_items").keys()[0])

    run(project, "target-jsonl")
    first = {name: lines(project, name) for name in ROWS}
    assert_equal({name: comparable(rows, catalogue[name]) for name, rows in first.items()}, exact, catalogue)
    for name, rows in first.items():
        keys = [tuple(row[column] for column in catalogue[name].key) for row in rows]
        assert len(set(keys)) == len(keys), f"{name}: a row was sent twice in one run"

    accounts = exact.table(FIRST, "sync_crm_accounts")
    changed = accounts.keys()[5:9]
    for key in changed:
        accounts.update(key)
    run(project, "target-jsonl")

    news = {name: lines(project, name)[len(rows) :] for name, rows in first.items()}
    assert sorted(row["id"] for row in news["sync_crm_accounts"]) == sorted(map(str, changed))
    assert {row["division"] for row in news["sync_crm_accounts"]} == {FIRST}
    for name in ("sync_financial_transaction_lines", "sync_logistics_items", "sync_deleted"):
        assert news[name] == [], f"{name}: nothing changed, and yet rows came"


def test_default_selection_is_the_one_of_the_data_file(
    new_project: ProjectFactory, exact: ExactOnline
) -> None:
    """Meltano selects everything unless meltano.yml says otherwise, and it does."""
    for code in list(exact.divisions):
        exact.remove_division(code)
    exact.add_division(FIRST, rows=1)
    exact.table(FIRST, "crm_accounts").delete(exact.table(FIRST, "crm_accounts").keys()[0])
    exact.table(FIRST, "crm_accounts").insert()
    project = new_project()

    run(project, "target-jsonl")

    written = {path.stem for path in (project.root / "output").glob("*.jsonl")}
    assert written == {endpoint.name for endpoint in load() if endpoint.selected} | {RUN_LOG}
    columns: dict[str, set[str]] = defaultdict(set)
    for name in written:
        columns[name] = set(lines(project, name)[0])
    for endpoint in load():
        if endpoint.selected:
            hidden = {field.column for field in endpoint.fields if field.hidden}
            assert not columns[endpoint.name] & hidden
            assert len(columns[endpoint.name]) > 2
