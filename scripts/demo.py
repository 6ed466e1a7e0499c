"""`make demo`: from a stand-in Exact Online through Meltano into PostgreSQL, twice.

The first run loads everything. Then rows are changed, added and deleted in Exact Online, and the second run brings
only that. In between and at the end every column of every row in PostgreSQL is compared with its source.

DEMO_POSTGRES_URL=postgresql://user:password@host/database uses a server of your own instead of a passing one; the
demo replaces the schema `exact_online_demo` there and leaves it for you to look at.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.compare import source_rows
from scripts.meltano_project import MissingEnvironmentError, Project
from scripts.postgres import Postgres, PostgresError, embedded, existing
from scripts.warehouse import Stream, Warehouse, streams
from tests.exact_online import ExactOnline

SCHEMA = "exact_online_demo"
HOME = Path(".demo")
DIVISIONS = {101: "Kaas & Zonen B.V.", 102: "Kaas Logistiek B.V.", 103: "Kaas Vastgoed B.V."}
ROWS = {
    "sync_crm_accounts": 1500,
    "sync_crm_contacts": 400,
    "sync_crm_addresses": 700,
    "sync_financial_gl_accounts": 250,
    "sync_financial_transaction_lines": 3200,
    "sync_logistics_items": 600,
    "sync_sales_invoice_sales_invoices": 800,
    "sync_sales_order_sales_order_headers": 300,
    "sync_purchase_order_purchase_orders": 120,
    "sync_project_projects": 45,
    "sync_inventory_stock_positions": 500,
    "sync_cashflow_payment_terms": 760,
    "financial_journals": 14,
    "financial_financial_periods": 72,
    "vat_vat_codes": 33,
    "hrm_costcenters": 12,
    "general_currencies": 8,
}
COLUMNS = (7, 10, 7, 6, 7, 6, 7)
# Stream: rows that are changed, added and deleted in the first administration.
CHANGES = {
    "sync_crm_accounts": (12, 3, 2),
    "sync_financial_transaction_lines": (5, 40, 4),
    "sync_logistics_items": (1, 2, 1),
    "sync_sales_invoice_sales_invoices": (7, 9, 0),
    "financial_journals": (1, 1, 0),
}


@dataclass
class Run:
    """One `meltano run`: how it ended, and what it asked for and got, by stream."""

    code: int
    seconds: float
    calls: Counter[str]
    rows: Counter[str]


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


def stand_in() -> ExactOnline:
    """Three administrations; the first has some of everything, the others less."""
    exact = ExactOnline(seed=1)
    # Larger contracts have this. With the usual 60, the 70 streams of the default selection wait for the next minute.
    exact.limits(minute=300)
    for number, (code, description) in enumerate(DIVISIONS.items(), start=1):
        exact.add_division(
            code, description=description, rows={name: 1 + rows // number for name, rows in ROWS.items()}
        )
    return exact


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


def change(exact: ExactOnline) -> str:
    """What the users of the first administration do between the two runs."""
    code = next(iter(DIVISIONS))
    for stream, (changed, added, deleted) in CHANGES.items():
        table = exact.table(code, stream)
        keys = table.keys()
        for key in keys[:changed]:
            table.update(key)
        for key in keys[changed : changed + deleted]:
            table.delete(key)
        for _ in range(added):
            table.insert()
    changed, added, deleted = (sum(numbers) for numbers in zip(*CHANGES.values(), strict=True))
    return f"{changed} rows changed, {added} added, {deleted} deleted"


def compare(warehouse: Warehouse, exact: ExactOnline, catalogue: list[Stream]) -> dict[str, list[str]]:
    """Every column of every row of every stream; the differences by stream."""
    return {
        stream.name: warehouse.differences(stream, source_rows(exact, stream.name)) for stream in catalogue
    }


def table(warehouse: Warehouse, exact: ExactOnline, catalogue: list[Stream], runs: list[Run]) -> None:
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
        there, live, every = (
            len(source_rows(exact, stream.name)),
            len(warehouse.rows(stream)),
            warehouse.count(stream),
        )
        if not there and not every:
            empty = [
                empty[0] + 1,
                *(count + run.calls[stream.name] for count, run in zip(empty[1:], runs, strict=True)),
            ]
            continue
        numbers = [
            number for run in runs for number in (run.calls[stream.name], f"{run.rows[stream.name]:,}")
        ]
        words = zip(CHANGES.get(stream.name, (0, 0, 0)), ("changed", "added", "deleted"), strict=True)
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
    exact = stand_in()
    say("\ntap-exactonline: from Exact Online to PostgreSQL\n")
    with exact.serve() as url, database() as (postgres, which):
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
            connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            return _show(exact, project, Warehouse(connection, SCHEMA), url, which)


def _show(exact: ExactOnline, project: Project, warehouse: Warehouse, url: str, which: str) -> int:
    server = warehouse.connection.info.server_version // 10000
    say(f"  Exact Online  a stand-in on {url} with {len(DIVISIONS)} administrations")
    say(f"  PostgreSQL    {server}, {which}")
    say(f"  Meltano       the project in {project.root}\n")
    selected = [stream for stream in streams().values() if stream.selected]
    runs: list[Run] = []
    for number in (1, 2):
        log = HOME / f"run-{number}.log"
        say(f"Run {number}: meltano run tap-exactonline target-postgres   (log: {log})")
        run = meltano(project, exact, log)
        runs.append(run)
        if run.code:
            say(f"\nMeltano ended with code {run.code}. The end of {log}:\n")
            say("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-25:]))
            return 1
        say(f"  {run.seconds:4.0f} s   {run.calls.total():5} calls, all in.")
        wrong = {name: found for name, found in compare(warehouse, exact, selected).items() if found}
        rows = sum(len(warehouse.rows(stream)) for stream in selected)
        if wrong:
            say("\nPostgreSQL differs from Exact Online:")
            for name, found in wrong.items():
                say(f"  {name}\n    " + "\n    ".join(found))
            return 1
        say(f"  Compared: {rows:,} rows in PostgreSQL equal their source in every column.\n")
        if number == 1:
            say(f"Meanwhile in Exact Online, administration {next(iter(DIVISIONS))}: {change(exact)}.\n")
    table(warehouse, exact, selected, runs)
    say(
        "\nThe rows under `deleted` are gone in Exact Online; they stay in their table, and sync_deleted names them. Those that exist:\n"
    )
    say(
        textwrap.indent(
            warehouse.live_sql(next(stream for stream in selected if stream.name == "sync_crm_accounts")),
            "    ",
        )
    )
    say("\nPostgreSQL holds what Exact Online holds.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (MissingEnvironmentError, PostgresError, subprocess.TimeoutExpired) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
