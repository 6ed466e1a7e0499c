"""The end of the demo: the dbt models on what was loaded, and what they say: do the books balance, who owes, who buys.

`make dbt` does this once more on the database of DEMO_POSTGRES_URL, where the demo has left its tables.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from scripts.dbt import dbt, postgres_output
from scripts.meltano_project import MissingEnvironmentError
from scripts.postgres import Postgres, PostgresError, existing
from scripts.report.build import ReportError, write
from scripts.report.figures import AGES, BEST, TRIAL_BALANCE, Books

SCHEMA = "exact_online_demo"
MODELS = "exact_online_demo_models"
LAST_DAY = date(2026, 11, 27)
PAGE = "report.html"
AGE_TITLES = ("not due", "1-30", "31-60", "61-90", "over 90", "total")


class ModelsError(RuntimeError):
    """The models cannot be built, or one of the package's tests fails; the text is the end of what dbt printed."""


def build(postgres: Postgres, home: Path) -> str:
    """Build the package's models on the demo's tables, and run its tests.

    Args:
        postgres: Where the demo's tables are.
        home: Where dbt keeps its files.

    Returns:
        dbt's last line, which counts what passed.

    Raises:
        ModelsError: A model or a test failed.
    """
    variables = {"exact_online_schema": SCHEMA, "exact_online_as_of": LAST_DAY.isoformat()}
    done = dbt("build", postgres_output(postgres.url, MODELS), variables, home)
    if done.returncode:
        raise ModelsError(f"dbt ended with code {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return next(line for line in reversed(done.stdout.splitlines()) if "PASS=" in line).split("Done. ")[-1]


def show(postgres: Postgres, home: Path) -> None:
    """Build the models, print what they say, and write the page.

    Args:
        postgres: Where the demo's tables are.
        home: The demo's directory.
    """
    print(f"\ndbt build: the models of dbt/ in the schema {MODELS}, as of {LAST_DAY}", flush=True)
    print(f"  {build(postgres, home / 'dbt')}")
    with postgres.connect() as connection:
        books = Books(connection, MODELS)
        for title, lines in all_lines(books):
            print(f"\n{title}, from PostgreSQL, in euros\n")
            print("\n".join(lines), flush=True)
        write(books, home / PAGE)
    print(f"\nThe same as a page, with charts: file://{(home / PAGE).resolve()}", flush=True)


def money(value: Decimal) -> str:
    return f"{value:,.2f}"


def trial_balance(books: Books) -> list[str]:
    """Each ledger account with its balance in each administration; the last line adds up to zero."""
    rows = books.rows(TRIAL_BALANCE)
    divisions = sorted({division for division, *_ in rows})
    balances: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(dict)
    for division, _, code, name, balance in rows:
        balances[code, name][division] = balance
    none = Decimal(0)
    lines = [_line("", *map(str, divisions), "together")]
    for (code, name), mine in balances.items():
        amounts = [mine.get(division, none) for division in divisions]
        lines.append(_line(f"{code} {name}", *map(money, [*amounts, sum(amounts, none)])))
    sums = [sum((mine.get(division, none) for mine in balances.values()), none) for division in divisions]
    return [*lines, _line("debit less credit", *map(money, [*sums, sum(sums, none)]))]


def open_items(books: Books) -> list[str]:
    """What is to be received and paid in each administration, by days behind the due date."""
    return [
        _line("", *AGE_TITLES),
        *(_line(f"{name}, {side}", *map(money, amounts)) for name, side, *amounts in books.rows(AGES)),
    ]


def best_customers(books: Books) -> list[str]:
    """Those who bought most in the last 365 days."""
    rows = books.rows(BEST)
    return [
        _line("", "revenue", "year before", "overdue"),
        *(_line(f"{account}, {division}", *map(money, amounts)) for account, division, *amounts in rows),
    ]


def _line(name: str, *cells: str, width: int = 58) -> str:
    return f"  {name:<{width}} " + " ".join(f"{cell:>13}" for cell in cells)


def all_lines(books: Books) -> Sequence[tuple[str, list[str]]]:
    """A title and lines for each of the three."""
    return (
        ("Trial balance", trial_balance(books)),
        ("Open items by days behind their due date", open_items(books)),
        ("The five best customers of the last 365 days", best_customers(books)),
    )


def main() -> None:
    """Build on the database of DEMO_POSTGRES_URL."""
    url = os.environ.get("DEMO_POSTGRES_URL")
    if not url:
        sys.exit(
            "dbt: set DEMO_POSTGRES_URL=postgresql://user:password@host/database and run `make demo` first; "
            "the database that the demo starts by itself ends with it"
        )
    try:
        show(existing(url), Path(".demo"))
    except (
        MissingEnvironmentError,
        ModelsError,
        PostgresError,
        ReportError,
        subprocess.TimeoutExpired,
    ) as error:
        sys.exit(f"dbt: {error}")


if __name__ == "__main__":
    main()
