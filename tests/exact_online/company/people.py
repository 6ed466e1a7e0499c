"""Customers, suppliers, items: plausible Dutch names, chosen by the seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from .chart import (
    CARS,
    HIGH,
    IMPORT,
    INVENTORY,
    LOW,
    OFFICE,
    PURCHASE_HIGH,
    RENT,
    REVENUE_ABROAD,
    REVENUE_GOODS,
    REVENUE_LOW,
    REVENUE_SUBSCRIPTIONS,
    SELLING,
    SOFTWARE,
)  # fmt: skip

_FAMILIES = (
    "De Vries", "Jansen", "Van den Berg", "Bakker", "Visser", "Smit", "Meijer", "De Boer", "Mulder", "De Groot", "Bos",
    "Vos", "Peters", "Hendriks", "Van Leeuwen", "Dekker", "Brouwer", "De Wit", "Dijkstra", "Smits", "De Graaf", "Van der Meer",
    "Kok", "Jacobs", "Van der Linden", "Maas", "Verhoeven", "Willems", "Prins", "Blom", "Huisman", "Peeters", "Kuipers",
    "Veenstra", "Hoekstra", "Postma",
)  # fmt: skip
_TRADES = (
    "Bouw", "Installatietechniek", "Horeca", "Groothandel", "Transport", "Bloemen", "Kaashandel", "Fietsen", "Interieurs",
    "Tuinen", "Drukkerij", "Advies", "Zorg", "Catering", "Schilders", "Techniek",
)  # fmt: skip
_FORMS = ("B.V.", "B.V.", "B.V.", "V.O.F.", "& Zn.", "Holding B.V.")
_CITIES = (
    ("Amsterdam", "1016 GC"), ("Rotterdam", "3011 AD"), ("Utrecht", "3511 LN"), ("Eindhoven", "5611 EM"),
    ("Groningen", "9711 LM"), ("Zwolle", "8011 CW"), ("Breda", "4811 XS"), ("Leeuwarden", "8911 DH"), ("Delft", "2611 GX"),
    ("Gouda", "2801 JG"), ("Alkmaar", "1811 KC"), ("Maastricht", "6211 HE"),
)  # fmt: skip
_STREETS = (
    "Dorpsstraat",
    "Kerkstraat",
    "Industrieweg",
    "Havenkade",
    "Stationsplein",
    "Molenweg",
    "Markt",
    "Prinsengracht",
)
_FIRST = (
    "Anna",
    "Daan",
    "Emma",
    "Fleur",
    "Jasper",
    "Lotte",
    "Milan",
    "Noor",
    "Ruben",
    "Sanne",
    "Thijs",
    "Yara",
)
_ABROAD = ("Hudson Cheese Imports Inc.", "Lakeside Dairy LLC", "Brooklyn Deli Supplies Inc.")


@dataclass(frozen=True, slots=True)
class Party:
    """A customer or a supplier.

    Attributes:
        number: Also its code.
        active: First and last day on which it buys; the last one is far away for who stays.
        appetite: How likely it is to order in a month.
        pays_after: Days from the invoice until it usually pays.
    """

    number: int
    name: str
    contact: str
    street: str
    city: str
    postcode: str
    country: str
    currency: str
    vat: str
    active: tuple[date, date]
    appetite: float
    pays_after: int
    payment_days: int = 30
    gl: str | None = None
    monthly: int = 0

    @property
    def is_supplier(self) -> bool:
        return self.gl is not None


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is sold: goods from stock, or a subscription by the month."""

    code: str
    description: str
    price: int
    cost: int
    gl_revenue: str
    vat: str
    stock: bool = True
    group: str = "Handelsgoederen"


