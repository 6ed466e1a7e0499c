"""What a bookkeeper writes: entries that balance, and the open items that they make and settle. Amounts are cents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date

from .chart import PAYABLE, RECEIVABLE


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry.

    Attributes:
        gl: Code of the ledger account.
        amount: Cents in the base currency, debit positive.
        number: ``LineNumber``: 0 the total, from 1 the lines, 9999 and down the VAT.
        foreign: Cents in the entry's currency, debit positive; the same as ``amount`` in euros.
        party: Number of the customer or supplier.
        item: Code of the item that was sold or bought.
        vat: VAT code of the line.
        vat_foreign: VAT on it, in the entry's currency, with the sign of ``foreign``.
    """

    gl: str
    amount: int
    number: int
    foreign: int
    party: int | None = None
    item: str | None = None
    quantity: float | None = None
    vat: str | None = None
    vat_foreign: int = 0
    description: str = ""
    subscription: int | None = None


@dataclass(slots=True)
class Entry:
    """One entry of a journal; its postings sum to zero.

    Attributes:
        type: Exact's transaction type, see :mod:`.chart`.
        touched: When it was last changed: what ``Modified`` shows.
    """

    number: int
    journal: str
    day: date
    type: int
    postings: tuple[Posting, ...]
    description: str
    currency: str = "EUR"
    rate: float = 1.0
    invoice: int | None = None
    due: date | None = None
    your_ref: str | None = None
    order: int | None = None
    touched: date = field(default=date.min)

    def __post_init__(self) -> None:
        self.touched = max(self.touched, self.day)
        if sum(posting.amount for posting in self.postings):
            raise ValueError(f"entry {self.number} does not balance")

    @property
    def total(self) -> Posting:
        """The line of the receivable or payable account, for invoices."""
        return next(posting for posting in self.postings if posting.gl in (RECEIVABLE, PAYABLE))


@dataclass(slots=True)
class Term:
    """An open item: what is to be received or paid, in whole or what a part payment left of it.

    Attributes:
        number: Unique in the administration.
        entry: Number of the entry that made it.
        party: Customer or supplier.
        amount: Cents, with the sign of the books: receivable positive, payable negative.
        ended: Since when it is not outstanding any more; None while it is open.
        settled_by: Number of the entry that settled it.
        paid: When money last came for it: also of a part, after which the rest stays open. A credit note brings none.
    """

    number: int
    entry: int
    party: int
    amount: int
    foreign: int
    currency: str
    rate: float
    day: date
    due: date
    receivable: bool
    invoice: int
    ended: date | None = None
    settled_by: int | None = None
    paid: date | None = None
    touched: date = field(default=date.min)

    def open_on(self, day: date) -> bool:
        """Whether it is outstanding at the end of a day."""
        return self.day <= day and (self.ended is None or self.ended > day)


@dataclass(slots=True)
class Total:
    """What moved an account: cents, and how many postings that were."""

    debit: int = 0
    credit: int = 0
    count: int = 0


class Ledger:
    """All entries and open items of one administration.

    Attributes:
        totals: What moved by ledger account, year, period and type. Kept with each booking, as Exact does: whatever becomes of
            the lines that are shown, these say what was booked.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.terms: dict[int, Term] = {}
        self.totals: dict[tuple[str, int, int, int], Total] = defaultdict(Total)
        self._numbers: dict[str, int] = {}
        self._terms = 0

    def next_number(self, journal: str, year: int) -> int:
        """Exact numbers each journal's entries by year, such as 26700001."""
        slot = f"{journal}/{year}"
        self._numbers[slot] = self._numbers.get(slot, 0) + 1
        return year % 100 * 1_000_000 + int(journal) * 10_000 + self._numbers[slot]

    def post(self, entry: Entry) -> Entry:
        self.entries[entry.number] = entry
        self._add(entry, 1)
        return entry

    def change(self, entry: Entry, postings: tuple[Posting, ...], day: date) -> None:
        """Give an entry other postings."""
        self._add(entry, -1)
        entry.postings, entry.touched = postings, day
        self._add(entry, 1)

    def _add(self, entry: Entry, times: int) -> None:
        for posting in entry.postings:
            total = self.totals[posting.gl, entry.day.year, entry.day.month, entry.type]
            total.debit += times * max(posting.amount, 0)
            total.credit += times * max(-posting.amount, 0)
            total.count += times

    def open_item(self, entry: Entry, *, receivable: bool) -> Term:
        """The item that an invoice leaves open."""
        total = entry.total
        if total.party is None or entry.due is None or entry.invoice is None:
            raise ValueError(f"entry {entry.number} is not an invoice")
        self._terms += 1
        term = Term(
            self._terms, entry.number, total.party, total.amount, total.foreign, entry.currency, entry.rate,
            entry.day, entry.due, receivable, entry.invoice, touched=entry.day,
        )  # fmt: skip
        self.terms[term.number] = term
        return term

    def settle(self, term: Term, day: date, by: int, *, paid: bool) -> None:
        term.ended, term.settled_by, term.touched = day, by, day
        if paid:
            term.paid = day

    def split(self, term: Term, share: float, day: date) -> Term:
        """Take a part off an item, to be paid on this day; returns the part. The rest stays open, and shows when money came."""
        self._terms += 1
        part = replace(
            term, number=self._terms, amount=round(term.amount * share), foreign=round(term.foreign * share)
        )
        term.amount, term.foreign = term.amount - part.amount, term.foreign - part.foreign
        term.paid = term.touched = day
        self.terms[part.number] = part
        return part

    def remove(self, entry: int) -> None:
        """Delete an entry with what it left open, as a bookkeeper deletes a mistake of today."""
        self._add(self.entries.pop(entry), -1)
        for number in [number for number, term in self.terms.items() if term.entry == entry]:
            del self.terms[number]

    def balance(self, gl: str, until: date, *, since: date = date.min) -> int:
        """Cents that a ledger account moved in a span of days, closings included."""
        return sum(
            posting.amount
            for entry in self.entries.values()
            if since <= entry.day <= until
            for posting in entry.postings
            if posting.gl == gl
        )
