"""Token store in a database: addresses without passwords, refusals, and other people's tables."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.auth.store.database import read_address
from tap_exactonline.exact.errors import SettingsError, TokenStoreError
from tests.support.token_stores import opened


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:hunter2@db.example:5432/x?password=hunter2", "postgresql://db.example:5432/x"),
        ("postgres://me:hunter2@db.example/x", "postgresql://db.example/x"),
    ],
)
def test_description_holds_no_password(url: str, told: str) -> None:
    store = opened(url)
    assert told in store.describe()
    assert "hunter2" not in f"{store.describe()} {store!r}"


def test_unreachable_database_is_named_without_its_password() -> None:
    store = opened("postgresql://me:hunter2@127.0.0.1:1/x")
    with pytest.raises(TokenStoreError, match=r"127\.0\.0\.1") as caught:
        store.load()
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "hunter2" not in repr(chain)
        chain = None if chain.__suppress_context__ else chain.__cause__ or chain.__context__


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://me:hunter2@host:port/x", SettingsError),
        ("nosuch://me:hunter2@host/x", SettingsError),
        ("mysql+mysqldb://me:hunter2@host/x", SettingsError),
        ("oracle://me:hunter2@host/x", SettingsError),
        ("hunter2://host/x", SettingsError),
    ],
)
def test_unusable_url_is_refused_without_quoting_it(url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="token_store") as caught:
        opened(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p@hunter2@127.0.0.1:1/x",
        "postgresql://me:hunter2@hunter2@127.0.0.1:1/x",
        "postgresql://me:p@hunter2/hunter2@127.0.0.1:1/x",
        "postgresql://me:p@hunter2?hunter2@127.0.0.1:1/x",
        "postgresql://me:p@hunter2?a=hunter2@127.0.0.1:1/x",
        "postgresql://:p@hunter2@127.0.0.1:1/x",
        "postgresql://me@tenant:p@hunter2@127.0.0.1:1/x",
    ],
)
def test_an_at_sign_in_the_password_is_told_and_not_echoed(url: str) -> None:
    with pytest.raises(SettingsError, match="%40") as caught:
        opened(url)
    assert "hunter2" not in str(caught.value)


@settings(deadline=None)
@given(password=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=6, max_size=20))
def test_no_password_shows_whatever_it_holds(password: str) -> None:
    """Unencoded, as people paste it: if it can be read wrongly, no part of it may appear."""
    with contextlib.suppress(SettingsError):
        store = opened(f"postgresql://me:{password}@127.0.0.1:1/x")
        assert store.describe() == "table tap_exactonline_tokens in postgresql://127.0.0.1:1/x"


def test_encoded_at_sign_is_part_of_the_password() -> None:
    assert read_address("postgresql://me%40home:p%40ss@127.0.0.1:1/x").parameters.items() >= {
        ("user", "me@home"),
        ("password", "p@ss"),
    }


@pytest.mark.parametrize("text", ["postgresql:/me:hunter2@host/x", "postgres:me:hunter2@host/x"])
def test_half_a_url_is_no_file_name(text: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://user:password@host/database") as caught:
        opened(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected", "told"),
    [
        ("postgresql://host/x", {"host": "host", "dbname": "x"}, "postgresql://host/x"),
        ("postgresql+psycopg://host:5433", {"host": "host", "port": "5433"}, "postgresql://host:5433/"),
        ("postgres://[::1]:5/x", {"host": "::1", "port": "5", "dbname": "x"}, "postgresql://::1:5/x"),
        ("postgresql://me@/x?host=/run/pg", {"user": "me", "dbname": "x", "host": "/run/pg"}, "postgresql:///run/pg/x"),
        (
            "postgresql://me:a/b?c#d@h/x%20y?sslmode=require&connect_timeout=3",
            {"password": "a/b?c#d", "dbname": "x y", "sslmode": "require", "connect_timeout": "3"},
            "postgresql://h/x y",
        ),
        ("postgresql:///x", {"dbname": "x"}, "postgresql:///x"),
    ],
)  # fmt: skip
def test_address_is_understood(url: str, expected: dict[str, str], told: str) -> None:
    address = read_address(url)
    assert address.parameters.items() >= expected.items()
    assert address.where == told


def test_old_sqlite_store_is_told_what_to_use_instead(path: Path) -> None:
    with pytest.raises(SettingsError, match="SQLite is no longer supported") as caught:
        opened(f"sqlite:///{path}")
    assert "file" in caught.value.remedy
    assert "tap-exactonline login" in caught.value.remedy
