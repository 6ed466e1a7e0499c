"""The calls that a contract with Exact allows a day, counted over all administrations, processes and machines.

Exact's headers tell of each administration alone. What all of them may use together ("fair use", 20,000 a day by Exact's
documentation) they do not tell, so it is counted here: in the token store's database, which all processes share anyway.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from tap_exactonline.exact.auth.store.base import Content, SharedRow
from tap_exactonline.exact.clock import DAY, clock_time
from tap_exactonline.exact.counted import counted
from tap_exactonline.exact.errors import DayBudgetSpent, TokenStoreError
from tap_exactonline.exact.rate_limits import next_boundary

HANDFUL = 20
"""So many calls are taken at a time, so that not each one asks the database. A process that is killed loses them."""

_SHARE = 8
"""The fewer are left, the smaller the handful: one part of so many, so that none lie idle while others have none."""


class ContractCalls:
    """A share of the day's calls. Thread-safe.

    Args:
        row: Where the calls are counted: ``mark`` is the day in UTC, ``number`` how many are used.
        limit: Calls a day.
        now: Exact's clock, seconds since the epoch.
    """

    def __init__(self, row: SharedRow, limit: int, now: Callable[[], float]) -> None:
        self._row = row
        self._limit = limit
        self._now = now
        self._day = ""
        self._left = 0
        self._lock = threading.Lock()
        atexit.register(self.give_back)

    def take(self) -> None:
        """Count one call that is about to be made.

        Raises:
            DayBudgetSpent: There is none left today.
            TokenStoreError: The database can't be asked.
        """
        with self._lock:
            now = self._now()
            today = datetime.fromtimestamp(now, UTC).date().isoformat()
            if self._day != today:
                self._left = 0
            if self._left == 0:
                self._row.change(lambda content, _: self._grab(content, today))
            if self._left == 0:
                raise self._spent(now)
            self._left -= 1

    def _spent(self, now: float) -> DayBudgetSpent:
        midnight = next_boundary(now, DAY)
        error = DayBudgetSpent(
            f"the setting 'contract_calls' allows {counted(self._limit, 'call')} a day, and all are used",
            f"A run after {clock_time(midnight)} goes on from here",
        )
        error.again_at = midnight
        return error

    def give_back(self) -> None:
        """Return what was taken and not used. To be called when the run is over."""
        with self._lock, contextlib.suppress(TokenStoreError):
            if self._left:
                self._row.change(self._return)

    def _grab(self, content: Content, today: str) -> Content:
        # A process whose clock is behind must not begin a day once more.
        day = max(today, content.mark)
        used = content.number if content.mark == day else 0
        remaining = max(0, self._limit - used)
        self._day, self._left = today, min(HANDFUL, max(1, remaining // _SHARE), remaining)
        return Content(used + self._left, day, "")

    def _return(self, content: Content, _: int) -> Content:
        left, self._left = self._left, 0
        if content.mark != self._day:
            return content
        return content._replace(number=max(0, content.number - left))
