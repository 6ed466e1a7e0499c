"""Ends requests that take too long in all, or that are still under way when the run is stopped.

A read time-out only bounds the silence between two pieces, so a server that sends a byte now and then (of a body, of
its headers, one "100 Continue" after the other) could hold a connection for ever. Looking at the clock between two
pieces would cost a copy of every page; so the reading is done in one go, and a thread that sleeps nearly always shuts
the connection if it has to.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

_PERIOD = 0.2
_IDLE = 5.0


class Watched(msgspec.Struct, eq=False):
    """A request under way. ``late`` or ``stopped`` say that it was cut, and why.

    Attributes:
        shut: Ends the connection; called from another thread, again and again until the watch is over: a connection
            that is being made can't be shut yet.
        deadline: By `time.monotonic`; may be moved.
    """

    shut: Callable[[], None]
    deadline: float
    late: bool = False
    stopped: bool = False

    @property
    def cut(self) -> bool:
        return self.late or self.stopped


class Watchdog:
    """Watches the requests of all threads.

    Args:
        stop: When set, what is under way is cut.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._watched: set[Watched] = set()
        self._changed = threading.Condition()
        self._running = False

    @contextlib.contextmanager
    def over(self, shut: Callable[[], None], deadline: float) -> Iterator[Watched]:
        """Watch from before the connection is made until the body is read.

        Args:
            shut: See `Watched`.
            deadline: See `Watched`.
        """
        watched = Watched(shut, deadline)
        with self._changed:
            self._watched.add(watched)
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="exact-watchdog", daemon=True).start()
            self._changed.notify()
        try:
            yield watched
        finally:
            with self._changed:
                self._watched.discard(watched)

    def _watch(self) -> None:
        while True:
            with self._changed:
                if not self._watched and not self._changed.wait_for(lambda: bool(self._watched), _IDLE):
                    self._running = False
                    return
                now, stopped = time.monotonic(), self._stop.is_set()
                for watched in self._watched:
                    if not watched.cut and (stopped or now > watched.deadline):
                        watched.stopped, watched.late = stopped, not stopped
                    if watched.cut:
                        # It may have ended in this very moment, or not have begun.
                        with contextlib.suppress(Exception):
                            watched.shut()
            time.sleep(_PERIOD)
