"""Logins survive processes that are really killed, or ended by a signal that can wait."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from tap_exactonline.exact.auth.store import open_store
from tests.e2e.token_child import PLACES, SQL_PLACES, Job
from tests.e2e.token_torture import FILE, POSTGRES, SEALED, Make, survives, when_answering
from tests.exact_online.raw import raw_server

# -- killed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *((FILE, place) for place in PLACES),
        (SEALED, "half written"),
        (SEALED, "written"),
        *((POSTGRES, place) for place in SQL_PLACES),
    ],
)
def test_killed_anywhere_in_a_refresh(make: Make, kind: str, place: str) -> None:
    torture = make(kind, token_lifetime=2.0)
    torture.log_in()
    assert torture.run(place=place, signal=signal.SIGKILL)["exit"] == -signal.SIGKILL
    survives(torture)


@pytest.mark.parametrize("kind", [FILE, POSTGRES])
def test_killed_while_the_request_is_in_flight(make: Make, kind: str) -> None:
    torture = make(kind, token_lifetime=2.0)
    torture.log_in()
    when_answering(torture, signal.SIGKILL)
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
    for kind in (FILE, POSTGRES):
        torture = make(kind)
        torture.log_in()
        torture.run(place="before request", signal=signal.SIGKILL)
        assert torture.run(lock_timeout=5)["works"]


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


# -- ended by a signal that can wait ---------------------------------------------------------------


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


@pytest.mark.parametrize("place", ["answered", "swapped"])
def test_signal_waits_for_the_database(make: Make, place: str) -> None:
    torture = make(POSTGRES)
    torture.log_in()
    assert torture.run(place=place, signal=signal.SIGTERM)["exit"] == -signal.SIGTERM
    saved = torture.store.load()
    assert saved is not None
    assert torture.run()["token"] == saved.access_token
    assert torture.statuses == [200]


def test_signal_in_flight_waits_for_the_save(make: Make) -> None:
    torture = make(FILE)
    torture.log_in()
    when_answering(torture, signal.SIGTERM)
    assert torture.run()["exit"] == -signal.SIGTERM
    survives(torture)
    assert torture.statuses == [200, 200]


@pytest.mark.parametrize("guard", ["", "hold"])
def test_signal_waits_no_longer_than_a_request_may_take(make: Make, guard: str) -> None:
    """The token service sends a byte of its headers now and then, for ever."""
    torture = make(FILE)
    before = torture.log_in()
    with raw_server() as slow:
        slow.handler = lambda connection, _came: slow.trickle(connection, itertools.repeat(b"X"))
        store = open_store(torture.location, client_id=torture.exact.client_id, api_url=slow.url)
        store.save(before)
        ended = torture.run(
            url=slow.url, place="before request", signal=signal.SIGTERM, thread=bool(guard), guard=guard,
            extra={"request_seconds": 1.0},
        )  # fmt: skip
        assert ended["exit"] == -signal.SIGTERM
        assert [request.split()[0] for request in slow.requests if not request.startswith(b"HEAD")] == [
            b"POST"
        ]
        kept = store.load()
        assert kept is not None
        assert kept.refresh_token == before.refresh_token
        assert kept.attempted_at


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
        "while not token_child.signals._section.busy: time.sleep(0.005)\n"
        "raise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(asdict(job))], timeout=60, check=False)
    assert done.returncode == 3
    saved = torture.store.load()
    assert saved is not None
    assert saved.refresh_token != before.refresh_token
