"""What another user of the computer puts in the way of a token store is refused, or told."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tap_exactonline.exact.auth.store.file_lock import file_lock
from tap_exactonline.exact.errors import TokenStoreError
from tests.support.token_stores import REFRESH, TOKENS, opened, refresh_token_in

STRANGER = 12_345
THEIRS = replace(TOKENS, refresh_token="planted!by-a-stranger")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that every user can write into, as /tmp is one."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def plant(path: Path, owner: int = STRANGER) -> None:
    """Put somebody else's login there, as that user would."""
    opened(path).save(THEIRS)
    os.chown(path, owner, owner)
    path.with_name(path.name + ".lock").unlink()


def refuse(path: Path, told: str) -> None:
    """Neither read nor replaced, whatever is tried."""
    before = path.read_bytes() if path.is_file() else None
    store = opened(path)
    for action in (store.load, lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match=told) as caught:
            action()
        assert caught.value.remedy
    if before is not None:
        assert path.read_bytes() == before


# -- the folder ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_folder_that_all_can_write_to_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    store = opened(folder / "tokens")
    store.save(TOKENS)
    store.save(TOKENS)
    (told,) = [record.getMessage() for record in caplog.records]
    assert f"chmod o-w {folder}" in told


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
def test_ordinary_folder_is_not_remarked(tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    opened(folder / "tokens").save(TOKENS)
    assert caplog.records == []


# -- a planted store -------------------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_store_planted_in_a_shared_folder_is_refused(shared: Path, mode: int) -> None:
    shared.chmod(mode)
    plant(shared / "tokens")
    refuse(shared / "tokens", f"belongs to uid {STRANGER}, and every user can write there")


@as_root
def test_store_planted_with_its_folder_is_refused(shared: Path) -> None:
    (shared / "tap").mkdir(mode=0o700)
    plant(shared / "tap" / "tokens")
    os.chown(shared / "tap", STRANGER, STRANGER)
    refuse(shared / "tap" / "tokens", "every user can write there")


@as_root
def test_store_of_one_user_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    plant(folder / "tokens")
    os.chown(folder, STRANGER + 1, STRANGER + 1)
    refuse(folder / "tokens", f"uid {STRANGER + 1} can write there")


@as_root
def test_store_planted_by_a_member_of_the_folders_group_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    plant(folder / "tokens")
    os.chown(folder, 0, 777)
    folder.chmod(0o770)
    refuse(folder / "tokens", "the group 777 can write there")


@as_root
@pytest.mark.parametrize("link", ["file", "folder"])
def test_link_planted_in_a_shared_folder_is_refused(shared: Path, tmp_path: Path, link: str) -> None:
    home = tmp_path / "home-of-the-stranger"
    plant(home / "tokens")
    os.chown(home, STRANGER, STRANGER)
    place = shared / ("tokens" if link == "file" else "tap")
    place.symlink_to(home / "tokens" if link == "file" else home)
    os.chown(place, STRANGER, STRANGER, follow_symlinks=False)
    refuse(place if link == "file" else place / "tokens", "symbolic link")


@as_root
def test_roots_own_link_in_a_shared_folder_is_followed(shared: Path, tmp_path: Path) -> None:
    opened(tmp_path / "real" / "tokens").save(TOKENS)
    (shared / "tokens").symlink_to(tmp_path / "real" / "tokens")
    assert refresh_token_in(opened(shared / "tokens")) == REFRESH


@as_root
def test_root_serves_the_user_whose_folder_it_is(tmp_path: Path) -> None:
    """Containers often run as root on a folder of the host's user."""
    folder = tmp_path / "project"
    opened(folder / "tokens").save(TOKENS)
    for place in (folder, *folder.iterdir()):
        os.chown(place, STRANGER, STRANGER)
    folder.chmod(0o775)
    store = opened(folder / "tokens")
    with store.lock() as held:
        held.load()
        held.prepare()
        held.save(replace(TOKENS, refresh_token="renewed"))
    assert refresh_token_in(store) == "renewed"
    assert (folder / "tokens").stat().st_uid == STRANGER


@as_root
def test_root_gives_nothing_away_to_a_file_that_appears_under_the_lock(shared: Path) -> None:
    store = opened(shared / "tokens")
    with store.lock() as held:
        assert held.load() is None
        (shared / "tokens").touch()
        os.chown(shared / "tokens", STRANGER, STRANGER)
        for action in (held.prepare, lambda: held.save(TOKENS)):
            with pytest.raises(TokenStoreError, match="every user can write there"):
                action()
    assert REFRESH.encode() not in b"".join(p.read_bytes() for p in shared.iterdir())


def test_named_pipe_as_store_does_not_hang(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    refuse(path, "is not a regular file")


# -- the rest of a save ----------------------------------------------------------------------------


def _symlink(path: Path) -> None:
    path.with_name("elsewhere").write_text("somebody's")
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("make", [os.mkfifo, _symlink], ids=["named pipe", "symbolic link"])
def test_what_is_no_file_in_place_of_a_save_is_thrown_away(
    path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    store = opened(path)
    store.save(TOKENS)
    make(path.with_name("tokens.new"))
    with store.lock() as held:
        assert held.load() == replace(TOKENS, version=1)
    assert not os.path.lexists(path.with_name("tokens.new"))
    assert "thrown away" in caplog.text
    store.save(replace(TOKENS, refresh_token="next"))
    assert refresh_token_in(store) == "next"
    if make is _symlink:
        assert path.with_name("elsewhere").read_text() == "somebody's"


@as_root
def test_planted_save_is_thrown_away(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = shared / "tokens"
    store = opened(path)
    store.save(TOKENS)
    following = path.read_bytes().replace(b'"serial": 1', b'"serial": 2')
    new = shared / "tokens.new"
    new.write_bytes(following.replace(REFRESH.encode(), b"planted"))
    new.chmod(0o600)
    os.chown(new, STRANGER, STRANGER)
    with store.lock() as held:
        held.load()
    assert refresh_token_in(store) == REFRESH
    assert not new.exists()
    assert f"belongs to uid {STRANGER}" in caplog.text


# -- the lock --------------------------------------------------------------------------------------


def test_lock_that_is_a_hard_link_is_refused_and_the_other_file_stays(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "diary"
    other.write_text("dear diary")
    path.parent.mkdir()
    os.link(other, path.with_name("tokens.lock"))
    store = opened(path)
    for action in (lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match=r"tokens\.lock, is a hard link to another file") as caught:
            action()
        assert "Remove it" in caught.value.remedy
    assert other.read_text() == "dear diary"


@pytest.mark.parametrize("name", ["tokens", "tokens.new"])
def test_file_with_another_name_keeps_its_mode_and_content(path: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "diary"
    other.write_text("dear diary")
    other.chmod(0o644)
    path.parent.mkdir()
    os.link(other, path.with_name(name))
    if name == "tokens":
        with pytest.raises(TokenStoreError, match="is damaged or"):
            opened(path).save(TOKENS)
    else:
        opened(path).save(TOKENS)
    assert other.read_text() == "dear diary"
    assert other.stat().st_mode & 0o777 == 0o644


def test_lock_that_is_a_symbolic_link_is_refused_and_the_other_file_stays(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "diary"
    other.write_text("dear diary")
    path.parent.mkdir()
    path.with_name("tokens.lock").symlink_to(other)
    with pytest.raises(TokenStoreError, match="symbolic link"):
        opened(path).save(TOKENS)
    assert other.read_text() == "dear diary"


def test_named_pipe_as_lock_is_refused(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path.with_name("tokens.lock"))
    with pytest.raises(TokenStoreError, match=r"tokens\.lock, is not a regular file"):
        opened(path).save(TOKENS)


@as_root
def test_planted_lock_is_refused(shared: Path) -> None:
    lock = shared / "tokens.lock"
    lock.touch()
    os.chown(lock, STRANGER, STRANGER)
    with pytest.raises(TokenStoreError, match=r"tokens\.lock, belongs to uid 12345"):
        opened(shared / "tokens").save(TOKENS)


def test_lock_file_replaced_between_opening_and_locking_guards_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes hold a lock each, on two files that had the same name."""
    path = tmp_path / "lock"
    path.touch(0o600)
    real, opened_first = fcntl.flock, path.stat().st_ino
    locked: list[int] = []

    def flock(descriptor: int, how: int) -> Any:
        inode = os.fstat(descriptor).st_ino
        if inode == opened_first:
            new = tmp_path / "new"
            new.touch(0o600)
            new.replace(path)
        real(descriptor, how)
        locked.append(inode)

    monkeypatch.setattr(fcntl, "flock", flock)
    with file_lock(path, 5, where="here"):
        assert locked == [opened_first, path.stat().st_ino]
        with pytest.raises(TokenStoreError, match="has held the lock"), file_lock(path, 0, where="here"):
            pass


def test_lock_file_removed_between_opening_and_locking_guards_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.touch(0o600)
    real = fcntl.flock
    removed: list[Path] = []

    def flock(descriptor: int, how: int) -> Any:
        if not removed:
            removed.append(path)
            path.unlink()
        return real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with file_lock(path, 5, where="here"):
        assert stat.S_ISREG(path.stat().st_mode)
        with pytest.raises(TokenStoreError, match="has held the lock"), file_lock(path, 0, where="here"):
            pass


# -- a login that is not encrypted although it should be ----------------------------------------------


def test_plain_login_where_a_passphrase_is_set_is_told_once(
    location: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened(location).save(TOKENS)
    store = opened(location, "secret")
    for _ in range(2):
        assert refresh_token_in(store) == REFRESH
    (told,) = [record.getMessage() for record in caplog.records]
    assert "is not encrypted, although 'token_store_passphrase' is set" in told
    assert store.describe() in told
    store.save(TOKENS)
    caplog.clear()
    assert refresh_token_in(opened(location, "secret")) == REFRESH
    assert caplog.records == []
