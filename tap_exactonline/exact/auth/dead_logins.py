"""Logins that Exact refused for good: asking again in every run changes nothing and may count as an error.

The note names fingerprints of the refresh token and of the app. Another login, another configured token or a changed
secret is another matter, and is tried at once.
"""

from __future__ import annotations

from collections.abc import Callable

from tap_exactonline.exact.auth.tokens import Tokens, fingerprint
from tap_exactonline.exact.clock import DAY, HOUR, clock_time
from tap_exactonline.exact.errors import (
    AppRefused,
    ExactError,
    LoginError,
    LoginExpired,
    LoginSuperseded,
    NotLoggedIn,
)
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.notes import LoginRefusal, Notes

_KINDS = {kind.__name__: kind for kind in (AppRefused, LoginExpired, LoginSuperseded, NotLoggedIn)}
# An app may be mended at Exact without a word to us; a token that was spent or has expired never comes back.
_BELIEVED = {AppRefused.__name__: HOUR}


class DeadLogins:
    """What is known of refused logins of one app.

    Args:
        notes: Where it is remembered.
        client_id: Of the app.
        client_secret: Of the app.
        now: Seconds since the epoch.
    """

    def __init__(
        self, notes: Notes | None, client_id: str, client_secret: str, now: Callable[[], float]
    ) -> None:
        self._notes = notes
        self._app = fingerprint(f"{client_id}:{client_secret}")
        self._now = now

    def note(self, token: str, error: ExactError, access_token: str) -> None:
        """Remember an answer of the token service.

        Args:
            token: Fingerprint of the refresh token that it refused.
            error: What it said; only a definite no about the login counts.
            access_token: The one that Exact had refused before; "" if none.
        """
        name = type(error).__name__
        if (
            self._notes is None
            or not isinstance(error, LoginError)
            or name not in _KINDS
            or error.status is None
        ):
            return
        self._notes.login = LoginRefusal(
            token,
            self._app,
            name,
            error.what,
            error.remedy,
            error.status,
            self._now(),
            fingerprint(access_token),
        )

    def knows(self, tokens: Tokens) -> bool:
        """Whether these were refused, the access token as well: it is not shown to Exact again to be told the same."""
        known = self._known(tokens.chain)
        return known is not None and known.access == fingerprint(tokens.access_token)

    def check(self, token: str) -> None:
        """Refuse a refresh token that Exact refused before.

        Raises:
            LoginError: As it was told then, with the time from which it is tried again.
        """
        known = self._known(token)
        if known is None:
            return
        until = _until(known)
        raise _KINDS[known.error](
            clean_text(known.what, ()),
            f"{clean_text(known.remedy, ())}. Exact Online said so at {clock_time(known.at)}, and is not asked again before "
            f"{clock_time(until)} with this login and app",
            status=known.status,
        )

    def _known(self, token: str) -> LoginRefusal | None:
        """The note about this refresh token, unless it is too old to be believed."""
        known = self._notes.login if self._notes is not None else None
        if known is None or (known.token, known.app) != (token, self._app) or known.error not in _KINDS:
            return None
        return known if known.at - HOUR < self._now() < _until(known) else None


def _until(known: LoginRefusal) -> float:
    return known.at + _BELIEVED.get(known.error, DAY)
