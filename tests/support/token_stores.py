"""What the tests of token stores share: one login's tokens, stores of them, and ways around the stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tap_exactonline.exact.auth.store import TokenStore, open_store
from tap_exactonline.exact.auth.store.file import FileStore
from tap_exactonline.exact.auth.tokens import Tokens

CLIENT = "{5A0F3D52-2f7e-4d1b-9f0a-7e6f1c2b3a4d}"
API = "https://start.exactonline.nl"
ACCESS, REFRESH = "access-secret-1", "refresh!secret-1"
TOKENS = Tokens(
    access_token=ACCESS,
    refresh_token=REFRESH,
    obtained_at=1_700_000_000.25,
    expires_in=600.0,
    seed="aa",
    logged_in_at=1_699_999_999.0,
)


def opened(location: str | Path, passphrase: str | None = None, **changes: str) -> TokenStore:
    given = {"client_id": CLIENT, "api_url": API} | changes
    return open_store(str(location), passphrase=passphrase, **given)


def everything_in(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def bypass(store: TokenStore, tokens: Tokens) -> None:
    """Write as somebody does who has no idea of the lock."""
    if hasattr(store, "database"):
        from tap_exactonline.exact.auth.store.sql import _LockedRow

        _LockedRow(store, None).save(tokens)  # type: ignore[arg-type]
    else:
        assert isinstance(store, FileStore)
        path = store.path
        copy = opened(str(path) + ".copy")
        copy.save(tokens)
        Path(str(path) + ".copy").replace(path)


def is_file(location: str | Path) -> bool:
    return "://" not in str(location)


def execute(location: str, statement: str) -> list[tuple[Any, ...]]:
    """A statement on the database, past the store."""
    with psycopg.connect(location.replace("+psycopg", ""), autocommit=True) as connection:
        done = connection.execute(statement)
        return done.fetchall() if done.description else []


def raw(location: str) -> bytes:
    """All that is kept, as somebody sees it who steals the disk."""
    if is_file(location):
        return everything_in(Path(location).parent)
    return repr(execute(location, "SELECT * FROM tap_exactonline_tokens")).encode()


def damage(location: str) -> None:
    """Cut the login off in its middle."""
    if is_file(location):
        path = Path(location)
        path.write_bytes(path.read_bytes()[:-40])
    else:
        execute(location, "UPDATE tap_exactonline_tokens SET payload = left(payload, -40)")


def remove(location: str) -> None:
    if is_file(location):
        Path(location).unlink()
    else:
        execute(location, "DELETE FROM tap_exactonline_tokens")


def refresh_token_in(store: TokenStore) -> str | None:
    tokens = store.load()
    return tokens.refresh_token if tokens else None
