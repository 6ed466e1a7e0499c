"""Notes in a row of their own in the token store's table, for runs on several machines."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Unpack

import msgspec

from tap_exactonline.exact.errors import Stopped, TokenStoreError
from tap_exactonline.exact.notes import Entry, Notes, What, entries_in, lasting

if TYPE_CHECKING:
    from psycopg import Connection

    from tap_exactonline.exact.auth.store.database import TokenDatabase

_READ = "SELECT payload FROM tap_exactonline_tokens WHERE id = %s FOR UPDATE"
_WRITE = """
    INSERT INTO tap_exactonline_tokens (id, version, chain, payload) VALUES (%s, 0, '', %s)
    ON CONFLICT (id) DO UPDATE SET payload = excluded.payload
"""
_DELETE = "DELETE FROM tap_exactonline_tokens WHERE id = %s"
_TIMEOUT = 2.0
# Seconds between writes: a scope that is missing is refused in each administration, hundreds of times in a row.
_PAUSE = 5.0


class SqlNotes(Notes):
    """Notes that last. They are read once and written now and then; the last ones when the process ends.

    Args:
        database: Of the token store.
        name: Of the record that the notes are about.
        clock: Epoch seconds, to tell what is too old to be kept.
        steady: Seconds that never jump.
    """

    def __init__(
        self,
        database: TokenDatabase,
        name: str,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._database = database
        self._name = name
        self._clock = clock
        self._steady = steady
        self._asked = False
        self._lost = False
        self._written = float("-inf")
        self._pending: list[Entry] = []

    def flush(self) -> None:
        """Write what has not been written yet."""
        with self._lock:
            self._exchange()

    def _read(self) -> None:
        if not self._asked:
            self._asked = True
            self._try("read", self._take_row, make=False)

    def _write(self, place: str, **what: Unpack[What]) -> None:
        if not self._pending:
            atexit.register(self.flush)
        self._pending.append(self._entry(self._name, place, **what))
        if self._steady() - self._written >= _PAUSE:
            self._exchange()

    def _drop(self) -> None:
        self._pending.clear()
        self._try("write", self._delete_row, make=False)

    def _delete_row(self, connection: Connection) -> None:
        connection.execute(_DELETE, [self._key])

    def _exchange(self) -> None:
        """Add what is pending to the row, and take in what others have added."""
        if self._pending and self._try("write", self._put_row, make=True):
            self._pending.clear()
            self._written = self._steady()

    def _try(self, doing: str, work: Callable[[Connection], None], *, make: bool) -> bool:
        """Do it if it can be done. What has failed once is not tried again: each try would wait for the database."""
        if self._lost:
            return False
        try:
            if make:
                self._database.create()
            if make or self._database.exists():
                self._database.run(doing, work, timeout=_TIMEOUT)
        except (TokenStoreError, Stopped):
            self._lost = True
        return not self._lost

    def _row(self, connection: Connection) -> list[Entry]:
        found = connection.execute(_READ, [self._key]).fetchone()
        return list(entries_in(str(found[0]))) if found else []

    def _take_row(self, connection: Connection) -> None:
        for entry in self._row(connection):
            self._take_in(entry)

    def _put_row(self, connection: Connection) -> None:
        standing = self._row(connection)
        for entry in standing:
            self._take_in(entry)
        ours = {(entry.writer, entry.number) for entry in self._pending}
        others = [entry for entry in standing if (entry.writer, entry.number) not in ours]
        kept = lasting([*others, *self._pending], self._clock())
        payload = "\n".join(msgspec.json.encode(entry).decode() for entry in kept)
        connection.execute(_WRITE, [self._key, payload])

    @property
    def _key(self) -> str:
        return f"{self._name}#notes"
