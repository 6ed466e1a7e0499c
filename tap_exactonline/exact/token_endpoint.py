"""The address to log in at; one POST to Exact's token endpoint, and what its answer means.

Nothing is retried here: whether a request may be repeated depends on what is in the store. No text that leaves
this module holds a token or the secret.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
import urllib3.exceptions

from tap_exactonline.exact.addresses import check_api_url
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.odata import MalformedPage, decode_json
from tap_exactonline.exact.tokens import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_TIMEOUT = 10.0
_READ_TIMEOUT = 30.0
_MAX_BYTES = 2**20
_MAX_RETRY_AFTER = 600.0
_MOST_TEXT = 200
_SECRET = {"client_secret", "refresh_token", "code"}


class Outcome(Enum):
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


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of a token request; ``text`` is for people."""

    outcome: Outcome
    text: str = ""
    status: int | None = None
    access_token: str = field(default="", repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: float = LIFETIME
    retry_after: float = 0.0


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
    """

    def __init__(self, api_url: str, client_id: str, client_secret: str, user_agent: str) -> None:
        self._url = f"{api_url}/api/oauth2/token"
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._headers = {"Accept": "application/json", "User-Agent": user_agent}

    def refresh(self, refresh_token: str) -> Answer:
        """The refresh grant."""
        return self._post({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def exchange(self, code: str, redirect_uri: str) -> Answer:
        """The authorization code grant."""
        return self._post({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def _post(self, grant: Mapping[str, str]) -> Answer:
        form = {**grant, **self._client}
        try:
            with requests.Session() as session:
                session.auth = _leave_alone  # else a .netrc would add its own credentials
                response = session.post(
                    self._url,
                    data=form,
                    headers=self._headers,
                    timeout=(_CONNECT_TIMEOUT, _READ_TIMEOUT),
                    allow_redirects=False,  # the secret goes to this address and to no other
                    stream=True,
                )
                body = _read(response)
        except requests.RequestException as error:
            outcome = Outcome.NOT_SENT if _never_sent(error) else Outcome.UNCERTAIN
            return Answer(outcome, f"no answer from Exact Online's token service: {_reason(error)}")
        secrets = tuple(value for name, value in form.items() if name in _SECRET)
        return read_answer(response.status_code, response.headers, body, secrets)


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...] = ()
) -> Answer:
    """Say what an answer of the token endpoint means.

    Args:
        status: HTTP status.
        headers: Of the answer.
        body: Of the answer.
        secrets: What must not show in ``text`` even if Exact quotes it.
    """
    try:
        data = decode_json(body) if body.strip() else {}
        shape = "json" if isinstance(data, dict) and data else "empty"
    except MalformedPage:
        data, shape = {}, "other"
    if not isinstance(data, dict):
        data, shape = {}, "other"
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return _read_success(status, data, shape)
    code, described = _text(data, "error"), _text(data, "error_description")
    own = (_text(data, "refresh_token"), _text(data, "access_token"))
    said = clean_text(described or code, (*secrets, *own), most=_MOST_TEXT)
    outcome = _classify(status, headers, code.lower(), described.lower(), shape)
    told = f"Exact Online's token service answered {status}" + (f": {said}" if said else "")
    rotated = _text(data, "refresh_token") or None
    return Answer(outcome, told, status, refresh_token=rotated, retry_after=_retry_after(headers))


def _read_success(status: int, data: dict[str, Any], shape: str) -> Answer:
    access = _text(data, "access_token")
    if access:
        return Answer(
            Outcome.GRANTED,
            status=status,
            access_token=access,
            refresh_token=_text(data, "refresh_token") or None,
            expires_in=_lifetime(data.get("expires_in")),
        )
    what = {"empty": "an empty body", "json": "no access token"}.get(shape, "something that is not JSON")
    told = f"Exact Online's token service answered {status} with {what}"
    return Answer(Outcome.UNCERTAIN, told, status, refresh_token=_text(data, "refresh_token") or None)


def _classify(status: int, headers: Mapping[str, str], code: str, described: str, shape: str) -> Outcome:
    reason = str(headers.get("Reason") or "").lower()
    if "access_token not expired" in described or reason.startswith("tooearly"):
        return Outcome.TOO_EARLY
    if status == 429:  # noqa: PLR2004 - HTTP
        return Outcome.BUSY
    if status == 408 or status >= 500:  # noqa: PLR2004 - HTTP; a gateway gives up on what may still succeed
        return Outcome.UNCERTAIN
    if 300 <= status < 400 or status in {404, 405}:  # noqa: PLR2004 - HTTP
        return Outcome.STRANGE
    return _classify_refusal(code, described, shape)


def _classify_refusal(code: str, described: str, shape: str) -> Outcome:
    about_token = "refresh token" in described or "refresh_token" in described
    if about_token and "expired" in described:
        return Outcome.EXPIRED
    if about_token and ("old" in described or "used" in described):
        return Outcome.SUPERSEDED
    if code in {"invalid_client", "unauthorized_client"} and not about_token:
        return Outcome.APP_REFUSED
    if shape != "json":
        return Outcome.BUSY  # a firewall's page or nothing at all: says nothing about the login
    return Outcome.REFUSED


def _read(response: requests.Response) -> bytes:
    """The body; a server that trickles may not outlast those who wait for the lock."""
    deadline = time.monotonic() + _READ_TIMEOUT
    body = b""
    for chunk in response.iter_content(16384):
        body += chunk
        if len(body) > _MAX_BYTES:
            break
        if time.monotonic() > deadline:
            raise requests.ReadTimeout
    return body


def _lifetime(value: object) -> float:
    """Exact sends the seconds as text."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else LIFETIME
    except ValueError:
        return LIFETIME
    return seconds if 0 < seconds < 10 * 365 * 86400 else LIFETIME


def _retry_after(headers: Mapping[str, str]) -> float:
    text = str(headers.get("Retry-After") or "")
    return min(float(text), _MAX_RETRY_AFTER) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the request certainly did not reach Exact."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(
        reason,
        urllib3.exceptions.NewConnectionError
        | urllib3.exceptions.ConnectTimeoutError
        | urllib3.exceptions.ProxyError,
    )


def _reason(error: requests.RequestException) -> str:
    """One line; the text of network errors names hosts and errnos, never a body."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {_CONNECT_TIMEOUT:.0f} s"
    if isinstance(error, requests.Timeout):
        return f"silent for {_READ_TIMEOUT:.0f} s"
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    text = re.sub(r"<[^<>]*>:?\s*|\w+\(host=[^)]*\):?\s*", "", str(reason))
    return " ".join(text.split())[:200] or type(error).__name__


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
