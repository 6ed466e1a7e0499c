"""Token stores: what they keep, how they refuse, and that a failure never damages what is there."""

from __future__ import annotations

import builtins
import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tap_exactonline.exact import token_codec
from tap_exactonline.exact.errors import SettingsError, Stopped, TokenStoreError
from tap_exactonline.exact.token_codec import Codec
from tap_exactonline.exact.tokens import (
    Tokens,
    TokenStore,
    clean_token,
    default_path,
    fingerprint,
    login_id,
    open_store,
)

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

Open = Callable[..., TokenStore]


@pytest.fixture(params=["file", "sqlite"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "store" / "tokens"
    return str(path) if request.param == "file" else f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tokens"


def opened(location: str | Path, passphrase: str | None = None, **changes: str) -> TokenStore:
    given = {"client_id": CLIENT, "api_url": API} | changes
    return open_store(str(location), passphrase=passphrase, **given)


def everything_in(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


# -- names and places ----------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.floats(0, 2e9), st.integers(0, 9))
def test_no_view_of_tokens_shows_them(access: str, refresh: str, when: float, version: int) -> None:
    tokens = Tokens(
        access_token=f"<{access}>", refresh_token=f"<{refresh}>", obtained_at=when, version=version
    )
    shown = f"{tokens!r} {tokens} {list(tokens.__rich_repr__())}"
    assert f"<{access}>" not in shown
    assert f"<{refresh}>" not in shown


def test_login_id_tells_apps_and_countries_apart_and_nothing_else() -> None:
    same = {
        login_id(CLIENT, API),
        login_id(CLIENT.strip("{}").lower(), "https://START.exactonline.nl:443/"),
        login_id(f" {CLIENT} ", "start.exactonline.nl"),
    }
    assert len(same) == 1
    assert login_id(CLIENT, "https://start.exactonline.be") not in same
    assert login_id("another", API) not in same
    assert login_id(CLIENT, "http://127.0.0.1:8000") != login_id(CLIENT, "http://127.0.0.1:8001")
    assert CLIENT.strip("{}").lower() not in same.pop()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(None, None), ("", None), ("  \n", None), ("'a!b'", "a!b"), ("a%21b%2B", "a!b+"), ("a!b%", "a!b%")],
)
def test_clean_token(given: str | None, wanted: str | None) -> None:
    assert clean_token(given) == wanted


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MELTANO_SYS_DIR_ROOT", str(tmp_path / ".meltano"))
    meltano = default_path(CLIENT, API)
    assert meltano.parent == tmp_path / ".meltano" / "tap-exactonline"
    assert str(meltano) in open_store(None, client_id=CLIENT, api_url=API).describe()
    monkeypatch.delenv("MELTANO_SYS_DIR_ROOT")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_path(CLIENT, API).parent == tmp_path / "state" / "tap-exactonline"
    assert default_path(CLIENT, API).name == meltano.name
    assert default_path(CLIENT, "http://127.0.0.1:99").name != meltano.name
    assert not (tmp_path / "state").exists()


def test_location_may_be_a_folder_a_home_path_or_a_file_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = default_path(CLIENT, API).name
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opened(tmp_path).describe() == f"file {tmp_path / name}"
    assert opened(f"{tmp_path}/new/").describe() == f"file {tmp_path / 'new' / name}"
    assert opened("~/t.json").describe() == f"file {tmp_path / 't.json'}"
    assert opened(f"file://{tmp_path}/a%20b").describe() == f"file {tmp_path / 'a b'}"
    with pytest.raises(SettingsError, match="host"):
        opened("file://server/share")


# -- every store ---------------------------------------------------------------------------------


def test_store_gives_back_what_it_got(location: str) -> None:
    store = opened(location)
    assert store.load() is None
    saved = store.save(TOKENS)
    assert saved == replace(TOKENS, version=1)
    assert opened(location).load() == saved
    assert store.save(TOKENS).version == 2


def test_store_keeps_logins_apart(location: str) -> None:
    nl, be = opened(location), opened(location, api_url="https://start.exactonline.be")
    nl.save(TOKENS)
    assert be.load() is None
    be.save(replace(TOKENS, access_token="belgian"))
    assert nl.load() == replace(TOKENS, version=1)
    nl.delete()
    assert nl.load() is None
    loaded = be.load()
    assert loaded is not None
    assert loaded.access_token == "belgian"


def test_reading_makes_nothing(location: str, path: Path) -> None:
    assert opened(location).load() is None
    assert not path.parent.exists()


def test_probe_leaves_no_login_behind(location: str) -> None:
    store = opened(location)
    store.probe()
    assert store.load() is None
    store.save(TOKENS)
    store.probe()
    assert store.load() == replace(TOKENS, version=1)


def test_files_are_for_the_owner_only(location: str, path: Path) -> None:
    before = os.umask(0)
    try:
        opened(location).save(TOKENS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_lock_excludes_others_in_the_process(location: str) -> None:
    inside = 0
    most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        store = opened(location)
        for _ in range(5):
            with store.lock(30) as held:
                with guard:
                    inside += 1
                    most = max(most, inside)
                before = held.load()
                time.sleep(0.002)
                held.save(replace(TOKENS, tries=(before.tries if before else 0) + 1))
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = opened(location).load()
    assert most == 1
    assert loaded is not None
    assert (loaded.tries, loaded.version) == (30, 30)


def test_who_waits_in_vain_learns_who_holds_the_lock(location: str) -> None:
    started = time.monotonic()
    with (
        opened(location).lock(),
        pytest.raises(TokenStoreError, match=rf"process {os.getpid()} on .+ \(since 20\d\d-"),
        opened(location).lock(0.2),
    ):
        pass
    assert 0.15 < time.monotonic() - started < 5
    with opened(location).lock(0.2):  # and it is free again
        pass


def test_stop_ends_the_wait_for_the_lock(location: str) -> None:
    with (
        opened(location).lock(),
        pytest.raises(Stopped),
        opened(location).lock(60, cancelled=lambda: True),
    ):
        pass


def test_failure_inside_frees_the_lock(location: str) -> None:
    with pytest.raises(ZeroDivisionError), opened(location).lock():
        raise ZeroDivisionError
    with opened(location).lock(0.2):
        pass


def test_newer_login_that_bypassed_the_lock_is_kept(location: str) -> None:
    store, other = opened(location), opened(location)
    store.save(TOKENS)
    newer = replace(TOKENS, refresh_token="newer", logged_in_at=TOKENS.logged_in_at + 50)
    with store.lock() as held:
        held.load()
        _bypass(other, newer)
        standing = held.save(replace(TOKENS, refresh_token="renewed", obtained_at=TOKENS.obtained_at + 600))
    assert standing.refresh_token == "newer"
    assert _refresh_token(store) == "newer"


def test_older_login_put_there_meanwhile_is_replaced(location: str) -> None:
    store, other = opened(location), opened(location)
    store.save(TOKENS)
    backup = replace(TOKENS, refresh_token="backup", obtained_at=TOKENS.obtained_at - 6_000)
    with store.lock() as held:
        held.load()
        _bypass(other, backup)
        held.save(replace(TOKENS, refresh_token="renewed", obtained_at=TOKENS.obtained_at + 600))
    assert _refresh_token(store) == "renewed"


def test_login_removed_meanwhile_is_written_anew(location: str, path: Path) -> None:
    store = opened(location)
    store.save(TOKENS)
    with store.lock() as held:
        held.load()
        if location.startswith("sqlite"):
            _execute(path, "DELETE FROM tap_exactonline_tokens")
        else:
            path.unlink()
        held.save(replace(TOKENS, refresh_token="renewed"))
    assert _refresh_token(store) == "renewed"


def test_damaged_store_is_refused_and_left_alone(location: str, path: Path) -> None:
    store = opened(location)
    store.save(TOKENS)
    if location.startswith("sqlite"):
        _execute(path, 'UPDATE tap_exactonline_tokens SET payload = \'{"tokens": {"acc\'')
    else:
        path.write_bytes(path.read_bytes()[:-40])
    before = everything_in(path.parent)
    for action in (store.load, lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match="damaged") as caught:
            action()
        assert "token_store" in str(caught.value)
        assert "tap-exactonline login" in str(caught.value)
    assert everything_in(path.parent) == before


# -- encryption ----------------------------------------------------------------------------------


def test_encrypted_store_shows_nothing_and_opens_with_its_passphrase(location: str, path: Path) -> None:
    saved = opened(location, "correct horse").save(TOKENS)
    raw = everything_in(path.parent)
    for secret in (ACCESS, REFRESH, "correct horse"):
        assert secret.encode() not in raw
    assert opened(location, "correct horse").load() == saved


@pytest.mark.parametrize("passphrase", ["wrong", None])
def test_wrong_or_missing_passphrase_changes_nothing(
    location: str, path: Path, passphrase: str | None
) -> None:
    opened(location, "right").save(TOKENS)
    before = everything_in(path.parent)
    store = opened(location, passphrase)
    for action in (store.load, lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match="token_store_passphrase") as caught:
            action()
        assert "right" not in str(caught.value)
    assert everything_in(path.parent) == before


def test_plain_store_is_encrypted_with_the_next_save(location: str, path: Path) -> None:
    opened(location).save(TOKENS)
    store = opened(location, "secret")
    loaded = store.load()
    assert loaded == replace(TOKENS, version=1)
    store.save(loaded)
    if location.startswith("sqlite"):
        _execute(path, "VACUUM")
    assert REFRESH.encode() not in everything_in(path.parent)
    assert store.load() == replace(TOKENS, version=2)


def test_encryption_never_repeats_itself_and_is_bound_to_the_login() -> None:
    codec = Codec("one@host", "secret")
    first, second = codec.encode(TOKENS), codec.encode(TOKENS)
    assert first.sealed is not None
    assert second.sealed is not None
    assert first.sealed.nonce != second.sealed.nonce
    assert codec.decode(first, "x") == TOKENS
    with pytest.raises(TokenStoreError, match="passphrase"):
        Codec("two@host", "secret").decode(first, "x")


def test_missing_package_says_what_to_install(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.partition(".")[0] in {"cryptography", "sqlalchemy"}:
            raise ImportError(f"No module named '{name}'", name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TokenStoreError, match=r"pip install 'singer-tap-exactonline\[(encryption|sql)\]'"):
        opened(location, "secret")


# -- the file ------------------------------------------------------------------------------------


def test_link_is_followed_and_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    opened(link).save(TOKENS)
    assert link.is_symlink()
    assert _refresh_token(opened(real)) == REFRESH


def test_empty_file_is_no_login(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    store = opened(path)
    assert store.load() is None
    store.save(TOKENS)
    assert _refresh_token(store) == REFRESH


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
    assert _refresh_token(store) == "next"


def test_lock_file_replaced_while_waiting_guards_again(path: Path) -> None:
    store = opened(path)
    store.save(TOKENS)
    with store.lock():
        path.with_name("tokens.lock").unlink()
        with opened(path).lock(1), pytest.raises(TokenStoreError), opened(path).lock(0.2):
            pass


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
    assert _refresh_token(store) == "second"
    assert not path.with_name("tokens.new").exists()


def test_delete_leaves_no_secret(path: Path, location: str) -> None:
    store = opened(location)
    store.save(TOKENS)
    if not location.startswith("sqlite"):
        path.with_name("tokens.new").write_bytes(path.read_bytes())
        store.delete()
        assert REFRESH.encode() not in everything_in(path.parent)
    else:
        store.delete()
    assert store.load() is None
    store.delete()


# -- the database --------------------------------------------------------------------------------


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
        _execute(path, "CREATE TABLE somebody_elses (x int)")
        held.save(TOKENS)


def test_key_is_derived_once_per_store(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = token_codec.hashlib.scrypt
    monkeypatch.setattr(token_codec.hashlib, "scrypt", lambda *a, **k: calls.append(1) or real(*a, **k))
    codec = Codec("x@y", "secret")
    for _ in range(3):
        codec.decode(codec.encode(TOKENS), "x")
    assert len(calls) == 1


def test_fingerprint_reveals_nothing_and_tells_apart() -> None:
    assert fingerprint(None) == fingerprint("") == ""
    assert fingerprint("a") != fingerprint("b")
    assert len(fingerprint("secret" * 100)) == 16


def _bypass(store: TokenStore, tokens: Tokens) -> None:
    """Write as somebody does who has no idea of the lock."""
    if hasattr(store, "database"):
        from tap_exactonline.exact.token_sql import _LockedRow

        _LockedRow(store).save(tokens)  # type: ignore[arg-type]
    else:
        path = store.path
        copy = opened(str(path) + ".copy")
        copy.save(tokens)
        Path(str(path) + ".copy").replace(path)


def _execute(path: Path, statement: str) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _refresh_token(store: TokenStore) -> str | None:
    tokens = store.load()
    return tokens.refresh_token if tokens else None


def _refresh_token_after(store: TokenStore, token: str) -> str | None:
    store.save(replace(TOKENS, refresh_token=token))
    return _refresh_token(store)
