"""What the page shows, asked from the models' tables. Every figure is in the base currency of all administrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
from psycopg import sql

Figures = dict[str, list[dict[str, Any]]]
"""Name of a question → its rows; amounts are numbers, days are texts such as 2026-11-27."""


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

    def named(self, query: LiteralString) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql.SQL(query).format(schema=sql.Identifier(self.schema)))
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


# The last period in which each administration has bookings.
TRIAL_BALANCE: LiteralString = """
SELECT division, division_name, gl_account_code, gl_account, closing_balance
FROM {schema}.exact_online__trial_balance
WHERE (division, financial_year, financial_period) IN (
  SELECT DISTINCT ON (division) division, financial_year, financial_period
  FROM {schema}.exact_online__trial_balance
  ORDER BY division, financial_year DESC, financial_period DESC
)
ORDER BY gl_account_code, division
"""
AGES: LiteralString = """
SELECT division_name, side, sum(not_due) AS not_due, sum(days_1_30) AS days_1_30, sum(days_31_60) AS days_31_60,
  sum(days_61_90) AS days_61_90, sum(over_90) AS over_90, sum(total) AS total
FROM (
  SELECT 'to receive' AS side, * FROM {schema}.exact_online__receivables_by_age
  UNION ALL
  SELECT 'to pay' AS side, * FROM {schema}.exact_online__payables_by_age
) AS items
GROUP BY division_name, side
ORDER BY side DESC, division_name
"""
BEST: LiteralString = """
SELECT account_name, division_name, revenue_year, revenue_year_before, overdue
FROM {schema}.exact_online__customer_health
ORDER BY revenue_year DESC, account_name
LIMIT 5
"""
_QUESTIONS: dict[str, LiteralString] = {
    "as_of": """
        SELECT max(as_of) AS day, max(currency) AS currency FROM {schema}.exact_online__open_items
    """,
    "trial_balance": TRIAL_BALANCE,
    "ages": AGES,
    "best": BEST,
    # Closings are left out of both, so closed years show what was earned.
    "results": """
        SELECT financial_year AS year,
          sum(CASE WHEN gl_type = 110 THEN amount ELSE 0 END) AS revenue,
          sum(CASE WHEN gl_type = 111 THEN amount ELSE 0 END) AS cost_of_goods,
          sum(CASE WHEN gl_type NOT IN (110, 111) THEN amount ELSE 0 END) AS other,
          sum(amount) AS result
        FROM {schema}.exact_online__profit_and_loss
        GROUP BY financial_year
        ORDER BY financial_year
    """,
    "revenue": """
        SELECT month, division_name, sum(revenue) AS revenue
        FROM {schema}.exact_online__revenue
        GROUP BY month, division_name
        ORDER BY month, division_name
    """,
    # A month that no administration has ended is not compared.
    "mrr": """
        SELECT month, sum(mrr) AS mrr,
          sum(CASE WHEN movement IN ('new', 'reactivation') THEN change ELSE 0 END) AS new,
          sum(CASE WHEN movement = 'expansion' THEN change ELSE 0 END) AS expansion,
          sum(CASE WHEN movement = 'contraction' THEN change ELSE 0 END) AS contraction,
          sum(CASE WHEN movement = 'churn' THEN change ELSE 0 END) AS churn
        FROM {schema}.exact_online__mrr
        GROUP BY month
        ORDER BY month
    """,
    "cash": """
        SELECT month, division_name, sum(closing_balance) AS balance
        FROM {schema}.exact_online__cash
        GROUP BY month, division_name
        ORDER BY month, division_name
    """,
    "health": """
        SELECT account_name, division_name, days_silent, usual_days, revenue_year, revenue_year_before, overdue, days_overdue, is_at_risk
        FROM {schema}.exact_online__customer_health
        WHERE usual_days > 0
        ORDER BY revenue_year_before + revenue_year DESC, account_name
    """,
}


def figures(books: Books) -> Figures:
    """Ask all questions."""
    return {name: books.named(query) for name, query in _QUESTIONS.items()}
