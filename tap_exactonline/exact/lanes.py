"""Divisions side by side, the calls of each one after the other, as Exact asks ("API limits")."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from tap_exactonline.exact.limits import Budget, DivisionLimits

_LOOK_UP = 0.5  # seconds between looks at the stop signal while another thread has the division


@dataclass(slots=True)
class Lane:
    """One division."""

    limits: DivisionLimits
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Lanes:
    """All divisions of a client; None is the lane of the calls without a division.

    Args:
        now: The server's clock.
        reserve: Calls of each day that are left to others.
        check_stop: Raises when the run was asked to stop.
        idle: Entered while a thread only waits.
    """

    def __init__(
        self,
        now: Callable[[], float],
        reserve: int,
        check_stop: Callable[[], None],
        idle: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._now = now
        self._reserve = reserve
        self._check_stop = check_stop
        self._idle = idle
        self._lanes: dict[int | None, Lane] = {}
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, division: int | None) -> Iterator[Lane]:
        """Have a division for oneself, for the time of one page."""
        with self._lock:
            lane = self._lanes.get(division)
            if lane is None:
                lane = self._lanes[division] = Lane(DivisionLimits(self._now, self._reserve))
        if not lane.lock.acquire(blocking=False):
            # Whoever has the division may be waiting for a place to work in: it must get ours.
            with self._idle():
                while not lane.lock.acquire(timeout=_LOOK_UP):
                    self._check_stop()
        try:
            yield lane
        finally:
            lane.lock.release()

    def calls(self, division: int | None) -> int:
        """Calls of a division, or with None of all together."""
        with self._lock:
            if division is None:
                return sum(lane.calls for lane in self._lanes.values())
            lane = self._lanes.get(division)
        return lane.calls if lane else 0

    def budget(self, division: int | None) -> Budget:
        with self._lock:
            lane = self._lanes.get(division)
        return lane.limits.budget() if lane else Budget()
