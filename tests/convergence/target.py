"""A target reduced to what decides about right or wrong: which rows a table holds after a list of messages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Key = tuple[Any, ...]
DELETED_AT = "_sdc_deleted_at"


class BadMessage(AssertionError):
    """A message that a target could not apply."""


@dataclass(slots=True)
class Kept:
    """One row: its columns without those of Singer, the version it came with, when it was deleted."""

    values: dict[str, Any]
    version: int | None
    deleted_at: str | None


@dataclass(slots=True)
class Table:
    """One table."""

    key: tuple[str, ...]
    columns: set[str]
    required: set[str]
    rows: dict[Key, Kept] = field(default_factory=dict)
    activated: list[int] = field(default_factory=list)

    def live(self, division: int | None = None) -> dict[Key, dict[str, Any]]:
        """The rows that are not marked as deleted, of one administration or of all."""
        return {
            key: kept.values
            for key, kept in self.rows.items()
            if kept.deleted_at is None and division in (None, kept.values.get("division"))
        }


class Target:
    """Applies messages as the targets of the Singer SDK do.

    An upsert writes every column of the schema, so that a record with fewer members empties the rest. With
    ``hard_delete`` a row that is marked as deleted, or whose version is lower than the activated one or missing, vanishes;
    without, it is stamped.

    Args:
        hard_delete: As the targets' setting of that name.
        batch: So many records of a stream are loaded at a time. What came under an earlier SCHEMA waits for the end of the
            input, while full batches that came under the next one are loaded before (Singer SDK 0.54, ``Target.get_sink``).
    """

    def __init__(self, *, hard_delete: bool, batch: int = 1) -> None:
        self.hard_delete = hard_delete
        self.batch = batch
        self._waiting: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._set_aside: list[Callable[[], None]] = []
        self.tables: dict[str, Table] = {}
        self._introduced: set[str] = set()
        self.torn: set[str] = set()
        """The streams of the last load of which records waited when another SCHEMA came."""
        self.applied = 0

    def load(self, lines: Iterable[bytes]) -> dict[str, Any] | None:
        """Apply the messages of one run, or of its beginning; returns the last state among them."""
        self._introduced = set()
        self.torn = set()
        state: dict[str, Any] | None = None
        for line in lines:
            message = json.loads(line)
            match message["type"]:
                case "SCHEMA":
                    self._schema(message)
                case "RECORD":
                    self._record(message)
                case "BATCH":
                    self._files(message)
                case "ACTIVATE_VERSION":
                    self._activate(message["stream"], message["version"])
                case "STATE":
                    state = message["value"]
                case other:
                    raise BadMessage(f"unknown message {other}")
            self.applied += 1
        for store in self._set_aside:
            store()
        self._set_aside = []
        for name in list(self._waiting):
            self._drain(name)
        return state

    def _drain(self, name: str) -> None:
        for store in self._waiting.pop(name, ()):
            store()

    def _schema(self, message: dict[str, Any]) -> None:
        name, properties = message["stream"], message["schema"]["properties"]
        key = tuple(message["key_properties"])
        if not set(key) <= set(properties):
            raise BadMessage(f"{name}: the key {key} is not among the columns")
        required = {column for column, kind in properties.items() if "null" not in kind["type"]}
        held = self.tables.get(name)
        if held is None:
            self.tables[name] = Table(key, set(properties), required)
        elif held.key != key:
            raise BadMessage(f"{name}: the key changed from {held.key} to {key}")
        else:
            if held.columns != set(properties):
                self.torn |= {name} & self._waiting.keys()
                self._set_aside += self._waiting.pop(name, ())
            held.columns, held.required = set(properties), required
        self._introduced.add(name)

    def _files(self, message: dict[str, Any]) -> None:
        """Load files at once. A record in one has no message that would tell its version (Singer SDK 0.54)."""
        for address in message["manifest"]:
            for line in Path(urlsplit(address).path).read_bytes().splitlines():
                record = json.loads(line)
                version = record.pop("_sdc_table_version", None)
                self._record({"stream": message["stream"], "record": record, "version": version})
        self._drain(message["stream"])

    def _record(self, message: dict[str, Any]) -> None:
        name, record = message["stream"], message["record"]
        if name not in self._introduced:
            raise BadMessage(f"{name}: a record before the schema")
        table = self.tables[name]
        unknown = set(record) - table.columns
        if unknown:
            raise BadMessage(f"{name}: columns that the schema lacks: {sorted(unknown)}")
        deleted_at = record.get(DELETED_AT)
        lacking = table.columns - set(record)
        if lacking and deleted_at is None:
            raise BadMessage(
                f"{name}: columns that the record lacks and the target would empty: {sorted(lacking)}"
            )
        values = {column: record.get(column) for column in table.columns if column != DELETED_AT}
        missing = [column for column in table.required if values[column] is None]
        if missing:
            raise BadMessage(f"{name}: null in {missing}, which the schema forbids")
        key = tuple(record[column] for column in table.key)
        self._waiting[name].append(
            partial(self._store, table, key, values, message.get("version"), deleted_at)
        )
        if len(self._waiting[name]) >= self.batch:
            self._drain(name)

    def _store(
        self, table: Table, key: Key, values: dict[str, Any], version: int | None, deleted_at: str | None
    ) -> None:
        if deleted_at is not None and self.hard_delete:
            table.rows.pop(key, None)
        else:
            # A column that is no longer in the schema keeps what it had.
            before = table.rows[key].values if key in table.rows else {}
            table.rows[key] = Kept({**before, **values}, version, deleted_at)

    def _activate(self, name: str, version: int) -> None:
        self._drain(name)
        table = self.tables[name]
        table.activated.append(version)
        for key, kept in list(table.rows.items()):
            if kept.version is None or kept.version < version:
                if self.hard_delete:
                    del table.rows[key]
                elif kept.deleted_at is None:
                    kept.deleted_at = f"version {version}"
