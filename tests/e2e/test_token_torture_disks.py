"""Logins survive full disks, folders without rights, and files that change during a refresh."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.token_torture import FILE, Make, Torture, survives
from tests.exact_online import Call


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="tokens-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_full_disk_before_the_request(make: Make) -> None:
    torture = make(FILE)
    before = torture.log_in()
    ended = torture.run(place="noted", disturb="disk full")
    assert ended["kind"] == "TokenStoreError"
    assert "space" in ended["error"]
    assert torture.statuses == []
    saved = torture.store.load()
    assert saved is not None
    assert saved.refresh_token == before.refresh_token
    assert torture.run()["works"]


def test_full_disk_after_the_answer_leaves_the_old_token_good(make: Make) -> None:
    torture = make(FILE, token_lifetime=2.0)
    torture.log_in()
    ended = torture.run(place="answered", disturb="disk full")
    assert ended["kind"] == "TokenStoreError"
    assert "could not be saved" in ended["error"]
    assert "token" not in ended
    survives(torture)


def test_read_only_folder(make: Make, open_folder: Path) -> None:
    torture = make(FILE)
    torture.location = str(open_folder / "store" / "tokens.json")
    torture.log = open_folder / "log"
    torture.log.touch()
    torture.log.chmod(0o666)
    torture.log_in(part=0.1)
    user = _give_away(open_folder / "store", 0o500)
    assert torture.run(user=user)["works"]  # a good token needs no writing
    older = torture.log_in()
    _give_away(open_folder / "store", 0o500)
    ended = torture.run(user=user)
    assert ended["kind"] == "TokenStoreError"
    assert "token_store" in ended["error"]
    assert "right" in ended["error"]
    assert torture.statuses == []
    assert torture.store.load() == older
    _give_away(open_folder / "store", 0o700)
    assert torture.run(user=user)["works"]


def test_file_of_another_user_is_not_trusted(make: Make, open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to make a file for somebody else")
    torture = make(FILE)
    torture.location = str(open_folder / "tokens.json")
    torture.log = open_folder / "log"
    torture.log.touch()
    torture.log.chmod(0o666)
    torture.log_in(part=0.1)
    Path(torture.location).chmod(0o644)
    ended = torture.run(user=pwd.getpwnam("nobody").pw_uid)
    assert ended["kind"] == "TokenStoreError"
    assert "another user" in ended["error"]


@pytest.mark.parametrize("how", ["file", "folder"])
def test_store_deleted_during_a_refresh_is_written_anew(make: Make, tmp_path: Path, how: str) -> None:
    torture = make(FILE)
    torture.location = str(tmp_path / "store" / "tokens.json")
    torture.log_in()

    def delete(call: Call) -> None:
        if call.stream == "token":
            if how == "file":
                Path(torture.location).unlink()
            else:
                shutil.rmtree(tmp_path / "store")

    end = torture.exact.on_page(delete)
    ended = torture.run()
    end()
    assert ended["works"]
    saved = torture.store.load()
    assert saved is not None
    assert saved.access_token == ended["token"]


def test_newer_login_put_there_during_a_refresh_is_used(make: Make, tmp_path: Path) -> None:
    torture = make(FILE)
    torture.log_in()
    other = Torture(torture.exact, str(tmp_path / "other.json"), tmp_path)
    done = threading.Event()

    def put(call: Call) -> None:
        if call.stream == "token" and not done.is_set():
            done.set()
            other.log_in(part=0.1)
            Path(other.location).replace(torture.location)

    torture.exact.on_page(put)
    ended = torture.run()
    assert ended["works"]
    saved = torture.store.load()
    assert saved is not None
    assert saved.access_token == ended["token"]


def _give_away(folder: Path, mode: int) -> int:
    """Make the folder one of an ordinary user; that user's number, 0 if it is ours already."""
    folder.chmod(mode)
    if os.geteuid() != 0:
        return 0
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_uid
