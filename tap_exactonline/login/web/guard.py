"""Who may talk to the server of the pages: this computer's own browser, and nobody else.

The server listens on the loopback address, which every program and every web page on this computer can reach. So

- the terminal shows a code; the person types it on the page, once. No address holds a secret: the browser's command
  line, its history and the desktop's logs can be read by others, and a private file that redirects can't be read by
  browsers that run in a sandbox (snap, flatpak) or beside WSL;
- the code is traded for two secrets. One is a cookie that scripts can't read; but a browser sends cookies to every
  port of this computer. The other lives in the page (the tab's session storage, which belongs to one port) and goes
  along as a header. Each request that reads or changes something needs both;
- a name other than this computer's own is refused (a hostile page may point its own name here: DNS rebinding);
- what changes something has to come from the page itself (its origin, a JSON body).
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from tap_exactonline.exact.urls import is_loopback

Headers = Message
"""As `http.server` gives them: names in any case."""

COOKIE = "tap_exactonline_login"
TOKEN = "X-Login-Token"  # noqa: S105 - the name of a header

# No letters or digits that look alike. 30^8 codes: at 2,000 guesses a second, half an hour finds one in 180,000.
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LENGTH = 8

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
        code: What the terminal shows, in two groups; opens the page once.
    """

    def __init__(self) -> None:
        letters = [secrets.choice(_LETTERS) for _ in range(_LENGTH)]
        self.code = "".join([*letters[: _LENGTH // 2], "-", *letters[_LENGTH // 2 :]])
        self._lock = threading.Lock()
        self._cookie = ""
        self._token = ""

    @property
    def opened(self) -> bool:
        """Whether the code was used."""
        return bool(self._cookie)

    def open(self, typed: str) -> tuple[str, str] | None:
        """Trade the code for the values of the cookie and of the header; None if it is wrong or was used."""
        with self._lock:
            if self.opened or not _same(_plain(typed), _plain(self.code)):
                return None
            self._token = secrets.token_urlsafe(32)
            self._cookie = secrets.token_urlsafe(32)
            return self._cookie, self._token

    def knows_cookie(self, headers: Headers) -> bool:
        """Whether the cookie is there: enough for a page that holds no secret."""
        try:
            cookies = SimpleCookie(headers.get("Cookie") or "")
        except CookieError:
            return False
        return _same(cookies[COOKIE].value if COOKIE in cookies else "", self._cookie)

    def knows(self, headers: Headers) -> bool:
        """Whether cookie and header are there."""
        return self.knows_cookie(headers) and _same(headers.get(TOKEN) or "", self._token)


def _plain(code: str) -> str:
    """A code as people may type it."""
    return re.sub(r"[\s-]", "", code).upper()


def _same(given: str, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(given.encode(errors="replace"), secret.encode())


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
