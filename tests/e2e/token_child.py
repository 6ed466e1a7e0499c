"""A process that needs an access token, and dies where it is told to. Started by the torture tests.

The places are reached by replacing functions in this process only; the code under test knows nothing of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import requests
from msgspec.structs import replace

from tap_exactonline.exact.auth import credentials, grants, refresh, signals
from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.auth.store.file import _LockedFile
from tap_exactonline.exact.auth.store.sql import _LockedRow
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import ExactError

# In the order of a refresh. All but the first two come after Exact has spent the refresh token.
PLACES = ("noted", "before request", "answered", "saving", "half written", "written", "renamed", "saved")
SQL_PLACES = ("noted", "before request", "answered", "saving", "swapped", "saved")


@dataclass
class Job:
    """What a process shall do.

    Attributes:
        place: Where to die or to be disturbed; one of `PLACES`, or "" for nowhere.
        signal: Sent to itself there; SIGSTOP to hang. 0: call ``disturb``.
        disturb: What else happens at the place: "disk full".
        thread: Ask for the token in another thread.
        guard: Around it, in the main thread: "hold" for `hold_signals`, "flag" for a handler that sets a flag.
        until: Wait for this moment first, so that many start at once.
        rounds: Ask so often, each time after ``pause`` seconds.
    """

    url: str
    client_id: str
    client_secret: str
    location: str
    log: str
    seed: str | None = None
    passphrase: str | None = None
    place: str = ""
    signal: int = 0
    disturb: str = ""
    thread: bool = False
    guard: str = ""
    until: float = 0.0
    rounds: int = 1
    pause: float = 0.0
    lock_timeout: float = 60.0
    user: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def run(job: Job, results: Connection | None) -> None:
    """Do the job and send ``{"token": …, "works": …, "error": …, "calls": …}``, unless it ends before."""
    logging.basicConfig(
        filename=job.log, level=logging.DEBUG, format="%(process)d %(name)s %(message)s", force=True
    )
    if job.user:
        os.setgroups([])
        os.setgid(job.user)
        os.setuid(job.user)
    credentials.LOCK_TIMEOUT = job.lock_timeout
    if "request_seconds" in job.extra:
        grants.BOUNDS = replace(grants.BOUNDS, total=job.extra["request_seconds"])
    _set_trap(job)
    told: dict[str, Any] = {}
    flag = threading.Event()
    with contextlib.ExitStack() as stack:
        if job.guard == "hold":
            stack.enter_context(signals.hold_signals())
        elif job.guard == "flag":
            signal.signal(signal.SIGTERM, lambda *_: flag.set())
        time.sleep(max(0.0, job.until - time.time()))
        if job.thread:
            worker = threading.Thread(target=_work, args=(job, told), daemon=True)
            worker.start()
            while worker.is_alive() and not flag.is_set():
                worker.join(0.02)
            if flag.is_set():
                told["settled"] = Credentials.settle(20)
                worker.join(5)
        else:
            _work(job, told)
    if results is not None:
        results.send(told)


def _work(job: Job, told: dict[str, Any]) -> None:
    """With the names of connections: use each of them, and tell who Exact says it is, and where."""
    for name in job.extra.get("connections", ["default"]):
        one: dict[str, Any] = {}
        _use(job, name, one)
        told["calls"] = told.get("calls", 0) + one.pop("calls")
        if "me" in one:
            told.setdefault("seen", {})[name] = one.pop("me")
        told |= one


def _use(job: Job, connection: str, told: dict[str, Any]) -> None:
    given: dict[str, Any] = {"client_id": job.client_id, "api_url": job.url}
    store = open_store(job.location, passphrase=job.passphrase, connection=connection, **given)
    login = Credentials(
        **given,
        client_secret=job.client_secret,
        store=store,
        refresh_token=job.seed,
        user_agent="torture",
        stop=threading.Event(),
    )
    try:
        for number in range(job.rounds):
            time.sleep(job.pause if number else 0)
            told["token"] = login.access_token()
        header = {"Authorization": f"Bearer {told['token']}", "Accept": "application/json"}
        me = requests.get(f"{job.url}/api/v1/current/Me", headers=header, timeout=30)
        told["works"] = me.status_code == 200
        if "connections" in job.extra:
            row = me.json()["d"]["results"][0]
            told["me"] = [row["FullName"], row["CurrentDivision"]]
    except ExactError as error:
        logging.getLogger("child").exception("failed")
        told |= {"error": str(error), "kind": type(error).__name__}
    told["calls"] = login.token_calls


def _set_trap(job: Job) -> None:
    """Replace what is called at the job's place."""
    if not job.place:
        return
    sprung = threading.Event()

    def spring() -> None:
        if sprung.is_set():
            return
        sprung.set()
        if job.disturb == "disk full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY))
        elif job.disturb == "slow":
            time.sleep(job.extra["seconds"])
        if job.signal:
            os.kill(os.getpid(), job.signal)
            time.sleep(0.05)  # for signals that another thread takes

    armed = threading.Event()  # from Exact's answer on
    real_granted = refresh.granted

    def granted(*args: Any) -> Tokens:
        armed.set()
        if job.place == "answered":
            spring()
        return real_granted(*args)

    refresh.granted = granted

    def wrap(owner: Any, name: str, place: str, *, after: bool = False, always: bool = False) -> None:
        if job.place != place:
            return
        real: Callable[..., Any] = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if not after and (always or armed.is_set()):
                spring()
            result = real(*args, **kwargs)
            if after and (always or armed.is_set()):
                spring()
            return result

        setattr(owner, name, wrapped)

    wrap(_LockedFile, "prepare", "noted", always=True)
    wrap(_LockedRow, "prepare", "noted", always=True)
    wrap(Credentials, "_post", "before request", always=True)
    wrap(_LockedFile, "save", "saving")
    wrap(_LockedRow, "save", "saving")
    wrap(_LockedRow, "_swap", "swapped", after=True)
    wrap(os, "fsync", "written", after=True)
    wrap(os, "replace", "renamed", after=True)
    wrap(Credentials, "_refresh", "saved", after=True)
    if job.place == "half written":
        real_write = os.write

        def write(descriptor: int, data: memoryview) -> int:
            if not armed.is_set() or sprung.is_set():
                return real_write(descriptor, data)
            done = real_write(descriptor, data[: len(data) // 2])
            spring()
            return done

        os.write = write


def main() -> None:
    """As a program of its own: a JSON job on the command line. Leaves by the interpreter's ordinary end."""
    import json
    import sys

    run(Job(**json.loads(sys.argv[1])), None)


if __name__ == "__main__":
    main()
