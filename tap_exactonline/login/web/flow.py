"""What the login page does, step by step; knows nothing of HTTP.

Answers are plain values for JSON. None of them ever holds the client secret, the code or a token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tap_exactonline.config import Config
from tap_exactonline.endpoints import load
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import DivisionError, ExactError, SettingsError
from tap_exactonline.exact.urls import COUNTRIES, api_url_for
from tap_exactonline.login.redirect import RedirectError, check_state
from tap_exactonline.login.session import KeptSession, LoginSession
from tap_exactonline.login.settings_block import environment_block, meltano_block
from tap_exactonline.login.web.texts import texts
from tap_exactonline.sync.rights import ask_rights

JsonObject = dict[str, Any]


class PageFlow:
    """The state of one login page; a `Site` of its own.

    Args:
        config: What is known already; the page asks for the rest.
        redirect_uri: Of the app, if it is known.
        stop: Set to end waiting.
        replace_user: Let the login replace that of another user.
    """

    pages: ClassVar[Mapping[str, str]] = {"/": "index.html"}
    watched: ClassVar[bool] = False

    def __init__(
        self, config: Config, redirect_uri: str, stop: threading.Event, *, replace_user: bool = False
    ) -> None:
        self._config = config
        self._redirect_uri = redirect_uri
        self._stop = stop
        self._replace_user = replace_user
        self._own_address = config.api_url != api_url_for(config.country)
        self._lock = threading.RLock()
        self._session: KeptSession | None = None
        self._kept = False
        self._user = ""
        self._every: list[Division] | None = None
        self._chosen: list[int] | None = list(config.divisions) if config.divisions else None
        self.finished = False

    @property
    def redirect_uri(self) -> str:
        """The redirect address as far as it is known."""
        return self._redirect_uri

    @property
    def session(self) -> KeptSession | None:
        """The login, once the app is known."""
        return self._session

    @property
    def logged_in(self) -> bool:
        """Whether the login is kept."""
        return self._every is not None

    def overview(self) -> JsonObject:
        """Everything that the page shows."""
        with self._lock:
            session = self._session
            return {
                "countries": list(COUNTRIES),
                "country": self._config.country,
                "api_url": self._config.api_url,
                "own_address": self._own_address,
                "client_id": self._config.client_id,
                "has_secret": bool(self._config.client_secret),
                "redirect_uri": self._redirect_uri,
                "scopes": sorted({e.scope for e in load() if e.selected and e.scope not in ("", "-")}),
                "address": session.address if session and not self.logged_in else None,
                "logged_in": self.logged_in,
                "user": self._user,
                "store": session.connection.store.place if session else None,
                "divisions": [_shown(division) for division in self._every or ()],
                "chosen": self._chosen,
            }

    def app(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 1: take in what stands with the app's registration."""
        with self._lock:
            config = self._config
            if not self._own_address:
                country = text_in(asked, "country") or config.country
                config = replace(config, country=country, api_url=api_url_for(country))
            config = replace(
                config,
                client_id=text_in(asked, "client_id") or config.client_id,
                client_secret=text_in(asked, "client_secret") or config.client_secret,
            )
            session = LoginSession(config, text_in(asked, "redirect_uri") or self._redirect_uri, self._stop)
            session.connection.store.probe()
            self._config, self._session, self._redirect_uri = config, session, session.redirect_uri
            self._every, self._user, self._kept = None, "", False
            return self.overview()

    def code(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 3: take in the address that the person landed on."""
        with self._lock:
            session = self._login()
            if not self.logged_in:
                if not self._kept:
                    session.finish(text_in(asked, "pasted"), bare=False, replace_user=self._replace_user)
                    self._kept = True  # the code is spent: if the list fails, only that is tried again
                    self._made(session)
                self._user = session.user()
                self._every = list(session.connection.accessible)
            return self.overview()

    def _made(self, session: LoginSession) -> None:
        """The login is kept."""

    def landed(self, query: str, state: str | None) -> None:
        """The redirect came to this server itself, through a tunnel: the same as pasting it.

        Raises:
            ExactError: It is not the answer to this login, or the login failed.
        """
        with self._lock:
            session = self._login()
            # The one who asks has no cookie: the state alone shows that it is the answer to this login.
            check_state(state, session.state)
            self.code({"pasted": f"{session.redirect_uri}?{query}"})

    def choose(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 4: which administrations; ``null`` for all, also those to come."""
        with self._lock:
            wanted = asked.get("divisions")
            known = {division.code for division in self._every or ()}
            if wanted is not None:
                wanted = [code for code in wanted if code in known] if isinstance(wanted, list) else []
                if not wanted:
                    raise SettingsError("divisions", "none was chosen", "Tick at least one administration")
            self._chosen = wanted
            self._needed().note_choices(wanted)
            return self.overview()

    def test(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 5: does one administration answer? Costs no call of the day."""
        code = asked.get("division")
        session = self._needed()
        division = next((one for one in self._every or () if one.code == code), None)
        if division is None:
            raise SettingsError("divisions", "this administration is unknown", "Start again")
        client = session.connection.client
        endpoint = next(endpoint for endpoint in load() if endpoint.selected and endpoint.kind == "sync")
        try:
            ask_rights(client, endpoint, division.code)
        except DivisionError as exc:
            return _fails(division.code, exc, str(exc))
        except ExactError as exc:
            # It answered, and what it said is not about the administration.
            if exc.status is None:
                return _fails(division.code, exc, exc.what)
        budget = client.budget(division.code)
        return {"division": code, "works": True, "calls_left": budget.day_left}

    def settings(self, asked: Mapping[str, Any]) -> JsonObject:
        """Step 6: the settings to copy, in the language of the page."""
        words = texts().get(text_in(asked, "language"), texts()["en"])
        secret_place = words["settings"]["secret_place"]
        with self._lock:
            return {
                "environment": environment_block(
                    self._config, self._redirect_uri, self._chosen, secret_place=secret_place
                ),
                "meltano": meltano_block(self._config, self._redirect_uri, self._chosen),
            }

    def finish(self, asked: Mapping[str, Any]) -> JsonObject:  # noqa: ARG002 - as the others
        """The person is done."""
        self.finished = True
        return {"finished": True}

    def views(self) -> dict[str, Callable[[], JsonObject]]:
        """What the page may look at, by name."""
        return {"overview": self.overview}

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], JsonObject]]:
        """What the page may ask for, by name."""
        return {
            "app": self.app,
            "code": self.code,
            "choose": self.choose,
            "test": self.test,
            "settings": self.settings,
            "finish": self.finish,
        }

    def summary(self) -> list[str]:
        """What the terminal says at the end."""
        session = self._session
        if session is None or not self.logged_in:
            return []
        who = f" as {self._user}" if self._user else ""
        return [f"Logged in{who}. The login is kept in {session.connection.store.describe()}"]

    def _needed(self) -> KeptSession:
        if self._session is None:
            raise SettingsError("client_id", "it is missing", "Begin with the first step")
        return self._session

    def _login(self) -> LoginSession:
        session = self._needed()
        if not isinstance(session, LoginSession):
            raise SettingsError("client_id", "nobody is logging in", "Begin with the first step")
        return session


def problem(error: ExactError) -> JsonObject:
    """An error for the page: what and remedy, and a name to translate it by."""
    return {"error": {"kind": _kind(error), "what": error.what, "remedy": error.remedy}}


def _fails(code: int, error: ExactError, why: str) -> JsonObject:
    """An administration that does not answer; ``kind`` to translate it by."""
    return {"division": code, "works": False, "kind": _kind(error), "why": why, "remedy": error.remedy}


def _kind(error: ExactError) -> str:
    if isinstance(error, SettingsError):
        return f"SettingsError.{error.setting}"
    return error.kind if isinstance(error, RedirectError) else type(error).__name__


def _shown(division: Division) -> JsonObject:
    return {
        "division": division.code,
        "hid": division.hid,
        "name": division.description,
        "country": division.country,
        "status": division.status,
        "blocked": division.blocking_status or 0,
        "open": not division.closed,
    }


def text_in(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    return value.strip() if isinstance(value, str) else ""
