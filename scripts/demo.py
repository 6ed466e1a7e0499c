"""`make demo`: from a stand-in Exact Online through Meltano into PostgreSQL, twice.

Three companies have kept their books for nearly four years. The first run loads everything. Then a day passes: they sell,
buy, are paid and correct mistakes, and the second run brings only that. After each run every column of every row in
PostgreSQL is compared with its source. In the end the dbt models tell whether the books balance, who owes and who buys,
on the screen and in .demo/report.html.

DEMO_POSTGRES_URL=postgresql://user:password@host/database uses a server of your own instead of a passing one; the
demo replaces the schemas `exact_online_demo` and `exact_online_demo_models` there and leaves them for you to look at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scripts.compare import differences, source_rows
from scripts.demo_books import LAST_DAY, MODELS, SCHEMA, ModelsError, show
from scripts.meltano_project import MissingEnvironmentError, Project
from scripts.postgres import Postgres, PostgresError, embedded, existing
from scripts.report.build import ReportError
from scripts.warehouse import Stream, Warehouse, streams
from tap_exactonline.endpoints import by_name
from tests.exact_online import ExactOnline
from tests.exact_online.company import Group, Profile

HOME = Path(".demo")
COMPANIES = {
    101: ("Kaas & Zonen B.V.", Profile()),
    102: ("Kaas Verhuur B.V.", Profile(customers=12, subscriptions=False, trade=0.5, costs=0.25)),
    103: ("Kaas Abonnementen B.V.", Profile(customers=18, trade=0.2, costs=0.22)),
}
DAYS = (LAST_DAY - timedelta(days=1), LAST_DAY)
COLUMNS = (7, 10, 7, 6, 7, 6, 7)


@dataclass
class Run:
    """One `meltano run`: how it ended, and what it asked for and got, by stream."""

    code: int
    seconds: float
    calls: Counter[str]
    rows: Counter[str]


@dataclass
class Compared:
    """One stream in Exact Online and in PostgreSQL.

    Attributes:
        there: Rows in Exact Online.
        here: Rows in PostgreSQL that were not deleted.
        wrong: What differs, in words.
    """

    there: int
    here: int
    wrong: list[str]


def say(text: str = "") -> None:
    print(text, flush=True)


@contextlib.contextmanager
def database() -> Iterator[tuple[Postgres, str]]:
    """A server of the user's own, or one for the time of the demo, and a word on which it is."""
    own = os.environ.get("DEMO_POSTGRES_URL")
    if own:
        yield existing(own), "yours (DEMO_POSTGRES_URL)"
    else:
        with embedded() as postgres:
            yield postgres, "started for this demo; DEMO_POSTGRES_URL=postgresql://… uses yours"


def stand_in() -> tuple[ExactOnline, Group]:
    """Three administrations on the evening of the first day."""
    exact = ExactOnline(seed=1)
    # Larger contracts have this. With the usual 60, the 70 streams of the default selection wait for the next minute.
    exact.limits(minute=300)
    group = Group(exact, COMPANIES)
    group.live_until(DAYS[0])
    return exact, group


def meltano(project: Project, exact: ExactOnline, log: Path) -> Run:
    """Run Meltano with its log in a file, and show how far it is."""
    exact.clear_log()
    begin = time.monotonic()
    ended = threading.Event()
    ticker = threading.Thread(target=_tick, args=(exact, begin, ended), daemon=True)
    ticker.start()
    try:
        with log.open("w", encoding="utf-8") as output:
            done = project.run("run", "tap-exactonline", "target-postgres", timeout=900, output=output)
    finally:
        ended.set()
        ticker.join()
    run = Run(done.returncode, time.monotonic() - begin, Counter(), Counter())
    for call in exact.log:
        if call.path.startswith("/api/v1/"):
            run.calls[call.stream or call.path] += 1
            run.rows[call.stream or call.path] += call.rows
    return run


def _tick(exact: ExactOnline, begin: float, ended: threading.Event) -> None:
    terminal = sys.stdout.isatty()
    while not ended.wait(0.5 if terminal else 5):
        text = f"  {time.monotonic() - begin:4.0f} s   {exact.calls():5} calls"
        print(text, end="\r" if terminal else "\n", flush=True)


def next_day(group: Group) -> dict[str, tuple[int, int, int]]:
    """Let a day pass; stream → rows added, changed and deleted in all administrations."""
    done: dict[str, tuple[int, int, int]] = {}
    for streams_of_one in group.live_until(DAYS[1], corrected=True).values():
        for stream, (added, changed, deleted) in streams_of_one.items():
            before = done.get(stream, (0, 0, 0))
            done[stream] = (before[0] + added, before[1] + changed, before[2] + deleted)
    return done


def compare(
    warehouse: Warehouse,
    exact: ExactOnline,
    catalogue: list[Stream],
    changes: Mapping[str, tuple[int, int, int]],
) -> dict[str, Compared]:
    """Every column of every row of every stream."""
    found = {}
    for stream in catalogue:
        rows, source = warehouse.rows(stream), source_rows(exact, stream.name)
        here, left = len(rows), 0
        if is_unlogged(stream):
            existing = {tuple(row[name] for name in stream.key) for row in source}
            kept = [row for row in rows if tuple(row[name] for name in stream.key) in existing]
            rows, left = kept, len(rows) - len(kept)
        wrong = differences(rows, source, stream.key)
        if is_unlogged(stream) and left != changes.get(stream.name, (0, 0, 0))[2]:
            wrong.append(f"{left} rows are not in the source, and were never deleted there")
        found[stream.name] = Compared(len(source), here, wrong)
    return found


