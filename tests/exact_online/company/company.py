"""The life of a company, day by day: what it sells, buys, is paid, pays, corrects and closes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from . import chart, closing
from .agreements import Order, Subscription
from .books import Entry, Ledger, Posting, Term
from .people import ITEMS, Item, Party, customers, revenue_account, suppliers

START = date(2023, 1, 1)
"""The first day of the books of every company."""

_RATE = {"EUR": 1.0, "USD": 0.92}


@dataclass(frozen=True, slots=True)
class Profile:
    """What makes one company differ from another.

    Attributes:
        customers: How many there are over the years.
        subscriptions: Whether it sells subscriptions.
        trade: Scales how often customers order.
        costs: Scales what it spends every month: rent, offices, wages.
    """

    customers: int = 36
    subscriptions: bool = True
    trade: float = 1.0
    costs: float = 1.0


@dataclass(slots=True)
class Company:
    """One administration's books up to a day.

    Args:
        seed: All that happens depends on it.
        profile: Its size and trade.

    Attributes:
        today: The last day that it has lived.
        parties: Customers and suppliers by number.
        stock: Pieces of each item.
    """

    seed: int
    profile: Profile = field(default_factory=Profile)
    today: date = START - timedelta(days=1)
    ledger: Ledger = field(default_factory=Ledger)
    parties: dict[int, Party] = field(default_factory=dict)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    closed_until: date = START - timedelta(days=1)
    _invoices: int = 0

    def __post_init__(self) -> None:
        random = Random(f"{self.seed}/parties")
        everybody = customers(random, self.profile.customers, START, START.replace(year=START.year + 4))
        self.parties = {party.number: party for party in [*everybody, *suppliers(random)]}

    def live_until(self, day: date) -> Company:
        """Let days pass until this one is over; returns itself."""
        while self.today < day:
            self.today += timedelta(days=1)
            self._live(self.today, Random(f"{self.seed}/{self.today}"))
        return self

    # -- one day ---------------------------------------------------------------------------------

    def _live(self, day: date, random: Random) -> None:
        if day == START:
            self._open_books(day)
        if day.day == 1:
            self._subscribe(day, random)
            self._invoice_subscriptions(day)
            self._monthly_costs(day)
        if day.weekday() < 5:
            self._deliver(day)
            self._sell(day, random)
            self._settle(day, random)
        if day.day == 25:
            self._pay_wages(day)
        closing.close(self, day)

    def _open_books(self, day: date) -> None:
        for item in ITEMS:
            if item.stock:
                self.stock[item.code] = 4 if item.price > 100_000 else 24
        amounts = {
            chart.BANK: 4_850_000, chart.FURNITURE: 3_600_000, chart.DEPRECIATED: -600_000, chart.CAPITAL: -1_800_000,
            chart.LOAN: -3_000_000,
            chart.INVENTORY: sum(item.cost * self.stock[item.code] for item in ITEMS),
        }  # fmt: skip
        amounts[chart.RESERVE] = -sum(amounts.values())
        self.general(day, chart.OPENING, amounts, "Openingsbalans")

    def _subscribe(self, day: date, random: Random) -> None:
        """Customers take, widen, narrow and end subscriptions on the first of a month."""
        if not self.profile.subscriptions:
            return
        offered = [item for item in ITEMS if not item.stock]
        mine = {one.party: one for one in self.subscriptions.values() if one.ended is None}
        for party in self.customers_on(day):
            current = mine.get(party.number)
            if current is None:
                if random.random() < 0.06 * party.appetite:
                    number = len(self.subscriptions) + 1
                    self.subscriptions[number] = Subscription(
                        number, party.number, random.choice(offered), 1, day, touched=day
                    )
            elif random.random() < 0.02:
                current.quantity, current.touched = current.quantity + 1, day
            elif current.quantity > 1 and random.random() < 0.02:
                current.quantity, current.touched = current.quantity - 1, day
            elif random.random() < 0.008:
                current.ended, current.touched = day, day
        for one in self.subscriptions.values():
            if one.ended is None and self.parties[one.party].active[1] < day:
                one.ended, one.touched = day, day

    def _invoice_subscriptions(self, day: date) -> None:
        for one in list(self.subscriptions.values()):
            if one.ended is None or one.ended > day:
                party = self.parties[one.party]
                self.invoice(day, party, [(one.item, one.quantity)], subscription=one.number)

    def _monthly_costs(self, day: date) -> None:
        for party in self.parties.values():
            if party.gl is not None and party.monthly:
                growth = 1 + (day.year - START.year) * 0.04
                self.purchase(day, party, party.gl, round(party.monthly * growth * self.profile.costs))

    def _sell(self, day: date, random: Random) -> None:
        goods = [item for item in ITEMS if item.stock]
        season = 1.35 if day.month in (11, 12) else 0.8 if day.month in (7, 8) else 1.0
        for party in self.customers_on(day):
            if random.random() >= party.appetite / 9 * season * self.profile.trade:
                continue
            chosen = random.sample(goods, k=random.choice((1, 1, 2, 3)))
            lines = tuple((item, 1 if item.price > 100_000 else random.randrange(1, 7)) for item in chosen)
            number = (
                day.year % 100 * 10_000
                + 1
                + sum(1 for order in self.orders.values() if order.day.year == day.year)
            )
            self.orders[number] = Order(number, party.number, day, lines, touched=day)

    def _deliver(self, day: date) -> None:
        """Orders of some days ago are delivered and invoiced; what runs out is bought."""
        for order in self.orders.values():
            if order.delivered is None and (day - order.day).days >= 3:
                for item, quantity in order.lines:
                    if self.stock[item.code] < quantity:
                        self._buy(day, item, 24 if item.price < 100_000 else 4)
                    self.stock[item.code] -= quantity
                order.delivered = order.touched = day
                entry = self.invoice(day, self.parties[order.party], list(order.lines), order=order.number)
                order.invoiced = entry.number

    def _buy(self, day: date, item: Item, quantity: int) -> None:
        supplier = next(
            p
            for p in self.parties.values()
            if p.gl == chart.INVENTORY and ("Apparaten" in p.name) == (item.group == "Apparaten")
        )
        self.stock[item.code] += quantity
        self.purchase(day, supplier, chart.INVENTORY, item.cost * quantity, item=item, quantity=quantity)

    def _settle(self, day: date, random: Random) -> None:
        """Customers pay, some in parts; what is due is paid; now and then an invoice is credited."""
        for term in [term for term in self.ledger.terms.values() if term.ended is None]:
            party = self.parties[term.party]
            age = (day - term.day).days
            if term.receivable and age == 5 and term.amount > 0 and random.random() < 0.025:
                self._credit(day, term)
            elif age >= party.pays_after and not self._waits(party, term, day):
                in_parts = term.receivable and term.amount > 150_000 and random.random() < 0.2
                self.pay(day, self.ledger.split(term, 0.5, day) if in_parts else term)

    def _waits(self, party: Party, term: Term, day: date) -> bool:
        """Who has left pays late, and the last invoice never; the rest of an invoice comes three weeks after its first part."""
        if term.paid is not None:
            return (day - term.paid).days < 21
        return term.receivable and party.active[1] < day and (day - term.day).days < 400

    # -- entries ---------------------------------------------------------------------------------

    def customers_on(self, day: date) -> list[Party]:
        return [p for p in self.parties.values() if not p.is_supplier and p.active[0] <= day <= p.active[1]]

    def invoice(
        self,
        day: date,
        party: Party,
        lines: list[tuple[Item, int]],
        *,
        order: int | None = None,
        subscription: int | None = None,
    ) -> Entry:
        """Sell: an entry of the sales journal, an open item, and the cost of what left the stock."""
        rate = self.rate(party.currency, day)
        postings, cost = [], 0
        vat: dict[str, int] = defaultdict(int)
        raised = 1 + (day.year - START.year) * 0.03
        for number, (item, quantity) in enumerate(lines, start=1):
            code = party.vat if party.country != "NL" else item.vat
            foreign = round(item.price * raised * quantity / (rate if party.currency != "EUR" else 1.0))
            tax = chart.VAT_CODES[code].on(foreign)
            vat[code] += tax
            postings.append(
                Posting(
                    revenue_account(item, party),
                    -round(foreign * rate),
                    number,
                    -foreign,
                    party.number,
                    item.code,
                    float(quantity),
                    code,
                    -tax,
                    item.description,
                    subscription,
                )
            )
            cost += item.cost * quantity
        for position, (code, tax) in enumerate(sorted(vat.items())):
            if tax:
                postings.append(
                    Posting(
                        chart.VAT_DUE,
                        -round(tax * rate),
                        9999 - position,
                        -tax,
                        party.number,
                        vat=code,
                        description="BTW",
                    )
                )
        entry = self._trade(
            day,
            party,
            journal=chart.SALES,
            kind=chart.SALES_ENTRY,
            control=chart.RECEIVABLE,
            postings=postings,
            rate=rate,
            order=order,
        )
        self.ledger.open_item(entry, receivable=True)
        if cost:
            self.general(
                day,
                chart.GENERAL_ENTRY,
                {chart.COST_OF_GOODS: cost, chart.INVENTORY: -cost},
                f"Kostprijs {entry.number}",
            )
        return entry

    def purchase(
        self, day: date, party: Party, gl: str, cents: int, *, item: Item | None = None, quantity: int = 0
    ) -> Entry:
        """Buy: an entry of the purchase journal and an open item."""
        tax = chart.VAT_CODES[party.vat].on(cents)
        postings = [
            Posting(gl, cents, 1, cents, party.number, item.code if item else None, float(quantity) if quantity else None,
                    party.vat, tax, item.description if item else chart.GL_BY_CODE[gl].description),
            Posting(chart.VAT_CLAIM, tax, 9999, tax, party.number, vat=party.vat, description="BTW"),
        ]  # fmt: skip
        entry = self._trade(
            day,
            party,
            journal=chart.PURCHASES,
            kind=chart.PURCHASE_ENTRY,
            control=chart.PAYABLE,
            postings=postings,
            rate=1.0,
        )
        self.ledger.open_item(entry, receivable=False)
        return entry

    def _trade(
        self, day: date, party: Party, *, journal: str, kind: int, control: str, postings: list[Posting], rate: float,
        order: int | None = None,
    ) -> Entry:  # fmt: skip
        total, foreign = -sum(p.amount for p in postings), -sum(p.foreign for p in postings)
        first = Posting(control, total, 0, foreign, party.number, description=party.name)
        self._invoices += 1
        invoice = self._invoices
        return self.ledger.post(
            Entry(
                self.ledger.next_number(journal, day.year),
                journal,
                day,
                kind,
                (first, *postings),
                party.name,
                party.currency,
                rate,
                invoice,
                day + timedelta(days=party.payment_days),
                f"PO-{invoice % 977}",
                order,
            )
        )

    def _credit(self, day: date, term: Term) -> None:
        """Take an invoice back: the same entry with the other sign, and both items settled."""
        origin = self.ledger.entries[term.entry]
        turned = [
            Posting(p.gl, -p.amount, p.number, -p.foreign, p.party, p.item, -p.quantity if p.quantity else None, p.vat,
                    -p.vat_foreign, p.description, p.subscription)
            for p in origin.postings
        ]  # fmt: skip
        self._invoices += 1
        entry = self.ledger.post(
            Entry(self.ledger.next_number(chart.SALES, day.year), chart.SALES, day, chart.SALES_CREDIT, tuple(turned),
                  f"Creditnota bij {origin.invoice}", origin.currency, origin.rate, self._invoices,
                  day + timedelta(days=self.parties[term.party].payment_days))
        )  # fmt: skip
        back = self.ledger.open_item(entry, receivable=True)
        for one in (term, back):
            self.ledger.settle(one, day, entry.number, paid=False)

    def pay(self, day: date, term: Term) -> None:
        """Settle an item by the bank; in a foreign currency the rate has moved meanwhile."""
        control = chart.RECEIVABLE if term.receivable else chart.PAYABLE
        rate = self.rate(term.currency, day)
        received = round(term.foreign * rate) if term.currency != "EUR" else term.amount
        difference = received - term.amount
        postings = [
            Posting(chart.BANK, received, 0, term.foreign, term.party, description="Betaling"),
            Posting(
                control, -term.amount, 1, -term.foreign, term.party, description=f"Factuur {term.invoice}"
            ),
        ]
        if difference:
            postings.append(Posting(chart.EXCHANGE, -difference, 2, 0, description="Koersverschil"))
        entry = self.ledger.post(
            Entry(self.ledger.next_number(chart.BANK_JOURNAL, day.year), chart.BANK_JOURNAL, day, chart.CASH_FLOW,
                  tuple(postings), f"Betaling factuur {term.invoice}", term.currency, rate)
        )  # fmt: skip
        self.ledger.settle(term, day, entry.number, paid=True)

    def _pay_wages(self, day: date) -> None:
        gross = round(
            640_000 * self.profile.trade * self.profile.costs * (1 + (day.year - START.year) * 0.05)
        )
        self.general(day, chart.PAYROLL, {chart.WAGES: gross, chart.WAGES_DUE: -gross}, "Loonjournaalpost")
        self.bank(day, {chart.WAGES_DUE: gross}, "Netto lonen")

    def general(self, day: date, kind: int, amounts: dict[str, int], description: str) -> Entry:
        """An entry of the general journal: ledger account → cents."""
        postings = tuple(
            Posting(gl, cents, number, cents, description=description)
            for number, (gl, cents) in enumerate(amounts.items(), 1)
            if cents
        )
        number = self.ledger.next_number(chart.GENERAL, day.year)
        return self.ledger.post(Entry(number, chart.GENERAL, day, kind, postings, description))

    def bank(self, day: date, amounts: dict[str, int], description: str) -> Entry:
        """An entry of the bank journal against these ledger accounts."""
        total = -sum(amounts.values())
        postings = [Posting(chart.BANK, total, 0, total, description=description)]
        postings += [
            Posting(gl, cents, n, cents, description=description)
            for n, (gl, cents) in enumerate(amounts.items(), 1)
        ]
        number = self.ledger.next_number(chart.BANK_JOURNAL, day.year)
        return self.ledger.post(
            Entry(number, chart.BANK_JOURNAL, day, chart.CASH_FLOW, tuple(postings), description)
        )

    @staticmethod
    def rate(currency: str, day: date) -> float:
        """Euros for one unit of the currency; it moves by the month."""
        if currency == "EUR":
            return 1.0
        return round(_RATE[currency] + ((day.month * 7 + day.year * 3) % 11 - 5) / 200, 4)
