"""Token store in a database: addresses without passwords, refusals, and other people's tables."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.errors import SettingsError, TokenStoreError
from tap_exactonline.exact.token_sql import SqlStore
from tests.unit.store_lab import TOKENS, execute, opened


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
        ("sqlite://", SettingsError),
        ("sqlite:///:memory:", SettingsError),
        ("sqlite:///file:x?mode=memory&uri=true", SettingsError),
        ("mysql+mysqldb://me:hunter2@host/x", TokenStoreError),
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
        "sqlite:///x@hunter2:p@y",
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
    store = opened("postgresql://me%40home:p%40ss@127.0.0.1:1/x")
    assert isinstance(store, SqlStore)
    assert (store.database.engine.url.username, store.database.engine.url.password) == ("me@home", "p@ss")


@pytest.mark.parametrize("text", ["postgresql:/me:hunter2@host/x", "postgres:me:hunter2@host/x"])
def test_half_a_url_is_no_file_name(text: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://user:password@host/database") as caught:
        opened(text)
    assert "hunter2" not in str(caught.value)


def test_file_that_is_no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is not a database, although it is long enough to be one " * 20)
    before = path.read_bytes()
    for action in (opened(f"sqlite:///{path}").load, opened(f"sqlite:///{path}").probe):
        with pytest.raises(TokenStoreError, match="not a database"):
            action()
    assert path.read_bytes() == before


def test_other_tables_of_the_database_are_not_locked_during_a_refresh(path: Path) -> None:
    store = opened(f"sqlite:///{path}")
    with store.lock() as held:
        held.load()
        execute(path, "CREATE TABLE somebody_elses (x int)")
        held.save(TOKENS)
