"""Kill runs of the tap's login code at random moments, again and again, and count the logins that survive.

    python -m scripts.torture_tokens --rounds 200
    python -m scripts.torture_tokens --rounds 200 --store postgres --signal TERM

Each round takes a login whose token is due for renewal, starts one to three processes that want to renew it, kills
them after a random time, and then asks in two ordinary runs for a token that works: right away, and once more after
that token's life. The stand-in plays Exact Online; it honours a spent refresh token until its successor is
used, as Exact is said to do. Nothing but loopback is contacted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.postgres import embedded
from tests.e2e.token_torture import Torture, stand_in
from tests.exact_online import faults

# A token's life here, in seconds: what takes Exact ten minutes takes the stand-in two seconds.
LIFETIME = 2.0


def main() -> int:
    """Run the rounds; the exit code is 0 if every login survived."""
    options = _options()
    chance = random.Random(options.seed)  # noqa: S311
    print(f"{options.rounds} rounds, store {options.store}, SIG{options.signal}, random seed {options.seed}")
    seen: Counter[str] = Counter()
    lost = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, _location(options.store, Path(folder)) as location:
        for number in range(1, options.rounds + 1):
            with stand_in(token_lifetime=LIFETIME) as exact:
                torture = Torture(exact, location, Path(folder))
                torture.log_in()
                what = play(torture, chance, getattr(signal, f"SIG{options.signal}"))
                trouble = survives(torture)
            seen[what] += 1
            if trouble:
                lost += 1
                print(f"round {number}: {what}, and then: {trouble}")
            elif sys.stdout.isatty():
                print(f"\r{number}/{options.rounds}", end="", flush=True)
            leaked = torture.leaked()
            if leaked:
                print(f"round {number}: {len(leaked)} secrets stand in the log")
                return 2
            torture.log.unlink(missing_ok=True)
    print(
        f"\n{options.rounds - lost} of {options.rounds} logins survived ({time.monotonic() - started:.0f} s)"
    )
    for what, times in sorted(seen.items()):
        print(f"  {times:5} x {what}")
    return 1 if lost else 0


def play(torture: Torture, chance: random.Random, number: int) -> str:
    """Start processes and kill them; says how far they had come."""
    torture.exact.faults.add("token", faults.slow(chance.choice([0.0, 0.01, 0.05]), parts=2), times=None)
    children = [torture.start() for _ in range(chance.choice([1, 1, 1, 2, 3]))]
    deadline = time.monotonic() + chance.uniform(0.02, 0.15)
    if chance.random() < 0.7:  # mostly near the request, where it matters
        while not torture.statuses and time.monotonic() < deadline + 0.5:
            time.sleep(0.0005)
        deadline = time.monotonic() + chance.uniform(0.0, 0.08)
    time.sleep(max(0.0, deadline - time.monotonic()))
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)
    ended = [child.end() for child in children]
    torture.exact.faults.clear()
    finished = sum("token" in e for e in ended)
    if finished == len(ended):
        return "too late: all had their token"
    record = torture.store.load()
    asked = bool(torture.statuses)
    if record is not None and record.attempted_at:
        return "killed with the answer lost" if asked else "killed before the request"
    return "killed after the save, or in it" if asked else "killed before anything was noted"


def survives(torture: Torture) -> str:
    """Two ordinary runs; what went wrong, or nothing."""
    for part in ("the next run", "the run after it"):
        ended = torture.run()
        if "token" not in ended:
            return f"{part} failed: {ended.get('error', ended)}"
        if not ended["works"]:
            return f"{part} got a token that does not work"
        torture.age()
    return "a refresh token was refused" if 401 in torture.statuses else ""


@contextlib.contextmanager
def _location(kind: str, folder: Path) -> Iterator[str]:
    if kind == "postgres":
        with embedded() as server:
            yield server.sqlalchemy_url
    else:
        yield str(folder / "tokens.json")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--store", choices=["file", "postgres"], default="file")
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats the same random choices")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
