"""One step as a program, for Kubernetes and cron.

    python exact_part.py prepare    # make the tables; processes on several machines take turns
    python exact_part.py part 3     # read part 3; without a number that of JOB_COMPLETION_INDEX

A part ends with 0 if it is complete, with 1 if it makes sense to try it again at once, and with 3 if it does not: a person has to
act, or the next scheduled pass comes first. Meltano's lock of a lost run is waited out. `exact_parts.py` belongs beside it and
says what both need.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import exact_parts
from exact_parts import Decision, Next, Part, PartFailed

# It waits so long by itself; for a later moment it leaves the part to the next pass.
PATIENCE = timedelta(minutes=15)
COMPLETE, AGAIN, USAGE, NOT_NOW = range(4)


class Program:
    """Repeats a step until it is complete, or until somebody else has to decide."""

    def __init__(self) -> None:
        self._stopped = False
        # As the first process of a container it would not be ended by a signal that it does not handle.
        signal.signal(signal.SIGTERM, self._stop)

    def run(self, step: Callable[[], object]) -> int:
        """Run it; returns the exit code."""
        while True:
            try:
                step()
            except PartFailed as failed:
                print(failed, file=sys.stderr, flush=True)
                code = exit_code(failed.decision, datetime.now(UTC))
                if code is None:
                    self._wait(failed.decision)
                if self._stopped:
                    return AGAIN
                if code is not None:
                    return code
            else:
                return COMPLETE

    def _stop(self, *_: object) -> None:
        self._stopped = True
        exact_parts.stop()

    def _wait(self, decision: Decision) -> None:
        until = time.monotonic() + decision.delay().total_seconds()
        while not self._stopped and (left := until - time.monotonic()) > 0:
            time.sleep(min(1.0, left))


def exit_code(decision: Decision, now: datetime) -> int | None:
    """With which code to end; None if it is better to wait and to try again."""
    if decision.next is Next.RETRY:
        return AGAIN
    if decision.next is Next.WAIT and decision.delay(now) <= PATIENCE:
        return None
    return NOT_NOW


def prepare_in_turn() -> None:
    """Make the tables. Every pod of a Kubernetes job does, one after the other."""
    with turn():
        exact_parts.prepare()


@contextmanager
def turn() -> Iterator[None]:
    """A lock in Meltano's database, if that is PostgreSQL."""
    url = os.environ.get("MELTANO_DATABASE_URI", "")
    if not url.startswith("postgresql"):
        yield
        return
    import psycopg  # noqa: PLC0415 - of meltano[postgres], and only for this

    with psycopg.connect(re.sub(r"^postgresql\+\w+", "postgresql", url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('tap-exactonline prepare'))")
        yield


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says; returns the exit code."""
    match list(arguments):
        case ["prepare"]:
            return Program().run(prepare_in_turn)
        case ["part", *number] if len(number) <= 1:
            index = int(number[0] if number else os.environ["JOB_COMPLETION_INDEX"])
            mine = Part(index, int(os.environ.get("EXACT_PARTS", "16")))
            return Program().run(lambda: print(exact_parts.run_part(mine)))
    print(__doc__, file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
