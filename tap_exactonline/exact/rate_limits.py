"""The calls of a division: one after the other, so many a minute and a day.

The budgets are pure logic: no network, no waiting, the clock is given. All times are seconds since the epoch by the
*server's* clock (see `clock`).

Exact (page "API limits"): calls are counted per app and administration, in fixed clock minutes and
in days; each answer tells in headers what is left, with resets as UTC epoch milliseconds. An answer
may carry all of them, some, or none.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec

from tap_exactonline.exact.clock import DAY, MINUTE, retry_after

MARGIN = 1.0
"""Seconds added to a reset: resets are whole minutes and clocks never agree entirely."""

SHORTEST = 0.05
"""Seconds of the shortest wait, so that rounding never makes a busy loop."""

LONGEST_REFUSAL = 300.0
"""Seconds of ``Retry-After`` beyond which it cannot be the minute that is meant."""

_LOOK_UP = 0.5  # seconds between looks at the stop signal while another thread has the division
_MOST_CALLS = 1e12
_SECONDS_NOT_MILLISECONDS = 1e11  # as milliseconds this is 1973, as seconds the year 5138


class Budget(msgspec.Struct, frozen=True):
    """What is known of a division's calls. None: unknown. Resets are seconds since the epoch."""

    day_left: int | None = None
    day_limit: int | None = None
    day_resets: float | None = None
    minute_left: int | None = None
    minute_limit: int | None = None
    minute_resets: float | None = None


class Go(msgspec.Struct, frozen=True):
    """The next call may be made now."""


class Wait(msgspec.Struct, frozen=True):
    """The next call would be refused now."""

    seconds: float
    why: str


class Spent(msgspec.Struct, frozen=True):
    """No more calls before the day is over."""

    resets: float
    left: int


def next_boundary(now: float, length: float) -> float:
    """The next clock boundary: windows are fixed minutes and UTC days."""
    return (math.floor(now / length) + 1) * length


class _Window:
    """Calls left until a reset."""

    def __init__(self, length: float) -> None:
        self.length = length
        self.limit: int | None = None
        self.left: int | None = None
        self.resets: float | None = None

    def end(self, now: float) -> float:
        """When the window that now is in will be over."""
        return next_boundary(now, self.length)

    def observe(self, left: int | None, limit: int | None, resets: float | None, now: float) -> None:
        if limit is not None:
            self.limit = limit
        if resets is not None:
            # No window is longer than its length; a later reset means that the clocks disagree.
            self.resets = min(resets, now + self.length)
        if left is not None:
            self.left = left
            if resets is None and (self.resets is None or self.resets <= now):
                self.resets = self.end(now)

    def roll(self, now: float, margin: float) -> None:
        """Forget what was left once the window is over."""
        if self.left is not None and self.resets is not None and now >= self.resets + margin:
            self.left = None
            self.resets = None


