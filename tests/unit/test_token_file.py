"""Token store in a file: links, rights, failing disks, and what a save that died leaves."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tap_exactonline.exact.auth.store import TokenStore
from tap_exactonline.exact.errors import TokenStoreError
from tests.support.token_stores import REFRESH, TOKENS, opened, refresh_token_in


def test_link_is_followed_and_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    opened(link).save(TOKENS)
    assert link.is_symlink()
    assert refresh_token_in(opened(real)) == REFRESH


def test_empty_file_is_no_login(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    store = opened(path)
    assert store.load() is None
    store.save(TOKENS)
    assert refresh_token_in(store) == REFRESH


def test_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    store = opened(path)
    store.save(TOKENS)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"format": 2}))
    with pytest.raises(TokenStoreError, match="newer version"):
        store.save(TOKENS)
    assert json.loads(path.read_text())["format"] == 2


def test_file_open_to_others_is_closed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(path)
    store.save(TOKENS)
    path.chmod(0o644)
    assert store.load() is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0600" in caplog.text


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    store = opened(tmp_path / "x")
    (tmp_path / "x").mkdir()
    with pytest.raises(TokenStoreError, match="token_store"):
        store.load()


def test_lock_file_replaced_while_waiting_guards_again(path: Path) -> None:
    store = opened(path)
    store.save(TOKENS)
    with store.lock():
        path.with_name("tokens.lock").unlink()
        with opened(path).lock(1), pytest.raises(TokenStoreError), opened(path).lock(0.2):
            pass


# -- a failing disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("write", errno.EIO),
        ("ftruncate", errno.EIO),
        ("fsync", errno.EIO),
        ("replace", errno.EBUSY),
    ],
)
def test_failing_disk_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    store = opened(path)
    saved = store.save(TOKENS)

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(TokenStoreError, match=os.strerror(code)):
            store.save(replace(TOKENS, refresh_token="next"))
    assert opened(path).load() == saved
    assert _refresh_token_after(store, "next") == "next"


def test_disk_that_has_no_room_is_noticed_before_anything_is_asked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    saved = store.save(TOKENS)

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(TokenStoreError, match="space"):
        store.probe()
    assert store.load() == saved


def test_disk_that_fills_up_later_does_not_cost_what_was_prepared(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(path)
    store.save(TOKENS)
    with store.lock() as held:
        held.load()
        held.prepare()
        assert path.with_name("tokens.new").stat().st_size >= 4 * path.stat().st_size
        real = os.open

        def full(name: Any, flags: int, *mode: int) -> int:
            if flags & os.O_CREAT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(name, flags, *mode)

        monkeypatch.setattr(os, "open", full)
        held.save(replace(TOKENS, refresh_token="next"))
    assert refresh_token_in(store) == "next"


# -- a save that died ------------------------------------------------------------------------------


def test_save_that_died_before_its_rename_is_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(path)
    store.save(TOKENS)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "dying")))
        with pytest.raises(TokenStoreError):
            store.save(replace(TOKENS, refresh_token="next"))
    assert path.with_name("tokens.new").exists()
    with opened(path).lock() as held:
        loaded = held.load()
    assert loaded is not None
    assert loaded.refresh_token == "next"
    assert not path.with_name("tokens.new").exists()


@settings(deadline=None)
@given(cut=st.floats(0, 0.999))
def test_save_that_died_while_writing_is_thrown_away(
    cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "tokens"
    store = opened(path)
    store.save(TOKENS)
    before = path.read_bytes()
    after = before.replace(b'"serial": 1', b'"serial": 2').replace(b"refresh!secret-1", b"refresh!secret-2")
    assert after != before
    body = after.rstrip()
    path.with_name("tokens.new").write_bytes(body[: int(len(body) * cut)])
    path.with_name("tokens.new").chmod(0o600)
    with store.lock() as held:
        loaded = held.load()
    assert loaded is not None
    assert loaded.refresh_token == REFRESH
    assert path.read_bytes() == before


def test_leftover_of_another_time_is_thrown_away(path: Path) -> None:
    store = opened(path)
    store.save(TOKENS)
    old = path.read_bytes()
    store.save(replace(TOKENS, refresh_token="second"))
    path.with_name("tokens.new").write_bytes(old)
    with store.lock() as held:
        held.load()
    assert refresh_token_in(store) == "second"
    assert not path.with_name("tokens.new").exists()


def _refresh_token_after(store: TokenStore, token: str) -> str | None:
    store.save(replace(TOKENS, refresh_token=token))
    return refresh_token_in(store)
