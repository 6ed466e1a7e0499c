"""HTTP: one request, bounded in time and size, with the whole body or an error.

The API and the token service are both reached by it. requests makes the connections, and knows proxies and certificates; what of it
is not used stands at the end. The body is read from urllib3 directly: requests hands it out in pieces of 10 kB, which costs three
times the CPU on a large page.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import requests.adapters
import urllib3
import urllib3.exceptions
from requests.exceptions import InvalidProxyURL
from urllib3.connectionpool import HTTPConnectionPool

from tap_exactonline.exact.deadline import Watchdog, Watched
from tap_exactonline.exact.errors import (
    AnswerTooLarge,
    BrokenAnswer,
    ExactError,
    NotConnected,
    NotExactOnline,
    SettingsError,
    Stopped,
    Unreachable,
)
from tap_exactonline.exact.payload import CannotInflate, TooLarge, read_payload
from tap_exactonline.exact.urls import is_loopback

# It tells of headers that it can't read with a traceback and the whole address. What the answer is worth, we judge.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

MEGABYTE = 2**20

_ERROR_BODY = MEGABYTE
_GOOD = range(200, 300)
_NO_PROXY = {"http": "", "https": ""}
_REMEDY = "Check the network of this machine and whether Exact Online is up; the next run goes on from here"


class Bounds(msgspec.Struct, frozen=True):
    """What a request may take.

    Attributes:
        connect: Seconds for connecting.
        silence: Seconds for which the server may be silent.
        total: Seconds for the whole request, from before the connection is made to the last byte, however steadily
            the answer trickles.
        body: Bytes that the body of a good answer may have, decompressed.
    """

    connect: float
    silence: float
    total: float
    body: int = 64 * MEGABYTE


class Response(msgspec.Struct, frozen=True):
    """An answer with its body, decompressed; that of an error is cut after a megabyte. ``headers`` ignores case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float
    received: float


