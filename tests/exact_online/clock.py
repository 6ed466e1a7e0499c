"""The one clock of the stand-in: tokens, budgets and ``Modified`` all read it."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from zoneinfo import ZoneInfo


class Clock:
    """Seconds since the epoch, either real (plus an offset) or moved by hand.

    Attributes:
        offset: Seconds added to the real time; a test may set it to make the service run ahead.
    """

    def __init__(self, start: float | None = None) -> None:
        self._manual = start
        self._lock = threading.Lock()
        self.offset = 0.0

    @classmethod
    def manual(cls, start: float | datetime = 1_718_000_000.0) -> Clock:
        """A clock that stands still until :meth:`advance`; an aware datetime or epoch seconds."""
        return cls(start.timestamp() if isinstance(start, datetime) else float(start))

    def now(self) -> float:
        """Epoch seconds."""
        return (time.time() if self._manual is None else self._manual) + self.offset

    def advance(self, seconds: float) -> None:
        """Move on; on a real clock this adds to the offset."""
        with self._lock:
            if self._manual is None:
                self.offset += seconds
            else:
                self._manual += seconds

    def local(self, zone: ZoneInfo) -> datetime:
        """The wall clock of the administration, naive, in whole milliseconds."""
        moment = datetime.fromtimestamp(self.now(), zone).replace(tzinfo=None)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
