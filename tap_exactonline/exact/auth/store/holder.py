"""Who is at work on a login: the process that holds a lock, and the one that has begun a renewal."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import socket
import time
from functools import cache
from pathlib import Path

from tap_exactonline.exact.errors import TokenStoreError
from tap_exactonline.exact.foreign_text import clean_text

_numbers = itertools.count(1)


def holder() -> str:
    """This process, as waiters will read it: JSON with pid, host and since."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})


def busy(where: str, timeout: float, held_by: str) -> TokenStoreError:
    """The error of one who waited in vain.

    Args:
        where: The store.
        timeout: Seconds that were waited.
        held_by: What `holder` gave in the process that has the lock.
    """
    who = "another process"
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        told = json.loads(held_by)
        pid, host, since = (clean_text(str(told[name]), most=60) for name in ("pid", "host", "since"))
        who = f"process {pid} on {host} (since {since})"
    return TokenStoreError(
        f"{who} has held the lock of the token store, {where}, for the {timeout:.0f} s that this run waited",
        "If that process hangs, end it (its lock goes with it); then start this run again",
    )


def new_mark() -> str:
    """A name for one part of this process that renews logins: ``number.pid@machine``."""
    return f"{next(_numbers)}.{os.getpid()}@{_machine()}"


def is_gone(mark: str) -> bool:
    """Whether the process of a mark has certainly ended. That can be known on its own machine only."""
    process, _, machine = mark.partition("@")
    if machine != _machine():
        return False
    try:
        os.kill(int(process.partition(".")[2]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError, OverflowError):
        return False
    return False


@cache
def _machine() -> str:
    """A hash of what process numbers are unique in: the host, its boot, and (in a container) the namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("utf-8"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
