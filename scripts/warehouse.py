"""What arrived: the tables of the target, read by SQL that users can copy, and compared with the stand-in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from scripts.compare import Row, differences, plain
from scripts.meltano_project import executable
from tap_exactonline.sync.row_counts import ROW_COUNTS
from tap_exactonline.sync.run_log import RUN_LOG

# The rows of a sync stream that still exist in Exact Online, while `deletions` is `log`: a row that was deleted there
# stays in its table, and the log of deletions, itself the stream sync_deleted, names it.
LIVE = """
SELECT entity.* FROM {schema}.{table} AS entity
WHERE NOT EXISTS (
  SELECT FROM {schema}.sync_deleted AS gone
  WHERE gone.stream = {stream} AND gone.division = entity.division AND gone.entity_key = entity.{key}
)
"""
ALL = "SELECT entity.* FROM {schema}.{table} AS entity"


@dataclass(frozen=True)
class Stream:
    """What the tap's catalogue says of a stream."""

    name: str
    key: tuple[str, ...]
    selected: bool
    moments: frozenset[str]

    def is_moment(self, column: str) -> bool:
        """Whether a column holds a date with time."""
        return column in self.moments


def streams() -> dict[str, Stream]:
    """All streams of Exact, by name, from `tap-exactonline --discover`."""
    done = subprocess.run(
        [executable("tap-exactonline"), "--discover"], check=True, capture_output=True, text=True
    )
    found = {}
    for entry in json.loads(done.stdout)["streams"]:
        if entry["tap_stream_id"] in {RUN_LOG, ROW_COUNTS}:
            continue  # of the tap itself: nothing at Exact equals it
        top = next(item["metadata"] for item in entry["metadata"] if not item["breadcrumb"])
        found[entry["tap_stream_id"]] = Stream(
            name=entry["tap_stream_id"],
            key=tuple(entry["key_properties"]),
            selected=top.get("selected", top.get("selected-by-default", False)),
            moments=frozenset(
                name
                for name, schema in entry["schema"]["properties"].items()
                if schema.get("format") == "date-time"
            ),
        )
    return found


@dataclass(frozen=True)
class Warehouse:
    """A schema in PostgreSQL that target-postgres filled."""

    connection: psycopg.Connection[tuple[Any, ...]]
    schema: str

    def tables(self) -> set[str]:
        """The names of its tables."""
        found = self.connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [self.schema]
        )
        return {str(name) for (name,) in found}

    def count(self, stream: Stream) -> int:
        """All rows of a table, deleted ones included."""
        return len(self._select(ALL, stream))

    def rows(self, stream: Stream) -> list[Row]:
        """The rows of a table that still exist in the source."""
        logged = stream.name.startswith("sync_") and stream.name != "sync_deleted" and len(stream.key) == 2
        return self._select(LIVE if logged and "sync_deleted" in self.tables() else ALL, stream)

    def differences(self, stream: Stream, source: Iterable[Row]) -> list[str]:
        """Compare a table with the stand-in's rows, every column; one sentence for each difference."""
        return differences(self.rows(stream), source, stream.key)

    def live_sql(self, stream: Stream) -> str:
        """The statement that gives the rows which still exist in the source, as a person would type it."""
        return self._statement(LIVE, stream).as_string(self.connection).strip()

    def _statement(self, text: str, stream: Stream) -> sql.Composed:
        return sql.SQL(text).format(
            schema=sql.Identifier(self.schema),
            table=sql.Identifier(stream.name),
            stream=sql.Literal(stream.name),
            key=sql.Identifier(stream.key[-1]),
        )

    def _select(self, text: str, stream: Stream) -> list[Row]:
        if stream.name not in self.tables():
            return []
        query = self._statement(text, stream)
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return [{name: plain(value) for name, value in row.items()} for row in cursor.execute(query)]
