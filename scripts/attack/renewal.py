"""Renewals of a login: processes are killed, and every system call on the store fails once."""

from __future__ import annotations

import errno
import logging
import signal
import tempfile
from pathlib import Path
from uuid import uuid4

from scripts.attack.model import Effort, Figure, Tally
from scripts.torture_tokens import LIFETIME, play, survives
from tests.e2e.token_torture import Torture, stand_in
from tests.support.tokens import laboratory, lives
from tests.unit.test_token_failing_calls import Disk, renew

_CODES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EACCES": errno.EACCES}


def attack(effort: Effort) -> list[Figure]:
    """Kill, then fail."""
    logging.disable(logging.CRITICAL)
    try:
        return [_killed(effort), _failing(effort)]
    finally:
        logging.disable(logging.NOTSET)


def _killed(effort: Effort) -> Figure:
    """One to three processes that renew the same login get SIGKILL at a random moment; see `scripts.torture_tokens`."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as home:
        for _ in range(effort.count(60)):
            if effort.late:
                break
            with stand_in(token_lifetime=LIFETIME) as exact:
                torture = Torture(exact, str(Path(home, "tokens.json")), Path(home))
                torture.log_in()
                what = play(torture, effort.chance, signal.SIGKILL)
                tally.tried += 1
                if trouble := survives(torture):
                    tally.went_wrong("lost login", f"{what}: {trouble}")
                if torture.leaked():
                    tally.went_wrong("secret in a log", what)
                torture.log.unlink(missing_ok=True)
    return tally.figure("renewals ended by SIGKILL", "logins lost")


def _failing(effort: Effort) -> Figure:
    """Exact is at its strictest here: a refresh token is dead as soon as its successor is issued."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as home, laboratory(Path(home), old_refresh_token="refused") as lab:  # noqa: S106
        whole = Disk(Path(home, "whole"))
        renew(lab, whole)
        points = [(point, name, code) for name, code in _CODES.items() for point in range(len(whole.calls))]
        for point, name, code in points[:: max(1, round(1 / effort.scale))]:
            if effort.late:
                break
            tally.tried += 1
            renew(lab, Disk(Path(home, uuid4().hex), point, code))
            if not lives(lab):
                tally.went_wrong("lost login", f"{whole.calls[point]} (call {point}) with {name}")
    return tally.figure(
        f"failing system calls of a renewal ({', '.join(_CODES)}), old token dead at once", "logins lost"
    )
