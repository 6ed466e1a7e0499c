"""Try thousands of random histories and say how many there were and that none diverged.

python -m tests.convergence.prove --histories 10000 --workers 2
"""

# ruff: noqa: T201  (its work is to tell)
from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import IO

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Histories
from .subjects import TALLY, Tally

HISTORIES = 100
"""In one batch."""


def try_some(histories: int, start: int, steps: int) -> None:
    """One batch in this process; raises what Hypothesis raises if a history diverges, in its shortest form."""
    machine = seed(start)(type("Some", (Histories,), {}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )


def sentence(tally: Tally, seconds: float) -> str:
    return (
        f"{tally.histories:,} histories in {seconds / 60:.1f} min: {tally.runs:,} runs, {tally.cut:,} of them cut short or "
        f"incomplete; after {tally.checks:,} undisturbed ones every row and column was compared ({tally.rows:,} rows)"
    )


@dataclass(slots=True)
class Batch:
    """Some histories in a process of their own, and what it prints."""

    process: subprocess.Popen[bytes]
    printed: IO[bytes]


def start(histories: int, number: int, steps: int) -> Batch:
    command = [sys.executable, "-m", __spec__.name, "--worker", str(number), "--steps", str(steps)]
    printed = tempfile.TemporaryFile()  # noqa: SIM115 - it is read when the process has ended
    process = subprocess.Popen(
        [*command, "--histories", str(histories)], stdout=printed, stderr=subprocess.STDOUT
    )
    return Batch(process, printed)


def first_to_end(running: list[Batch]) -> Batch:
    """Wait for whichever ends first, and take it out: batches differ much in length."""
    while True:
        for batch in running:
            if batch.process.poll() is not None:
                running.remove(batch)
                return batch
        time.sleep(0.1)


def prove(histories: int, workers: int, steps: int, first: int) -> int:
    """Share the histories among processes; returns the exit code."""
    began = time.monotonic()
    total = Tally()
    running: list[Batch] = []
    number = first
    print(f"Random histories from seed {first} on, {workers} at a time …", flush=True)
    while total.histories < histories or running:
        while len(running) < workers and total.histories + HISTORIES * len(running) < histories:
            running.append(start(HISTORIES, number, steps))
            number += 1
        done = first_to_end(running)
        done.printed.seek(0)
        out = done.printed.read().decode()
        if done.process.returncode:
            for other in running:
                other.process.terminate()
            print(out)
            print(f"DIVERGED. {sentence(total, time.monotonic() - began)} before that.")
            return 1
        total.add(json.loads(out.splitlines()[-1]))
        print(f"  {sentence(total, time.monotonic() - began)}", flush=True)
    print(f"{sentence(total, time.monotonic() - began)}. None diverged.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=25, help="most events and runs of a history")
    parser.add_argument("--seed", type=int, help="begin with this one; another each time if absent")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is None:
        first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**9)
        return prove(given.histories, given.workers, given.steps, first)
    try_some(given.histories, given.worker, given.steps)
    print(json.dumps(asdict(TALLY)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
