"""Ends answers that take too long in all, or that are still coming when the run is stopped.

A read time-out only bounds the silence between two pieces. Reading piece by piece and looking at the
clock would do, but costs a copy of every page; so the body is read in one go, and a thread that
sleeps nearly always shuts the connection if it has to.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PERIOD = 0.2
_IDLE = 5.0


@dataclass(slots=True, eq=False)
class Watched:
    """An answer whose body is being read. ``late`` or ``stopped`` say that it was cut, and why."""

    shut: Callable[[], None]
    deadline: float
    late: bool = False
    stopped: bool = False

    @property
    def cut(self) -> bool:
        return self.late or self.stopped


class Watchdog:
    """Watches the answers of all threads.

    Args:
        stop: When set, what is being read is cut.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._watched: set[Watched] = set()
        self._changed = threading.Condition()
        self._running = False

    @contextlib.contextmanager
    def over(self, shut: Callable[[], None], deadline: float) -> Iterator[Watched]:
        """Watch while the body is read.

        Args:
            shut: Ends the connection; called from another thread.
            deadline: By `time.monotonic`.
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
                    if watched.cut or not (stopped or now > watched.deadline):
                        continue
                    watched.stopped, watched.late = stopped, not stopped
                    # It may have ended in this very moment.
                    with contextlib.suppress(Exception):
                        watched.shut()
            time.sleep(_PERIOD)
