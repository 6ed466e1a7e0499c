"""Logins survive processes that are really killed, stopped, starved and started all at once."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from scripts.postgres import Postgres
from tests.e2e.token_child import PLACES, SQL_PLACES, Job
from tests.e2e.token_torture import Torture, stand_in
from tests.exact_online import Call

Make = Callable[..., Torture]
FILE, SEALED, SQLITE, POSTGRES = "file", "sealed file", "sqlite", "postgres"


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make a login in a store; afterwards no log of any process may hold a secret."""
    made: list[Torture] = []
    stack = []

    def build(kind: str = FILE, **switches: Any) -> Torture:
        context = stand_in(**switches)
        exact = context.__enter__()
        stack.append(context)
        location = str(tmp_path / "tokens.json")
        if kind == SQLITE:
            location = f"sqlite:///{tmp_path / 'tokens.db'}"
        elif kind == POSTGRES:
            location = request.getfixturevalue("database").sqlalchemy_url
        made.append(Torture(exact, location, tmp_path, "correct horse" if kind == SEALED else None))
        return made[-1]

    yield build
    for torture in made:
        assert torture.leaked() == set()
    for context in stack:
        context.__exit__(None, None, None)


def survives(torture: Torture) -> None:
    """The next run gets a token that works, and so does the one after the token's life."""
    after = torture.run()
    assert after.get("error") is None
    assert after["works"]
    torture.age()
    later = torture.run()
    assert later.get("error") is None
    assert later["token"] != after["token"]
    assert later["works"]
    assert 401 not in torture.statuses


# -- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *((FILE, place) for place in PLACES),
        (SEALED, "half written"),
        (SEALED, "written"),
        (SQLITE, "answered"),
        (SQLITE, "swapped"),
        *((POSTGRES, place) for place in SQL_PLACES),
    ],
)
def test_killed_anywhere_in_a_refresh(make: Make, kind: str, place: str) -> None:
    torture = make(kind, token_lifetime=2.0)
    torture.log_in()
    assert torture.run(place=place, signal=signal.SIGKILL)["exit"] == -signal.SIGKILL
    survives(torture)


@pytest.mark.parametrize("kind", [FILE, SQLITE, POSTGRES])
def test_killed_while_the_request_is_in_flight(make: Make, kind: str) -> None:
    torture = make(kind, token_lifetime=2.0)
    torture.log_in()
    _when_answering(torture, signal.SIGKILL)
    assert torture.run()["exit"] == -signal.SIGKILL
    assert torture.statuses == [200]
    survives(torture)


@pytest.mark.parametrize(
    "place", ["noted", "before request", "answered", "saving", "half written", "written", "renamed"]
)
def test_killed_where_exact_forgives_nothing(make: Make, place: str) -> None:
    """Only between the answer and the complete file is there nothing left to log in with; the error says so."""
    torture = make(FILE, token_lifetime=600.0, old_refresh_token="refused")
    torture.log_in()
    torture.run(place=place, signal=signal.SIGKILL)
    after = torture.run()
    if place in {"answered", "saving", "half written"}:
        assert after["kind"] == "LoginSuperseded"
        assert "cut off before it could save" in after["error"]
        assert "tap-exactonline login" in after["error"]
    else:
        assert after["works"]
        assert torture.statuses == [200]


def test_killed_holder_frees_the_lock_at_once(make: Make) -> None:
    for kind in (FILE, SQLITE, POSTGRES):
        torture = make(kind)
        torture.log_in()
        torture.run(place="before request", signal=signal.SIGKILL)
        started = time.monotonic()
        assert torture.run()["works"]
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("place", ["noted", "answered", "half written", "written", "renamed"])
def test_killed_in_the_very_first_refresh(make: Make, place: str) -> None:
    torture = make(FILE, token_lifetime=2.0)
    seed = torture.exact.issue_login()
    torture.run(seed=seed, place=place, signal=signal.SIGKILL)
    torture.age()  # nothing tells how long tokens live here: it would wait for the usual 570 s
    after = torture.run(seed=seed)
    assert after["works"]
    torture.age()
    assert torture.run(seed=seed)["works"]
    assert 401 not in torture.statuses


