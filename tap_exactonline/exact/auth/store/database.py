"""How a token store reaches PostgreSQL: the address, one transaction at a time, and errors without secrets."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT
from tap_exactonline.exact.auth.store.record import need
from tap_exactonline.exact.errors import SettingsError, Stopped, TokenStoreError
from tap_exactonline.exact.foreign_text import clean_text

if TYPE_CHECKING:
    from psycopg import Connection

    Work = Callable[[Connection], "T"]

T = TypeVar("T")

log = logging.getLogger("tap-exactonline.tokens")

TABLE = "tap_exactonline_tokens"
LOCK_TABLE = "tap_exactonline_locks"

_EXAMPLE = "Write it like postgresql://user:password@host/database"
_CREATE = {
    LOCK_TABLE: "id VARCHAR(190) PRIMARY KEY, held_by VARCHAR(500) NOT NULL",
    TABLE: "id VARCHAR(190) PRIMARY KEY, version BIGINT NOT NULL, chain VARCHAR(32) NOT NULL, payload TEXT NOT NULL",
}
# libpq's own names. A database that has vanished must not hold a run for longer than the lock's wait.
_LIBPQ = {"connect_timeout": "10", "tcp_user_timeout": "20000", "application_name": "tap-exactonline"}
_STAY = """
    SELECT set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""
# How long a statement waits for a table that somebody's DDL has locked, until a signal to stop is looked at.
_LOOK_UP = "1000ms"
# Seconds before each further try of what a broken connection cut off: a server takes some to start again.
_AGAIN = (0.2, 1.0, 3.0, 6.0)


class Address(NamedTuple):
    """Where the database is.

    Attributes:
        parameters: For libpq.
        where: For people, without user, password and options.
    """

    parameters: dict[str, str]
    where: str


class TokenDatabase:
    """PostgreSQL, reached by a new connection for each transaction, and the two tables.

    Args:
        location: ``postgresql://…``

    Raises:
        SettingsError: The URL can't be used.
        TokenStoreError: The driver is not installed.

    Attributes:
        place: The database, for people.
        where: The table, for people.
        Error: What the driver raises if anything is wrong.
        Locked: What it raises if somebody's DDL has a table locked.
    """

    def __init__(self, location: str) -> None:
        self._parameters, self.place = read_address(location)
        self.where = f"table {TABLE} in {self.place}"
        self._psycopg = need(_psycopg, "postgres", "A database as 'token_store'")
        self.Error: type[Exception] = self._psycopg.Error
        self.Locked: type[Exception] = self._psycopg.errors.LockNotAvailable
        self._there = False

    def run(
        self,
        doing: str,
        work: Work[T],
        *,
        timeout: float = LOCK_TIMEOUT,
        cancelled: Callable[[], bool] | None = None,
    ) -> T:
        """Do something in one transaction; once more if the connection is cut, or if somebody's DDL has the table locked.

        Args:
            doing: What, for the error's text.
            work: May be done twice: after a cut nobody knows whether it was committed.
            timeout: Seconds to wait for a table.
            cancelled: Asked while waiting; True ends the wait.

        Raises:
            TokenStoreError: It can't be done.
            Stopped: ``cancelled`` said so.
        """
        deadline = time.monotonic() + timeout
        cuts = Cuts(self, doing)
        while True:
            connection: Connection | None = None
            try:
                with self.connect() as connection:  # commits at the end
                    begin(connection)
                    return work(connection)
            except self.Locked:
                if time.monotonic() >= deadline:
                    raise self.table_locked(timeout) from None
            except self.Error as error:
                cuts.wait(error, cut=is_cut(connection))
            check_stop(cancelled)

    def connect(self) -> Connection:
        """A new connection, whose transactions begin by themselves.

        Raises:
            self.Error: There is none.
        """
        connection: Connection = self._psycopg.connect(**self._parameters)
        connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        return connection

    def exists(self, cancelled: Callable[[], bool] | None = None) -> bool:
        """Whether there is anything to read; touches nothing."""
        if not self._there:
            self._there = self.run("read", lambda c: _has_table(c, TABLE), cancelled=cancelled)
        return self._there

    def create(self, cancelled: Callable[[], bool] | None = None) -> None:
        """Make the tables unless they are there."""
        if self._there:
            return
        for name in (LOCK_TABLE, TABLE):
            self.run("make the tables of", partial(self._create, name), cancelled=cancelled)
        self._there = True

    def _create(self, name: str, connection: Connection) -> None:
        if _has_table(connection, name):
            return  # also where the user may not make tables
        try:
            with connection.transaction():
                connection.execute(f"CREATE TABLE {name} ({_CREATE[name]})")
        except self._psycopg.Error:
            # Many may do so at once; all but one see the table appear.
            if connection.closed or not _has_table(connection, name):
                raise

    def trouble(self, doing: str, error: Exception) -> TokenStoreError:
        """The driver's error as one of ours: its first line, without statement, parameters and password."""
        told = str(error).strip().splitlines()
        secrets = [value for name, value in self._parameters.items() if "password" in name and value]
        reason = clean_text(told[0], secrets, most=300) if told else type(error).__name__
        return TokenStoreError(
            f"Can't {doing} the token store, {self.where}: {reason}",
            "Check that the database of 'token_store' is reachable and that its user may create tables "
            f"once and then read and write {TABLE} and {LOCK_TABLE}",
        )

    def table_locked(self, timeout: float) -> TokenStoreError:
        """The error of one who waited in vain for a table."""
        return TokenStoreError(
            f"Another session of the database has kept the token store, {self.where}, locked for the {timeout:.0f} s "
            "that this run waited",
            f"Look in pg_stat_activity for what locks {TABLE} or {LOCK_TABLE} (a change of the table, VACUUM FULL); "
            "when it has ended, start this run again",
        )


