"""How many divisions work at once, and how many finished pages may wait for the target.

A division that waits for its minute to begin again gives its slot to another. So an accountancy firm with hundreds
of administrations is not held up by each of them in turn. The pages that it has finished are counted apart from the
places: however many divisions are open, there are at most as many finished pages as places, and as many again in work.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tap_exactonline.exact.places import LargeAnswers, Places, acquire

OPEN_DIVISIONS = 4
"""Divisions that may be begun for each place: those that wait, and those that work."""


class WorkerSlots:
    """Slots for workers.

    Args:
        places: How many threads may work at once.
        stop: When set, waiting for a place ends.

    Attributes:
        large: Places for answers that are larger than usual.
        page_lock: Held while lines are made of a page (`sync.records.page`).
    """

    def __init__(self, places: int, stop: threading.Event) -> None:
        self.places = places
        self._slots = Places(places, stop)
        self._room = threading.Semaphore(places)
        self._stop = stop
        self.large = LargeAnswers(stop)
        self.page_lock = threading.Lock()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Stopped: If the run is asked to stop while waiting for one.
        """
        self._slots.take()
        try:
            with self.large.pages():
                yield
        finally:
            self._slots.drop()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Give the place away for as long as this thread only waits. Does nothing for a thread without one.

        Raises:
            Stopped: If the run is asked to stop before there is a place again.
        """
        if not self._slots.held:
            yield
            return
        self._slots.drop()
        try:
            yield
        finally:
            self._slots.take()

    def hand_over(self, *own: threading.Semaphore) -> list[threading.Semaphore]:
        """Wait until one more finished page may lie in front of the writer.

        A thread that waits here keeps its place: the writer is behind, and more pages would not help it. It holds
        no lock that the writer or another thread needs in order to go on.

        Args:
            own: What of the thread's own the page holds until it is written, too.

        Returns:
            What is to be released, by whichever thread, once the page is written.

        Raises:
            Stopped: If the run is asked to stop meanwhile.
        """
        held = [*own, self._room]
        for semaphore in held:
            acquire(semaphore, self._stop)
        return held + self.large.hand_over()