class Transport:
    """Sends requests to one host; thread-safe, with one connection per thread.

    Args:
        url: Address of the host. The machine itself is reached without a proxy.
        user_agent: Name and version of the program.
        bounds: How long a request may take and how large its answer may be.
        stop: When set, what is under way is given up.
        clock: Local time, seconds since the epoch.
        before_more: Called in the thread that reads, before it takes in more than a usual page.

    Raises:
        SettingsError: if the user agent cannot be sent.
    """

    def __init__(
        self,
        url: str,
        user_agent: str,
        bounds: Bounds,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        before_more: Callable[[], None] = lambda: None,
    ) -> None:
        if not user_agent.isprintable() or not user_agent.isascii() or user_agent != user_agent.strip():
            raise SettingsError(
                "user_agent", "it has characters that a header may not have", "Use plain letters"
            )
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
        }
        self._direct = is_loopback(urlsplit(url).hostname or "")
        self._bounds = bounds
        self._watchdog = Watchdog(stop or threading.Event())
        self._clock = clock
        self._before_more = before_more
        self._local = threading.local()
        self._connections: list[_Connection] = []

    def close(self) -> None:
        """Close all idle connections."""
        for connection in self._connections:
            connection.close()

    def get(self, url: str, token: str, *, xml: bool = False) -> Response:
        """Send one GET, for JSON or for XML.

        Raises:
            NotConnected: no connection, or an unknown host.
            Unreachable: a time-out, or the connection broke before the answer.
            BrokenAnswer: the body broke off or cannot be decompressed.
            AnswerTooLarge: the body has more bytes than it may have.
            NotExactOnline: the certificate is not trusted.
            SettingsError: the address, that of the proxy, or the file of certificates cannot be used.
            Stopped: the run was asked to stop while the request was under way.
        """
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._headers, direct=self._direct)
            self._connections.append(connection)
        headers = {"Authorization": f"Bearer {token}"}
        return self._send(connection, "GET", url, headers | {"Accept": "application/xml"} if xml else headers)

    def post(self, url: str, form: Mapping[str, str]) -> Response:
        """Send one form, over a connection of its own: one that has idled may be dead, and a POST is not repeated.

        Raises:
            ExactError: as `get`.
        """
        with closing(_Connection(self._headers, direct=self._direct)) as connection:
            return self._send(connection, "POST", url, {}, form)

    def head(self, url: str) -> Response:
        """Ask for the headers of a page that needs no login.

        Raises:
            ExactError: as `get`.
        """
        with closing(_Connection(self._headers, direct=self._direct)) as connection:
            return self._send(connection, "HEAD", url, {})

    def _send(
        self,
        connection: _Connection,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> Response:
        deadline = time.monotonic() + self._bounds.total
        sent = self._clock()
        timeout = (self._bounds.connect, self._bounds.silence)
        with self._watchdog.over(connection.shut, deadline) as watched:
            try:
                with connection.answer(method, url, headers, form, timeout) as answer:
                    received = self._clock()
                    watched.shut = answer.raw.shutdown
                    body = self._body(answer, watched)
            except OSError as exc:  # requests' own errors are such, too
                if not watched.cut:
                    raise self._explain(exc) from exc
            except ExactError:
                if not watched.cut:
                    raise
        if watched.stopped:
            raise Stopped("stopped while an answer was coming")
        if watched.late:
            # Also where the reading ended without an error: a body without a length just ends.
            raise Unreachable(f"the answer was not complete after {self._bounds.total:g} s", _REMEDY)
        return Response(answer.status_code, answer.headers, body, sent, received)

    def _body(self, answer: requests.Response, watched: Watched) -> bytes:
        def before_more() -> None:
            began = time.monotonic()
            self._before_more()
            watched.deadline += time.monotonic() - began

        good = answer.status_code in _GOOD
        most = self._bounds.body if good else _ERROR_BODY
        try:
            return read_payload(answer.raw, most, before_more, cut=not good)
        except TooLarge as exc:
            raise AnswerTooLarge(
                f"the answer has more than {most / MEGABYTE:g} MB",
                "If rows may be so large, set max_response_mb higher; otherwise look for what stands between this "
                "machine and Exact Online",
                status=answer.status_code,
            ) from exc
        except CannotInflate as exc:
            raise BrokenAnswer("the body cannot be decompressed", _REMEDY) from exc
        except urllib3.exceptions.ReadTimeoutError as exc:
            raise Unreachable(f"the answer stopped for {self._bounds.silence:g} s", _REMEDY) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise BrokenAnswer("the connection broke in the middle of the answer", _REMEDY) from exc

    def _explain(self, exc: OSError) -> ExactError:  # noqa: PLR0911 -- a table in the form of a function
        """Say it in plain words: the library's own text holds the address with its query."""
        if isinstance(exc, requests.exceptions.InvalidURL) and not isinstance(exc, InvalidProxyURL):
            return SettingsError("api_url", "this address cannot be used", "Correct it")
        if isinstance(exc, (InvalidProxyURL, requests.exceptions.InvalidSchema)):
            return SettingsError(
                "HTTPS_PROXY", "the address of the proxy cannot be used", "Correct or unset it"
            )
        if isinstance(exc, requests.ConnectTimeout):
            return NotConnected(f"no connection within {self._bounds.connect:g} s", _REMEDY)
        if isinstance(exc, requests.Timeout):
            return Unreachable(f"no answer within {self._bounds.silence:g} s", _REMEDY)
        if isinstance(exc, requests.exceptions.ProxyError):
            return NotConnected("the proxy cannot be reached", "Check HTTPS_PROXY and the proxy")
        text = str(exc)
        if "CERTIFICATE_VERIFY_FAILED" in text or "Hostname mismatch" in text:
            return NotExactOnline(
                "the certificate of the server is not trusted",
                "Check country and api_url; behind an inspecting proxy, name its certificate in REQUESTS_CA_BUNDLE",
            )
        if "CA certificate bundle" in text or "[X509" in text:
            return SettingsError(
                "REQUESTS_CA_BUNDLE", "there are no certificates where it points", "Correct or unset it"
            )
        if any(words in text for words in ("NameResolutionError", "Name or service", "getaddrinfo")):
            return NotConnected("the host name cannot be resolved (DNS)", _REMEDY)
        if "NewConnectionError" in text or "refused" in text:
            what = "the connection is refused" if "refused" in text else "no connection could be made"
            return NotConnected(what, _REMEDY)
        return Unreachable("the connection broke before the answer", _REMEDY)


class _Connection(requests.adapters.HTTPAdapter):
    """One thread's way to the host: one connection at a time, whose request can be ended from another thread.

    requests' adapter is used without its session. That one would keep cookies, which tie the calls of one division to the
    state that another left on the server. It would read the whole body of a redirect, however long, which nobody follows.
    And for each request it would look through the whole environment twice for proxies, and go through the address byte by
    byte once more than urllib3 does: a tenth of the CPU time of a run whose calls bring few rows.

    Args:
        headers: Sent with each request.
        direct: Use no proxy, whatever the environment says.
    """

    def __init__(self, headers: Mapping[str, str], *, direct: bool) -> None:
        self._headers = headers
        self._proxies = dict(_NO_PROXY) if direct else {}
        self._first: requests.PreparedRequest | None = None
        self._environment: dict[str, Any] = {}
        self.latest: Any = None
        super().__init__(pool_connections=2, pool_maxsize=1)

    def answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeout: tuple[float, float],
    ) -> requests.Response:
        """Send a request, made like the first one. Of the answer, only the headers have been read."""
        if self._first is None:
            with requests.Session() as session:
                found = session.merge_environment_settings(url, self._proxies, True, None, None)
            self._environment = {**found}
            self._first = requests.Request(method, url, dict(self._headers), data=form).prepare()
        request = self._first.copy()
        request.url = url
        request.headers.update(headers)
        return self.send(request, timeout=timeout, **self._environment)

    def shut(self) -> None:
        """End the request that is under way, from its first byte on: for another thread."""
        connected = getattr(self.latest, "sock", None)
        # An encrypted connection to a proxy has another one inside.
        connected = getattr(connected, "socket", connected)
        if connected is not None:
            # Not the method of an encrypted socket: that one forgets the encryption while another thread reads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._be_told(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if is_new:
            self._be_told(manager)
        return manager

    def _be_told(self, manager: Any) -> None:
        """Let the manager (of direct connections, of a proxy, of SOCKS) make pools that tell of their connections."""
        manager.pool_classes_by_scheme = {
            scheme: type(f"Told{pool.__name__}", (_Pool, pool), {"owner": self})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


class _Pool(HTTPConnectionPool):
    """A pool that tells its owner of each connection that it makes."""

    owner: _Connection

    def _new_conn(self) -> Any:
        self.owner.latest = super()._new_conn()
        return self.owner.latest
