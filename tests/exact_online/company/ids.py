"""How a company's things are called on the wire: GUIDs, padded codes, moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from tests.exact_online.generate import guid

Values = dict[str, Any]
Rows = dict[Any, Values]
"""Rows of one table by their key."""


@dataclass(frozen=True, slots=True)
class Ids:
    """GUIDs of one administration: the same thing has the same one everywhere."""

    seed: int
    division: int

    def of(self, kind: str, *number: object) -> str:
        return guid(self.seed, self.division, "company", kind, *number)

    def stamps(self, created: date, touched: date | None = None) -> Values:
        """Who made a row and when, as nearly every table shows it."""
        user = guid(self.seed, "user")
        return {
            "Created": moment(created, 9),
            "Creator": user,
            "CreatorFullName": "Stand In",
            "Modified": moment(touched or created, 17),
            "Modifier": user,
            "ModifierFullName": "Stand In",
        }


def moment(day: date, hour: int = 0) -> datetime:
    """A wall clock of the administration."""
    return datetime.combine(day, time(hour))


def euros(cents: int) -> float:
    return round(cents / 100, 2)


def account_code(number: int) -> str:
    """As Exact pads it: 18 characters, to the right (Exact, "Tips and Tricks")."""
    return f"{number:>18}"


def gl_code(code: str) -> str:
    return f"{code:>9}"


def vat_code(code: str) -> str:
    return f"{code:<3}"


def percentage(fraction: float) -> float:
    """Exact keeps VAT as a fraction."""
    return fraction
