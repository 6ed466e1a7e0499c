"""Tokens in PostgreSQL, for runs on several machines.

The lock is a row that the holder keeps locked in an open transaction, so it ends with the holder's connection.
The tokens stand in a table of their own and are saved over a second connection: the note that a refresh was
begun has to be durable while the lock is held. Each save compares the record with the one that was read, so that
a holder whose connection broke can't overwrite what its successor saved.

A connection can break while its holder lives and waits for Exact's answer. So having the lock does not mean that no
renewal is under way; the note of the attempt says so.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT, LockedStore, TokenStore, to_save
from tap_exactonline.exact.auth.store.database import (
    Cuts,
    TokenDatabase,
    begin,
    check_stop,
    is_cut,
    stay,
)
from tap_exactonline.exact.auth.store.holder import busy, holder
from tap_exactonline.exact.auth.store.notes_sql import SqlNotes
from tap_exactonline.exact.auth.store.record import Record, RecordCipher, damaged
from tap_exactonline.exact.auth.store.shared_sql import SqlRow
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import TokenStoreError
from tap_exactonline.exact.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

log = logging.getLogger("tap-exactonline.tokens")

_POLL = 0.1
_SAVE_TRIES = 10
# Seconds that a save waits for a table that is locked. It is tried several times, and signals wait for it.
_SAVE_TIMEOUT = 15.0
_READ = "SELECT version, chain, payload FROM tap_exactonline_tokens WHERE id = %s"
_NAMES = "SELECT id FROM tap_exactonline_tokens WHERE id NOT LIKE '%#%' ORDER BY id"
_READ_MANY = "SELECT id, version, chain, payload FROM tap_exactonline_tokens WHERE id LIKE %s"
_INSERT = """
    INSERT INTO tap_exactonline_tokens (id, version, chain, payload) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE tap_exactonline_tokens SET version = %s, chain = %s, payload = %s
    WHERE id = %s AND version = %s AND chain = %s
