"""A field that Exact refuses, with the targets that people use: no value that was delivered before goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import Project
from scripts.postgres import Postgres
from scripts.warehouse import Warehouse, streams
from tests.exact_online import ExactOnline

from .conftest import DIVISIONS, ProjectFactory, duckdb_rows, run

FIRST, SECOND = DIVISIONS
ACCOUNTS = "sync_crm_accounts"  # by Timestamp
ATTACHMENTS = "bulk_documents_document_attachments"  # read in full each time
FIELDS = {ACCOUNTS: ("City", "city"), ATTACHMENTS: ("FileName", "file_name")}
SELECT = [f"{stream}.*" for stream in FIELDS]
SDK_PATH = {
    "TAP_EXACTONLINE_STREAM_MAPS": json.dumps({ACCOUNTS: {"shout": "name.upper() if name else None"}})
}

Read = Callable[[], Mapping[str, Sequence[Mapping[str, Any]]]]


def values(read: Read, stream: str) -> dict[tuple[int, str], Any]:
    """Key → value of the column in the target."""
    column = FIELDS[stream][1]
    return {(row["division"], str(row["id"])): row.get(column) for row in read()[stream]}


def at_source(exact: ExactOnline, stream: str) -> dict[tuple[int, str], Any]:
    field = FIELDS[stream][0]
    return {
        (code, str(row["ID"])): row[field] for code in DIVISIONS for row in exact.table(code, stream).rows()
    }


def a_life(project: Project, exact: ExactOnline, target: str, read: Read) -> None:
    """Deliver, refuse, change rows, take back: after each step the target holds what it should."""
    for code in DIVISIONS:
        for stream, (field, _) in FIELDS.items():
            table = exact.table(code, stream)
            for number, key in enumerate(table.keys()):
                table.update(key, **{field: f"value {code} {number}"})
    run(project, target)
    before = {stream: at_source(exact, stream) for stream in FIELDS}
    assert {stream: values(read, stream) for stream in FIELDS} == before

    for stream, (field, _) in FIELDS.items():
        exact.refuse_field(stream, field)
    accounts = exact.table(FIRST, ACCOUNTS)
    for key in accounts.keys()[:3]:
        accounts.update(key, Name="Renamed")
    exact.clear_log()
    first = project.run("run", "tap-exactonline", target)
    assert first.returncode != 0, "a column is missing for the first time"
    for words in ("City (column city)", "FileName (column file_name)"):
        assert words in first.stdout
    for key in accounts.keys()[3:5]:
        accounts.update(key, Name="Renamed")
    log = run(project, target)
    assert "in an earlier run" in log
    assert {stream: values(read, stream) for stream in FIELDS} == before
    renamed = [row for row in read()[ACCOUNTS] if row["name"] == "Renamed"]
    assert len(renamed) == 5, "the other columns of these rows are new"
    assert len(exact.errors_4xx) <= len(FIELDS) * len(DIVISIONS)


@pytest.mark.parametrize("path", [{}, SDK_PATH], ids=["short path", "stream maps"])
def test_postgres_keeps_the_old_values(
    new_project: ProjectFactory,
    exact: ExactOnline,
    database: Postgres,
    warehouse: Warehouse,
    path: Mapping[str, str],
) -> None:
    project = new_project(SELECT, {"TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url, **path})
    catalogue = streams()
    a_life(
        project, exact, "target-postgres", lambda: {name: warehouse.rows(catalogue[name]) for name in FIELDS}
    )


@pytest.mark.parametrize("path", [{}, SDK_PATH], ids=["short path", "stream maps"])
def test_duckdb_keeps_the_old_values(
    new_project: ProjectFactory, exact: ExactOnline, path: Mapping[str, str]
) -> None:
    project = new_project(SELECT, path)
    a_life(project, exact, "target-duckdb", lambda: duckdb_rows(project.root / "output/warehouse.duckdb"))


@pytest.mark.parametrize("path", [{}, SDK_PATH], ids=["short path", "stream maps"])
def test_in_lines_the_column_is_not_there(
    new_project: ProjectFactory, exact: ExactOnline, path: Mapping[str, str]
) -> None:
    """A file of lines is merged by its reader: a member that is absent says nothing, null would."""
    project = new_project(SELECT, path)

    def merged() -> dict[str, list[dict[str, Any]]]:
        return {
            stream: list(_merged(project.root / "output" / f"{stream}.jsonl").values()) for stream in FIELDS
        }

    a_life(project, exact, "target-jsonl", merged)


def _merged(path: Path) -> dict[tuple[int, str], dict[str, Any]]:
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = (row["division"], row["id"])
        rows[key] = rows.get(key, {}) | row
    return rows
