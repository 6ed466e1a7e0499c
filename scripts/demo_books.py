"""The end of the demo: the dbt models on what was loaded, and what they say: do the books balance, who owes, who buys.

`make dbt` does this once more on the database of DEMO_POSTGRES_URL, where the demo has left its tables.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from scripts.dbt import dbt, postgres_output
from scripts.meltano_project import MissingEnvironmentError
from scripts.postgres import Postgres, PostgresError, existing

SCHEMA = "exact_online_demo"
MODELS = "exact_online_demo_models"
LAST_DAY = date(2026, 11, 27)
AGES = ("not_due", "days_1_30", "days_31_60", "days_61_90", "over_90", "total")
AGE_TITLES = ("not due", "1-30", "31-60", "61-90", "over 90", "total")

# The last period in which each administration has bookings.
_TRIAL_BALANCE: LiteralString = """
SELECT division, gl_account_code, gl_account, closing_balance
FROM {schema}.exact_online__trial_balance
WHERE (division, financial_year, financial_period) IN (
  SELECT DISTINCT ON (division) division, financial_year, financial_period
  FROM {schema}.exact_online__trial_balance
  ORDER BY division, financial_year DESC, financial_period DESC
)
ORDER BY gl_account_code
"""
_AGES: LiteralString = """
SELECT division_name, side, not_due, days_1_30, days_31_60, days_61_90, over_90, total
FROM (
  SELECT 'to receive' AS side, * FROM {schema}.exact_online__receivables_by_age
  UNION ALL
  SELECT 'to pay' AS side, * FROM {schema}.exact_online__payables_by_age
) AS items
"""
_BEST: LiteralString = """
SELECT account_name, division_name, revenue_year, revenue_year_before, overdue
FROM {schema}.exact_online__customer_health
ORDER BY revenue_year DESC, account_name
LIMIT 5
"""


class ModelsError(RuntimeError):
    """The models cannot be built, or one of the package's tests fails; the text is the end of what dbt printed."""


@dataclass(frozen=True)
class Books:
    """The models' tables in PostgreSQL.

    Attributes:
        schema: Where they are.
    """

    connection: psycopg.Connection[tuple[Any, ...]]
    schema: str

    def rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql.SQL(query).format(schema=sql.Identifier(self.schema))).fetchall()


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
    """Build the models and print what they say."""
    print(f"\ndbt build: the models of dbt/ in the schema {MODELS}, as of {LAST_DAY}", flush=True)
    print(f"  {build(postgres, home)}")
    with postgres.connect() as connection:
        for title, lines in all_lines(Books(connection, MODELS)):
            print(f"\n{title}, from PostgreSQL, in euros\n")
            print("\n".join(lines), flush=True)


def money(value: Decimal) -> str:
    return f"{value:,.2f}"


def trial_balance(books: Books) -> list[str]:
    """Each ledger account with its balance in each administration; the last line adds up to zero."""
    rows = books.rows(_TRIAL_BALANCE)
    divisions = sorted({division for division, *_ in rows})
    balances: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(dict)
    for division, code, name, balance in rows:
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
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(AGES))
    for name, side, *amounts in books.rows(_AGES):
        sums[name, side] = [a + b for a, b in zip(sums[name, side], amounts, strict=True)]
    return [
        _line("", *AGE_TITLES),
        *(_line(f"{name}, {side}", *map(money, amounts)) for (name, side), amounts in sorted(sums.items())),
    ]


def best_customers(books: Books) -> list[str]:
    """Those who bought most in the last 365 days."""
    rows = books.rows(_BEST)
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
        show(existing(url), Path(".demo/dbt"))
    except (MissingEnvironmentError, ModelsError, PostgresError, subprocess.TimeoutExpired) as error:
        sys.exit(f"dbt: {error}")


if __name__ == "__main__":
    main()