# -- ended by a signal that can wait -------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", ["before request", "answered", "half written", "written", "renamed"])
def test_signal_waits_for_the_save(make: Make, number: signal.Signals, place: str) -> None:
    torture = make(FILE)
    before = torture.log_in()
    ended = torture.run(place=place, signal=number)
    assert ended["exit"] == (-number if number == signal.SIGTERM else 1)  # 1: KeyboardInterrupt
    saved = torture.store.load()
    assert saved is not None
    assert saved.refresh_token != before.refresh_token
    assert saved.attempted_at == 0
    assert torture.run()["token"] == saved.access_token
    assert torture.statuses == [200]


@pytest.mark.parametrize("kind", [SQLITE, POSTGRES])
@pytest.mark.parametrize("place", ["answered", "swapped"])
def test_signal_waits_for_the_database(make: Make, kind: str, place: str) -> None:
    torture = make(kind)
    torture.log_in()
    assert torture.run(place=place, signal=signal.SIGTERM)["exit"] == -signal.SIGTERM
    saved = torture.store.load()
    assert saved is not None
    assert torture.run()["token"] == saved.access_token
    assert torture.statuses == [200]


def test_signal_in_flight_waits_for_the_save(make: Make) -> None:
    torture = make(FILE)
    torture.log_in()
    _when_answering(torture, signal.SIGTERM)
    assert torture.run()["exit"] == -signal.SIGTERM
    survives(torture)
    assert torture.statuses == [200, 200]


@pytest.mark.parametrize("place", ["before request", "answered", "written"])
def test_signal_waits_for_another_thread_under_the_guard(make: Make, place: str) -> None:
    torture = make(FILE)
    before = torture.log_in()
    ended = torture.run(place=place, signal=signal.SIGTERM, thread=True, guard="hold")
    assert ended["exit"] == -signal.SIGTERM
    saved = torture.store.load()
    assert saved is not None
    assert saved.refresh_token != before.refresh_token
    assert saved.attempted_at == 0
    assert torture.statuses == [200]


def test_program_with_its_own_handler_settles(make: Make) -> None:
    torture = make(FILE)
    torture.log_in()
    ended = torture.run(place="answered", signal=signal.SIGTERM, thread=True, guard="flag")
    assert ended["exit"] == 0
    assert ended["settled"] is True
    saved = torture.store.load()
    assert saved is not None
    assert saved.access_token == ended["token"]


def test_interpreter_waits_at_its_end_for_a_daemon_thread(make: Make) -> None:
    torture = make(FILE)
    before = torture.log_in()
    job = Job(
        torture.exact.url,
        torture.exact.client_id,
        torture.exact.client_secret,
        torture.location,
        str(torture.log),
        place="answered",
        disturb="slow",
        thread=True,
        extra={"seconds": 0.7},
    )
    code = (
        "import json, sys, threading, time\n"
        "from tests.e2e import token_child\n"
        "job = token_child.Job(**json.loads(sys.argv[1]))\n"
        "token_child._set_trap(job)\n"
        "threading.Thread(target=token_child._work, args=(job, {}), daemon=True).start()\n"
        "while not token_child.token_signals._section.busy: time.sleep(0.005)\n"
        "raise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(asdict(job))], timeout=60, check=False)
    assert done.returncode == 3
    saved = torture.store.load()
    assert saved is not None
    assert saved.refresh_token != before.refresh_token


# -- all at once ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (FILE, "login"),
        (FILE, "seed"),
        (SEALED, "login"),
        (SQLITE, "seed"),
        (POSTGRES, "login"),
        (POSTGRES, "seed"),
    ],
)
def test_eight_processes_at_the_same_moment(make: Make, kind: str, first: str) -> None:
    torture = make(kind)
    seed = torture.exact.issue_login() if first == "seed" else None
    if seed is None:
        torture.log_in()
    # With a seed the tables are made at that moment, too.
    moment = time.time() + 0.6
    ended = [child.end() for child in [torture.start(until=moment, seed=seed) for _ in range(8)]]
    assert [e.get("error") for e in ended] == [None] * 8
    assert len({e["token"] for e in ended}) == 1
    assert sum(e["calls"] for e in ended) == 1
    assert torture.statuses == [200]
    assert all(e["works"] for e in ended)


