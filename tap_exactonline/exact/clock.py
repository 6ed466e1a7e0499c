"""The server's clock, as far as its headers tell, and instants for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0

_EARLIEST, _LATEST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2000, 2200))
_UNKNOWN_TIME = "an unknown time"
_LONGEST_RETRY = 7 * DAY


class ServerClock:
    """The server's clock, told from ours and the ``Date`` headers.

    A ``Date`` header is cut to whole seconds, and it was written between our sending and our
    receiving. That gives an interval in which the difference of the clocks must lie; the estimate
    moves only when it lies outside. So a right local clock is left alone, and a wrong one is
    corrected as well as the headers allow.

    Args:
        clock: Local time, epoch seconds.
        most: A header that is further from the local clock than so many seconds is not believed.

    Attributes:
        offset: Seconds by which the server's clock is ahead.
        known: Whether a header was seen; before that, the local clock is all there is.
    """

    def __init__(self, clock: Callable[[], float], *, most: float = math.inf) -> None:
        self._clock = clock
        self._most = most
        self.offset = 0.0
        self.known = False

    def local(self) -> float:
        """The local clock."""
        return self._clock()

    def now(self) -> float:
        """The server's clock; at most a second and the time of a call too late, never too early."""
        return self._clock() + self.offset

    def latest(self) -> float:
        """The server's clock; at most a second too early, never too late: for when something began."""
        return self.now() + (1.0 if self.offset else 0.0)

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Learn from an answer.

        Args:
            date: The ``Date`` header, if there was one.
            sent: Local clock before sending.
            received: Local clock when the headers had come.
        """
        server = _http_date(date)
        if server is None or not _EARLIEST <= server < _LATEST:
            return
        lowest, highest = server - received, server + 1.0 - sent
        if abs(lowest) > self._most:
            return
        self.known = True
        if not lowest <= self.offset <= highest:
            # The lowest makes us late, by a second and the time of the call; any other might make us early.
            self.offset = lowest


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or a date; a week at most. Exact sends none, proxies do."""
    text = headers.get("Retry-After")
    try:
        seconds = float(text or "")
    except ValueError:
        moment = _http_date(text)
        if moment is None:
            return None
        seconds = moment - now
    return min(max(0.0, seconds), _LONGEST_RETRY) if math.isfinite(seconds) else None


def _http_date(text: str | None) -> float | None:
    """A date of a header in seconds since the epoch; None if it is none that there can be."""
    if not text:
        return None
    try:
        stamp = parsedate_to_datetime(text)
        # RFC 9110: such dates are GMT, also where a server writes "-0000".
        return stamp.replace(tzinfo=stamp.tzinfo or UTC).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def clock_time(epoch: float) -> str:
    """An instant for people, such as ``2024-01-31 00:00 UTC``."""
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return _UNKNOWN_TIME


def local_time(epoch: float, form: str = "%Y-%m-%d %H:%M:%S %z") -> str:
    """An instant for people, in the time of this machine."""
    try:
        return datetime.fromtimestamp(epoch).astimezone().strftime(form)
    except (ValueError, OverflowError, OSError):
        return _UNKNOWN_TIME
