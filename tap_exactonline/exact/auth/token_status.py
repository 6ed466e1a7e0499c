"""What is known of a login without asking Exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tap_exactonline.exact.auth.tokens import REFRESH_LIFETIME, Tokens


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """What `check` shows. Times are epoch seconds, None where unknown.

    Attributes:
        kind: Where the next token comes from: the store, the configured refresh token, the configured access
            token, or nowhere.
        store: Description of the store.
        obtained_at: When the tokens were last renewed.
        expires_at: End of the access token.
        refresh_expires_at: End of the login if it is not used before then.
        logged_in_at: When a person logged in.
        interrupted_at: When a renewal was begun whose answer was never saved.
        trouble: Why the last renewal failed, "" if it did not.
    """

    kind: Literal["stored", "refresh_token", "access_token", "none"]
    store: str
    obtained_at: float | None = None
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    logged_in_at: float | None = None
    interrupted_at: float | None = None
    trouble: str = ""


def status_of(stored: Tokens | None, store: str, *, seed_counts: bool, given: bool) -> LoginStatus:
    """Put the record of the store into words.

    Args:
        stored: The record, if there is one.
        store: Description of the store.
        seed_counts: Whether a configured refresh token will be tried first.
        given: Whether an access token is configured.
    """
    if stored is None:
        return LoginStatus("refresh_token" if seed_counts else "access_token" if given else "none", store)
    renewed = stored.obtained_at or None
    return LoginStatus(
        "refresh_token" if seed_counts else "stored",
        store,
        obtained_at=renewed,
        expires_at=stored.expires_at if renewed else None,
        refresh_expires_at=renewed + REFRESH_LIFETIME if renewed and stored.refresh_token else None,
        logged_in_at=stored.logged_in_at or None,
        interrupted_at=stored.attempted_at or None,
        trouble=stored.trouble,
    )
