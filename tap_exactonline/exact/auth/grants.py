"""The address to log in at; one POST to Exact's token endpoint, and what its answer means.

Nothing is retried here: whether a request may be repeated depends on what is in the store. No text that leaves
this module holds a token or the secret.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.auth.tokens import LIFETIME, User, user_in
from tap_exactonline.exact.bodies import BOM, MalformedPage, decode_json, mend
from tap_exactonline.exact.clock import ServerClock, retry_after
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.error_budget import ErrorBudget
from tap_exactonline.exact.errors import (
    ExactError,
    NotConnected,
    NotExactOnline,
    ServerFault,
    SettingsError,
)
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.odata import read_rows
from tap_exactonline.exact.transport import MEGABYTE, Bounds, Response, Transport
from tap_exactonline.exact.urls import check_api_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_exactonline.exact.notes import Notes

# `store.LOCK_TIMEOUT` and `signals.SETTLE_TIMEOUT` are longer: those who wait for this request outlast it.
BOUNDS = Bounds(connect=10.0, silence=30.0, total=40.0, body=MEGABYTE)
"""What a token request may take."""

# Only a date is wanted, and a run waits for it.
_TIME_BOUNDS = Bounds(connect=5.0, silence=5.0, total=8.0)
_MAX_RETRY_AFTER = 600.0
_MOST_TEXT = 200
_UNTOLD = "Exact Online does not say whose the new login is"
# What RFC 6749, section 5.2, has for a token endpoint that refuses.
_FINAL = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}
_SECRET = {"client_secret", "refresh_token", "code"}


class GrantOutcome(Enum):
    """What became of a token request."""

    GRANTED = "granted"
    NOT_SENT = "not sent"  # no connection: nothing has happened
    UNCERTAIN = "uncertain"  # no usable answer: Exact may have spent the refresh token
    BUSY = "busy"  # 429, or a refusal that will pass: the token is not spent
    TOO_EARLY = "too early"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    APP_REFUSED = "app refused"
    REFUSED = "refused"  # some other definite no
    STRANGE = "strange"  # this is not Exact's token endpoint
    UNUSABLE = "unusable"  # nothing was sent, and trying again does not help: `TokenAnswer.error` says why


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Result of a token request; ``text`` is for people."""

    outcome: GrantOutcome
    text: str = ""
    status: int | None = None
    access_token: str = field(default="", repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: float = LIFETIME
    retry_after: float = 0.0
    error: NotExactOnline | SettingsError | None = None


def authorize_url(
    api_url: str, client_id: str, redirect_uri: str, state: str, force_login: bool = False
) -> str:
    """Where a person logs in and consents (Exact, OAuth step 2).

    Args:
        api_url: Address of Exact's country.
        client_id: Of the app.
        redirect_uri: Exactly as registered.
        state: Random; comes back unchanged.
        force_login: Ask for the password although the browser is logged in.
    """
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "state": state,
        "force_login": "1" if force_login else "0",
    }
    return f"{check_api_url(api_url)}/api/oauth2/auth?{urlencode(query)}"


