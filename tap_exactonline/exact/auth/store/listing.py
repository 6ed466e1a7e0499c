"""Which connections a store holds, and what it knows of them all at once."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tap_exactonline.exact.auth.store.factory import (
    DEFAULT,
    app_hash,
    database_or_path,
    is_folder,
    state_folder,
)
from tap_exactonline.exact.auth.store.file import FileStore
from tap_exactonline.exact.auth.store.record import RecordCipher
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_exactonline.exact.auth.store.base import TokenStore


# What lies beside a store. Where its name has no ending of its own, these look like stores of other connections.
_BESIDE = re.compile(r"\.(lock|new|notes)(\.[0-9a-f]{8})?$")


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """One connection that a store holds.

    Attributes:
        connection: Its name.
        host: Of Exact's country.
        store: Where it is.
    """

    connection: str
    host: str
    store: TokenStore


def list_connections(
    location: str | None, *, client_id: str, passphrase: str | None = None
) -> list[StoredConnection]:
    """The connections of an app that a store holds, by name. Reads names only; no passphrase is needed for that.

    Raises:
        SettingsError: The location makes no sense.
        TokenStoreError: The store can't be read.
    """
    prefix = f"{app_hash(client_id)}@"
    found: dict[str, StoredConnection] = {}

    def add(names: Iterable[str], make: Callable[[RecordCipher], TokenStore]) -> None:
        for name in names:
            host, _, connection = name.removeprefix(prefix).partition("/")
            if name.startswith(prefix) and name not in found:
                store = make(RecordCipher(name, passphrase or None))
                found[name] = StoredConnection(connection or DEFAULT, host, store)

    text = database_or_path(location)
    if isinstance(text, str):
        from tap_exactonline.exact.auth.store.sql import SqlStore  # noqa: PLC0415 - needs an extra

        add(SqlStore(text, RecordCipher("")).names(), partial(SqlStore, text))
    else:
        for path in _files(location, text, client_id):
            add(FileStore(path, RecordCipher("")).names(), partial(FileStore, path))
    return sorted(found.values(), key=lambda one: (one.connection, one.host))


def _files(location: str | None, path: Path | None, client_id: str) -> list[Path]:
    """The files that may hold connections of an app."""
    if path is None or is_folder(location, path):
        return sorted((path or state_folder()).glob(f"tokens-{app_hash(client_id)}-*.json"))
    others = sorted(path.parent.glob(f"{glob.escape(path.stem)}-*{glob.escape(path.suffix)}"))
    return [path, *(other for other in others if not _BESIDE.search(other.name))]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store held of a connection when it was read.

    Attributes:
        one: The connection.
        stamp: As long as it is the same, nothing has changed.
        load: Gives the record. That takes a tenth of a second if it is encrypted, and raises `TokenStoreError` if it can't be
            read.
        notes: What was noted beside it.
    """

    one: StoredConnection
    stamp: object
    load: Callable[[], Tokens | None]
    notes: Notes


def read_connections(
    location: str | None, *, client_id: str, passphrase: str | None = None
) -> Iterator[Snapshot]:
    """The connections of an app with what the store knows of them. A database is asked once for all of them.

    Raises:
        SettingsError: The location makes no sense.
        TokenStoreError: The store can't be read.
    """
    every = list_connections(location, client_id=client_id, passphrase=passphrase)
    text = database_or_path(location)
    if not isinstance(text, str):
        for one in every:
            assert isinstance(one.store, FileStore)  # noqa: S101
            files = one.store.path, one.store.sibling(".notes")
            yield Snapshot(one, tuple(map(_stamp, files)), one.store.load, one.store.notes())
        return
    from tap_exactonline.exact.auth.store.sql import SqlStore  # noqa: PLC0415 - needs an extra

    rows = SqlStore(text, RecordCipher("")).rows(f"{app_hash(client_id)}@") if every else {}
    for one in every:
        assert isinstance(one.store, SqlStore)  # noqa: S101
        name = one.store.cipher.name
        if row := rows.get(name):
            noted = rows.get(f"{name}#notes")
            stamp = row.version, row.chain, hash(row.payload), hash(noted)
            notes = Notes.of(noted.payload if noted else "")
            yield Snapshot(one, stamp, partial(one.store.decode, row.payload), notes)


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes whenever a file does."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size