class DivisionLimits:
    """The minute and day budget of one division. Not thread-safe; a division is read serially.

    Args:
        now: The server's clock.
        reserve: Calls of the day that are left to others.

    Attributes:
        unexplained: Endpoints that were refused with 429 for no visible reason since the last good answer.
    """

    def __init__(self, now: Callable[[], float], reserve: int = 0) -> None:
        self._now = now
        self.reserve = max(0, reserve)
        self.unexplained: set[str] = set()
        self._minute = _Window(MINUTE)
        self._day = _Window(DAY)
        self._not_before = 0.0
        self._not_before_why = ""

    def next_call(self) -> Go | Wait | Spent:
        """Whether the next call may be made, and if not, for how long."""
        now = self._now()
        # A day is closed until its end is certainly over; a minute with calls left may roll at once.
        self._day.roll(now, MARGIN)
        self._minute.roll(now, MARGIN if self._minute.left == 0 else 0.0)
        if self._day.left is not None and self._day.left <= self.reserve:
            return Spent(self._day.resets or self._day.end(now), self._day.left)
        waits = [Wait(self._not_before - now, self._not_before_why)] if now < self._not_before else []
        if self._minute.left is not None and self._minute.left <= 0:
            resets = self._minute.resets or self._minute.end(now)
            limit = f"the {self._minute.limit} calls" if self._minute.limit else "the calls"
            waits.append(Wait(max(resets + MARGIN - now, SHORTEST), f"{limit} of this minute are used"))
        if waits:
            return max(waits, key=lambda wait: wait.seconds)
        return Go()

    def took(self) -> None:
        """A call is about to be sent: count it, in case its answer has no headers."""
        for window in (self._minute, self._day):
            if window.left is not None and window.left > 0:
                window.left -= 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over what the headers of an answer say, and only that."""
        now = self._now()
        self._minute.observe(
            _count(headers.get("X-RateLimit-Minutely-Remaining")),
            _count(headers.get("X-RateLimit-Minutely-Limit")),
            _instant(headers.get("X-RateLimit-Minutely-Reset")),
            now,
        )
        self._day.observe(
            _count(headers.get("X-RateLimit-Remaining")),
            _count(headers.get("X-RateLimit-Limit")),
            _instant(headers.get("X-RateLimit-Reset")),
            now,
        )

    def refused(self, headers: Mapping[str, str], times: int) -> bool:
        """An answer 429 came: set when to ask again.

        Args:
            headers: Those of the answer, already given to `observe`.
            times: How many answers 429 this call has had in a row, this one included.

        Returns:
            Whether the headers explain the refusal by a spent minute or day. If not, something else
            is the matter, and trying again for long is pointless.
        """
        now = self._now()
        if _count(headers.get("X-RateLimit-Remaining")) == 0:
            return True  # next_call() says that the day is spent
        asked = retry_after(headers, now)
        explained = _count(headers.get("X-RateLimit-Minutely-Remaining")) == 0
        if asked is not None:
            wait = asked + MARGIN
        elif explained and times == 1:
            # The reset of the minute, which next_call() waits for. If that seems to be over, a clock is
            # wrong, and the next answer may tell more.
            wait = MARGIN
        else:
            wait = self._minute.end(now) + MARGIN - now
        self._not_before = now + wait
        self._not_before_why = "Exact Online refuses calls for now (HTTP 429)"
        return explained or asked is not None

    def ends_with_day(self, seconds: float) -> bool:
        """Whether a wait of so many seconds lasts until the budget of the day is renewed."""
        now = self._now()
        return abs(now + seconds - self._day.end(now)) < 2 * MINUTE

    def close_day(self) -> Spent:
        """Treat the day as spent although no header said so."""
        now = self._now()
        self._day.left = 0
        if self._day.resets is None or self._day.resets <= now:
            self._day.resets = self._day.end(now)
        return Spent(self._day.resets, 0)

    def budget(self) -> Budget:
        """What is known now."""
        return Budget(
            day_left=self._day.left,
            day_limit=self._day.limit,
            day_resets=self._day.resets,
            minute_left=self._minute.left,
            minute_limit=self._minute.limit,
            minute_resets=self._minute.resets,
        )


class DivisionGate(msgspec.Struct):
    """One division: its calls are serial, as Exact asks ("API limits"), and within its budget."""

    limits: DivisionLimits
    calls: int = 0
    seconds: float = 0.0
    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)


class DivisionGates:
    """The gates of all divisions of a client; None is that of the calls without a division.

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
        self._gates: dict[int | None, DivisionGate] = {}
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, division: int | None) -> Iterator[DivisionGate]:
        """Have a division for oneself, for the time of one page."""
        with self._lock:
            gate = self._gates.get(division)
            if gate is None:
                gate = self._gates[division] = DivisionGate(DivisionLimits(self._now, self._reserve))
        if not gate.lock.acquire(blocking=False):
            # Whoever has the division may be waiting for a place to work in: it must get ours.
            with self._idle():
                while not gate.lock.acquire(timeout=_LOOK_UP):
                    self._check_stop()
        try:
            yield gate
        finally:
            gate.lock.release()

    def seconds(self, division: int) -> float:
        """How long the calls of a division took, from sending to the end of the answer."""
        with self._lock:
            return self._gates[division].seconds if division in self._gates else 0.0

    def calls(self, division: int | None) -> int:
        """Calls of a division, or with None of all together."""
        with self._lock:
            if division is None:
                return sum(gate.calls for gate in self._gates.values())
            gate = self._gates.get(division)
        return gate.calls if gate else 0

    def budget(self, division: int | None) -> Budget:
        with self._lock:
            gate = self._gates.get(division)
        return gate.limits.budget() if gate else Budget()


def _count(text: str | None) -> int | None:
    """A number of calls; None if there is none, or more than anybody has."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return max(0, int(value)) if abs(value) <= _MOST_CALLS else None


def _instant(text: str | None) -> float | None:
    """A reset header in seconds; Exact sends UTC epoch milliseconds."""
    try:
        value = float(text) if text is not None else 0.0
    except ValueError:
        return None
    if not math.isfinite(value) or value <= 0:
        return None
    return value / 1000 if value > _SECONDS_NOT_MILLISECONDS else value
