"""What a company has agreed with a customer: subscriptions and orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .people import Item


@dataclass(slots=True)
class Subscription:
    """A customer's subscription to an item, by the month."""

    number: int
    party: int
    item: Item
    quantity: int
    started: date
    ended: date | None = None
    touched: date = date.min


@dataclass(slots=True)
class Order:
    """A sales order; all of it is delivered and invoiced together."""

    number: int
    party: int
    day: date
    lines: tuple[tuple[Item, int], ...]
    delivered: date | None = None
    invoiced: int | None = None
    touched: date = date.min
