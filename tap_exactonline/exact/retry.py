"""How often and how long to try again.

The waiting times are python-backoff's. Its decorators are not used: they sleep with ``time.sleep``,
so a signal would have to wait for the end of the sleep, and they would count answers 429, which are
no failures, among the tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import backoff

_LONGEST = 60.0
_LONGEST_HINT = 300.0


class Patience:
    """Counts the failures of one page and says how long to wait after each.

    Args:
        max_tries: Tries in all.
        max_time: Seconds since the first try after which no further one begins.
        base: Seconds before the second try; doubled for each further one up to a minute.
        clock: Seconds that never jump.
    """

    def __init__(
        self, max_tries: int, max_time: float, base: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_tries = max(1, max_tries)
        self.tries = 1
        self._base = base
        self._clock = clock
        self._deadline = clock() + max_time
        self._waits = backoff.expo(base=2, factor=base, max_value=_LONGEST)
        next(self._waits)  # python-backoff's generators begin with an empty step

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """While a minute or the end of a 429 is waited for: that is no failure, and costs no time for further tries."""
        began = self._clock()
        try:
            yield
        finally:
            self._deadline += self._clock() - began

    def after_failure(self, hint: float | None = None) -> float | None:
        """Seconds to wait before the next try, or None when it is enough.

        Args:
            hint: Seconds that the server asked for (``Retry-After``).
        """
        if self.tries >= self.max_tries:
            return None
        full = next(self._waits)
        # At least half of it, so that a wait is never none; the rest spreads the lanes.
        seconds = full / 2 + backoff.full_jitter(full / 2)
        if hint is not None:
            seconds = max(seconds, min(hint, _LONGEST_HINT))
        if self._clock() + seconds > self._deadline:
            return None
        self.tries += 1
        return seconds

    def __str__(self) -> str:
        """Such as ``try 2 of 6``: the one that follows."""
        return f"try {self.tries} of {self.max_tries}"