def is_unlogged(stream: Stream) -> bool:
    """Whether Exact's log of deletions never names rows of this sync stream: nobody can tell that they are gone."""
    return (
        stream.name.startswith("sync_")
        and stream.name != "sync_deleted"
        and by_name(stream.name).entity_type is None
    )


def table(
    warehouse: Warehouse,
    compared: Mapping[str, Compared],
    catalogue: list[Stream],
    runs: list[Run],
    changes: Mapping[str, tuple[int, int, int]],
) -> None:
    """Print what stands where, stream by stream; streams without rows share a line."""
    width = max(len(stream.name) for stream in catalogue)

    def line(name: str, *cells: object) -> str:
        return f"  {name:<{width}} " + " ".join(
            f"{cell:>{size}}" for cell, size in zip(cells, COLUMNS, strict=True)
        )

    say(line("", "Exact", "PostgreSQL", "", "run 1", "", "run 2", "").rstrip())
    say(line("stream", "rows", "rows", "deleted", "calls", "rows", "calls", "rows") + "  in between")
    empty = [0, 0, 0]
    for stream in catalogue:
        there, live = compared[stream.name].there, compared[stream.name].here
        every = warehouse.count(stream)
        if not there and not every:
            empty = [
                empty[0] + 1,
                *(count + run.calls[stream.name] for count, run in zip(empty[1:], runs, strict=True)),
            ]
            continue
        numbers = [
            number for run in runs for number in (run.calls[stream.name], f"{run.rows[stream.name]:,}")
        ]
        words = zip(changes.get(stream.name, (0, 0, 0)), ("added", "changed", "deleted"), strict=True)
        between = ", ".join(f"{number} {word}" for number, word in words if number)
        say(
            f"{line(stream.name, f'{there:,}', f'{live:,}', every - live or '', *numbers)}  {between}".rstrip()
        )
    if empty[0]:
        say(line(f"{empty[0]} streams without rows", 0, 0, "", empty[1], 0, empty[2], 0))


def main() -> int:
    """Run the demo; 0 when PostgreSQL holds what Exact Online holds."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    say("\ntap-exactonline: from Exact Online to PostgreSQL\n")
    with contextlib.ExitStack() as stack:
        # First, since it may not be there, and four years of books take seconds.
        postgres, which = stack.enter_context(database())
        exact, group = stand_in()
        url = stack.enter_context(exact.serve())
        project = Project.create(
            HOME / "project",
            {
                "TAP_EXACTONLINE_API_URL": url,
                "TAP_EXACTONLINE_CLIENT_ID": exact.client_id,
                "TAP_EXACTONLINE_CLIENT_SECRET": exact.client_secret,
                "TAP_EXACTONLINE_REFRESH_TOKEN": exact.issue_login(),
                "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.sqlalchemy_url,
                "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
            },
        )
        with postgres.connect() as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {MODELS}, {SCHEMA} CASCADE")
            say(f"  Exact Online  a stand-in on {url} with {len(COMPANIES)} administrations")
            if not _show(group, project, Warehouse(connection, SCHEMA), which):
                return 1
            show(postgres, HOME)
    say("\nPostgreSQL holds what Exact Online holds.")
    return 0


def _show(group: Group, project: Project, warehouse: Warehouse, which: str) -> bool:
    """Both runs, compared; False if one failed or something differs."""
    exact = group.exact
    changes: dict[str, tuple[int, int, int]] = {}
    server = warehouse.connection.info.server_version // 10000
    say(f"  PostgreSQL    {server}, {which}")
    say(f"  Meltano       the project in {project.root}\n")
    selected = [stream for stream in streams().values() if stream.selected]
    runs: list[Run] = []
    compared: dict[str, Compared] = {}
    for number in (1, 2):
        log = HOME / f"run-{number}.log"
        say(f"Run {number}: meltano run tap-exactonline target-postgres   (log: {log})")
        run = meltano(project, exact, log)
        runs.append(run)
        if run.code:
            say(f"\nMeltano ended with code {run.code}. The end of {log}:\n")
            say("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-25:]))
            return False
        say(f"  {run.seconds:4.0f} s   {run.calls.total():5} calls, all in.")
        compared = compare(warehouse, exact, selected, changes)
        if any(one.wrong for one in compared.values()):
            say("\nPostgreSQL differs from Exact Online:")
            for name, one in compared.items():
                if one.wrong:
                    say(f"  {name}\n    " + "\n    ".join(one.wrong))
            return False
        rows = sum(one.here for one in compared.values())
        say(f"  Compared: {rows:,} rows in PostgreSQL equal their source in every column.\n")
        if number == 1:
            changes = next_day(group)
            added, changed, deleted = (sum(numbers) for numbers in zip(*changes.values(), strict=True))
            say(f"A day passes in Exact Online: {added} rows added, {changed} changed, {deleted} deleted.\n")
    table(warehouse, compared, selected, runs, changes)
    say(
        "\nThe rows under `deleted` are gone in Exact Online; they stay in their table, and sync_deleted names them. Those that exist:\n"
    )
    say(
        textwrap.indent(
            warehouse.live_sql(
                next(stream for stream in selected if stream.name == "sync_financial_transaction_lines")
            ),
            "    ",
        )
    )
    for stream in selected:
        deleted = changes.get(stream.name, (0, 0, 0))[2]
        if deleted and is_unlogged(stream):
            say(
                f"\nExact's log of deletions does not cover {stream.name}: {deleted} deleted rows are still in it."
            )
    return True


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (
        MissingEnvironmentError,
        ModelsError,
        PostgresError,
        ReportError,
        subprocess.TimeoutExpired,
    ) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
