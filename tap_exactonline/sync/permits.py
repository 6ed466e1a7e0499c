"""How many divisions work at once.

A division that waits for its minute to begin again gives its place to another. So an accountancy firm with hundreds
of administrations is not held up by each of them in turn, and there are still no more pages in memory than places.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tap_exactonline.exact.errors import Stopped

OPEN_DIVISIONS = 4
"""Divisions that may be begun for each place: those that wait, and those that work."""


class Permits:
    """Places for threads.

    Args:
        places: How many threads may work at once.
        stop: When set, waiting for a place ends.
    """

    def __init__(self, places: int, stop: threading.Event) -> None:
        self.places = places
        self._free = threading.Semaphore(places)
        self._stop = stop
        self._mine = threading.local()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Stopped: If the run is asked to stop while waiting for one.
        """
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Give the place away for as long as this thread only waits. Does nothing for a thread without one.

        Raises:
            Stopped: If the run is asked to stop before there is a place again.
        """
        if not getattr(self._mine, "held", False):
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        while not self._free.acquire(timeout=0.5):
            if self._stop.is_set():
                raise Stopped("the run was asked to stop")
        self._mine.held = True

    def _give(self) -> None:
        if getattr(self._mine, "held", False):
            self._mine.held = False
            self._free.release()
