"""How a SQL token store reaches its database: URL, driver, tables, and errors without secrets."""

from __future__ import annotations

import importlib.util
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tap_exactonline.exact.errors import SettingsError, TokenStoreError
from tap_exactonline.exact.token_codec import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

TABLE = "tap_exactonline_tokens"
LOCK_TABLE = "tap_exactonline_locks"
_CHECK = "Check the setting 'token_store'"
_POSTGRES = {"postgres", "postgresql"}
# libpq's own names. A database that has vanished must not hold a run for longer than the lock's wait.
_LIBPQ = {"connect_timeout": 10, "tcp_user_timeout": 20_000, "application_name": "tap-exactonline"}


class Database:
    """An engine that keeps no connections open, and the two tables.

    Args:
        location: An SQLAlchemy URL.

    Raises:
        SettingsError: The URL can't be used.
        TokenStoreError: SQLAlchemy or the driver is not installed.
    """

    def __init__(self, location: str) -> None:
        sql = need(_sqlalchemy, "sql", "A database as 'token_store'")
        url = _parse(sql, location)
        self.sqlite_file = _sqlite_file(url) if url.get_backend_name() == "sqlite" else None
        self.where = _describe(url, self.sqlite_file)
        arguments: dict[str, Any] = {}
        if url.drivername in {"postgresql+psycopg", "postgresql+psycopg2"}:
            arguments = {k: v for k, v in _LIBPQ.items() if k not in url.query}
        elif self.sqlite_file is not None:
            arguments = {"timeout": 15}
        try:
            self.engine: Engine = sql.create_engine(
                url, poolclass=sql.pool.NullPool, hide_parameters=True, connect_args=arguments
            )
        except sql.exc.NoSuchModuleError:
            kind = url.get_backend_name()
            raise SettingsError("token_store", f"SQLAlchemy knows no database '{kind}'", _CHECK) from None
        except ImportError as error:
            name = error.name or url.drivername
            extra = "singer-tap-exactonline[postgres]" if url.get_backend_name() == "postgresql" else name
            raise TokenStoreError(
                f"'token_store' needs the database driver '{name}', which is not installed",
                f"Run: pip install '{extra}'",
            ) from None
        if self.sqlite_file is not None:
            _begin_immediately(sql, self.engine)
        self.sql = sql
        metadata = sql.MetaData()
        # A record's name is a hash and a host name: 190 characters fit any index that MySQL can make.
        self.tokens = sql.Table(
            TABLE,
            metadata,
            sql.Column("id", sql.String(190), primary_key=True),
            sql.Column("version", sql.BigInteger, nullable=False),
            sql.Column("chain", sql.String(32), nullable=False),
            sql.Column("payload", sql.Text, nullable=False),
        )
        self.locks = sql.Table(
            LOCK_TABLE,
            metadata,
            sql.Column("id", sql.String(190), primary_key=True),
            sql.Column("held_by", sql.String(500), nullable=False),
        )
        self._metadata = metadata
        self._there = False

    @property
    def is_postgresql(self) -> bool:
        """Whether PostgreSQL's own settings can be used."""
        return self.engine.dialect.name == "postgresql"

    def exists(self) -> bool:
        """Whether there is anything to read; touches nothing."""
        if self._there:
            return True
        if self.sqlite_file is not None and not self.sqlite_file.exists():
            return False
        with self.trouble("read"), self.reading() as connection:
            self._there = self.sql.inspect(connection).has_table(TABLE)
        return self._there

    def create(self) -> None:
        """Make the tables unless they are there. Many may do so at once: all but one see them appear."""
        if self._there:
            return
        if self.sqlite_file is not None:
            self._create_file(self.sqlite_file)
        with self.trouble("make the tables of"):
            for table in (self.locks, self.tokens):
                try:
                    with self.engine.begin() as connection:
                        table.create(connection, checkfirst=True)
                except self.sql.exc.DBAPIError:
                    with self.reading() as connection:
                        if not self.sql.inspect(connection).has_table(table.name):
                            raise
        self._there = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which each statement stands alone."""
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def trouble(self, doing: str) -> Iterator[None]:
        """Turn the database's errors into one of ours: its first line, without statement or parameters."""
        try:
            yield
        except self.sql.exc.SQLAlchemyError as error:
            told = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
            reason = told[0][:300] if told else type(error).__name__
            raise TokenStoreError(
                f"Can't {doing} the token store, {self.where}: {reason}",
                "Check that the database of 'token_store' is reachable and that its user may create tables "
                f"once and then read and write {TABLE} and {LOCK_TABLE}",
            ) from None

    def _create_file(self, path: Path) -> None:
        """An empty file that nobody else can read, before SQLite makes one that everybody can."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise TokenStoreError(
                f"Can't make the token store, {self.where}: {error.strerror}", _CHECK
            ) from None


def _sqlalchemy() -> Any:
    import sqlalchemy  # noqa: PLC0415 - an extra
    import sqlalchemy.pool  # noqa: PLC0415

    return sqlalchemy


def _parse(sql: Any, location: str) -> URL:
    # Whatever stands between two "@" would be taken for a part of the host and shown.
    _, _, behind_the_user = location.partition("://")
    if re.sub(r"^[^:/]*", "", behind_the_user).count("@") > 1:
        raise SettingsError(
            "token_store",
            "the database URL holds more than one '@'",
            "In the password and behind it, write '@' as %40",
        )
    try:
        url: URL = sql.engine.make_url(location)
    except (sql.exc.ArgumentError, ValueError):
        # The URL is not quoted: it may hold a password.
        raise SettingsError(
            "token_store",
            "this is no database URL",
            "Write it like postgresql://user:password@host/database; special characters in the password "
            "have to be %-encoded",
        ) from None
    if url.drivername in _POSTGRES:
        # psycopg 3 is what the extra installs; an old psycopg2 will do where it is the only one.
        old = importlib.util.find_spec("psycopg") is None and importlib.util.find_spec("psycopg2")
        url = url.set(drivername="postgresql+psycopg2" if old else "postgresql+psycopg")
    return url


def _sqlite_file(url: URL) -> Path:
    name = url.database or ""
    if name.startswith("file:"):
        name = unquote(name[5:].partition("?")[0])
        if url.query.get("mode") == "memory":
            name = ""
    if name in {"", ":memory:"}:
        raise SettingsError("token_store", "a database in memory can't keep a login", "Name a file")
    return Path(os.path.realpath(name))


def _describe(url: URL, sqlite_file: Path | None) -> str:
    """Without user, password and parameters."""
    if sqlite_file is not None:
        return f"table {TABLE} in the SQLite file {sqlite_file}"
    host = url.host or str(url.query.get("host", ""))
    port = f":{url.port}" if url.port else ""
    return f"table {TABLE} in {url.get_backend_name()}://{host}{port}/{url.database or ''}"


def _begin_immediately(sql: Any, engine: Engine) -> None:
    """Let every SQLite transaction take the write lock at its start: a later upgrade could deadlock."""

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # else the driver begins by itself, and too late

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sql.event.listen(engine, "connect", connected)
    sql.event.listen(engine, "begin", begin)