class TokenEndpoint:
    """Exact's ``/api/oauth2/token`` (Exact, OAuth step 3 and 4).

    Args:
        api_url: Checked address without a final slash.
        client_id: Of the app.
        client_secret: Of the app.
        user_agent: Name and version of the program.
        clock: Learns from each answer.
        bounds: What a request may take; `BOUNDS` by default.
        notes: Where refusals are remembered over runs; by default, only in this one.
    """

    def __init__(
        self,
        api_url: str,
        client_id: str,
        client_secret: str,
        user_agent: str,
        *,
        clock: ServerClock | None = None,
        bounds: Bounds | None = None,
        notes: Notes | None = None,
    ) -> None:
        self._clock = clock or ServerClock(time.time)
        self._errors = ErrorBudget(self._clock.now, notes)
        self._start_page = f"{api_url}/"
        self._url = f"{api_url}/api/oauth2/token"
        self._me = f"{api_url}/api/v1/current/Me?$select=UserID,FullName"
        self._client = {"client_id": client_id, "client_secret": client_secret}
        # It knows of no stop: once the request is sent, its answer has to be taken in and saved.
        self._transport = Transport(api_url, user_agent, bounds or BOUNDS, clock=self._clock.local)
        self._timekeeper = Transport(api_url, user_agent, _TIME_BOUNDS, clock=self._clock.local)

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """The refresh grant."""
        return self._post({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def exchange(self, code: str, redirect_uri: str) -> TokenAnswer:
        """The authorization code grant."""
        return self._post({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def whose(self, access_token: str) -> User:
        """Ask ``current/Me`` whose access token it is; that does not count towards any daily limit.

        Raises:
            ExactError: Exact does not say, or has refused to lately.
        """
        context = RequestContext("current/Me", None)
        seconds = self._errors.blocked_for(context)
        if seconds is not None:
            raise ServerFault(
                _UNTOLD,
                f"It has refused to several times. Start this again in {max(1, round(seconds / 60))} min",
            )
        response = self._transport.get(self._me, access_token)
        self._learn(response)
        user = None
        if response.status == 200:  # noqa: PLR2004 - HTTP
            with contextlib.suppress(MalformedPage):
                user = user_in(read_rows(response.body).rows)
        if user is None:
            self._errors.count(
                Answer.of(response.status, response.headers, response.body, (access_token,)), context
            )
            raise ServerFault(_UNTOLD, "Start this again later", status=response.status)
        return user

    def ask_time(self) -> None:
        """Learn Exact's clock from its start page: whatever that answers has a date, and is not a call of the API."""
        with contextlib.suppress(ExactError):
            self._learn(self._timekeeper.head(self._start_page))

    def _post(self, grant: Mapping[str, str]) -> TokenAnswer:
        form = {**grant, **self._client}
        try:
            response = self._transport.post(self._url, form)
        except NotConnected as error:
            return TokenAnswer(GrantOutcome.NOT_SENT, _no_answer(error))
        except (NotExactOnline, SettingsError) as error:
            return TokenAnswer(GrantOutcome.UNUSABLE, error.what, error=error)
        except ExactError as error:
            return TokenAnswer(GrantOutcome.UNCERTAIN, _no_answer(error))
        self._learn(response)
        secrets = tuple(value for name, value in form.items() if name in _SECRET)
        return read_answer(response.status, response.headers, response.body, secrets)

    def _learn(self, response: Response) -> None:
        self._clock.observe(response.headers.get("Date"), response.sent, response.received)


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...] = ()
) -> TokenAnswer:
    """Say what an answer of the token endpoint means.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: Of the answer.
        secrets: What must not show in ``text`` even if Exact quotes it.
    """
    data, shape = _read(body)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return _read_success(status, data, shape)
    code, described = _text(data, "error"), _text(data, "error_description")
    own = (_text(data, "refresh_token"), _text(data, "access_token"))
    said = clean_text(described or code, (*secrets, *own), most=_MOST_TEXT)
    outcome = _classify(status, headers, code.lower(), described.lower())
    told = f"Exact Online's token service answered {status}" + (f": {said}" if said else "")
    rotated = _text(data, "refresh_token") or None
    return TokenAnswer(outcome, told, status, refresh_token=rotated, retry_after=_retry_after(headers))


def _read(body: bytes) -> tuple[dict[str, Any], str]:
    """The members of the answer, and what it is: ``json``, ``empty`` or ``other``."""
    body = body.removeprefix(BOM)
    if not body.strip():
        return {}, "empty"
    try:
        data = decode_json(body)
    except MalformedPage:
        # Worth a second look: a refresh token may stand in it, and there is no other copy.
        try:
            data = decode_json(mend(body) or b"")
        except MalformedPage:
            return {}, "other"
    if not isinstance(data, dict):
        return {}, "other"
    return data, "json" if data else "empty"


def _read_success(status: int, data: dict[str, Any], shape: str) -> TokenAnswer:
    access = _text(data, "access_token")
    if access:
        return TokenAnswer(
            GrantOutcome.GRANTED,
            status=status,
            access_token=access,
            refresh_token=_text(data, "refresh_token") or None,
            expires_in=_lifetime(data.get("expires_in")),
        )
    what = {"empty": "an empty body", "json": "no access token"}.get(shape, "something that is not JSON")
    told = f"Exact Online's token service answered {status} with {what}"
    return TokenAnswer(
        GrantOutcome.UNCERTAIN, told, status, refresh_token=_text(data, "refresh_token") or None
    )


def _classify(status: int, headers: Mapping[str, str], code: str, described: str) -> GrantOutcome:
    reason = str(headers.get("Reason") or "").lower()
    if "access_token not expired" in described or reason.startswith("tooearly"):
        return GrantOutcome.TOO_EARLY
    if status == 429:  # noqa: PLR2004 - HTTP
        return GrantOutcome.BUSY
    if status == 408 or status >= 500:  # noqa: PLR2004 - HTTP; a gateway gives up on what may still succeed
        return GrantOutcome.UNCERTAIN
    if 300 <= status < 400 or status in {404, 405}:  # noqa: PLR2004 - HTTP
        return GrantOutcome.STRANGE
    return _classify_refusal(code, described)


def _classify_refusal(code: str, described: str) -> GrantOutcome:
    about_token = "refresh token" in described or "refresh_token" in described
    if about_token and "expired" in described:
        return GrantOutcome.EXPIRED
    if about_token and ("old" in described or "used" in described):
        return GrantOutcome.SUPERSEDED
    if code in {"invalid_client", "unauthorized_client"} and not about_token:
        return GrantOutcome.APP_REFUSED
    # A firewall's page, nothing at all, a gateway's JSON, "temporarily_unavailable": that says nothing about the login.
    return GrantOutcome.REFUSED if code in _FINAL else GrantOutcome.BUSY


def _lifetime(value: object) -> float:
    """Exact sends the seconds as text."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else LIFETIME
    except (ValueError, OverflowError):
        return LIFETIME
    return seconds if 0 < seconds < 10 * 365 * 86400 else LIFETIME


def _retry_after(headers: Mapping[str, str]) -> float:
    return min(retry_after(headers, time.time()) or 0.0, _MAX_RETRY_AFTER)


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""


def _no_answer(error: ExactError) -> str:
    return f"no answer from Exact Online's token service: {error.what}"