@pytest.mark.parametrize("kind", [FILE, POSTGRES])
def test_processes_hand_tokens_on_over_many_lives(make: Make, kind: str) -> None:
    torture = make(kind, token_lifetime=1.0)
    torture.log_in()
    ended = [child.end() for child in [torture.start(rounds=40, pause=0.05 + n / 200) for n in range(4)]]
    assert [e.get("error") for e in ended] == [None] * 4
    assert set(torture.statuses) == {200}
    assert sum(e["calls"] for e in ended) == len(torture.statuses)


@pytest.mark.parametrize("kind", [FILE, SQLITE, POSTGRES])
def test_hanging_holder_is_named_after_a_bounded_wait(make: Make, kind: str) -> None:
    torture = make(kind)
    torture.log_in()
    hanging = torture.start(place="before request", signal=signal.SIGSTOP)
    _wait_until(lambda: _state(hanging.pid) == "T")
    try:
        started = time.monotonic()
        waiting = torture.run(lock_timeout=1.0)
        assert 1.0 <= time.monotonic() - started < 15
        assert waiting["kind"] == "TokenStoreError"
        assert re.search(rf"process {hanging.pid} on \S+ \(since", waiting["error"])
        assert torture.statuses == []
    finally:
        os.kill(hanging.pid, signal.SIGCONT)
    assert hanging.end()["works"]
    assert torture.statuses == [200]


def test_database_that_drops_the_lock_does_not_cost_the_login(make: Make, database: Postgres) -> None:
    """The connections break while the request is in flight, and another process takes the lock."""
    torture = make(POSTGRES)
    torture.log_in(part=0.96)

    def drop(call: Call) -> None:
        if call.stream == "token" and call.status == 200:
            end()
            with database.connect() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    end = torture.exact.on_page(drop)
    slow = torture.start(place="answered", disturb="slow", extra={"seconds": 1.5})
    _wait_until(lambda: 200 in torture.statuses)
    other = torture.run()  # finds the note of an attempt, asks, hears that it is too early, uses the old one
    assert other["works"]
    ended = slow.end()
    assert ended["works"]
    saved = torture.store.load()
    assert saved is not None
    assert saved.access_token == ended["token"]
    survives(torture)


# -- disks, folders, files -----------------------------------------------------------------------


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


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="tokens-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


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


# -- help ----------------------------------------------------------------------------------------


def _when_answering(torture: Torture, number: int) -> None:
    """Send a signal to the process whose token request has had its effect but no answer yet."""
    start = torture.start
    pids: list[int] = []

    def started(**changes: Any) -> Any:
        child = start(**changes)
        pids.append(child.pid)
        return child

    def strike(call: Call) -> None:
        if call.stream == "token" and call.status == 200:
            end()
            os.kill(pids[0], number)
            time.sleep(0.1)

    torture.start = started  # type: ignore[method-assign]
    end = torture.exact.on_page(strike)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _wait_until(condition: Callable[[], bool], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _give_away(folder: Path, mode: int) -> int:
    """Make the folder one of an ordinary user; that user's number, 0 if it is ours already."""
    folder.chmod(mode)
    if os.geteuid() != 0:
        return 0
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_uid