"""
_DELETE = "DELETE FROM tap_exactonline_tokens WHERE id = %s"
_LOCK = "SELECT id FROM tap_exactonline_locks WHERE id = %s FOR UPDATE SKIP LOCKED"
_READ_HOLDER = "SELECT held_by FROM tap_exactonline_locks WHERE id = %s"
_INSERT_HOLDER = "INSERT INTO tap_exactonline_locks (id, held_by) VALUES (%s, '') ON CONFLICT DO NOTHING"
_UPDATE_HOLDER = "UPDATE tap_exactonline_locks SET held_by = %s WHERE id = %s"


class _Row(NamedTuple):
    version: int
    chain: str
    payload: str


class SqlStore(TokenStore):
    """Keeps tokens in one row of a table.

    Args:
        location: ``postgresql://…``
        cipher: Names the record and encrypts it.

    Raises:
        SettingsError: The URL can't be used.
        TokenStoreError: The driver is not installed.
    """

    def __init__(self, location: str, cipher: RecordCipher) -> None:
        self.database = TokenDatabase(location)
        self.cipher = cipher

    def __repr__(self) -> str:
        """Without the URL."""
        return f"SqlStore({self.describe()})"

    @property
    def place(self) -> str:
        """The address, without user and password."""
        return self.database.place

    def describe(self) -> str:
        """Without user and password."""
        return self.database.where

    def names(self) -> list[str]:
        """Names of all records of the table."""
        if not self.database.exists():
            return []
        rows = self.database.run("read", lambda c: c.execute(_NAMES).fetchall())
        return [str(name) for (name,) in rows]

    def rows(self, beginning: str) -> dict[str, _Row]:
        """All rows by name whose names begin like this; those of notes are among them.

        Args:
            beginning: Without ``%`` and ``_``.
        """
        if not self.database.exists():
            return {}
        found = self.database.run("read", lambda c: c.execute(_READ_MANY, [f"{beginning}%"]).fetchall())
        return {str(name): _Row(*rest) for name, *rest in found}

    def notes(self) -> Notes:
        """A row beside the tokens'."""
        return SqlNotes(self.database, self.cipher.name)

    def shared(self, purpose: str) -> SqlRow:
        """A row beside the tokens'."""
        return SqlRow(self.database, f"{self.cipher.name}#{purpose}")

    def load(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> Tokens | None:
        """Read the row; None if there is no row, or no table."""
        if not self.database.exists(cancelled):
            return None
        row = self.database.run("read", self.read_row, timeout=timeout, cancelled=cancelled)
        return self.decode(row.payload) if row else None

    def read_row(self, connection: Connection) -> _Row | None:
        """The row as it is."""
        found = connection.execute(_READ, [self.cipher.name]).fetchone()
        return _Row(*found) if found else None

    def decode(self, payload: str) -> Tokens:
        """The tokens of a row."""
        try:
            record = msgspec.json.decode(payload, type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise damaged(self.describe(), "holds a damaged row") from None
        return self.cipher.decode(record, self.describe())

    @contextmanager
    def lock(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> Iterator[LockedStore]:
        """Hold the row's lock; see ``TokenStore.lock``."""
        database = self.database
        database.create(cancelled)
        database.run("lock", self._ensure_lock_rows, timeout=timeout, cancelled=cancelled)
        connection = self._acquire(timeout, cancelled)
        try:
            # Also proves, before anything is asked of Exact, that this user may write.
            database.run("write", self._tell_holder, timeout=timeout, cancelled=cancelled)
            yield _LockedRow(self, cancelled)
        finally:
            _close(connection)

    def _acquire(self, timeout: float, cancelled: Callable[[], bool] | None) -> Connection:
        """The connection that holds the lock until it is closed."""
        deadline = time.monotonic() + timeout
        cuts = Cuts(self.database, "lock")
        while True:
            connection: Connection | None = None
            try:
                connection = self.database.connect()
                self._wait_for_row(connection, deadline, timeout, cancelled)
            except self.database.Error as error:
                cut = is_cut(connection)
                _close(connection)
                cuts.wait(error, cut=cut)
            except BaseException:
                _close(connection)
                raise
            else:
                return connection
            check_stop(cancelled)

    def _wait_for_row(
        self, connection: Connection, deadline: float, timeout: float, cancelled: Callable[[], bool] | None
    ) -> None:
        while True:
            in_vain = self._busy
            try:
                begin(connection)
                stay(connection)
                if self._try_row(connection):
                    return
            except self.database.Locked:
                in_vain = self.database.table_locked
            connection.rollback()
            check_stop(cancelled)
            if time.monotonic() >= deadline:
                raise in_vain(timeout)
            time.sleep(_POLL * (0.5 + random.random()))  # noqa: S311 - spreads the waiters

    def _try_row(self, connection: Connection) -> bool:
        return connection.execute(_LOCK, [self.cipher.name]).fetchone() is not None

    def _busy(self, timeout: float) -> TokenStoreError:
        return busy(self.describe(), timeout, self.database.run("read", self._held_by))

    def _ensure_lock_rows(self, connection: Connection) -> None:
        for key in (self.cipher.name, self._holder_key):
            # First a look: the user may lack the right to insert.
            if connection.execute(_READ_HOLDER, [key]).fetchone() is None:
                connection.execute(_INSERT_HOLDER, [key])

    @property
    def _holder_key(self) -> str:
        return f"{self.cipher.name}#holder"

    def _tell_holder(self, connection: Connection) -> None:
        connection.execute(_UPDATE_HOLDER, [holder(), self._holder_key])

    def _held_by(self, connection: Connection) -> str:
        found = connection.execute(_READ_HOLDER, [self._holder_key]).fetchone()
        return str(found[0]) if found else ""


class _LockedRow(LockedStore):
    certain = False

    def __init__(self, store: SqlStore, cancelled: Callable[[], bool] | None) -> None:
        self._store = store
        self._cancelled = cancelled
        self._loaded: Tokens | None = None

    def load(self) -> Tokens | None:
        self._loaded = self._store.load(cancelled=self._cancelled)
        return self._loaded

    def prepare(self) -> None:
        """Nothing left to do: taking the lock has written already."""

    def save(self, tokens: Tokens, *, if_unchanged: bool = False) -> Tokens:
        for _ in range(_SAVE_TRIES):
            saved = self._store.database.run(
                "write", lambda c: self._try_save(c, tokens, if_unchanged=if_unchanged), timeout=_SAVE_TIMEOUT
            )
            if saved is not None:
                self._loaded = saved
                return saved
        raise TokenStoreError(
            f"The row of the token store, {self._store.describe()}, keeps changing",
            "Find out which program writes to it without its lock",
        )

    def delete(self) -> None:
        self._store.database.run("write", lambda c: c.execute(_DELETE, [self._store.cipher.name]))

    def _try_save(self, connection: Connection, tokens: Tokens, *, if_unchanged: bool) -> Tokens | None:
        """Compare and swap once; None if the row changed in between."""
        store = self._store
        row = store.read_row(connection)
        standing = store.decode(row.payload) if row else None
        fresh = to_save(tokens, standing, self._loaded, store.describe(), if_unchanged=if_unchanged)
        if fresh is None:
            return standing
        return fresh if self._swap(connection, row, fresh) else None

    def _swap(self, connection: Connection, row: _Row | None, tokens: Tokens) -> bool:
        cipher = self._store.cipher
        payload = msgspec.json.encode(cipher.encode(tokens)).decode()
        if row is None:
            done = connection.execute(_INSERT, [cipher.name, tokens.version, tokens.chain, payload])
        else:
            new = [tokens.version, tokens.chain, payload]
            done = connection.execute(_UPDATE, [*new, cipher.name, row.version, row.chain])
        return done.rowcount == 1


def _close(connection: Connection | None) -> None:
    """End the transaction; if the connection is gone, the lock is gone with it."""
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.close()
