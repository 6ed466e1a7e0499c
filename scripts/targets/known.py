"""The targets that are run, how each is set up, and how its tables are read back."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from psycopg import sql
from psycopg.rows import dict_row

from scripts.compare import Row
from scripts.meltano_project import ROOT
from scripts.postgres import Postgres
from scripts.targets import bucket
from scripts.targets.compare import EMPTY, ESCAPED
from tap_exactonline.endpoints import load
from tests.support.loading import DuckDatabase

SCHEMA = "exact_online"


class Tables(Protocol):
    """What a target has written."""

    def rows(self, stream: str, schema: Mapping[str, Any]) -> Iterable[Row]:
        """All rows of a stream, as often as they are there."""
        ...

    def types(self, stream: str) -> dict[str, str]:
        """Column → its type in the database; empty for files."""
        ...

    def close(self) -> None:
        """Let the target write again."""
        ...


@dataclass(frozen=True)
class Target:
    """One target in one mode.

    Attributes:
        label: What the table of results calls it.
        environment: Its folder in ``.venvs``.
        package: Its distribution, for the version.
        program: The command.
        settings: Its configuration, from an empty directory and a database.
        tables: What reads the result, from the same.
        expected: Kinds of differences that it is known to make.
        replaces: Whether a row that comes again replaces itself.
        batches: Whether it gets files in a bucket instead of messages.
    """

    label: str
    environment: str
    package: str
    program: str
    settings: Callable[[Path, Postgres], dict[str, Any]]
    tables: Callable[[Path, Postgres], Tables]
    expected: frozenset[str] = frozenset()
    replaces: bool = True
    batches: bool = False

    @property
    def python(self) -> Path:
        """The Python of its environment."""
        return ROOT / ".venvs" / self.environment / "bin/python"


@dataclass(frozen=True)
class _Postgres:
    database: Postgres

    def rows(self, stream: str, schema: Mapping[str, Any]) -> list[Row]:
        del schema
        query = sql.SQL("SELECT * FROM {}.{}").format(sql.Identifier(SCHEMA), sql.Identifier(stream))
        with self.database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [*cursor.execute(query)]

    def types(self, stream: str) -> dict[str, str]:
        with self.database.connect() as connection:
            found = connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = %s AND table_name = %s",
                [SCHEMA, stream],
            )
            return {str(name): str(kind) for name, kind in found}

    def close(self) -> None:
        pass


class _Duck:
    def __init__(self, path: Path) -> None:
        self._database = DuckDatabase(path)

    def rows(self, stream: str, schema: Mapping[str, Any]) -> list[Row]:
        del schema
        return list(self._database.query(f'select * from {SCHEMA}."{stream}"'))  # noqa: S608 - the name of a stream

    def types(self, stream: str) -> dict[str, str]:
        found = self._database.query(
            "select column_name, data_type from information_schema.columns "  # noqa: S608 - the name of a stream
            f"where table_schema = '{SCHEMA}' and table_name = '{stream}'"
        )
        return {one["column_name"]: one["data_type"] for one in found}

    def close(self) -> None:
        self._database.close()


class _SQLite:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.row_factory = sqlite3.Row

    def rows(self, stream: str, schema: Mapping[str, Any]) -> Iterable[Row]:
        if not self.types(stream):
            return []
        booleans = [name for name, one in schema.items() if "boolean" in one.get("type", ())]
        rows: list[dict[str, Any]] = [
            dict(row)
            for row in self._connection.execute(f'select * from "{stream}"')  # noqa: S608 - the name of a stream
        ]
        for row in rows:
            # SQLite has no booleans either.
            row.update({name: bool(row[name]) for name in booleans if row.get(name) is not None})
        return rows

    def types(self, stream: str) -> dict[str, str]:
        found = self._connection.execute("select name, type from pragma_table_info(?)", [stream])
        return {row["name"]: row["type"] for row in found}

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class _JsonLines:
    folder: Path

    def rows(self, stream: str, schema: Mapping[str, Any]) -> list[Row]:
        del schema
        file = self.folder / f"{stream}.jsonl"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [json.loads(line) for line in text.split("\n") if line]

    def types(self, stream: str) -> dict[str, str]:
        del stream
        return {}

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class _Csv:
    folder: Path

    def rows(self, stream: str, schema: Mapping[str, Any]) -> list[Row]:
        file = self.folder / f"{stream}.csv"
        if not file.exists():
            return []
        with file.open(encoding="utf-8", newline="") as lines:
            return [
                {name: _of_text(text, schema.get(name, {})) for name, text in row.items()}
                for row in csv.DictReader(lines)
            ]

    def types(self, stream: str) -> dict[str, str]:
        del stream
        return {}

    def close(self) -> None:
        pass


def _of_text(text: str, schema: Mapping[str, Any]) -> Any:
    """A cell, which has no type, as the schema says."""
    types = schema.get("type", ["string"])
    if text == "":
        return None
    if "integer" in types:
        return int(text)
    if "number" in types:
        return float(text)
    if "boolean" in types:
        return {"true": True, "false": False}[text.lower()]
    return text


def _postgres(**more: Any) -> Callable[[Path, Postgres], dict[str, Any]]:
    return lambda home, database: {  # noqa: ARG005 - a database is set up from no directory
        "sqlalchemy_url": database.sqlalchemy_url,
        "default_target_schema": SCHEMA,
        **more,
    }


def _pipelinewise(home: Path, database: Postgres) -> dict[str, Any]:
    del home
    return {
        "host": database.url.host,
        "port": database.url.port,
        "user": database.url.username,
        "password": "none is asked for",
        "dbname": database.url.database,
        "default_target_schema": SCHEMA,
    }


S3_ADDRESS = Path("bucket")
"""In the target's directory: where moto listens."""


