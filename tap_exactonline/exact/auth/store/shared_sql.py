"""A shared row in the token store's table."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_exactonline.exact.auth.store.base import Content, SharedRow
from tap_exactonline.exact.auth.store.database import begin, stay

if TYPE_CHECKING:
    from psycopg import Connection

    from tap_exactonline.exact.auth.store.database import TokenDatabase

_ENSURE = """
    INSERT INTO tap_exactonline_tokens (id, version, chain, payload) VALUES (%s, 0, '', '') ON CONFLICT DO NOTHING
"""
_TAKE = "SELECT version, chain, payload FROM tap_exactonline_tokens WHERE id = %s FOR UPDATE"
_LOOK = """
    SELECT version, chain, payload, extract(epoch FROM clock_timestamp())::bigint FROM tap_exactonline_tokens WHERE id = %s
"""
_PUT = "UPDATE tap_exactonline_tokens SET version = %s, chain = %s, payload = %s WHERE id = %s"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::bigint"
_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"


class SqlRow(SharedRow):
    """One row of the token store's table.

    Args:
        database: The token store's.
        name: Of the row: the record's name, and what the row is for.
    """

    def __init__(self, database: TokenDatabase, name: str) -> None:
        self._database = database
        self._name = name

    def look(self) -> tuple[Content, int] | None:
        if not self._database.exists():
            return None
        found = self._database.run("read", lambda c: c.execute(_LOOK, [self._name]).fetchone())
        return (Content(*found[:3]), int(found[3])) if found else None

    def change(self, change: Callable[[Content, int], Content]) -> None:
        self._database.create()
        self._database.run("write", lambda c: self._change(c, change))

    def _change(self, connection: Connection, change: Callable[[Content, int], Content]) -> None:
        connection.execute(_ENSURE, [self._name])
        found = connection.execute(_TAKE, [self._name]).fetchone()
        now = connection.execute(_NOW).fetchone()
        content = change(Content(*found) if found else Content(), int(now[0]) if now else 0)
        connection.execute(_PUT, [*content, self._name])

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        connection: Connection | None = None
        try:
            try:
                connection = self._database.connect()
                begin(connection)
                stay(connection)
                digest = hashlib.sha256(self._name.encode()).digest()
                key = int.from_bytes(digest[:8], "big", signed=True)
                found = connection.execute(_LOCK, [key]).fetchone()
            except self._database.Error as error:
                raise self._database.trouble("lock", error) from None
            yield bool(found and found[0])
        finally:
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()
