"""The server's clock, as far as its headers tell, and instants for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class ServerClock:
    """The server's clock, told from ours and the ``Date`` headers.

    A ``Date`` header is cut to whole seconds, and it was written between our sending and our
    receiving. That gives an interval in which the difference of the clocks must lie; the estimate
    moves only when it lies outside. So a right local clock is left alone, and a wrong one is
    corrected as well as the headers allow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.offset = 0.0

    def now(self) -> float:
        return self._clock() + self.offset

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Learn from an answer.

        Args:
            date: The ``Date`` header, if there was one.
            sent: Local clock before sending.
            received: Local clock when the headers had come.
        """
        if not date:
            return
        try:
            stamp = parsedate_to_datetime(date)
        except (TypeError, ValueError):
            return
        # RFC 9110: the header is GMT, also where a server writes "-0000".
        server = stamp.replace(tzinfo=stamp.tzinfo or UTC).timestamp()
        lowest, highest = server - received, server + 1.0 - sent
        if not lowest <= self.offset <= highest:
            # The lowest makes us late, by a second and the time of the call; any other might make us early.
            self.offset = lowest


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or a date. Exact sends none, proxies do."""
    text = headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text)) if math.isfinite(float(text)) else None
    except ValueError:
        pass
    try:
        stamp = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, stamp.replace(tzinfo=stamp.tzinfo or UTC).timestamp() - now)


def clock_time(epoch: float) -> str:
    """An instant for people, such as ``2024-01-31 00:00 UTC``."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")