def _s3(home: Path, database: Postgres) -> dict[str, Any]:
    del database
    return bucket.settings((home / S3_ADDRESS).read_text(encoding="utf-8"))


def _batches(home: Path, database: Postgres) -> dict[str, Any]:
    address = (home / S3_ADDRESS).read_text(encoding="utf-8")
    settings = _postgres(use_copy=True, validate_records=False)(home, database)
    # Without this the target would look for the files at Amazon.
    return {**settings, "batch_config": bucket.batch_config(address)}


def _parquet(home: Path, database: Postgres) -> Tables:
    del database
    return bucket.ParquetFiles((home / S3_ADDRESS).read_text(encoding="utf-8"), [one.name for one in load()])


TARGETS = (
    Target(
        "PostgreSQL, meltanolabs, COPY",
        "target-postgres",
        "meltanolabs-target-postgres",
        "target-postgres",
        _postgres(use_copy=True, validate_records=False),
        lambda _, database: _Postgres(database),
    ),
    Target(
        "PostgreSQL, meltanolabs, INSERT",
        "target-postgres",
        "meltanolabs-target-postgres",
        "target-postgres",
        _postgres(use_copy=False, validate_records=True),
        lambda _, database: _Postgres(database),
    ),
    Target(
        "PostgreSQL, meltanolabs, batch files in S3 (moto)",
        "batches",
        "meltanolabs-target-postgres",
        "target-postgres",
        _batches,
        lambda _, database: _Postgres(database),
        batches=True,
    ),
    Target(
        "PostgreSQL, pipelinewise",
        "target-postgres-pipelinewise",
        "pipelinewise-target-postgres",
        "target-postgres",
        _pipelinewise,
        lambda _, database: _Postgres(database),
        expected=frozenset({EMPTY, ESCAPED}),
    ),
    Target(
        "DuckDB",
        "target-duckdb",
        "target-duckdb",
        "target-duckdb",
        lambda home, _: {"path": str(home / "warehouse.duckdb"), "default_target_schema": SCHEMA},
        lambda home, _: _Duck(home / "warehouse.duckdb"),
        expected=frozenset({EMPTY}),
    ),
    Target(
        "SQLite",
        "target-sqlite",
        "target-sqlite",
        "target-sqlite",
        lambda home, _: {"database": str(home / "warehouse")},
        lambda home, _: _SQLite(home / "warehouse.db"),
    ),
    Target(
        "CSV files",
        "target-csv",
        "meltanolabs-target-csv",
        "target-csv",
        lambda home, _: {"output_path": str(home)},
        lambda home, _: _Csv(home),
        expected=frozenset({EMPTY}),
    ),
    Target(
        "JSON Lines files",
        "target-jsonl",
        "target-jsonl",
        "target-jsonl",
        lambda home, _: {"destination_path": str(home), "do_timestamp_file": False},
        lambda home, _: _JsonLines(home),
        replaces=False,
    ),
    Target(
        "Parquet files in S3 (moto)",
        "target-s3",
        "plinxore-target-s3",
        "target-s3",
        _s3,
        _parquet,
        replaces=False,
    ),
)
