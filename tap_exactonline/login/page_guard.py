"""Who may talk to the login page's server: this computer's own browser, and nobody else.

The server listens on the loopback address, which every program and every web page on this computer can reach. So

- the address that opens the page holds a secret that works once and is traded for a cookie that scripts can't read;
- a name other than this computer's own is refused (a hostile page may point its own name here: DNS rebinding);
- whatever changes something has to come from the page itself (its origin, a JSON body, the cookie).
"""

from __future__ import annotations

import hmac
import secrets
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from tap_exactonline.exact.addresses import is_loopback

Headers = Message
"""As `http.server` gives them: names in any case."""

COOKIE = "tap_exactonline_login"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "clipboard-write=(self)",
}
"""Sent with every answer."""


class Guard:
    """The secrets of one server.

    Attributes:
        entry: The secret in the address that opens the page; works once.
    """

    def __init__(self) -> None:
        self.entry = secrets.token_urlsafe(32)
        self._session = ""

    def open(self, entry: str) -> str | None:
        """Trade the secret of the address for the value of the cookie; None if it is wrong or was used."""
        if self._session or not hmac.compare_digest(entry.encode(), self.entry.encode()):
            return None
        self._session = secrets.token_urlsafe(32)
        return self._session

    def knows(self, headers: Headers) -> bool:
        """Whether the cookie is there."""
        try:
            cookies = SimpleCookie(headers.get("Cookie") or "")
        except CookieError:
            return False
        value = cookies[COOKIE].value if COOKIE in cookies else ""
        return bool(self._session) and hmac.compare_digest(value.encode(), self._session.encode())


def host_of(headers: Headers) -> str:
    """Name in the Host header, lower case and without port; "" if there is none or it is malformed."""
    try:
        return (urlsplit(f"//{headers.get('Host') or ''}").hostname or "").lower()
    except ValueError:
        return ""


def local_host(headers: Headers) -> bool:
    """Whether the page was asked for under a name of this computer."""
    host = host_of(headers)
    return bool(host) and is_loopback(host)


def from_page(headers: Headers) -> bool:
    """Whether a request that changes something comes from the page itself."""
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    if (headers.get("Content-Type") or "").split(";")[0].strip().lower() != "application/json":
        return False
    return headers.get("Origin") == f"http://{headers.get('Host')}"