def read_address(location: str) -> Address:
    """Take a database URL apart. Characters that would have to be %-encoded are taken as they are where that is clear.

    Raises:
        SettingsError: It can't be used. It is not quoted: it may hold a password.
    """
    scheme, _, behind = location.partition("://")
    kind = scheme.partition("+")[0].lower()
    if kind == "sqlite":
        raise SettingsError(
            "token_store",
            "SQLite is no longer supported",
            "Name a file for one machine, or a PostgreSQL database for several, and run 'tap-exactonline login' once",
        )
    if kind not in {"postgres", "postgresql"}:
        raise SettingsError("token_store", "this is not the URL of a PostgreSQL database", _EXAMPLE)
    # Whatever stands between two "@" would be taken for a part of the host and shown.
    if re.sub(r"^[^:/]*", "", behind).count("@") > 1:
        raise SettingsError(
            "token_store",
            "the database URL holds more than one '@'",
            "In the password and behind it, write '@' as %40",
        )
    found = _URL.fullmatch(behind)
    if found is None or not all(part.isdigit() for part in (found["port"] or "").split(",") if part):
        raise SettingsError(
            "token_store",
            "this is not a valid database URL",
            f"{_EXAMPLE}; special characters in the password have to be %-encoded",
        )
    host = unquote(found["ipv6"] or found["host"] or "")
    named = {"user": found["user"], "password": found["password"], "dbname": found["database"]}
    parameters = {name: unquote(value) for name, value in named.items() if value}
    parameters |= {name: value for name, value in (("host", host), ("port", found["port"])) if value}
    parameters |= dict(parse_qsl(found["options"] or "", keep_blank_values=True))
    place = f"{host or parameters.get('host', '')}{':' if found['port'] else ''}{found['port'] or ''}"
    return Address(_LIBPQ | parameters, f"postgresql://{place}/{unquote(found['database'] or '')}")


_URL = re.compile(
    r"(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[(?P<ipv6>[^/?\]]+)\]|(?P<host>[^/:?]*))?(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<options>.*))?",
    re.DOTALL,
)


class Cuts:
    """The broken connections of one operation: a server that starts again or changes over is back in seconds.

    Args:
        database: Where, for the error's text.
        doing: What, for the error's text.
    """

    def __init__(self, database: TokenDatabase, doing: str) -> None:
        self._database = database
        self._doing = doing
        self._pauses = iter(_AGAIN)
        self._cut = False

    def wait(self, error: Exception, *, cut: bool) -> None:
        """Wait before the next try.

        Args:
            error: What went wrong.
            cut: Whether it was a connection that had been made. Once one was, it may take a while until there is
                another; without that, a database that can't be reached is told at once.

        Raises:
            TokenStoreError: It is not worth a further try.
        """
        self._cut = self._cut or cut
        pause = next(self._pauses, None) if self._cut else None
        if pause is None:
            raise self._database.trouble(self._doing, error) from None
        log.info("The connection to the token store, %s, broke; it is made again", self._database.where)
        time.sleep(pause)


def begin(connection: Connection) -> None:
    """Let no statement of this transaction wait longer than a moment for a table that somebody's DDL has locked."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOOK_UP])


def stay(connection: Connection) -> None:
    """Keep the transaction, and the lock that it holds, in the middle of a request to Exact: servers may end idle ones."""
    connection.execute(_STAY)


def is_cut(connection: Connection | None) -> bool:
    """Whether a connection that had been made was broken from outside."""
    return connection is not None and connection.broken


def check_stop(cancelled: Callable[[], bool] | None) -> None:
    """End a wait if the run is to stop.

    Raises:
        Stopped: It is.
    """
    if cancelled is not None and cancelled():
        raise Stopped("The run was asked to stop while it waited for the token store")


def _has_table(connection: Connection, name: str) -> bool:
    found = connection.execute("SELECT to_regclass(%s)", [name]).fetchone()
    return found is not None and found[0] is not None


def _psycopg() -> Any:
    import psycopg  # noqa: PLC0415 - an extra

    return psycopg
