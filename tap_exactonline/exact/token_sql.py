"""Tokens in a SQL database, for runs on several machines.

The lock is a row that the holder keeps locked in an open transaction, so it ends with the holder's connection.
The tokens stand in a table of their own and are saved over a second connection: the note that a refresh was
begun has to be durable while the lock is held. Each save compares the record with the one that was read, so that
a holder whose connection broke can't overwrite what its successor saved.

SQLite locks a whole database at a time, which nobody else should have to wait for during a request to Exact. There
the lock is the one of a file beside the database; the saves are transactions that begin immediately.

Tested with PostgreSQL and SQLite. Other databases need ``FOR UPDATE SKIP LOCKED`` (MySQL 8, MariaDB 10.6, Oracle;
SQL Server's ``READPAST`` is used there).
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tap_exactonline.exact.errors import Stopped, TokenStoreError
from tap_exactonline.exact.token_codec import Codec, Record, damaged
from tap_exactonline.exact.token_engine import Database
from tap_exactonline.exact.token_lock import busy, file_lock, holder
from tap_exactonline.exact.tokens import LOCK_TIMEOUT, LockedStore, Tokens, TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

log = logging.getLogger("tap-exactonline.tokens")

_POLL = 0.1
_SAVE_TRIES = 10


class SqlStore(TokenStore):
    """Keeps tokens in one row of a table.

    Args:
        location: An SQLAlchemy URL.
        codec: Names the record and encrypts it.

    Raises:
        SettingsError: The URL can't be used.
        TokenStoreError: A package is not installed.
    """

    def __init__(self, location: str, codec: Codec) -> None:
        self.database = Database(location)
        self.codec = codec

    def __repr__(self) -> str:
        """Without the URL."""
        return f"SqlStore({self.describe()})"

    def describe(self) -> str:
        """Without user and password."""
        return self.database.where

    def load(self) -> Tokens | None:
        """Read the row; None if there is no row, or no table."""
        database = self.database
        if not database.exists():
            return None
        with database.trouble("read"), database.reading() as connection:
            row = connection.execute(
                database.sql.select(database.tokens.c.payload).where(database.tokens.c.id == self.codec.name)
            ).first()
        return self.decode(row.payload) if row else None

    def decode(self, payload: str) -> Tokens:
        """The tokens of a row."""
        try:
            record = msgspec.json.decode(payload, type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise damaged(self.describe(), "holds a damaged row") from None
        return self.codec.decode(record, self.describe())

    @contextmanager
    def lock(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> Iterator[LockedStore]:
        """Hold the row's lock; see ``TokenStore.lock``."""
        self.database.create()
        with ExitStack() as stack:
            self._acquire(stack, timeout, cancelled)
            yield _LockedRow(self)

    def _acquire(self, stack: ExitStack, timeout: float, cancelled: Callable[[], bool] | None) -> None:
        beside = self.database.sqlite_file
        if beside is None:
            stack.enter_context(self._row_lock(timeout, cancelled))
            return
        path = beside.with_name(beside.name + ".tap-exactonline.lock")
        try:
            stack.enter_context(file_lock(path, timeout, where=self.describe(), cancelled=cancelled))
        except OSError as error:
            raise TokenStoreError(
                f"Can't lock the token store, {self.describe()}: {error.strerror}",
                "Give the user that runs the tap the right to write into the database's folder",
            ) from None

    @contextmanager
    def _row_lock(self, timeout: float, cancelled: Callable[[], bool] | None) -> Iterator[None]:
        database, name = self.database, self.codec.name
        for key in (name, _holder_key(name)):
            self._ensure_lock_row(key)
        with ExitStack() as stack:
            with database.trouble("lock"):
                connection = stack.enter_context(database.engine.connect())
                stack.callback(_quietly, connection.rollback)
                deadline = time.monotonic() + timeout
                while not self._try_row(connection):
                    connection.rollback()
                    if cancelled is not None and cancelled():
                        raise Stopped("The run was asked to stop while it waited for the token store")
                    if time.monotonic() >= deadline:
                        raise busy(self.describe(), timeout, self._held_by())
                    time.sleep(_POLL * (0.5 + random.random()))  # noqa: S311 - spreads the waiters
            # Also proves, before anything is asked of Exact, that this user may write.
            self._tell_holder(holder())
            yield

    def _try_row(self, connection: Connection) -> bool:
        database = self.database
        if database.is_postgresql:
            # A server that ends idle transactions would end the lock in the middle of a request to Exact.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        locks = database.locks
        query = (
            database.sql.select(locks.c.id)
            .where(locks.c.id == self.codec.name)
            .with_hint(locks, "WITH (UPDLOCK, ROWLOCK, READPAST)", "mssql")
            .with_for_update(skip_locked=True)
        )
        return connection.execute(query).first() is not None

    def _ensure_lock_row(self, key: str) -> None:
        database = self.database
        locks = database.locks
        with database.trouble("lock"):
            with database.reading() as connection:
                if connection.execute(database.sql.select(locks.c.id).where(locks.c.id == key)).first():
                    return
            # Unless another process was quicker.
            with contextlib.suppress(database.sql.exc.IntegrityError), database.engine.begin() as connection:
                connection.execute(locks.insert().values(id=key, held_by=""))

    def _tell_holder(self, text: str) -> None:
        locks = self.database.locks
        with self.database.trouble("write"), self.database.engine.begin() as connection:
            connection.execute(
                locks.update().where(locks.c.id == _holder_key(self.codec.name)).values(held_by=text)
            )

    def _held_by(self) -> str:
        locks, key = self.database.locks, _holder_key(self.codec.name)
        with self.database.trouble("read"), self.database.reading() as connection:
            row = connection.execute(
                self.database.sql.select(locks.c.held_by).where(locks.c.id == key)
            ).first()
        return str(row.held_by) if row else ""


