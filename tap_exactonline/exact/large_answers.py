"""How many large answers may be in memory at once, from the reading of the body until its page is written.

A usual page has a megabyte or two. With 64 workers, pages of 38 MB would fill gigabytes. So a body that turns out to be
larger than `payload.LARGE` waits for a place before it is read on; the server waits meanwhile, and the others work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tap_exactonline.exact.errors import Stopped

PLACES = 2
"""Large answers at once. Each takes up to four times its size: the body, its rows, its lines, and what lies idle between."""

_LOOK_UP = 0.5
_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2


class LargeAnswers:
    """Places for large answers. Each belongs to a thread during its call, or to a page that is made of the answer.

    Nobody who holds a place waits for another one, and the writer needs none, so all of them become free again.

    Args:
        stop: When set, waiting for a place ends.
        places: How many there are.
    """

    def __init__(self, stop: threading.Event, places: int = PLACES) -> None:
        share_heaps()
        self._stop = stop
        self._free = threading.Semaphore(places)
        self._mine = threading.local()

    def take(self) -> None:
        """Wait for a place for what this thread reads; does nothing if it has one.

        Raises:
            Stopped: If the run is asked to stop meanwhile.
        """
        if getattr(self._mine, "held", False):
            return
        while not self._free.acquire(timeout=_LOOK_UP):
            if self._stop.is_set():
                raise Stopped("the run was asked to stop")
        self._mine.held = True

    def drop(self) -> None:
        """Give this thread's place back: what it read is not needed any more. Does nothing without one."""
        self.hand_over()()

    def answered(self) -> None:
        """A call is over, and with it what it read, unless this thread makes pages."""
        if not getattr(self._mine, "makes_pages", False):
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

    def hand_over(self) -> Callable[[], None]:
        """Let this thread's place, if it has one, belong to a page.

        Returns:
            To be called once, when the page is written; by whichever thread.
        """
        if not getattr(self._mine, "held", False):
            return lambda: None
        self._mine.held = False
        return self._free.release


def share_heaps() -> None:
    """Let all threads of this process share two heaps of the C library, before most of them begin.

    glibc gives each thread one of its own, and each keeps what a large answer once took: 64 workers whose every page has
    no end came to 1.3 GB, and come to 0.5. Other C libraries need nothing of the kind. A variable of the user's wins.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc; TypeError: Windows
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
