"""A small HTTP server that answers from a script, and a clock that moves when the client waits."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from tap_exactonline.exact.client import ExactClient

ELSEWHERE = "start.exactonline.test"
"""A host that is not this machine, for which the certificate is good as well; there is no such name in any DNS."""

# A client that has not given up after so many seconds never will.
PATIENCE = 60.0
START = 1_717_999_990.0  # ten seconds into a minute: 2024-06-10 06:13:10 UTC


class ScriptedClock:
    """Seconds since the epoch; only `advance` moves it."""

    def __init__(self, start: float = START) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


class Movable(Protocol):
    """A clock that can be told to go on."""

    def advance(self, seconds: float) -> object: ...


class StopClock(threading.Event):
    """A stop signal whose waiting takes no time: it moves the clock instead."""

    def __init__(self, clock: Movable) -> None:
        super().__init__()
        self.clock = clock
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.clock.advance(timeout)
        self.on_wait()
        return self.is_set()


class StopSpy(threading.Event):
    """A real stop signal that notes each wait: whether it was ended by the signal."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[bool] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.ended.append(super().wait(timeout))
        return self.ended[-1]


class Login:
    """Credentials that hand out numbered tokens."""

    def __init__(self, *, renewable: bool = True) -> None:
        self.number = 1
        self.renewable = renewable
        self.rejected: list[str] = []

    def access_token(self) -> str:
        return f"token-{self.number}"

    def reject(self, access_token: str) -> None:
        self.rejected.append(access_token)
        if self.renewable and access_token == self.access_token():
            self.number += 1


@dataclass
class Reply:
    """One answer. ``deliver`` replaces the sending of the body."""

    status: int = 200
    body: bytes = b'{"d":{"results":[]}}'
    headers: dict[str, str] = field(default_factory=dict)
    deliver: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None


@dataclass
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    time: float
    connection: tuple[str, int]


def rows(*found: Any, next_url: str | None = None, **headers: str) -> Reply:
    page: dict[str, Any] = {"results": list(found)}
    if next_url:
        page["__next"] = next_url
    return Reply(
        body=json.dumps({"d": page}).encode(), headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def problem(status: int, text: str = "", reason: str = "", **headers: str) -> Reply:
    body = json.dumps({"error": {"code": "", "message": {"lang": "", "value": text}}}).encode()
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    return Reply(status, body, sent | ({"Reason": reason} if reason else {}))


def zipped(reply: Reply) -> Reply:
    return Reply(reply.status, gzip.compress(reply.body), reply.headers | {"Content-Encoding": "gzip"})


def reset(handler: BaseHTTPRequestHandler, _body: bytes = b"") -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def reset_before() -> Reply:
    return Reply(status=0, deliver=reset)


def half(then: Callable[[BaseHTTPRequestHandler], None] | None = None) -> Callable[..., None]:
    """Half of the body, with the length of the whole."""

    def deliver(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        if then:
            then(handler)
        handler.close_connection = True

    return deliver


def chunked_half(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """A chunked body without its end."""
    handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    handler.close_connection = True


def chunked(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    for start in range(0, len(body), 1000):
        piece = body[start : start + 1000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def trickle(seconds: float = PATIENCE, pause: float = 0.05) -> Callable[..., None]:
    """The body in pieces, each in good time for the read time-out; for ever, unless the seconds are given."""

    def deliver(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                handler.wfile.write(b" ")
                time.sleep(pause)
            handler.wfile.write(body)
        except OSError:
            pass
        handler.close_connection = True

    return deliver


def silence(handler: BaseHTTPRequestHandler, _body: bytes = b"") -> None:
    """Nothing more, until the client hangs up."""
    handler.connection.settimeout(PATIENCE)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


class ScriptedServer:
    """Answers requests with ``replies`` in turn, then with ``default``, or as ``rule`` decides."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.replies: list[Reply] = []
        self.default = Reply()
        self.rule: Callable[[Request], Reply] | None = None
        self.requests: list[Request] = []
        self.busy: list[str] = []
        self.most_busy = 0
        self.most_busy_by: dict[str, int] = {}
        self.delay = 0.0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def say(self, *replies: Reply) -> None:
        self.replies += replies

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = Request(handler.path, dict(handler.headers), self.clock(), handler.client_address)
        with self._lock:
            self.requests.append(request)
            division = (handler.path.split("/") + [""] * 3)[3]
            self.busy.append(division)
            self.most_busy = max(self.most_busy, len(self.busy))
            most = self.most_busy_by.get(division, 0)
            self.most_busy_by[division] = max(most, self.busy.count(division))
            said = self.replies.pop(0) if self.replies else self.default
            reply = self.rule(request) if self.rule else said
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            self.busy.remove(division)
        if reply.status == 0:
            assert reply.deliver
            reply.deliver(handler, b"")
            return
        handler.send_response_only(reply.status)
        headers = {
            "Date": formatdate(self.clock(), usegmt=True),
            "Content-Type": "application/json",
        } | reply.headers
        if "Transfer-Encoding" not in headers and reply.status != 204:
            headers.setdefault("Content-Length", str(len(reply.body)))
        for name, value in headers.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        (reply.deliver or (lambda h, body: h.wfile.write(body)))(handler, reply.body)

    def encrypt(self, directory: Path) -> Path:
        """Speak TLS from now on, with a certificate that only the returned file vouches for."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName(ELSEWHERE)]
                ),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        vouch, own = directory / "vouch.pem", directory / "server.pem"
        vouch.write_bytes(certificate.public_bytes(pem))
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        own.write_bytes(secret + vouch.read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")
        return vouch

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class ScriptedFixture:
    """A server, a clock, credentials and a client."""

    def __init__(self, **options: Any) -> None:
        self.clock = ScriptedClock()
        self.stop = StopClock(self.clock)
        self.server = ScriptedServer(self.clock)
        self.login = Login()
        self.told: list[tuple[int | None, float, str]] = []
        self.client = self.new_client(**options)

    def new_client(self, **options: Any) -> ExactClient:
        given: dict[str, Any] = {
            "api_url": self.server.url,
            "credentials": self.login,
            "user_agent": "tap-exactonline/test",
            "stop": self.stop,
            "clock": self.clock,
            "read_timeout": 5,
            "on_wait": lambda *told: self.told.append(told),
        }
        return ExactClient(**(given | options))

    def get(self, path: str = "crm/Accounts", division: int | None = 101, **options: Any) -> Any:
        from tap_exactonline.exact.context import RequestContext
        from tap_exactonline.exact.odata import read_rows

        query, decode = options.pop("query", "$select=ID"), options.pop("decode", read_rows)
        context = RequestContext(path, division, **({"stream": "crm_accounts"} | options))
        return self.client.get(context, query=query, decode=decode)

    def say(self, *replies: Reply) -> None:
        self.server.say(*replies)


@contextmanager
def world(**options: Any) -> Iterator[ScriptedFixture]:
    made = ScriptedFixture(**options)
    try:
        yield made
    finally:
        made.client.close()
        made.server.close()
