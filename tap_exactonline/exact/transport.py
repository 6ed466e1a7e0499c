"""HTTP: one GET, bounded in time, with the whole body or an error.

requests does the connection, the proxies and the certificates. The body is read from urllib3
directly: requests hands it out in pieces of 10 kB, which costs three times the CPU on a large page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
import requests.adapters
import requests.auth
import urllib3.exceptions
from requests.exceptions import InvalidProxyURL

from tap_exactonline.exact.errors import (
    BrokenAnswer,
    NotExactOnline,
    SettingsError,
    Stopped,
    TemporaryError,
    Unreachable,
)
from tap_exactonline.exact.watchdog import Watchdog

_REMEDY = "Check the network of this machine and whether Exact Online is up; the next run goes on from here"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its whole body, decompressed. ``headers`` ignores case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float
    received: float


class _Bearer(requests.auth.AuthBase):
    """Sets the token. As an auth object, since requests lets a ``.netrc`` overrule a plain header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Sends GET requests; thread-safe, with one session (and so one connection) per thread.

    Args:
        user_agent: Name and version of the program.
        connect_timeout: Seconds for connecting.
        read_timeout: Seconds for which the server may be silent.
        total_timeout: Seconds for the whole answer, however steadily it trickles.
        stop: When set, a body that is still coming is given up.
        clock: Local time, seconds since the epoch.

    Raises:
        SettingsError: if the user agent cannot be sent.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        connect_timeout: float,
        read_timeout: float,
        total_timeout: float,
        stop: threading.Event,
        clock: Callable[[], float],
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
        self._timeout = (connect_timeout, read_timeout)
        self._total = total_timeout
        self._watchdog = Watchdog(stop)
        self._clock = clock
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers.clear()
            session.headers.update(self._headers)
            # A cookie would tie the calls of one division to the state that another left on the server.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.mount("https://", requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=1))
            session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=1))
            self._local.session = session
            self._sessions.append(session)
        return session

    def close(self) -> None:
        """Close all idle connections."""
        for session in self._sessions:
            session.close()

    def get(self, url: str, token: str, *, xml: bool = False) -> Response:
        """Send one GET, for JSON or for XML.

        Raises:
            Unreachable: no connection, a time-out, or an unknown host.
            BrokenAnswer: the body broke off or cannot be decompressed.
            NotExactOnline: the certificate is not trusted.
            SettingsError: the address or that of the proxy cannot be used.
            Stopped: the run was asked to stop while the body was coming.
        """
        deadline = time.monotonic() + self._total
        sent = self._clock()
        try:
            with self._session().get(
                url,
                auth=_Bearer(token),
                headers={"Accept": "application/xml"} if xml else None,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                received = self._clock()
                body = self._body(answer, deadline)
        except requests.RequestException as exc:
            raise self._explain(exc) from exc
        return Response(answer.status_code, answer.headers, body, sent, received)

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        raw: urllib3.HTTPResponse = answer.raw
        with self._watchdog.over(raw.shutdown, deadline) as watched:
            try:
                body = raw.read(decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                if not watched.cut:
                    raise self._explain_body(exc) from exc
        if watched.cut:
            # Also where the reading ended without an error: a body without a length just ends.
            answer.close()
            if watched.stopped:
                raise Stopped("stopped while an answer was coming")
            raise Unreachable(f"the answer was not complete after {self._total:g} s", _REMEDY)
        return body

    def _explain_body(self, exc: Exception) -> TemporaryError:
        if isinstance(exc, urllib3.exceptions.ReadTimeoutError):
            return Unreachable(f"the answer stopped for {self._timeout[1]:g} s", _REMEDY)
        if isinstance(exc, urllib3.exceptions.DecodeError):
            return BrokenAnswer("the body cannot be decompressed", _REMEDY)
        return BrokenAnswer("the connection broke in the middle of the answer", _REMEDY)

    def _explain(  # noqa: PLR0911 -- a table in the form of a function
        self, exc: requests.RequestException
    ) -> TemporaryError | NotExactOnline | SettingsError:
        """Say it in plain words: the library's own text holds the address with its query."""
        if isinstance(exc, requests.exceptions.InvalidURL) and not isinstance(exc, InvalidProxyURL):
            return SettingsError("api_url", "this address cannot be used", "Correct it")
        if isinstance(exc, (InvalidProxyURL, requests.exceptions.InvalidSchema)):
            return SettingsError(
                "HTTPS_PROXY", "the address of the proxy cannot be used", "Correct or unset it"
            )
        if isinstance(exc, requests.ConnectTimeout):
            return Unreachable(f"no connection within {self._timeout[0]:g} s", _REMEDY)
        if isinstance(exc, requests.Timeout):
            return Unreachable(f"no answer within {self._timeout[1]:g} s", _REMEDY)
        if isinstance(exc, requests.exceptions.ProxyError):
            return Unreachable("the proxy cannot be reached", "Check HTTPS_PROXY and the proxy")
        text = str(exc)
        if "CERTIFICATE_VERIFY_FAILED" in text or "Hostname mismatch" in text:
            return NotExactOnline(
                "the certificate of the server is not trusted",
                "Check api_url; behind an inspecting proxy, name its certificate in REQUESTS_CA_BUNDLE",
            )
        if any(words in text for words in ("NameResolutionError", "Name or service", "getaddrinfo")):
            return Unreachable("the host name cannot be resolved (DNS)", _REMEDY)
        if "refused" in text:
            return Unreachable("the connection is refused", _REMEDY)
        return Unreachable("the connection broke before the answer", _REMEDY)
