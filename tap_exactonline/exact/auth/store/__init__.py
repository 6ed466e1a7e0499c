"""Where the tokens of a login are kept: in a file for one machine, in PostgreSQL for several."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import platformdirs

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT, LockedStore, TokenStore
from tap_exactonline.exact.auth.store.file import FileStore
from tap_exactonline.exact.auth.store.record import RecordCipher
from tap_exactonline.exact.errors import SettingsError

__all__ = ["LOCK_TIMEOUT", "LockedStore", "TokenStore", "default_path", "login_id", "open_store"]


def login_id(client_id: str, api_url: str) -> str:
    """Name of the record: one for each client id (hashed) and host."""
    client = client_id.strip().strip("{}").lower()
    parts = urlsplit(api_url if "://" in api_url else f"https://{api_url}")
    host = (parts.hostname or "").lower()
    if parts.port is not None and parts.port != {"https": 443, "http": 80}.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return f"{hashlib.sha256(client.encode()).hexdigest()[:16]}@{host}"


def default_path(client_id: str, api_url: str) -> Path:
    """Where tokens are kept unless ``token_store`` says otherwise."""
    name = f"tokens-{login_id(client_id, api_url).replace('@', '-').replace(':', '_')}.json"
    system = os.environ.get("MELTANO_SYS_DIR_ROOT")
    folder = (
        Path(system, "tap-exactonline") if system else Path(platformdirs.user_state_dir("tap-exactonline"))
    )
    return folder / name


def open_store(
    location: str | None, *, client_id: str, api_url: str, passphrase: str | None = None
) -> TokenStore:
    """The store that the setting ``token_store`` means. Opening touches nothing yet.

    Args:
        location: None for the default file; a path (a folder takes the default name); or ``postgresql://…``.
        client_id: Of the app at Exact.
        api_url: Address of Exact's country; its host is part of the record's name.
        passphrase: Encrypts the record at rest.

    Raises:
        SettingsError: The location makes no sense.
        TokenStoreError: A package that the URL or the passphrase needs is not installed.
    """
    text = (location or "").strip()
    cipher = RecordCipher(login_id(client_id, api_url), passphrase or None)
    if "://" in text and not text.startswith("file://"):
        from tap_exactonline.exact.auth.store.sql import SqlStore  # noqa: PLC0415 - needs an extra

        return SqlStore(text, cipher)
    if re.match(r"postgres\w*(\+\w+)?:", text):
        # Not quoted: it holds a password.
        raise SettingsError(
            "token_store",
            "it is not a valid database URL",
            "Write it like postgresql://user:password@host/database",
        )
    if not text:
        return FileStore(default_path(client_id, api_url), cipher)
    if text.startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in {"", "localhost"}:
            raise SettingsError("token_store", "a file:// address can't name a host", "Write the path alone")
        text = unquote(parts.path)
    try:
        path = Path(text).expanduser()
    except RuntimeError as exc:
        raise SettingsError(
            "token_store", "the home directory in it is unknown", "Write the whole path"
        ) from exc
    if text.endswith(os.sep) or os.path.isdir(path):  # noqa: PTH112 - a path that can't be has its own failure later
        path /= default_path(client_id, api_url).name
    return FileStore(path, cipher)
