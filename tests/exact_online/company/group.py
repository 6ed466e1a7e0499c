"""Several companies in one stand-in: days pass for all of them, and each administration shows what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from .company import Company, Profile
from .corrections import correct
from .publish import Publisher

if TYPE_CHECKING:
    from tests.exact_online import ExactOnline

_ZONE = ZoneInfo("Europe/Amsterdam")

Changes = dict[int, dict[str, tuple[int, int, int]]]
"""Administration → stream → rows inserted, updated and deleted."""


class Group:
    """Administrations with a company each.

    Args:
        exact: The stand-in; its clock follows the companies' days.
        profiles: Number of the administration → its name and its company's profile. The number is the seed.
    """

    def __init__(self, exact: ExactOnline, profiles: Mapping[int, tuple[str, Profile]]) -> None:
        self.exact = exact
        self.shown: dict[int, Publisher] = {}
        for division, (name, profile) in profiles.items():
            exact.add_division(division, description=name)
            self.shown[division] = Publisher(exact, division, Company(division, profile))

    @property
    def companies(self) -> dict[int, Company]:
        return {division: publisher.company for division, publisher in self.shown.items()}

    def live_until(self, day: date, *, corrected: bool = False) -> Changes:
        """Let days pass and show them; it is the evening of the last one then.

        Args:
            day: The last day.
            corrected: Whether the bookkeepers find a mistake on it: an entry is deleted, another one changed.
        """
        evening = datetime(day.year, day.month, day.day, 18, tzinfo=_ZONE)
        self.exact.clock.advance(evening.timestamp() - self.exact.clock.now())
        changes: Changes = {}
        for division, publisher in self.shown.items():
            publisher.company.live_until(day)
            if corrected:
                correct(publisher.company)
            changes[division] = publisher.publish()
        return changes
