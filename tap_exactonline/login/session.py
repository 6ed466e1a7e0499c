"""One login, from the address to open to the administrations that it may read."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace

from tap_exactonline.config import Config
from tap_exactonline.connection import Connection
from tap_exactonline.exact.auth.credentials import authorize_url
from tap_exactonline.exact.errors import ExactError, SettingsError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.odata import read_rows, select_query
from tap_exactonline.exact.secret_text import check_secret
from tap_exactonline.login.redirect import check_redirect_uri, read_code

_TRIES = 3


class LoginSession:
    """A login with one random state.

    Args:
        config: With client id and secret.
        redirect_uri: Exactly as registered.
        stop: Set to end waiting.

    Attributes:
        state: Goes to Exact and has to come back.
        connection: The way to Exact, usable once `finish` has returned.

    Raises:
        SettingsError: An id or the redirect address is missing or malformed.
    """

    def __init__(self, config: Config, redirect_uri: str, stop: threading.Event | None = None) -> None:
        for name, value in (("client_id", config.client_id), ("client_secret", config.client_secret)):
            if not value:
                raise SettingsError(name, "it is missing", "You find it with the app's registration at Exact")
        check_secret("client_secret", config.client_secret)
        self.redirect_uri = check_redirect_uri(redirect_uri)
        self.state = secrets.token_urlsafe(24)
        # A configured access token would be used instead of the login that is being made.
        alone = replace(config, access_token=None)
        self.connection = Connection(alone, stop or threading.Event(), max_tries=_TRIES)

    @property
    def address(self) -> str:
        """Where the person logs in."""
        config = self.connection.config
        return authorize_url(config.api_url, config.client_id, self.redirect_uri, self.state)

    def finish(self, pasted: str, *, bare: bool) -> None:
        """Trade what the person brought back for tokens, and save them.

        Args:
            pasted: The address that they landed on.
            bare: Whether the code alone will do.

        Raises:
            RedirectError: There is no usable code in it.
            LoginError: Exact refuses the code or the app.
            TokenStoreError: The login can't be kept.
            TemporaryError: Exact does not answer.
        """
        self.connection.credentials.exchange_code(read_code(pasted, self.state, bare=bare), self.redirect_uri)

    def user(self) -> str:
        """Name of the user who logged in; "" if Exact does not tell. Costs no call of the day."""
        try:
            page = self.connection.client.get(
                "current/Me",
                division=None,
                query=select_query(["FullName"]),
                decode=read_rows,
                stream="system_me",
            )
        except ExactError:
            return ""
        name = page.rows[0].get("FullName") if page.rows else None
        return clean_text(str(name), most=100) if name else ""
