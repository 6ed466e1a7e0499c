"""What the dbt models must say, from the companies themselves: no SQL, no rows, only the books. Amounts are cents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.exact_online.company import Company, chart
from tests.exact_online.company.books import Entry, Posting, Term

Facts = dict[tuple[Any, ...], tuple[Any, ...]]
"""Key of a row → what it says."""

CLOSINGS = {310, *range(320, 329)}


@dataclass
class Truth:
    """The figures of some administrations at the end of a day.

    Attributes:
        companies: By the number of their administration.
        names: Names that differ from the company's, by administration and number of the relation.
    """

    companies: Mapping[int, Company]
    as_of: date
    names: dict[tuple[int, int], str] = field(default_factory=dict)

    def marts(self) -> dict[str, Facts]:
        """All marts by the end of their name."""
        return {
            "general_ledger": self.general_ledger(),
            "trial_balance": self.trial_balance(),
            "profit_and_loss": self.profit_and_loss(),
            "balance_sheet": self.balance_sheet(),
            "consolidated_trial_balance": self.consolidated(),
            "open_items": self.open_items(),
            "receivables_by_age": self.by_age(receivable=True),
            "payables_by_age": self.by_age(receivable=False),
            "revenue": self.revenue(),
            "cash": self.cash(),
            "mrr": self.mrr(),
            "subscriptions": self.subscriptions(),
            "customer_health": self.customer_health(),
        }

    def name(self, division: int, party: int) -> str:
        return self.names.get((division, party), self.companies[division].parties[party].name)

    def lines(self) -> Iterator[tuple[int, Entry, Posting]]:
        for division, company in self.companies.items():
            for entry in company.ledger.entries.values():
                for posting in entry.postings:
                    yield division, entry, posting

    def sales(self) -> Iterator[tuple[int, Entry, Posting]]:
        for division, entry, posting in self.lines():
            if entry.type not in CLOSINGS and chart.GL_BY_CODE[posting.gl].type == 110:
                yield division, entry, posting

    # -- the books -------------------------------------------------------------------------------

    def general_ledger(self) -> Facts:
        return {
            (division, entry.number, posting.number): (
                entry.day, entry.day.year, entry.day.month, entry.type, entry.invoice, posting.quantity,
                posting.gl, posting.amount, max(posting.amount, 0), max(-posting.amount, 0), posting.foreign,
                posting.party and self.name(division, posting.party), posting.item, entry.type in CLOSINGS,
            )
            for division, entry, posting in self.lines()
        }  # fmt: skip

    def _moved(self) -> dict[tuple[int, str], dict[tuple[int, int], list[int]]]:
        """Administration and account → year and period → debit, credit, movement without closings."""
        moved: dict[tuple[int, str], dict[tuple[int, int], list[int]]] = defaultdict(
            lambda: defaultdict(lambda: [0, 0, 0])
        )
        for division, entry, posting in self.lines():
            cell = moved[division, posting.gl][entry.day.year, entry.day.month]
            cell[0] += max(posting.amount, 0)
            cell[1] += max(-posting.amount, 0)
            cell[2] += 0 if entry.type in CLOSINGS else posting.amount
        return moved

    def _periods(self, division: int) -> list[tuple[int, int]]:
        entries = self.companies[division].ledger.entries.values()
        return sorted({(entry.day.year, entry.day.month) for entry in entries})

    def trial_balance(self) -> Facts:
        facts: Facts = {}
        for (division, gl), cells in self._moved().items():
            balance = 0
            for period in self._periods(division):
                debit, credit, open_movement = cells.get(period, [0, 0, 0])
                before, balance = balance, balance + debit - credit
                facts[division, gl, *period] = (before, debit, credit, debit - credit, open_movement, balance)
        return facts

    def profit_and_loss(self) -> Facts:
        return {
            (division, gl, *period): (-cell[2],)
            for (division, gl), cells in self._moved().items()
            if chart.GL_BY_CODE[gl].balance == "W"
            for period, cell in cells.items()
            if cell[2]
        }

    def balance_sheet(self) -> Facts:
        sums: dict[tuple[Any, ...], int] = defaultdict(int)
        for (division, gl, *period), facts in self.trial_balance().items():
            account = gl if chart.GL_BY_CODE[gl].balance == "B" else None
            sums[division, account, *period] += facts[5]
        return {key: (cents,) for key, cents in sums.items() if cents}

    def consolidated(self) -> Facts:
        """All administrations keep their books in euros."""
        moved: dict[str, dict[tuple[int, int], list[int]]] = defaultdict(
            lambda: defaultdict(lambda: [0, 0, 0])
        )
        for (_, gl), cells in self._moved().items():
            for period, cell in cells.items():
                moved[gl][period] = [a + b for a, b in zip(moved[gl][period], cell, strict=True)]
        periods = sorted({period for division in self.companies for period in self._periods(division)})
        facts: Facts = {}
        for gl, cells in moved.items():
            balance = 0
            for period in periods:
                debit, credit, open_movement = cells.get(period, [0, 0, 0])
                balance += debit - credit
                facts["EUR", gl, *period] = (debit, credit, debit - credit, open_movement, balance)
        return facts

    def cash(self) -> Facts:
        return {
            (division, gl, date(year, month, 1)): (before, debit, credit, after)
            for (division, gl, year, month), (
                before,
                debit,
                credit,
                *_,
                after,
            ) in self.trial_balance().items()
            if chart.GL_BY_CODE[gl].type in (10, 12) and (debit or credit)
        }

    # -- who owes --------------------------------------------------------------------------------

    def terms(self) -> Iterator[tuple[int, Term]]:
        for division, company in self.companies.items():
            for term in company.ledger.terms.values():
                if term.open_on(self.as_of):
                    yield division, term

    def open_items(self) -> Facts:
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        for division, term in self.terms():
            kind = "receivable" if term.receivable else "payable"
            days = (self.as_of - term.due).days
            cell = sums[division, kind, term.invoice, self.name(division, term.party), term.due, days]
            for place, value in enumerate((1, term.amount, term.foreign)):
                cell[place] += value
        return {key: tuple(values) for key, values in sums.items()}

    def by_age(self, *, receivable: bool) -> Facts:
        ages: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        oldest: dict[tuple[int, int], list[int]] = defaultdict(list)
        for division, term in self.terms():
            if term.receivable == receivable:
                days = (self.as_of - term.due).days
                group = 0 if days <= 0 else min((days - 1) // 30 + 1, 4)
                ages[division, term.party][group] += term.amount if receivable else -term.amount
                oldest[division, term.party].append(days)
        return {
            (division, party): (
                self.name(division, party), *cells, sum(cells), len(oldest[division, party]), max(oldest[division, party])
            )
            for (division, party), cells in ages.items()
        }  # fmt: skip

    # -- who buys --------------------------------------------------------------------------------

    def revenue(self) -> Facts:
        sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0.0, set()])
        for division, entry, posting in self.sales():
            cell = sums[division, entry.day.replace(day=1), posting.party, posting.item]
            cell[0] -= posting.amount
            cell[1] += posting.quantity or 0
            cell[2].add(entry.number)
        return {key: (cents, quantity, len(entries)) for key, (cents, quantity, entries) in sums.items()}

    def mrr(self) -> Facts:
        billed: dict[tuple[int, int], dict[date, int]] = defaultdict(lambda: defaultdict(int))
        for division, entry, posting in self.sales():
            if posting.subscription is not None and posting.party is not None:
                billed[division, posting.party][entry.day.replace(day=1)] -= posting.amount
        months: dict[int, set[date]] = defaultdict(set)
        for (division, _), cells in billed.items():
            months[division] |= cells.keys()
        facts: Facts = {}
        for (division, party), cells in billed.items():
            before, first = 0, min(cells)
            for month in sorted(month for month in months[division] if month >= first):
                cents = cells.get(month, 0)
                if cents or before:
                    facts[division, party, month] = (
                        cents,
                        before,
                        cents - before,
                        _movement(month == first, before, cents),
                    )
                before = cents
        return facts

    def subscriptions(self) -> Facts:
        sums: dict[tuple[int, int], int] = defaultdict(int)
        last: dict[tuple[int, int], date] = {}
        for division, entry, posting in self.sales():
            if posting.subscription is not None:
                sums[division, posting.subscription] -= posting.amount
                last[division, posting.subscription] = max(
                    last.get((division, posting.subscription), date.min), entry.day
                )
        return {
            (division, one.number): (
                self.name(division, one.party), one.started, one.ended,
                one.started <= self.as_of and (one.ended is None or one.ended > self.as_of), 1,
                one.item.price * one.quantity, sums[division, one.number], last.get((division, one.number)),
            )
            for division, company in self.companies.items()
            for one in company.subscriptions.values()
        }  # fmt: skip

    def customer_health(self) -> Facts:
        bought: dict[tuple[int, int], dict[tuple[date, int], int]] = defaultdict(lambda: defaultdict(int))
        for division, entry, posting in self.sales():
            if posting.party is not None and entry.day <= self.as_of:
                bought[division, posting.party][entry.day, entry.number] -= posting.amount
        owed = self.by_age(receivable=True)
        return {
            (division, party): (*self._habits(purchases), *_debts(owed.get((division, party))))
            for (division, party), purchases in bought.items()
        }

    def _habits(self, purchases: Mapping[tuple[date, int], int]) -> tuple[Any, ...]:
        days = sorted({day for day, _ in purchases})
        year, before = self.as_of - timedelta(days=365), self.as_of - timedelta(days=730)
        recent = [cents for (day, _), cents in purchases.items() if day > year]
        earlier = [cents for (day, _), cents in purchases.items() if before < day <= year]
        silent, span = (self.as_of - days[-1]).days, (days[-1] - days[0]).days
        return (
            days[0], days[-1], silent, span / (len(days) - 1) if len(days) > 1 else None, len(recent), sum(recent), sum(earlier), sum(recent) - sum(earlier),
            len(days) >= 4 and silent > 2 * span / (len(days) - 1),
        )  # fmt: skip


def _movement(first: bool, before: int, now: int) -> str:
    if first:
        return "new"
    if not before:
        return "reactivation"
    if not now:
        return "churn"
    return "expansion" if now > before else "contraction" if now < before else "unchanged"


def _debts(ages: tuple[Any, ...] | None) -> tuple[int, int, int]:
    if ages is None:
        return 0, 0, 0
    return ages[6], ages[6] - ages[1], max(ages[8], 0)
