"""Places of which threads wait for one: those of workers, and those of large answers.

With 64 workers, pages of 38 MB would fill gigabytes. So a body that turns out to be a large one waits for a place before it
is read on (`LargeAnswers`), and holds it until its page is written; the server waits meanwhile, and the others work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tap_exactonline.exact.errors import Stopped

PLACES = 2
"""Large answers at once. Each takes up to four times its size: the body, its rows, its lines, and what lies idle between."""

_LOOK_UP = 0.5
_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2


class _Mine(threading.local):
    held = False
    makes_pages = False


class Places:
    """Places of which a thread has at most one.

    Args:
        count: How many there are.
        stop: When set, waiting for a place ends.
    """

    def __init__(self, count: int, stop: threading.Event) -> None:
        self._free = threading.Semaphore(count)
        self._stop = stop
        self._mine = _Mine()

    @property
    def held(self) -> bool:
        """Whether this thread has one."""
        return self._mine.held

    def take(self) -> None:
        """Wait for a place; does nothing if this thread has one.

        Raises:
            Stopped: If the run is asked to stop meanwhile.
        """
        if not self._mine.held:
            acquire(self._free, self._stop)
            self._mine.held = True

    def drop(self) -> None:
        """Give this thread's place back. Does nothing without one."""
        if self._mine.held:
            self._mine.held = False
            self._free.release()


class LargeAnswers(Places):
    """Places for large answers. Each belongs to a thread during its call, or to a page that is made of the answer.

    Nobody who holds a place waits for another one, and the writer needs none, so all of them become free again.

    Args:
        stop: When set, waiting for a place ends.
        places: How many there are.
    """

    def __init__(self, stop: threading.Event, places: int = PLACES) -> None:
        share_heaps()
        super().__init__(places, stop)

    def answered(self) -> None:
        """A call is over, and with it what it read, unless this thread makes pages."""
        if not self._mine.makes_pages:
            self.drop()

    @contextmanager
    def pages(self) -> Iterator[None]:
        """In this thread a place outlives its call, until the page is handed over or the next call begins."""
        self._mine.makes_pages = True
        try:
            yield
        finally:
            self._mine.makes_pages = False
            self.drop()

    def hand_over(self) -> list[threading.Semaphore]:
        """Let this thread's place, if it has one, belong to a page.

        Returns:
            What is to be released, by whichever thread, once the page is written.
        """
        if not self._mine.held:
            return []
        self._mine.held = False
        return [self._free]


def acquire(semaphore: threading.Semaphore, stop: threading.Event) -> None:
    """Wait for one of the places that a semaphore counts.

    Raises:
        Stopped: If the run is asked to stop meanwhile.
    """
    while not semaphore.acquire(timeout=_LOOK_UP):
        if stop.is_set():
            raise Stopped("the run was asked to stop")


def share_heaps() -> None:
    """Let all threads of this process share two heaps of the C library, before most of them begin.

    glibc gives each thread one of its own, and each keeps what a large answer once took: 64 workers whose every page has
    no end came to 1.3 GB, and come to 0.5. Other C libraries need nothing of the kind. A variable of the user's wins.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc; TypeError: Windows
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
