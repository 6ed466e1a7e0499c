"""Each default stream has a staging model, and it says what Exact holds: every column, whichever way deletions are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.build_dbt_staging import BY_HAND, OPT_IN, lookups
from scripts.dbt import dbt, duckdb_output, postgres_output
from scripts.dbt_streams import STAGED
from scripts.postgres import Postgres
from tap_exactonline.endpoints import by_name, load
from tests.exact_online import ExactOnline
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, loader
from tests.support.staged import differs, expected, shown

DIVISIONS = (101, 102)
LOG = "sync_deleted"
STREAMS = tuple(endpoint.name for endpoint in load() if endpoint.selected)
ROWS = 12
DELETED, REFERRING, NAMED = 0, 2, 3
"""Places of rows among the sorted keys of their table."""
RENAMED = {
    "sync_crm_accounts": "Name",
    "sync_logistics_items": "Description",
    "sync_crm_contacts": "FullName",
}


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    """Two administrations with rows of every default stream: edge values everywhere."""
    made = ExactOnline(seed=11)
    made.limits(minute=100_000, day=1_000_000)
    for code in DIVISIONS:
        made.add_division(code, rows=dict.fromkeys(STREAMS, ROWS) | {LOG: 0, "system_divisions": 0})
    with made.serve():
        yield made


def row_of(exact: ExactOnline, code: int, stream: str, place: int) -> Any:
    """The key of one and the same row, whatever has happened to the others, as long as none is deleted."""
    return sorted(exact.table(code, stream).keys(), key=str)[place]


def refer(exact: ExactOnline) -> None:
    """Let a row of each stream refer to existing rows of others, with the names that they had once."""
    for stream, staged in STAGED.items():
        endpoint = by_name(stream)
        for code in DIVISIONS:
            table = exact.table(code, stream)
            values: dict[str, Any] = {}
            for join, _ in lookups(endpoint, staged.model).values():
                other = exact.table(code, join.source.stream)
                named = other.get(row_of(exact, code, join.source.stream, NAMED))
                key = "Code" if join.refers.type == "string" else by_name(join.source.stream).key[0]
                values[join.refers.name] = named[key]
            if values:
                table.update(row_of(exact, code, stream, REFERRING), **values)


def pass_time(exact: ExactOnline) -> None:
    """Names change without a change of the rows that show them, and a row of each stream is deleted."""
    exact.clock.advance(timedelta(hours=1).total_seconds())
    for code in DIVISIONS:
        for stream, name in RENAMED.items():
            exact.table(code, stream).update(
                row_of(exact, code, stream, NAMED), **{name: f"Renamed in {code}"}
            )
        for stream in STREAMS:
            if stream not in (LOG, "system_divisions") and by_name(stream).entity_type is not None:
                exact.table(code, stream).delete(row_of(exact, code, stream, DELETED))


def assert_staged(database: Database, exact: ExactOnline, streams: Sequence[str]) -> None:
    wrong = {}
    for stream in streams:
        if stream not in STAGED:
            continue
        rows = shown(
            database.query(f"select * from analytics.stg_exact_online__{STAGED[stream].model}"), stream
        )
        wanted = expected(exact, stream)
        if rows.keys() != wanted.keys():
            wrong[stream] = f"{len(rows)} rows instead of {len(wanted)}"
            continue
        cells = [
            f"{name} of {key}: {rows[key][name]!r}, should be {value!r}"
            for key, values in wanted.items()
            for name, value in values.items()
            if differs(rows[key][name], value)
        ]
        if cells:
            wrong[stream] = f"{len(cells)} cells differ: {cells[:2]}"
    lines = database.query("select * from analytics.stg_exact_online__sales_order_lines")
    assert {line["item_description"] for line in lines} >= {f"Renamed in {code}" for code in DIVISIONS}
    assert not wrong, "\n".join(f"{stream}: {text}" for stream, text in wrong.items())


def stage(output: dict[str, Any], streams: Sequence[str], home: Path) -> None:
    # Keys are seen to be unique below; the package's own tests of that run in test_dbt.py and in the demo.
    done = dbt("run", output, {"exact_online_streams": list(streams)}, home / "dbt", "--select", "staging")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_every_default_stream_has_a_model() -> None:
    assert (BY_HAND.keys() - {*OPT_IN}) | STAGED.keys() == {*STREAMS}


def test_each_model_says_what_exact_holds_in_duckdb(exact: ExactOnline, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    load = loader(exact, tmp_path, "target-duckdb", {"path": str(path)}, STREAMS)
    refer(exact)
    load()
    pass_time(exact)
    load()
    stage(duckdb_output(path, "analytics"), STREAMS, tmp_path)
    database = DuckDatabase(path)
    assert_staged(database, exact, STREAMS)
    database.close()


def test_each_model_says_what_exact_holds_in_postgres(
    exact: ExactOnline, tmp_path: Path, database: Postgres
) -> None:
    """Here the deleted rows have `_sdc_deleted_at`, and the log is not loaded."""
    streams = [name for name in STREAMS if name != LOG]
    settings = {"sqlalchemy_url": database.sqlalchemy_url, "use_copy": True, "validate_records": False}
    load = loader(exact, tmp_path, "target-postgres", settings, streams, deletions="tombstones")
    refer(exact)
    load()
    pass_time(exact)
    load()
    stage(postgres_output(database.url, "analytics"), streams, tmp_path)
    with database.connect() as connection:
        assert_staged(PostgresDatabase(connection), exact, streams)
