"""Logins survive processes that are started all at once, hang, or lose their lock."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from scripts.postgres import Postgres
from tests.e2e.token_torture import FILE, POSTGRES, SEALED, Make, process_state, survives, wait_until
from tests.exact_online import Call


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (FILE, "login"),
        (FILE, "seed"),
        (SEALED, "login"),
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


@pytest.mark.parametrize("kind", [FILE, POSTGRES])
def test_hanging_holder_is_named_after_a_bounded_wait(make: Make, kind: str) -> None:
    torture = make(kind)
    torture.log_in()
    hanging = torture.start(place="before request", signal=signal.SIGSTOP)
    wait_until(lambda: process_state(hanging.pid) == "T")
    try:
        waiting = torture.run(lock_timeout=1.0)
        assert waiting["kind"] == "TokenStoreError"
        assert re.search(rf"process {hanging.pid} on \S+ \(since .+ for the 1 s", waiting["error"])
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
    wait_until(lambda: 200 in torture.statuses)
    other = torture.run()  # finds the note of an attempt, asks, hears that it is too early, uses the old one
    assert other["works"]
    ended = slow.end()
    assert ended["works"]
    saved = torture.store.load()
    assert saved is not None
    assert saved.access_token == ended["token"]
    survives(torture)
