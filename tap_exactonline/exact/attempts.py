"""The tries of a request: how often and how long, whether its 401 is about the login, and when nothing works any more.

The waiting times are python-backoff's. Its decorators are not used: they sleep with ``time.sleep``, so a signal would have
to wait for the end of the sleep, and they would count answers 429, which are not failures, among the tries.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

import backoff

from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.error_budget import TooMany
from tap_exactonline.exact.errors import BrokenAnswer, TemporaryError, Unreachable

STREAK = 5
"""Pages given up in a row, with no good answer in between, that make an outage."""

PAUSE = 300.0
"""Seconds for which a host that cannot be reached is not tried again."""

_BELIEVED = 30.0
"""Seconds for which the word of ``current/Me`` that a token is good is believed, so that it is not asked all the time."""

_LONGEST = 60.0
_LONGEST_HINT = 300.0
_MOST_WITHOUT_CONTENT = 2
_MOST_ERRORS = 3


@dataclass(slots=True)
class Attempt:
    """The tries of one page.

    Attributes:
        url: Its address.
        context: What is read.
        announced: The page before said that there is this one.
        seconds: How long the tries took, and the waits after those that failed; not those for the next call.
        without_content: How often it came without content.
        token: The access token of the last try.
        number: Of the last try, among all calls.
        rejected: The token that Exact refused for it; "" if none.
        errors: Its answers that count towards the ten errors an hour (`error_budget.COUNTED_ERRORS`).
        too_many: Its answers 429.
    """

    url: str
    context: RequestContext
    announced: bool = False
    seconds: float = 0.0
    without_content: int = 0
    token: str = field(default="", repr=False)
    number: int = 0
    rejected: str = field(default="", repr=False)
    errors: int = 0
    too_many: TooMany = field(default_factory=TooMany)

    @property
    def enough_errors(self) -> bool:
        """Whether one more try would cost too much of the errors that an endpoint may have in an hour."""
        return self.errors >= _MOST_ERRORS

    def without_rows(self) -> None:
        """Doubt an announced page that came without content: rows would be taken for gone. Exact has to say so thrice.

        Raises:
            BrokenAnswer: As long as it is in doubt.
        """
        if self.announced and self.without_content < _MOST_WITHOUT_CONTENT:
            self.without_content += 1
            raise BrokenAnswer("the page that was announced came without content", "Run again later")


class Backoff:
    """Counts the failures of one page and says how long to wait after each.

    Args:
        max_tries: Tries in all.
        max_time: Seconds of trying after which no further try begins.
        base: Seconds before the second try; doubled for each further one up to a minute.
    """

    def __init__(self, max_tries: int, max_time: float, base: float) -> None:
        self.max_tries = max(1, max_tries)
        self.tries = 1
        self._max_time = max_time
        self._waits = backoff.expo(base=2, factor=base, max_value=_LONGEST)
        next(self._waits)  # python-backoff's generators begin with an empty step

    def after_failure(self, spent: float, hint: float | None = None) -> float | None:
        """Seconds to wait before the next try, or None when it is enough.

        Args:
            spent: Seconds of trying so far (`Attempt.seconds`).
            hint: Seconds that the server asked for (``Retry-After``).
        """
        if self.tries >= self.max_tries:
            return None
        full = next(self._waits)
        # At least half of it, so that a wait is never none; the rest spreads the workers.
        seconds = full / 2 + backoff.full_jitter(full / 2)
        if hint is not None:
            seconds = max(seconds, min(hint, _LONGEST_HINT))
        if spent + seconds > self._max_time:
            return None
        self.tries += 1
        return seconds

    def __str__(self) -> str:
        """Such as ``try 2 of 6``: the one that follows."""
        return f"try {self.tries} of {self.max_tries}"


class CircuitBreaker:
    """Notices that nothing works any more, so that hundreds of streams do not wait in vain one by one.

    It counts the pages that were given up in a row, over all divisions.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streak = 0
        self._last: TemporaryError | None = None
        self._since = 0.0

    def answered(self) -> None:
        """A good answer, or a refusal with a reason: Exact is there."""
        self._streak = 0

    def gave_up(self, error: TemporaryError) -> None:
        """A page failed after all its tries."""
        self._streak += 1
        # A copy: the error itself goes on, and with it the frames that it comes through.
        self._last, self._since = copy(error), self._clock()

    def tries(self, most: int) -> int:
        """Tries that the next page gets: during an outage one, which finds out whether it is over."""
        return 1 if self._streak >= STREAK else most

    def check(self) -> None:
        """Raise for a page that would wait for a host that is not there.

        Raises:
            Unreachable: during an outage of the network.
        """
        last = self._last
        if self._streak < STREAK or not isinstance(last, Unreachable) or self._clock() - self._since >= PAUSE:
            return
        raise Unreachable(f"not tried, after {self._streak} failures in a row: {last.what}", last.remedy)


@dataclass(slots=True)
class _Evidence:
    token: str = ""
    number: int = -1
    refused: bool = False
    at: float = 0.0


class LoginDoubt:
    """Whether a 401 is about the login, or only about what was asked for. Thread-safe.

    Exact answers 401 to a token that has expired or was withdrawn. Users also report it for one administration or one
    endpoint where a right is missing, and now and then by accident, while the token is good (forums.invantive.com 1601,
    picqer/exact-php-client #428). So a 401 is about the login only if ``current/Me``, which every login may read, refuses
    the same token, or if that can't be asked and the token never had a good answer.

    Args:
        ask: Asks ``current/Me`` with a token once: True if it refuses the token, False if it takes it, None if it
            says neither.
        now: Seconds since the epoch.

    Attributes:
        next_number: Gives the number of a call that is about to be sent: answers prove something about calls sent before.
    """

    def __init__(self, ask: Callable[[str], bool | None], now: Callable[[], float]) -> None:
        self._ask = ask
        self._now = now
        self._good = _Evidence()
        self._word = _Evidence()
        self._lock = threading.Lock()
        self.next_number = itertools.count(1).__next__

    def good_answer(self, token: str, number: int) -> None:
        """A call with the token had a good answer."""
        good = self._good
        if good.token != token or good.number < number:
            self._good = _Evidence(token, number)

    def is_refused(self, token: str, number: int) -> bool:
        """Whether the 401 that came for a call is about the login.

        Whoever doubts at the same time waits here, and shares the answer.

        Args:
            token: The token that was sent.
            number: Of the call.

        Raises:
            LoginError: ``current/Me`` says that the user is blocked.
            Stopped: As the client.
        """
        with self._lock:
            good, word = self._good, self._word
            proven = good.token == token
            if proven and good.number > number:
                return False
            if word.token == token and word.number > number:
                return word.refused
            if word.token == token and not word.refused and self._now() - word.at < _BELIEVED:
                return False
            refused = self._ask(token)
            if refused is None:
                return word.refused if word.token == token else not proven
            self._word = _Evidence(token, self.next_number(), refused, self._now())
            return refused
