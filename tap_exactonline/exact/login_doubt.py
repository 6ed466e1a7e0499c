"""Whether a 401 is about the login, or only about what was asked for.

Exact answers 401 to a token that has expired or was withdrawn. Users also report it for one administration or one
endpoint where a right is missing, and now and then by accident, while the token is good (forums.invantive.com 1601,
picqer/exact-php-client #428). So a 401 is about the login only if ``current/Me``, which every login may read, refuses
the same token, or if that can't be asked and the token never had a good answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

_BELIEVED = 30.0
"""Seconds for which the word of ``current/Me`` that a token is good is believed, so that it is not asked all the time."""


@dataclass(slots=True)
class _Evidence:
    token: str = ""
    number: int = -1
    refused: bool = False
    at: float = 0.0


class LoginDoubt:
    """What answers have shown about the token in use. Thread-safe.

    Args:
        ask: Asks ``current/Me`` with a token once: True if it refuses the token, False if it takes it, None if it
            says neither.
        now: Seconds since the epoch.
    """

    def __init__(self, ask: Callable[[str], bool | None], now: Callable[[], float]) -> None:
        self._ask = ask
        self._now = now
        self._good = _Evidence()
        self._word = _Evidence()
        self._lock = threading.Lock()
        self._numbers = 0
        self._counting = threading.Lock()

    def next_number(self) -> int:
        """The number of a call that is about to be sent: answers prove something about calls sent before."""
        with self._counting:
            self._numbers += 1
            return self._numbers

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
