"""From the page of all connections: a new one, another login of one, or another choice of administrations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from tap_exactonline.config import Config
from tap_exactonline.exact.auth.store import StoredConnection, check_name, refuse_moving
from tap_exactonline.exact.errors import ConnectionMissing, NameTaken, SettingsError
from tap_exactonline.exact.urls import address_of
from tap_exactonline.kept_connections import named
from tap_exactonline.login.session import KeptSession, LoginSession
from tap_exactonline.login.web.flow import JsonObject, PageFlow, text_in

Purpose = Literal["new", "again", "choice"]


class BoardFlow(PageFlow):
    """The steps of the login page for one connection among others.

    A new connection is paused until it is saved: whoever leaves in the middle leaves nothing that runs read.

    Args:
        config: Which app and store.
        redirect_uri: Of the app, if it is known.
        stop: Set to end waiting.
        purpose: A new connection, another login, or another choice.
        one: The connection; None for a new one.
    """

    def __init__(
        self,
        config: Config,
        redirect_uri: str,
        stop: threading.Event,
        *,
        purpose: Purpose,
        one: StoredConnection | None = None,
    ) -> None:
        # A refresh token of the settings would be spent for whichever connection is opened first.
        config = replace(config, refresh_token=None, divisions=None, exclude_divisions=())
        self._fixed_app = bool(config.client_id)
        if one is not None:
            config = _config_of(config, one)
        super().__init__(config, redirect_uri, stop)
        self.purpose = purpose
        self._name = one.connection if one else ""
        self._active = True
        self._works: dict[int, bool] = {}
        if one is not None:
            self._recall(one)
        if purpose == "choice":
            self._open()

    @property
    def config(self) -> Config:
        """The settings, completed by what was typed."""
        return self._config

    def _open(self) -> None:
        """Begin with the administrations of a login that is there."""
        session = KeptSession(self._config, self._stop)
        self._every = list(session.connection.accessible)
        self._user = session.user()
        self._session = session

    def _recall(self, one: StoredConnection) -> None:
        """Take in what was chosen before."""
        stored = one.store.load()
        if stored is None:
            raise ConnectionMissing(f"There is no connection {self._name}", "The list shows which there are")
        about = stored.standing().about
        refuse_moving(one.connection, about)
        self._chosen = None if about.divisions is None else list(about.divisions)
        self._active = not about.paused

    def overview(self) -> JsonObject:
        """Everything that the page shows."""
        return {
            **super().overview(),
            "board": True,
            "purpose": self.purpose,
            "connection": self._name,
            "active": self._active,
            "fixed_app": self._fixed_app,
            "fixed_country": self.purpose != "new",
        }

    def app(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 1: the name, and what stands with the app's registration."""
        with self._lock:
            if self.purpose == "new":
                self._name = check_name(text_in(asked, "connection"))
                self._config = replace(self._config, connection=self._name)
            fixed = {"client_id"} if self._fixed_app else set()
            fixed |= {"country"} if self.purpose != "new" else set()
            typed = {name: value for name, value in asked.items() if name not in fixed}
            if self.purpose == "new":
                self._check_free(text_in(typed, "client_id") or self._config.client_id)
            return super().app(typed)

    def _check_free(self, client_id: str) -> None:
        if not client_id:
            return  # the next check tells
        try:
            # In whichever country: a run that names none would not know which one is meant.
            named(replace(self._config, client_id=client_id, address_given=False), self._name)
        except ConnectionMissing:
            return
        raise NameTaken(f"There is a connection {self._name} already", "Choose another name, or remove it")

    def _made(self, session: LoginSession) -> None:
        if self.purpose == "new":
            session.connection.store.change(lambda about: msgspec.structs.replace(about, paused=True))

    def others(self, asked: Mapping[str, Any]) -> JsonObject:  # noqa: ARG002 - as all actions
        """The connections that this login has ended: those of the same user."""
        return {"same_user": self._needed().same_user() if self.purpose != "choice" else []}

    def test(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 5: does one administration answer?"""
        found = super().test(asked)
        self._works[found["division"]] = found["works"]
        return found

    def save(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 6: active or paused, and that all was well if it was."""
        paused = asked.get("active") is not True
        wanted = {
            one.code
            for one in self._every or ()
            if not one.closed and one.code in (self._chosen or (one.code,))
        }
        well = bool(wanted) and all(self._works.get(code) for code in wanted)

        def edit(about: Any) -> Any:
            tested = time.time() if well else about.tested_at
            return msgspec.structs.replace(about, paused=paused, tested_at=tested)

        self._needed().connection.store.change(edit)
        self.finished = True
        return {"finished": True}

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], JsonObject]]:
        """What the page may ask for, by name."""
        steps = {name: action for name, action in super().actions().items() if name != "finish"}
        return {**steps, "others": self.others, "save": self.save}


def _config_of(config: Config, one: StoredConnection) -> Config:
    """The settings of a connection, in its country."""
    known = address_of(one.host)
    if known is None and urlsplit(config.api_url).netloc != one.host:
        raise SettingsError(
            "api_url",
            f"the login of {one.connection} is kept for {one.host}",
            "Start the page with that address in this setting",
        )
    country, address = known or (config.country, config.api_url)
    return replace(config, connection=one.connection, country=country, api_url=address)
