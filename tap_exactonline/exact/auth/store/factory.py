"""From the setting ``token_store`` to a store, and the name under which it keeps a login."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import platformdirs

from tap_exactonline.exact.auth.store.file import FileStore
from tap_exactonline.exact.auth.store.record import RecordCipher
from tap_exactonline.exact.errors import SettingsError

if TYPE_CHECKING:
    from tap_exactonline.exact.auth.store.base import TokenStore

DEFAULT = "default"
"""Name of the connection that needs no name."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def login_id(client_id: str, api_url: str) -> str:
    """Name of the record: one for each client id (hashed) and host."""
    parts = urlsplit(api_url if "://" in api_url else f"https://{api_url}")
    host = (parts.hostname or "").lower()
    if parts.port is not None and parts.port != {"https": 443, "http": 80}.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return f"{app_hash(client_id)}@{host}"


def record_name(client_id: str, api_url: str, connection: str = DEFAULT) -> str:
    """Name of the record of a connection; that of the default one is the name that all records had before."""
    name = login_id(client_id, api_url)
    return name if connection == DEFAULT else f"{name}/{connection}"


def check_name(connection: str) -> str:
    """A name that a connection may have.

    Raises:
        SettingsError: It may not.
    """
    if not _NAME.fullmatch(connection):
        raise SettingsError(
            "connection",
            "this is not a name for a connection",
            "Use up to 64 small letters, digits, '-', '_' and '.', beginning with a letter or digit, such as customer-17",
        )
    return connection


def default_path(client_id: str, api_url: str, connection: str = DEFAULT) -> Path:
    """Where tokens are kept unless ``token_store`` says otherwise."""
    return state_folder() / _file_name(login_id(client_id, api_url), connection)


def open_store(
    location: str | None,
    *,
    client_id: str,
    api_url: str,
    passphrase: str | None = None,
    connection: str = DEFAULT,
) -> TokenStore:
    """The store that the setting ``token_store`` means. Opening touches nothing yet.

    Args:
        location: None for the default file; a path (a folder takes the default name); or ``postgresql://…``.
        client_id: Of the app at Exact.
        api_url: Address of Exact's country; its host is part of the record's name.
        passphrase: Encrypts the record at rest.
        connection: Its name. Each has a record of its own; in files, also a file of its own.

    Raises:
        SettingsError: The location makes no sense.
        TokenStoreError: A package that the URL or the passphrase needs is not installed.
    """
    cipher = RecordCipher(record_name(client_id, api_url, check_name(connection)), passphrase or None)
    text = database_or_path(location)
    if isinstance(text, str):
        from tap_exactonline.exact.auth.store.sql import SqlStore  # noqa: PLC0415 - needs an extra

        return SqlStore(text, cipher)
    if text is None:
        return FileStore(default_path(client_id, api_url, connection), cipher)
    if is_folder(location, text):
        return FileStore(text / _file_name(login_id(client_id, api_url), connection), cipher)
    return FileStore(text if connection == DEFAULT else _beside(text, connection), cipher)


def database_or_path(location: str | None) -> str | Path | None:
    """A database's URL as text, a path, or None for the default file."""
    text = (location or "").strip()
    if "://" in text and not text.startswith("file://"):
        return text
    if re.match(r"postgres\w*(\+\w+)?:", text):
        # Not quoted: it holds a password.
        raise SettingsError(
            "token_store",
            "it is not a valid database URL",
            "Write it like postgresql://user:password@host/database",
        )
    if not text:
        return None
    if text.startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in {"", "localhost"}:
            raise SettingsError("token_store", "a file:// address can't name a host", "Write the path alone")
        text = unquote(parts.path)
    try:
        return Path(text).expanduser()
    except RuntimeError as exc:
        raise SettingsError(
            "token_store", "the home directory in it is unknown", "Write the whole path"
        ) from exc


def is_folder(location: str | None, path: Path) -> bool:
    """Whether a location names a folder: each login has a file of its own in it."""
    # A path that can't be has its own failure later.
    return (location or "").strip().endswith(os.sep) or os.path.isdir(path)  # noqa: PTH112


def state_folder() -> Path:
    """Where tokens are kept if nobody says where."""
    system = os.environ.get("MELTANO_SYS_DIR_ROOT")
    return Path(system, "tap-exactonline") if system else Path(platformdirs.user_state_dir("tap-exactonline"))


def _file_name(login: str, connection: str) -> str:
    name = f"tokens-{login.replace('@', '-').replace(':', '_')}"
    return f"{name}.json" if connection == DEFAULT else f"{name}-{connection}.json"


def _beside(path: Path, connection: str) -> Path:
    return path.with_name(f"{path.stem}-{connection}{path.suffix}")


def app_hash(client_id: str) -> str:
    """Hash of the client id, as in the names of records."""
    client = client_id.strip().strip("{}").lower()
    return hashlib.sha256(client.encode()).hexdigest()[:16]
