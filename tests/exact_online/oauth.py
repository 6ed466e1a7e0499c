"""Exact's OAuth 2: one app, its users, refresh tokens that rotate, no second access token within 570 s."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from .wire import JSON, Reply, encode, json_reply

if TYPE_CHECKING:
    from .clock import Clock
    from .switches import Switches

CODE_SECONDS = 180
IDLE_SECONDS = 30 * 86_400


@dataclass(slots=True)
class Refresh:
    """One refresh token of a chain."""

    token: str
    access: str
    issued: float
    serial: int
    used: bool = False


@dataclass(slots=True)
class Chain:
    """What one consent gave: every refresh token since then, the last of which is the good one."""

    user: str = ""
    tokens: list[Refresh] = field(default_factory=list)
    alive: bool = True
    last_issued: float = -1e18


@dataclass(slots=True)
class Code:
    redirect_uri: str
    until: float
    used: bool = False
    user: str = ""


def failure(status: int, error: str, description: str, reason: str | None = None) -> Reply:
    """The OAuth style of error that the token endpoint has."""
    headers = {"Content-Type": JSON} | ({"Reason": reason} if reason else {})
    return Reply(status, encode({"error": error, "error_description": description}), headers)


def _us(moment: float) -> str:
    when = datetime.fromtimestamp(moment, UTC)
    return f"{when.month}/{when.day}/{when.year} {when:%I:%M:%S %p}"


class OAuth:
    """The state of the authorization server.

    Attributes:
        issued: Every access and refresh token and code ever given out, for greps after leaks.
        redirect_uris: What the app registered; must match exactly.
        user: Who consents next; "" is the one user of most tests. Each has consents of their own.
    """

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self.client_id = "5a0f3d52-2f7e-4d1b-9f0a-7e6f1c2b3a4d"
        self.client_secret = "s3cr3t-" + secrets.token_hex(6)
        self.redirect_uris = {"https://tap.example/callback"}
        self.issued: set[str] = set()
        self.chain: Chain | None = None
        self.user = ""
        self._chains: list[Chain] = []
        self._codes: dict[str, Code] = {}
        self._access: dict[str, tuple[Chain, Refresh, float]] = {}

    # -- consent ---------------------------------------------------------------------------------

    def code(self, redirect_uri: str | None = None) -> str:
        """What the browser brings back after consent, decoded (it has an exclamation mark)."""
        code = self._new("c!")
        uri = redirect_uri or min(self.redirect_uris)
        self._codes[code] = Code(uri, self.clock.now() + CODE_SECONDS, user=self.user)
        return code

    def redirect(self, redirect_uri: str, state: str | None) -> str:
        """The address that the browser is sent back to."""
        query = {"code": self.code(redirect_uri)} | ({"state": state} if state is not None else {})
        return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(query, quote_via=quote)}"

    def login(self, age: float | None = None) -> str:
        """A consent given ``age`` seconds ago (None: long enough for a refresh); its refresh token."""
        now = self.clock.now()
        chain = self._consent()
        issued = now - (self.switches.token_lifetime if age is None else age)
        refresh = self._issue(chain, issued)
        return refresh.token

    def pair(self) -> dict[str, Any]:
        """A fresh consent's answer, with an access token that is good now."""
        return self._answer(self._issue(self._consent(), self.clock.now()))

    def user_of(self, header: str | None) -> str:
        """Whose access token stands in an Authorization header."""
        held = self._access.get((header or "").partition(" ")[2].strip())
        return held[0].user if held else ""

    def _consent(self, user: str | None = None) -> Chain:
        user = self.user if user is None else user
        for earlier in self._chains:
            earlier.alive = earlier.alive and earlier.user != user
        self.chain = Chain(user=user)
        self._chains.append(self.chain)
        return self.chain

    def _new(self, head: str) -> str:
        token = f"{head}{secrets.token_urlsafe(24)}"
        self.issued.add(token)
        return token

    def _issue(self, chain: Chain, now: float) -> Refresh:
        refresh = Refresh(self._new("rEfReSh!"), self._new("aCcEsS."), now, len(chain.tokens))
        chain.tokens.append(refresh)
        chain.last_issued = now
        self._access[refresh.access] = (chain, refresh, now + self.switches.token_lifetime)
        return refresh

    def _answer(self, refresh: Refresh) -> dict[str, Any]:
        lifetime = round(self.switches.token_lifetime)
        return {
            "access_token": refresh.access,
            "token_type": self.switches.token_type,
            "expires_in": str(lifetime) if self.switches.expires_in_as == "string" else lifetime,
            "refresh_token": refresh.token,
        }

    # -- the token endpoint ----------------------------------------------------------------------

    def token(self, form: dict[str, str]) -> Reply:
        """``POST /api/oauth2/token``."""
        if form.get("client_id", "").strip("{}") != self.client_id:
            return failure(
                self.switches.wrong_secret_status, "invalid_client", "Client authentication failed."
            )
        if form.get("client_secret") != self.client_secret:
            return failure(
                self.switches.wrong_secret_status, "invalid_client", "Client authentication failed."
            )
        match form.get("grant_type"):
            case "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
            case "authorization_code":
                return self._exchange(form.get("code", ""), form.get("redirect_uri", ""))
            case other:
                return failure(400, "unsupported_grant_type", f"Grant type {other} is not supported.")

    def _exchange(self, code: str, redirect_uri: str) -> Reply:
        held = self._codes.get(code)
        if held is None or held.used or self.clock.now() > held.until:
            return failure(400, "invalid_grant", "The authorization code is invalid, expired or used before.")
        if redirect_uri != held.redirect_uri:
            return failure(400, "invalid_grant", "The redirect_uri is not the one of the authorization.")
        held.used = True
        return json_reply(self._answer(self._issue(self._consent(held.user), self.clock.now())))

    def _find(self, token: str) -> tuple[Chain, Refresh] | None:
        for chain in self._chains:
            for refresh in chain.tokens:
                if refresh.token == token:
                    return chain, refresh
        return None

    def _superseded(self, chain: Chain, refresh: Refresh) -> bool:
        if not chain.alive:
            return True
        later = chain.tokens[refresh.serial + 1 :]
        match self.switches.old_refresh_token:
            case "refused":
                return bool(later)
            case "until_used":
                return len(later) > 1 or any(t.used for t in later)
            case "until_next_refresh":
                return len(later) > 1

    def _refresh(self, token: str) -> Reply:
        found = self._find(token)
        now = self.clock.now()
        if found is None:
            return failure(400, "invalid_grant", "The refresh token is invalid.")
        chain, refresh = found
        if self._superseded(chain, refresh):
            return failure(401, "unauthorized_client", "Old refresh token used.")
        if now - refresh.issued > IDLE_SECONDS:
            text = (
                f"The refresh token expired at {_us(refresh.issued + IDLE_SECONDS)} and it is now {_us(now)}."
            )
            return failure(400, "invalid_request", text)
        if now - chain.last_issued < self.switches.token_wait:
            reply = failure(
                self.switches.too_early_status,
                "access_denied",
                "Rate limit exceeded: access_token not expired",
                "TooEarlyToRefreshTokens",
            )
            if self.switches.too_early_rotates:
                issued, chain.last_issued = chain.last_issued, now
                rotated = self._issue(chain, now)
                chain.last_issued = issued
                reply.body = encode(
                    {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired",
                     "refresh_token": rotated.token}
                )  # fmt: skip
            return reply
        refresh.used = True
        return json_reply(self._answer(self._issue(chain, now)))

    # -- the API's side --------------------------------------------------------------------------

    def bearer(self, header: str | None) -> Reply | None:
        """Check an Authorization header; a Reply says that it is refused."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return self.unauthorized("missing access token")
        held = self._access.get(token.strip())
        if held is None or not held[0].alive:
            return self.unauthorized("invalid access token")
        _, refresh, until = held
        if self.clock.now() >= until:
            return self.unauthorized("access token expired")
        refresh.used = True
        return None

    @staticmethod
    def unauthorized(why: str) -> Reply:
        """A 401 whose reason stands URL-encoded in WWW-Authenticate."""
        challenge = f'Bearer realm="Exact Online", error="invalid_token", error_description="{quote(why)}"'
        return Reply(401, b"", {"WWW-Authenticate": challenge})

    def revoke(self) -> None:
        """The user withdraws the consent: every token is dead."""
        for chain in self._chains:
            chain.alive = False
