"""Pages that this program serves to the browser of the same computer.

It is built on `http.server`. Starlette and uvicorn were weighed: every install would need three more packages for ``login --web``,
and neither limits how long a request may take to arrive, nor checks hosts and origins as this page needs it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

import click

from tap_exactonline.console import interactive
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.login.browser import open_browser
from tap_exactonline.login.web.flow import JsonObject, problem
from tap_exactonline.login.web.guard import COOKIE, HEADERS, Guard, from_page, host_of, local_host
from tap_exactonline.login.web.texts import fill, language, texts

IDLE = 30 * 60.0
"""Seconds without anybody doing something after which the server ends."""

ARRIVE = 20.0
"""Seconds within which a request must have arrived as a whole."""

_MOST_ARRIVING = 64
_MOST_BYTES = 65_536
_FORBIDDEN = {"error": {"kind": "forbidden", "what": "Not from this page", "remedy": ""}}
_ASSETS = {
    "/page.css": "text/css",
    "/page.js": "text/javascript",
    "/common.js": "text/javascript",
    "/board.js": "text/javascript",
    "/board.css": "text/css",
    "/enter.js": "text/javascript",
    "/texts.json": "application/json",
    "/mark.svg": "image/svg+xml",
}


class Site(Protocol):
    """What a server serves.

    Attributes:
        pages: Path → name of the page.
        redirect_uri: Where Exact sends a person back to; "" if nobody is logging in.
        finished: Whether the person is done.
        watched: Whether looking at it is a use of it, too.
    """

    pages: ClassVar[Mapping[str, str]]
    watched: ClassVar[bool]

    @property
    def redirect_uri(self) -> str: ...

    @property
    def finished(self) -> bool: ...

    def landed(self, query: str, state: str | None) -> None:
        """Exact sent the person back to this server itself."""

    def views(self) -> Mapping[str, Callable[[], JsonObject]]:
        """What the page may look at, by name."""

    def actions(self) -> Mapping[str, Callable[[Mapping[str, Any]], JsonObject]]:
        """What the page may do, by name."""


def serve(site: Site, *, what: str, port: int, browser: bool, stop: threading.Event, idle: float) -> None:
    """Serve until the person is done, or has gone.

    Args:
        site: What to serve.
        what: Its name, for the terminal.
        port: Fixed port of the loopback address; 0 for any.
        browser: Open the page where there is a graphical browser.
        stop: Set when it ends.
        idle: Seconds without activity after which to end.

    Raises:
        ExactError: The port can't be used.
    """
    try:
        server = PageServer(site, port)
    except OSError as exc:
        raise ExactError(
            f"Port {port} of this computer can't be used: {exc.strerror}", "Choose another --port"
        ) from exc
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        click.echo(f"{what} is open at\n")
        click.echo(f"   {server.address}\n")
        click.echo(f"Type this code there: {server.guard.code}\n")
        click.echo("The page answers this computer only, and the code works once. Ctrl-C ends.")
        if browser and interactive():
            open_browser(server.address)
        try:
            while not site.finished and time.monotonic() - server.last_used < idle:
                time.sleep(0.1)
            time.sleep(0.3)  # the answer to the last request is on its way
        finally:
            stop.set()
            server.shutdown()


class PageServer(ThreadingHTTPServer):
    """Serves a site on the loopback address.

    A request that does not arrive in time is cut off, and at most 64 may be arriving at once, so idle connections can't tie up threads.

    Attributes:
        address: Of the page; it holds no secret.
        last_used: When a person last did something, by the monotonic clock.
    """

    daemon_threads = True
    allow_reuse_address = False
    request_queue_size = 128

    def __init__(self, site: Site, port: int, *, arrive: float = ARRIVE) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.site = site
        self._arrive = arrive
        self._arriving: dict[Any, float] = {}
        self.guard = Guard()
        self.last_used = time.monotonic()
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Let a thread take the request in, unless too many are arriving."""
        if len(self._arriving) >= _MOST_ARRIVING:
            self.shutdown_request(request)
            return
        self._arriving[request] = time.monotonic()
        super().process_request(request, client_address)

    def arrived(self, request: Any) -> None:
        """The request is here as a whole; the answer may take its time."""
        self._arriving.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self.arrived(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off what takes too long to arrive."""
        for request, since in list(self._arriving.items()):
            if time.monotonic() - since > self._arrive:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

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
        self.server.arrived(self.connection)
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
        elif view := self.server.site.views().get(parts.path.removeprefix("/api/")):
            self._view(view)
        elif not self.server.guard.knows_cookie(self.headers):
            self._page(403, "stop.html", "no_cookie")
        elif page := self.server.site.pages.get(parts.path):
            self._page(200, page)
        else:
            self._page(404, "stop.html", "not_here")

    def _view(self, view: Callable[[], JsonObject]) -> None:
        if not self.server.guard.knows(self.headers):
            self._json(403, _FORBIDDEN)
            return
        if self.server.site.watched:
            self.server.last_used = time.monotonic()
        self._answer(view)

    def _answer(self, work: Callable[[], JsonObject]) -> None:
        try:
            self._json(200, work())
        except ExactError as exc:
            self._json(422, problem(exc))

    # -- the redirect, through a tunnel -------------------------------------------------------------

    def _at_redirect_host(self) -> bool:
        host = (urlsplit(self.server.site.redirect_uri).hostname or "").lower()
        return bool(host) and host_of(self.headers) == host

    def _is_redirect(self, path: str, query: Mapping[str, list[str]]) -> bool:
        """Whether this is Exact sending the person back: the registered path, with a state."""
        uri = self.server.site.redirect_uri
        if not uri or not ("code" in query or "error" in query) or "state" not in query:
            return False
        same_path = (urlsplit(uri).path or "/") == path
        return same_path and (self._at_redirect_host() or local_host(self.headers))

    def _land(self, raw_query: str, query: Mapping[str, list[str]]) -> None:
        try:
            self.server.site.landed(raw_query, query["state"][0])
        except ExactError as exc:
            self._page(400, "stop.html", "landed_badly", {"detail": str(exc)})
            return
        self.server.last_used = time.monotonic()
        self._page(200, "stop.html", "landed")

    # -- POST ------------------------------------------------------------------------------------

    def do_POST(self) -> None:
        """One step of the page."""
        body = self._body()
        self.server.arrived(self.connection)
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
        action = self.server.site.actions().get(name)
        if action is None:
            self._json(404, {"error": {"kind": "unknown", "what": "There is no such step", "remedy": ""}})
            return
        self.server.last_used = time.monotonic()
        self._answer(lambda: action(body))

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
