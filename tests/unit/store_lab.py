"""What the tests of token stores share: one login's tokens, stores of them, and ways around the stores."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy

from tap_exactonline.exact.token_file import FileStore
from tap_exactonline.exact.tokens import Tokens, TokenStore, open_store

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
        from tap_exactonline.exact.token_sql import _LockedRow

        _LockedRow(store).save(tokens)  # type: ignore[arg-type]
    else:
        assert isinstance(store, FileStore)
        path = store.path
        copy = opened(str(path) + ".copy")
        copy.save(tokens)
        Path(str(path) + ".copy").replace(path)


def execute(path: Path, statement: str) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def refresh_token_in(store: TokenStore) -> str | None:
    tokens = store.load()
    return tokens.refresh_token if tokens else None
