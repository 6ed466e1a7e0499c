"""Notices that nothing works any more, so that hundreds of streams do not wait in vain one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy

from tap_exactonline.exact.errors import TemporaryError, Unreachable

STREAK = 5
"""Pages given up in a row, with no good answer in between, that make an outage."""

PAUSE = 300.0
"""Seconds for which a host that cannot be reached is not tried again."""


class Outage:
    """Counts the pages that were given up in a row, over all divisions.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streak = 0
        self._last: TemporaryError | None = None
        self._since = 0.0

    def answered(self) -> None:
        """A good answer, or a refusal with a reason: Exact is there."""
        self._streak = 0

    def gave_up(self, error: TemporaryError) -> None:
        """A page failed after all its tries."""
        self._streak += 1
        # A copy: the error itself goes on, and with it the frames that it comes through.
        self._last, self._since = copy(error), self._clock()

    def tries(self, most: int) -> int:
        """Tries that the next page gets: during an outage one, which finds out whether it is over."""
        return 1 if self._streak >= STREAK else most

    def check(self) -> None:
        """Raise for a page that would wait for a host that is not there.

        Raises:
            Unreachable: during an outage of the network.
        """
        last = self._last
        if self._streak < STREAK or not isinstance(last, Unreachable) or self._clock() - self._since >= PAUSE:
            return
        raise Unreachable(f"not tried, after {self._streak} failures in a row: {last.what}", last.remedy)
