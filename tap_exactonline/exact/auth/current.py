"""What this process knows about the access token in its hands: its age, a 401, Exact's word that it is alive."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from tap_exactonline.exact.auth.renewal import RENEW_AFTER, USABLE_UNTIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_exactonline.exact.auth.tokens import Tokens
    from tap_exactonline.exact.clock import ServerClock

# Clocks of machines that share a store differ a little; more than this means that the clock was set back.
_SKEW = 30.0
# Who is told "too early" has a token younger than 570 s: it lives for 30 s more at least.
_CONFIRMED_FOR = 30.0
# Part of its life from which on a token is too old by any clock.
_DOUBTFUL_UNTIL = 1.5


class CurrentToken:
    """The token in use and what happened to it. Not locked: single attributes are set and read whole.

    Args:
        clock: Exact's time, as far as it is known; may jump. The age of the current token is also kept by a clock that
            does not.
        steady: Seconds of a clock that nobody sets.
    """

    def __init__(self, clock: ServerClock, steady: Callable[[], float] = time.monotonic) -> None:
        self.tokens: Tokens | None = None
        self._clock = clock
        self._steady = steady
        # Steady time, age of the current token then, and whether Exact's time was known then.
        self._anchor = (0.0, 0.0, False)
        self.rejected = ""  # the access token that Exact answered 401 to
        self._confirmed = ""  # the access token that Exact itself called not expired
        self._confirmed_until = 0.0

    def take_up(self, tokens: Tokens) -> Tokens:
        """Use these from now on."""
        current = self.tokens
        if current is None or current.access_token != tokens.access_token:
            self._drop_anchor(tokens)
        self.tokens = tokens
        return tokens

    def _drop_anchor(self, tokens: Tokens) -> None:
        self._anchor = (self._steady(), self._clock_age(tokens), self._clock.known)

    def reject(self, access_token: str) -> None:
        """A 401 came for this token. Ignored if it is replaced already, or if Exact says that it is alive."""
        current = self.tokens
        if current is None or access_token != current.access_token:
            return
        confirmed = access_token == self._confirmed
        if confirmed and (self._clock.now() < self._confirmed_until or self._age(current) < _due(current)):
            return
        self.rejected = access_token

    def confirm_valid(self, access_token: str) -> None:
        """Exact says that this token has not expired: whatever the clock or a 401 said, it is good."""
        self._confirmed, self._confirmed_until = access_token, self._clock.now() + _CONFIRMED_FOR
        self.rejected = ""

    def is_fresh(self, tokens: Tokens) -> bool:
        """Good, and not yet due for renewal."""
        if not tokens.access_token or tokens.access_token == self.rejected:
            return False
        return self._age(tokens) < _due(tokens)

    def is_good(self, tokens: Tokens) -> bool:
        """Fresh, or called so by Exact when it last refused a new one."""
        if self.is_fresh(tokens):
            return True
        return self._is_confirmed(tokens) and self._clock.now() < tokens.not_before

    def is_doubtful(self, tokens: Tokens) -> bool:
        """Due for renewal by a clock that may be wrong, though not by much."""
        if not tokens.access_token or tokens.access_token == self.rejected or self.is_fresh(tokens):
            return False
        return self._clock.now() - tokens.obtained_at < _DOUBTFUL_UNTIL * tokens.expires_in

    def is_usable(self, tokens: Tokens) -> bool:
        """Due for renewal, perhaps, but still good for a request that starts now."""
        if not tokens.access_token or tokens.access_token == self.rejected:
            return False
        return self._age(tokens) < USABLE_UNTIL * tokens.expires_in or self._is_confirmed(tokens)

    def _is_confirmed(self, tokens: Tokens) -> bool:
        return tokens.access_token == self._confirmed and tokens.access_token not in {"", self.rejected}

    def _age(self, tokens: Tokens) -> float:
        """Seconds since the tokens came; infinite if the clock was set back and nobody knows."""
        if self.tokens is None or self.tokens.access_token != tokens.access_token:
            return self._clock_age(tokens)
        if self._clock.known and not self._anchor[2]:
            self._drop_anchor(tokens)
        since, then, _ = self._anchor
        return max(self._clock.now() - tokens.obtained_at, then + self._steady() - since)

    def _clock_age(self, tokens: Tokens) -> float:
        age = self._clock.now() - tokens.obtained_at
        return max(age, 0.0) if age >= -_SKEW else math.inf


def _due(tokens: Tokens) -> float:
    return RENEW_AFTER * tokens.expires_in
