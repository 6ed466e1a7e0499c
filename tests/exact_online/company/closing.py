"""What closes a period: VAT returns, depreciation, and the entries with which Exact closes months and years."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from . import chart

if TYPE_CHECKING:
    from .company import Company

CLOSES_AFTER = 20
"""Days after the end of a month until it is closed."""


def close(company: Company, day: date) -> None:
    """Do what this day brings: depreciation at a month's end, the VAT of a quarter, the closing of a month or year."""
    if (day + timedelta(days=1)).day == 1:
        company.general(
            day,
            chart.DEPRECIATED_TYPE,
            {chart.DEPRECIATION: 60_000, chart.DEPRECIATED: -60_000},
            "Afschrijving inventaris",
        )
        company.general(
            day, chart.GENERAL_ENTRY, {chart.INTEREST: 12_500, chart.BANK: -12_500}, "Rente lening"
        )
        if day.month % 3 == 0:
            _return_vat(company, day)
    if day.day == 28 and day.month in (1, 4, 7, 10):
        _pay_vat(company, day)
    if day.day == CLOSES_AFTER:
        last = day.replace(day=1) - timedelta(days=1)
        if last > company.closed_until:
            _close_month(company, last)
            company.closed_until = last
            if last.month == 12:
                _close_year(company, last)


def _return_vat(company: Company, day: date) -> None:
    """Move what the quarter owes and claims to one account."""
    due, claim = (company.ledger.balance(gl, day) for gl in (chart.VAT_DUE, chart.VAT_CLAIM))
    company.general(
        day,
        chart.VAT_RETURNED,
        {chart.VAT_DUE: -due, chart.VAT_CLAIM: -claim, chart.VAT_RETURN: due + claim},
        "BTW-aangifte",
    )


def _pay_vat(company: Company, day: date) -> None:
    owed = -company.ledger.balance(chart.VAT_RETURN, day)
    if owed:
        company.bank(day, {chart.VAT_RETURN: owed}, "BTW-afdracht")


def _close_month(company: Company, last: date) -> None:
    """Turn each profit-and-loss account back (Exact's type 310): its balance over closed months is zero."""
    first = last.replace(day=1)
    amounts = {
        account.code: -company.ledger.balance(account.code, last, since=first)
        for account in chart.GL_ACCOUNTS
        if account.balance == "W"
    }
    amounts = {code: cents for code, cents in amounts.items() if cents}
    if amounts:
        amounts[chart.YEAR_RESULT] = -sum(amounts.values())
        company.general(last, chart.PERIOD_CLOSED, amounts, f"Afsluiting periode {last.month}")


def _close_year(company: Company, last: date) -> None:
    """Add the result of the year to the reserve (Exact's types 320 and on)."""
    result = company.ledger.balance(chart.YEAR_RESULT, last)
    if result:
        company.general(
            last,
            chart.YEAR_END,
            {chart.YEAR_RESULT: -result, chart.RESERVE: result},
            f"Jaarafsluiting {last.year}",
        )
