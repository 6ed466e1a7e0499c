"""A login that is kept, or is being made: from the address to open to the administrations that it may read."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace

from tap_exactonline.config import Config
from tap_exactonline.connection import Connection
from tap_exactonline.console import TOKEN_TIMEOUT, TRIES
from tap_exactonline.exact.auth.grants import authorize_url
from tap_exactonline.exact.auth.tokens import check_secret, user_in
from tap_exactonline.exact.divisions import ask_me
from tap_exactonline.exact.errors import ExactError, OtherUser, SettingsError, TokenStoreError
from tap_exactonline.kept_connections import snapshots
from tap_exactonline.login.redirect import check_redirect_uri, read_code


class KeptSession:
    """The way to Exact with the login that a connection keeps, and what is noted beside it.

    Args:
        config: With client id and secret.
        stop: Set to end waiting.

    Attributes:
        connection: The way to Exact.

    Raises:
        SettingsError: An id is missing or malformed.
    """

    def __init__(self, config: Config, stop: threading.Event | None = None) -> None:
        for name, value in (("client_id", config.client_id), ("client_secret", config.client_secret)):
            if not value:
                raise SettingsError(name, "it is missing", "You find it with the app's registration at Exact")
        check_secret("client_secret", config.client_secret)
        # A configured access token would be used instead of the login that is kept.
        alone = replace(config, access_token=None, access_token_command=None)
        self.connection = Connection(
            alone, stop or threading.Event(), max_tries=TRIES, token_timeout=TOKEN_TIMEOUT
        )

    @property
    def address(self) -> str | None:
        """Where the person logs in; None where nobody has to."""
        return None

    def user(self) -> str:
        """Name of the user who logged in; "" if Exact does not tell. Costs no call of the day.

        From now on the connection belongs to that user.
        """
        try:
            rows = ask_me(self.connection.client)
            self.connection.login.bind(rows)
        except ExactError:
            return ""
        user = user_in(rows)
        return user.name if user else ""

    def note_choices(self, divisions: Sequence[int] | None) -> None:
        """Keep with the login what was chosen for it.

        Args:
            divisions: The administrations to read; None for all, also those to come.
        """
        self.connection.store.choose(divisions)

    def same_user(self) -> list[str]:
        """Names of the other connections of this app that belong to the same user.

        Exact keeps one login for each app and user: the latest one ends the others.
        """
        config, own = self.connection.config, self.connection.store.load()
        if own is None or not own.about.user:
            return []
        found = []
        for snapshot in snapshots(config):
            name = snapshot.one.connection
            with contextlib.suppress(TokenStoreError):
                other = snapshot.load()
                if name != config.connection and other and other.about.user == own.about.user:
                    found.append(name)
        return found


class LoginSession(KeptSession):
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
        super().__init__(config, stop)
        self.redirect_uri = check_redirect_uri(redirect_uri)
        self.state = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """Where the person logs in."""
        config = self.connection.config
        return authorize_url(config.api_url, config.client_id, self.redirect_uri, self.state)

    def finish(self, pasted: str, *, bare: bool, replace_user: bool = False) -> None:
        """Trade what the person brought back for tokens, and save them.

        Args:
            pasted: The address that they landed on.
            bare: Whether the code alone will do.
            replace_user: Let it replace the login of another user at Exact.

        Raises:
            RedirectError: There is no usable code in it.
            OtherUser: The connection belongs to another user. The login is not kept, unless `replace_user` follows.
            LoginError: Exact refuses the code or the app.
            TokenStoreError: The login can't be kept.
            TemporaryError: Exact does not answer.
        """
        code = read_code(pasted, self.state, bare=bare)
        try:
            self.connection.login.exchange_code(code, self.redirect_uri)
        except OtherUser:
            if not replace_user:
                raise
            self.replace_user()

    def replace_user(self) -> None:
        """Keep the login that `finish` refused to keep.

        Raises:
            TokenStoreError: It can't be kept.
        """
        self.connection.login.take_over()