class _LockedRow(LockedStore):
    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._loaded: Tokens | None = None

    def load(self) -> Tokens | None:
        self._loaded = self._store.load()
        return self._loaded

    def prepare(self) -> None:
        """Nothing left to do: taking the lock has written already."""

    def save(self, tokens: Tokens) -> Tokens:
        database = self._store.database
        with database.trouble("write"):
            for _ in range(_SAVE_TRIES):
                saved = self._try_save(tokens)
                if saved is not None:
                    return saved
        raise TokenStoreError(
            f"The row of the token store, {self._store.describe()}, keeps changing",
            "Find out which program writes to it without its lock",
        )

    def delete(self) -> None:
        database = self._store.database
        with database.trouble("write"), database.engine.begin() as connection:
            connection.execute(database.tokens.delete().where(database.tokens.c.id == self._store.codec.name))

    def _try_save(self, tokens: Tokens) -> Tokens | None:
        """Compare and swap once; None if the row changed in between."""
        database, name = self._store.database, self._store.codec.name
        table = database.tokens
        with database.reading() as connection:
            row = connection.execute(
                database.sql.select(table.c.version, table.c.chain, table.c.payload).where(table.c.id == name)
            ).first()
        standing = self._store.decode(row.payload) if row else None
        if standing is not None and standing.supersedes(tokens, self._loaded):
            log.warning(
                "The token store, %s, got a newer login meanwhile; that one is used", self._store.describe()
            )
            return standing
        if row is None and self._loaded is not None:
            log.warning("The row of %s was removed meanwhile; it is written anew", self._store.describe())
        tokens = msgspec.structs.replace(
            tokens, version=max(tokens.version, standing.version if standing else 0) + 1
        )
        values: dict[str, Any] = {
            "version": tokens.version,
            "chain": tokens.chain,
            "payload": msgspec.json.encode(self._store.codec.encode(tokens)).decode(),
        }
        if not self._swap(row, values):
            return None
        self._loaded = tokens
        return tokens

    def _swap(self, row: Any, values: dict[str, Any]) -> bool:
        database, name = self._store.database, self._store.codec.name
        table = database.tokens
        try:
            with database.engine.begin() as connection:
                if row is None:
                    connection.execute(table.insert().values(id=name, **values))
                    return True
                same = (table.c.id == name) & (table.c.chain == row.chain) & (table.c.version == row.version)
                return connection.execute(table.update().where(same).values(**values)).rowcount == 1
        except database.sql.exc.IntegrityError:
            return False


def _holder_key(name: str) -> str:
    return f"{name}#holder"


def _quietly(close: Callable[[], None]) -> None:
    """End the transaction; if the connection is gone, the lock is gone with it."""
    with contextlib.suppress(Exception):
        close()
