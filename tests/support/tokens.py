"""What the tests of logins share: a stand-in with a clock that only they move, and credentials on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.auth.store import TokenStore, open_store
from tap_exactonline.exact.auth.tokens import Tokens
from tests.exact_online import Clock, ExactOnline

START = 1_763_640_000.0
DAY = 86_400.0


class TokenFixture:
    """A stand-in, a folder for stores, and the two clocks: Exact's and this machine's.

    Attributes:
        exact: The stand-in. Sleeping moves its clock.
        skew: Seconds by which this machine's clock runs ahead of Exact's.
        naps: Every wait that was asked for.
    """

    def __init__(self, exact: ExactOnline, url: str, folder: Path) -> None:
        self.exact = exact
        self.url = url
        self.path = folder / "tokens.json"
        self.location: str | None = str(self.path)
        self.skew = 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.exact.clock.now() + self.skew

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.exact.clock.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.exact.clock.advance(seconds)

    def store(self, passphrase: str | None = None, location: str | None = None) -> TokenStore:
        return open_store(
            location or self.location, client_id=self.exact.client_id, api_url=self.url, passphrase=passphrase
        )

    def stored(self) -> Tokens:
        """The record that is in the store."""
        tokens = self.store().load()
        assert tokens is not None
        return tokens

    def credentials(self, **changes: Any) -> Credentials:
        """As another process would make them."""
        given: dict[str, Any] = {
            "api_url": self.url,
            "client_id": self.exact.client_id,
            "client_secret": self.exact.client_secret,
            "store": self.store(),
            "user_agent": "test",
            "stop": threading.Event(),
            "clock": self.now,
            "sleep": self.sleep,
        }
        return Credentials(**(given | changes))

    def logged_in(self, **changes: Any) -> Credentials:
        """Credentials after a login by code."""
        made = self.credentials(**changes)
        uri = min(self.exact.redirect_uris)
        made.exchange_code(self.exact.authorize_code(uri), uri)
        return made

    @property
    def token_calls(self) -> int:
        return self.exact.token_calls

    @property
    def token_statuses(self) -> list[int]:
        return [call.status for call in self.exact.log if call.stream == "token"]

    def works(self, access_token: str) -> bool:
        """Whether Exact accepts the access token now; marks it as used, as a request would."""
        with self.exact.lock:
            return self.exact.oauth.bearer(f"Bearer {access_token}") is None


@contextmanager
def laboratory(folder: Path, **switches: Any) -> Iterator[TokenFixture]:
    """A running stand-in that keeps its manual clock."""
    exact = ExactOnline(clock=Clock.manual(START), **switches)
    with exact.serve() as url:
        yield TokenFixture(exact, url, folder)


def lives(lab: TokenFixture) -> bool:
    """Whether the login goes on, over a renewal."""
    for _ in range(2):
        if not lab.works(lab.credentials().access_token()):
            return False
        lab.advance(600)
    return True
