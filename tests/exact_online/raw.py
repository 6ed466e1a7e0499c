"""A server that speaks no HTTP by itself: what stands on the line is up to the test. Loopback only."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Handler = Callable[[socket.socket, bytes], None]

_MOST_REQUEST = 2**20


class RawServer:
    """Hands each connection and what came on it (up to the end of the headers) to a handler.

    Args:
        handler: Writes to the socket; an `OSError` (the client has gone) ends it.

    Attributes:
        requests: What came, in order.
        sent: Bytes that `send` has written.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[bytes] = []
        self.sent = 0
        self.closing = threading.Event()
        self._context: ssl.SSLContext | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS, with a certificate and its key from a file."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self.url = self.url.replace("http:", "https:")

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            came = b""
            while b"\r\n\r\n" not in came and len(came) < _MOST_REQUEST:
                piece = connection.recv(65536)
                if not piece:
                    return
                came += piece
            self.requests.append(came)
            self.handler(connection, came)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.closing.set()
        self._listener.close()

    # -- what handlers are made of -----------------------------------------------------------------

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    def trickle(self, connection: socket.socket, pieces: Iterator[bytes], pause: float = 0.05) -> None:
        """Write piece after piece, each in good time, until the client goes."""
        for piece in pieces:
            if self.closing.is_set():
                return
            self.send(connection, piece)
            time.sleep(pause)


@contextlib.contextmanager
def raw_server(handler: Handler | None = None) -> Iterator[RawServer]:
    """A server; the handler may be set later."""
    server = RawServer(handler or (lambda _connection, _came: None))
    try:
        yield server
    finally:
        server.close()


def head(status: int = 200, *lines: str) -> bytes:
    """A status line and headers, with the blank line behind them."""
    return "\r\n".join([f"HTTP/1.1 {status} Odd", "Content-Type: application/json", *lines, "", ""]).encode(
        "latin-1"
    )
