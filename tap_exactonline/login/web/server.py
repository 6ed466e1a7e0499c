"""Logging in on a page that this program serves to the browser of the same computer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import click

from tap_exactonline.config import parse
from tap_exactonline.console import interactive, next_steps
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.login.browser import open_browser
from tap_exactonline.login.web.flow import PageFlow, problem
from tap_exactonline.login.web.guard import COOKIE, HEADERS, Guard, from_page, host_of, local_host
from tap_exactonline.login.web.texts import fill, language, texts

IDLE = 30 * 60.0
"""Seconds without anybody doing something after which the server ends."""

_MOST_BYTES = 65_536
_FORBIDDEN = {"error": {"kind": "forbidden", "what": "Not from this page", "remedy": ""}}
_ASSETS = {
    "/page.css": "text/css",
    "/page.js": "text/javascript",
    "/enter.js": "text/javascript",
    "/texts.json": "application/json",
    "/mark.svg": "image/svg+xml",
}


def log_in_by_page(
    raw: Mapping[str, Any], *, port: int, browser: bool, replace_user: bool = False, idle: float = IDLE
) -> None:
    """Serve the page until the person is done.

    Args:
        raw: The settings; the page asks for what is missing.
        port: Fixed port of the loopback address; 0 for any.
        browser: Open the page where there is a graphical browser.
        replace_user: Let the login replace that of another user.
        idle: Seconds without activity after which to end.

    Raises:
        ExactError: The page was left without a login.
    """
    stop = threading.Event()
    flow = PageFlow(parse(raw), str(raw.get("redirect_uri") or "").strip(), stop, replace_user=replace_user)
    try:
        server = PageServer(flow, port)
    except OSError as exc:
        raise ExactError(
            f"Port {port} of this computer can't be used: {exc.strerror}", "Choose another --port"
        ) from exc
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        click.echo("The login page is open at\n")
        click.echo(f"   {server.address}\n")
        click.echo(f"Type this code there: {server.guard.code}\n")
        click.echo("The page answers this computer only, and the code works once. Ctrl-C ends.")
        if browser and interactive():
            open_browser(server.address)
        try:
            while not flow.finished and time.monotonic() - server.last_used < idle:
                time.sleep(0.1)
            time.sleep(0.3)  # the answer to the last request is on its way
        finally:
            stop.set()
            server.shutdown()
    for line in flow.summary():
        click.echo(f"\n{line}")
    if not flow.logged_in:
        raise ExactError("No login was made", "Start the login again")
    click.echo("\n".join(next_steps()))


class PageServer(ThreadingHTTPServer):
    """Serves one login on the loopback address.

    Attributes:
        address: Of the page; it holds no secret.
        last_used: When a person last did something, by the monotonic clock.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, flow: PageFlow, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.flow = flow
        self.guard = Guard()
        self.last_used = time.monotonic()
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is not news, and a traceback might show an address with a secret."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "tap-exactonline"
    sys_version = ""
    timeout = 30
    page_types: ClassVar[Mapping[str, str]] = _ASSETS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing: addresses hold secrets."""

    # -- GET -------------------------------------------------------------------------------------

    def do_GET(self) -> None:
        """Pages and assets; and the redirect itself, if a tunnel brings it here."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if self._is_redirect(parts.path, query):
            self._land(parts.query, query)
        elif parts.path in self.page_types and (local_host(self.headers) or self._at_redirect_host()):
            self._send(200, _read(parts.path[1:]), self.page_types[parts.path])
        elif not local_host(self.headers):
            self._page(403, "stop.html", "wrong_host")
        elif parts.path == "/" and not self.server.guard.opened:
            self._page(200, "enter.html", more=texts()[self._language()]["enter"])
        elif parts.path == "/api/overview":
            self._overview()
        elif not self.server.guard.knows_cookie(self.headers):
            self._page(403, "stop.html", "no_cookie")
        elif parts.path == "/":
            self._page(200, "index.html")
        else:
            self._page(404, "stop.html", "not_here")

    def _overview(self) -> None:
        if self.server.guard.knows(self.headers):
            self._json(200, self.server.flow.overview())
        else:
            self._json(403, _FORBIDDEN)

    # -- the redirect, through a tunnel -------------------------------------------------------------

    def _at_redirect_host(self) -> bool:
        host = (urlsplit(self.server.flow.redirect_uri).hostname or "").lower()
        return bool(host) and host_of(self.headers) == host

    def _is_redirect(self, path: str, query: Mapping[str, list[str]]) -> bool:
        """Whether this is Exact sending the person back: the registered path, with a state."""
        uri = self.server.flow.redirect_uri
        if not uri or not ("code" in query or "error" in query) or "state" not in query:
            return False
        same_path = (urlsplit(uri).path or "/") == path
        return same_path and (self._at_redirect_host() or local_host(self.headers))

    def _land(self, raw_query: str, query: Mapping[str, list[str]]) -> None:
        try:
            self.server.flow.landed(raw_query, query["state"][0])
        except ExactError as exc:
            self._page(400, "stop.html", "landed_badly", {"detail": str(exc)})
            return
        self.server.last_used = time.monotonic()
        self._page(200, "stop.html", "landed")

    # -- POST ------------------------------------------------------------------------------------

    def do_POST(self) -> None:
        """One step of the page."""
        body = self._body()
        name = urlsplit(self.path).path.removeprefix("/api/")
        if body is None or not (local_host(self.headers) and from_page(self.headers)):
            self._json(403, _FORBIDDEN)
            return
        if name == "open":
            self._open(body)
            return
        if not self.server.guard.knows(self.headers):
            self._json(403, _FORBIDDEN)
            return
        action = self.server.flow.actions().get(name)
        if action is None:
            self._json(404, {"error": {"kind": "unknown", "what": "There is no such step", "remedy": ""}})
            return
        self.server.last_used = time.monotonic()
        try:
            self._json(200, action(body))
        except ExactError as exc:
            self._json(422, problem(exc))

    def _open(self, body: Mapping[str, Any]) -> None:
        """Let the one in who reads the terminal."""
        secrets = self.server.guard.open(str(body.get("code", "")))
        if secrets is None:
            kind = "used" if self.server.guard.opened else "wrong"
            self._json(403, {"error": {"kind": kind}})
            return
        self.server.last_used = time.monotonic()
        cookie, token = secrets
        headers = {"Set-Cookie": f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/"}
        self._send(200, json.dumps({"token": token}).encode(), "application/json", headers)

    def _body(self) -> dict[str, Any] | None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= _MOST_BYTES:
                return None
            value = json.loads(self.rfile.read(length) or b"{}")
        except (ValueError, OSError):
            return None
        return value if isinstance(value, dict) else None

    # -- answers -----------------------------------------------------------------------------------

    def _page(self, status: int, name: str, message: str = "", more: Mapping[str, str] | None = None) -> None:
        html = fill(_read(name).decode(), self._language(), message, more or {})
        self._send(status, html.encode(), "text/html")

    def _language(self) -> str:
        return language(self.headers.get("Accept-Language"))

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _read(name: str) -> bytes:
    return files("tap_exactonline.login").joinpath("page", name).read_bytes()