ITEMS = (
    Item("KAAS-01", "Goudse kaas jong belegen, 12 kg", 9_850, 6_100, REVENUE_LOW, LOW),
    Item("KAAS-02", "Goudse kaas oud, 12 kg", 13_400, 8_300, REVENUE_LOW, LOW),
    Item("KAAS-03", "Boerenkaas met komijn, 5 kg", 6_275, 3_900, REVENUE_LOW, LOW),
    Item("SNIJ-01", "Kaassnijmachine", 48_900, 29_500, REVENUE_GOODS, HIGH, group="Apparaten"),
    Item("SNIJ-02", "Kaasschaaf, doos van 24", 11_760, 6_240, REVENUE_GOODS, HIGH, group="Apparaten"),
    Item("PLANK-01", "Serveerplank eiken", 3_495, 1_650, REVENUE_GOODS, HIGH),
    Item("KOEL-01", "Koelvitrine 90 cm", 164_500, 112_000, REVENUE_GOODS, HIGH, group="Apparaten"),
    Item("ABO-S", "Proefabonnement per maand", 4_900, 0, REVENUE_SUBSCRIPTIONS, HIGH, stock=False, group="Abonnementen"),
    Item("ABO-M", "Winkelabonnement per maand", 12_500, 0, REVENUE_SUBSCRIPTIONS, HIGH, stock=False, group="Abonnementen"),
    Item("ABO-L", "Ketenabonnement per maand", 34_900, 0, REVENUE_SUBSCRIPTIONS, HIGH, stock=False, group="Abonnementen"),
)  # fmt: skip
ITEM_BY_CODE = {item.code: item for item in ITEMS}
_SUPPLIERS = (
    ("Kaasboerderij De Weide B.V.", INVENTORY, 0), ("Apparatenfabriek Twente B.V.", INVENTORY, 0),
    ("Vastgoed Havenkwartier B.V.", RENT, 275_000), ("Papier & Co", OFFICE, 18_500),
    ("Reclamebureau Vlaggenschip", SELLING, 42_000), ("Lease Noord B.V.", CARS, 61_500),
    ("Cloud Polder B.V.", SOFTWARE, 23_900),
)  # fmt: skip


def customers(random: Random, count: int, start: date, end: date) -> list[Party]:
    """Customers who come and go; a few of them abroad, who buy in dollars."""
    found = []
    names = [f"{family} {trade}" for family in _FAMILIES for trade in _TRADES]
    random.shuffle(names)
    span = (end - start).days
    for number in range(1, count + 1):
        abroad = number % 12 == 0
        city, postcode = random.choice(_CITIES)
        first = date.fromordinal(start.toordinal() + (0 if number % 3 else random.randrange(span * 2 // 3)))
        stays = random.random() < 0.75
        last = (
            date.max
            if stays
            else date.fromordinal(random.randrange(first.toordinal() + 200, end.toordinal() + 1))
        )
        name = _ABROAD[number // 12 % len(_ABROAD)] if abroad else f"{names[number]} {random.choice(_FORMS)}"
        found.append(
            Party(
                number=number,
                name=f"{name} {number}" if abroad and number > 36 else name,
                contact=f"{random.choice(_FIRST)} {random.choice(_FAMILIES)}",
                street=f"{random.choice(_STREETS)} {random.randrange(1, 240)}",
                city="New York" if abroad else city,
                postcode="10013" if abroad else postcode,
                country="US" if abroad else "NL",
                currency="USD" if abroad else "EUR",
                vat=IMPORT if abroad else HIGH,
                active=(first, last),
                appetite=random.choice((0.15, 0.3, 0.45, 0.7)),
                pays_after=random.choice((12, 20, 28, 31, 38, 45, 62)),
                payment_days=random.choice((14, 30, 30, 60)),
            )
        )
    return found


def suppliers(random: Random) -> list[Party]:
    """Suppliers of goods, and of what a company pays for each month."""
    found = []
    for position, (name, gl, monthly) in enumerate(_SUPPLIERS):
        city, postcode = random.choice(_CITIES)
        found.append(
            Party(
                number=5001 + position,
                name=name,
                contact=f"{random.choice(_FIRST)} {random.choice(_FAMILIES)}",
                street=f"{random.choice(_STREETS)} {random.randrange(1, 240)}",
                city=city,
                postcode=postcode,
                country="NL",
                currency="EUR",
                vat=PURCHASE_HIGH,
                active=(date.min, date.max),
                appetite=1.0,
                pays_after=random.choice((14, 21, 30)),
                gl=gl,
                monthly=monthly,
            )
        )
    return found


def revenue_account(item: Item, party: Party) -> str:
    """Sales abroad have an account of their own."""
    return REVENUE_ABROAD if party.country != "NL" else item.gl_revenue
