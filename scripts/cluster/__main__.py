"""`make demo-cluster`: 60 administrations in parts on several workers, with faults, by Airflow.

The first run loads everything with four workers. Then rows change, an administration is added, another one closes its door
to the app, and a worker dies in the middle of its part (`kill -9` of it and of all that it has started). The second
run has six workers. The part of the dead worker is done by another one; that of the closed administration fails and is
not tried again, because a person has to act. That person does so and clears the part. After each run every column of every
row in PostgreSQL is compared with its source.

All of it runs on this machine: a stand-in for Exact Online, a PostgreSQL for the login, the bookmarks and the tables, Airflow
behind a random password, and workers that have a Meltano project of their own each.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scripts.cluster.airflow import Airflow
from scripts.cluster.dagster import show_dagster
from scripts.cluster.processes import processes
from scripts.cluster.world import FIRST, ROWS, ClusterError, World, world
from scripts.meltano_project import ROOT, MissingEnvironmentError
from scripts.postgres import PostgresError
from tap_exactonline.shard import Shard
from tests.exact_online import ExactOnline, faults

HOME = ROOT / ".demo-cluster"
RUN_SECONDS = 900
WORKERS = 4
MORE_WORKERS = 6
COLUMNS = ("part", "worker", "tries", "state", "administrations", "calls", "rows")

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found]) -> Found:
    """Look again and again until there is something.

    Raises:
        ClusterError: It does not come.
    """
    deadline = time.monotonic() + RUN_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} does not come in {RUN_SECONDS} seconds; the logs are in {HOME}")
        time.sleep(0.5)
    return found


@dataclass(frozen=True)
class Demo:
    """The engine, and what it works on."""

    world: World
    airflow: Airflow
    parts: int

    def add_workers(self, first: int, last: int) -> None:
        """Start workers, each with a Meltano project of its own."""
        for number in range(first, last + 1):
            self.airflow.add_worker(f"w{number}", self.world.project(f"w{number}"))

    def state(self, run: str, part: int) -> str:
        """How a part is doing."""
        self.airflow.state(run)
        return str(self.airflow.parts(run)[part]["state"])

    def finish(self, run: str) -> None:
        """Wait for the end of a run, compare the tables with the source, and show which part ran where.

        Raises:
            ClusterError: It failed, or something differs.
        """
        end = wait_for(
            f"the end of {run}",
            lambda: found if (found := self.airflow.state(run)) in {"success", "failed"} else "",
        )
        if end != "success":
            raise ClusterError(f"{run} ended as {end}; the logs are in {HOME}")
        rows = self.world.compare()
        self.world.say(
            f"{run} is complete. Compared: {rows:,} rows in PostgreSQL equal their source in every column."
        )
        self.show(run)

    def show(self, run: str) -> None:
        """The table of the parts, with what the last try of each one counted."""

        def line(cells: tuple[object, ...]) -> str:
            return "  " + " ".join(
                f"{cell!s:>{max(8, len(name))}}" for cell, name in zip(cells, COLUMNS, strict=True)
            )

        print("\n" + line(COLUMNS))
        for task in self.airflow.parts(run):
            facts = self.airflow.facts(run, int(task["map_index"]))
            counted = tuple(facts.get(name, "") for name in COLUMNS[4:])
            print(
                line(
                    (
                        task["rendered_map_index"],
                        task["hostname"],
                        task["try_number"],
                        task["state"],
                        *counted,
                    )
                )
            )
        print(flush=True)


def first_run(demo: Demo) -> None:
    """Load everything with four workers."""
    demo.add_workers(1, WORKERS)
    demo.airflow.run("run-1")
    count = len(demo.world.exact.divisions)
    demo.world.say(f"run-1 begins: {count} administrations in {demo.parts} parts, {WORKERS} workers.")
    demo.finish("run-1")


def second_run(demo: Demo) -> None:
    """Change the source, let an administration and a worker fail, and see that both are made up for.

    Raises:
        ClusterError: Something is not as it has to be.
    """
    exact, airflow, say = demo.world.exact, demo.airflow, demo.world.say
    changed = demo.world.change()
    demo.world.age_the_list()
    new = FIRST + len(exact.divisions)
    exact.add_division(new, rows=ROWS)
    closed, slow = chosen(exact, demo.parts)
    door = exact.faults.add(None, faults.forbidden("division"), division=closed, times=None)
    trap = exact.faults.add("sync_crm_accounts", faults.slow(120), division=slow)
    failing, lost = part_of(closed, demo.parts), part_of(slow, demo.parts)
    say(
        f"An hour passes. {changed} rows are added, changed or deleted; {new} is added, {closed} closes its door."
    )

    airflow.run("run-2")
    say(f"run-2 begins, and {MORE_WORKERS - WORKERS} more workers join.")
    demo.add_workers(WORKERS + 1, MORE_WORKERS)
    wait_for("the part that is to be lost", lambda: trap.hits)
    worker = airflow.parts("run-2")[lost]["hostname"]
    count = airflow.kill_worker(worker)
    say(
        f"Worker {worker} dies in the middle of part {lost}: kill -9 of it and {count - 1} processes below it."
    )

    wait_for("the failure of a part", lambda: demo.state("run-2", failing) == "failed")
    missing, tries = airflow.facts("run-2", failing)["missing"], airflow.parts("run-2")[failing]["try_number"]
    if (missing, tries) != ([closed], 1):
        raise ClusterError(f"part {failing} lacks {missing} after {tries} tries, not {closed} after one")
    say(f"Part {failing} fails at its first try: {closed} needs a person, so it is not tried again.")
    door.times = 0
    airflow.clear("run-2", failing)
    say(f"The person opens the door of {closed} and clears part {failing}.")
    wait_for("the part that was cleared", lambda: demo.state("run-2", failing) == "success")
    say(
        f"Part {failing} is complete. Part {lost} waits until Meltano no longer takes the lost run for a running one."
    )
    demo.finish("run-2")
    end = airflow.parts("run-2")[lost]
    if end["hostname"] == worker or end["try_number"] < 2:
        raise ClusterError(f"part {lost} was not done by another worker than {worker}")


def part_of(code: int, parts: int) -> int:
    """To which part an administration belongs."""
    return next(number for number in range(parts) if Shard(number, parts).owns(code))


def chosen(exact: ExactOnline, parts: int) -> tuple[int, int]:
    """Two administrations of different parts, neither of them the first: its calls also serve the login.

    The second one is in the first part that may be, which is begun at once: what is lost early is made up for early.
    """
    closed, *others = list(exact.divisions)[1:]
    apart = [code for code in others if part_of(code, parts) != part_of(closed, parts)]
    return closed, min(apart, key=lambda code: part_of(code, parts))


def show_airflow(made: World, parts: int) -> None:
    """Both runs.

    Raises:
        ClusterError: Something is not as it has to be.
    """
    with processes(HOME) as running:
        airflow = Airflow(HOME / "airflow", made.databases["engine"], running)
        airflow.start({"EXACT_PARTS": str(parts), "EXACT_SCHEDULE": "none", "EXACT_RETRY_SECONDS": "10"})
        made.say(f"Airflow is there: {airflow.url}")
        demo = Demo(made, airflow, parts)
        first_run(demo)
        second_run(demo)
    print(made.limits())


def main() -> int:
    """Run the demo; 0 when PostgreSQL holds what Exact Online holds."""
    arguments = argparse.ArgumentParser(prog="make demo-cluster", description=__doc__.splitlines()[0])
    arguments.add_argument("--administrations", type=int, default=60)
    arguments.add_argument("--parts", type=int, default=8)
    arguments.add_argument("--engine", choices=("airflow", "dagster"), default="airflow")
    given = arguments.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    print("\ntap-exactonline: many administrations, several workers\n", flush=True)
    with world(HOME, given.administrations) as made:
        url = made.exact.url
        made.say(f"A stand-in for Exact Online with {given.administrations} administrations on {url}.")
        (show_airflow if given.engine == "airflow" else show_dagster)(made, given.parts)
    print("\nPostgreSQL holds what Exact Online holds.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ClusterError, MissingEnvironmentError, PostgresError, subprocess.TimeoutExpired) as error:
        sys.exit(f"demo-cluster: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
