"""What a bookkeeper puts right: an invoice that should not have been, and an amount that was wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import chart

if TYPE_CHECKING:
    from .books import Entry
    from .company import Company


def correct(company: Company) -> tuple[Entry | None, Entry | None]:
    """Delete the newest sales invoice that nobody has paid, and raise the newest purchase of a service that is open.

    Only months that are not closed are touched.

    Returns:
        The deleted entry and the changed one; None where there is none.
    """
    ledger = company.ledger
    whole = _open_entries(company)
    sales = [entry for entry in whole if entry.type == chart.SALES_ENTRY and entry.order is None]
    bought = [
        entry
        for entry in whole
        if entry.type == chart.PURCHASE_ENTRY and entry.postings[1].gl != chart.INVENTORY
    ]
    deleted = sales[-1] if sales else None
    if deleted is not None:
        ledger.remove(deleted.number)
    changed = bought[-1] if bought else None
    if changed is not None:
        _raise(company, changed, 10_000)
    return deleted, changed


def _open_entries(company: Company) -> list[Entry]:
    """Invoices of open months whose only item is open and whole, oldest first."""
    items: dict[int, list[bool]] = {}
    for term in company.ledger.terms.values():
        items.setdefault(term.entry, []).append(term.ended is None)
    return [
        entry
        for entry in company.ledger.entries.values()
        if entry.day > company.closed_until and items.get(entry.number) == [True]
    ]


def _raise(company: Company, entry: Entry, cents: int) -> None:
    """Add an amount without VAT to the first line of a purchase, and to what it leaves open."""
    total, first, *rest = entry.postings
    raised = (
        replace(total, amount=total.amount - cents, foreign=total.foreign - cents),
        replace(first, amount=first.amount + cents, foreign=first.foreign + cents),
        *rest,
    )
    company.ledger.change(entry, raised, company.today)
    term = next(term for term in company.ledger.terms.values() if term.entry == entry.number)
    term.amount, term.foreign, term.touched = term.amount - cents, term.foreign - cents, company.today
