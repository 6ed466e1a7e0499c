"""Logins on a stand-in, and processes that use them: shared by the torture tests and `scripts/torture_tokens.py`."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tap_exactonline.exact.auth.store import TokenStore, open_store
from tap_exactonline.exact.auth.tokens import Tokens
from tests.e2e.token_child import Job, run
from tests.exact_online import Call, ExactOnline

FILE, SEALED, POSTGRES = "file", "sealed file", "postgres"

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.e2e.token_child", "psycopg"])


@dataclass
class Child:
    """A process at work."""

    process: BaseProcess
    results: Any

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def end(self, timeout: float = 60) -> dict[str, Any]:
        """Wait; what it sent, and its exit code (negative: the signal that ended it)."""
        told: dict[str, Any] = {}
        try:
            if self.results.poll(timeout):
                told = self.results.recv()
        except EOFError:
            pass
        self.process.join(timeout)
        assert self.process.exitcode is not None, "the process hangs"
        return told | {"exit": self.process.exitcode}


class Torture:
    """One login, its store, and the processes that fight over it.

    Args:
        exact: A running stand-in on a real clock.
        location: Of the token store.
        folder: For the log of all processes.
        passphrase: Of the token store.
    """

    def __init__(
        self, exact: ExactOnline, location: str, folder: Path, passphrase: str | None = None
    ) -> None:
        self.exact = exact
        self.location = location
        self.log = folder / "children.log"
        self.passphrase = passphrase

    @property
    def store(self) -> TokenStore:
        return open_store(
            self.location,
            client_id=self.exact.client_id,
            api_url=self.exact.url,
            passphrase=self.passphrase,
        )

    def log_in(self, part: float = 1.1) -> Tokens:
        """A login whose access token has lived so large a part of its life; it is in the store."""
        lifetime = self.exact.switches.token_lifetime
        with self.exact.lock:
            refresh = self.exact.issue_login(age=part * lifetime)
            chain = self.exact.oauth.chain
            assert chain is not None
            issued = chain.tokens[-1]
        return self.store.save(
            Tokens(
                access_token=issued.access,
                refresh_token=refresh,
                obtained_at=issued.issued,
                expires_in=lifetime,
                logged_in_at=time.time(),
            )
        )

    def age(self) -> None:
        """Let Exact and the store forget the present token: as if its life had gone by."""
        lifetime = self.exact.switches.token_lifetime
        with self.exact.lock:
            chain = self.exact.oauth.chain
            assert chain is not None
            chain.last_issued -= lifetime
        with self.store.lock() as held:
            tokens = held.load()
            assert tokens is not None
            older = tokens.obtained_at - lifetime, max(0.0, tokens.attempted_at - lifetime)
            held.save(replace(tokens, obtained_at=older[0], attempted_at=older[1], not_before=0.0))

    def start(self, **changes: Any) -> Child:
        """Start a process; see `Job`."""
        job = Job(
            url=self.exact.url,
            client_id=self.exact.client_id,
            client_secret=self.exact.client_secret,
            location=self.location,
            log=str(self.log),
            passphrase=self.passphrase,
        )
        for name, value in changes.items():
            setattr(job, name, value)
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=run, args=(job, theirs))
        process.start()
        theirs.close()
        return Child(process, ours)

    def run(self, **changes: Any) -> dict[str, Any]:
        """Start a process and wait for its end."""
        return self.start(**changes).end()

    @property
    def statuses(self) -> list[int]:
        return [call.status for call in self.exact.log if call.stream == "token"]

    def leaked(self) -> set[str]:
        """Secrets that stand in the processes' logs (all levels, errors with their tracebacks)."""
        text = self.log.read_text() if self.log.exists() else ""
        return {secret for secret in {*self.exact.issued_tokens, self.exact.client_secret} if secret in text}


@contextmanager
def stand_in(**switches: Any) -> Iterator[ExactOnline]:
    """Exact Online on a real clock."""
    exact = ExactOnline(**switches)
    with exact.serve():
        yield exact


Make = Callable[..., Torture]


def survives(torture: Torture) -> None:
    """The next run gets a token that works, and so does the one after the token's life."""
    after = torture.run()
    assert after.get("error") is None, after["error"]
    assert after["works"]
    torture.age()
    later = torture.run()
    assert later.get("error") is None, later["error"]
    assert later["token"] != after["token"]
    assert later["works"]
    assert 401 not in torture.statuses


def when_answering(torture: Torture, number: int) -> None:
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


def process_state(pid: int) -> str:
    """The first letter of what ``ps`` shows: T for stopped. A bare Linux has no ``ps``, and macOS no ``/proc``."""
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        return status.read_text().rpartition(")")[2].split()[0]
    command = ["ps", "-o", "state=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()[:1]


def wait_until(condition: Callable[[], bool], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
