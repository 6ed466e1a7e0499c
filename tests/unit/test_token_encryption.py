"""Encrypted token stores: what they hide, and what a wrong passphrase does."""

from __future__ import annotations

import builtins
import hashlib
from typing import Any
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from tap_exactonline.exact.auth.store.record import RecordCipher
from tap_exactonline.exact.errors import TokenStoreError
from tests.support.token_stores import ACCESS, REFRESH, TOKENS, opened, raw


def test_encrypted_store_shows_nothing_and_opens_with_its_passphrase(location: str) -> None:
    saved = opened(location, "correct horse").save(TOKENS)
    for secret in (ACCESS, REFRESH, "correct horse"):
        assert secret.encode() not in raw(location)
    assert opened(location, "correct horse").load() == saved


@pytest.mark.parametrize("passphrase", ["wrong", None])
def test_wrong_or_missing_passphrase_changes_nothing(location: str, passphrase: str | None) -> None:
    opened(location, "right").save(TOKENS)
    before = raw(location)
    store = opened(location, passphrase)
    for action in (store.load, lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match="token_store_passphrase") as caught:
            action()
        assert "right" not in str(caught.value)
    assert raw(location) == before


def test_plain_store_is_encrypted_with_the_next_save(location: str) -> None:
    opened(location).save(TOKENS)
    store = opened(location, "secret")
    loaded = store.load()
    assert loaded == replace(TOKENS, version=1)
    store.save(loaded)
    assert REFRESH.encode() not in raw(location)
    assert store.load() == replace(TOKENS, version=2)


def test_encryption_never_repeats_itself_and_is_bound_to_the_login() -> None:
    cipher = RecordCipher("one@host", "secret")
    first, second = cipher.encode(TOKENS), cipher.encode(TOKENS)
    assert first.sealed is not None
    assert second.sealed is not None
    assert first.sealed.nonce != second.sealed.nonce
    assert cipher.decode(first, "x") == TOKENS
    with pytest.raises(TokenStoreError, match="passphrase"):
        RecordCipher("two@host", "secret").decode(first, "x")


def test_missing_package_says_what_to_install(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.partition(".")[0] in {"cryptography", "psycopg"}:
            raise ImportError(f"No module named '{name}'", name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        TokenStoreError, match=r"pip install 'singer-tap-exactonline\[(encryption|postgres)\]'"
    ):
        opened(location, "secret")


def test_key_is_derived_once_per_store(monkeypatch: pytest.MonkeyPatch) -> None:
    scrypt = Mock(wraps=hashlib.scrypt)
    monkeypatch.setattr(hashlib, "scrypt", scrypt)
    cipher = RecordCipher("x@y", "secret")
    for _ in range(3):
        cipher.decode(cipher.encode(TOKENS), "x")
    assert scrypt.call_count == 1
