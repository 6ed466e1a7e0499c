"""What a server can do on the line to keep a client for ever, or to fill its memory: used by tests and by the attack."""

from __future__ import annotations

import itertools
import socket
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from .raw import RawServer, head

MEGABYTE = 2**20


def letters() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for letter in itertools.cycle(b"X-Slow: abcdefgh\r\n"):
        yield bytes([letter])


def status_line() -> Iterator[bytes]:
    return (bytes([letter]) for letter in itertools.cycle(b"HTTP/1.1 "))


def body() -> Iterator[bytes]:
    yield head(200, "Content-Length: 100000")
    yield from itertools.repeat(b" ")


def chunks() -> Iterator[bytes]:
    yield head(200, "Transfer-Encoding: chunked")
    yield from itertools.repeat(b"1\r\n \r\n")


def trailers() -> Iterator[bytes]:
    yield head(200, "Transfer-Encoding: chunked") + b"0\r\n"
    yield from itertools.repeat(b"X-More: yes\r\n")


def without_length() -> Iterator[bytes]:
    yield head(200, "Connection: close")
    yield from itertools.repeat(b" ")


def empty_blocks() -> Iterator[bytes]:
    yield head(200, "Content-Encoding: gzip", "Connection: close")
    packer = zlib.compressobj(wbits=31)
    yield packer.compress(b"{")
    while True:
        yield packer.flush(zlib.Z_FULL_FLUSH) or b"\x00\x00\x00\xff\xff"


SLOW: dict[str, Callable[[], Iterator[bytes]]] = {
    "status line": status_line,
    "headers": letters,
    "100 Continue": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": body,
    "chunks": chunks,
    "trailers": trailers,
    "body without length": without_length,
    "gzip that gives nothing": empty_blocks,
}


def endless(server: RawServer, start: bytes, piece: bytes) -> None:
    def handle(connection: socket.socket, _came: bytes) -> None:
        server.send(connection, start)
        while not server.closing.is_set():
            server.send(connection, piece)

    server.handler = handle


@cache
def bomb(size: int) -> bytes:
    """Blanks in gzip: a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MEGABYTE) for _ in range(size // MEGABYTE)) + packer.flush()


def answer(server: RawServer, status: int, body: bytes, *lines: str) -> None:
    server.handler = lambda connection, _came: server.send(
        connection, head(status, f"Content-Length: {len(body)}", *lines) + body
    )


def in_chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LARGE: dict[str, Callable[[RawServer, int], None]] = {
    "body without end": lambda server, status: endless(
        server, head(status, "Connection: close"), b" " * 65536
    ),
    "chunks without end": lambda server, status: endless(
        server, head(status, "Transfer-Encoding: chunked"), in_chunk(b" " * 65536)
    ),
    "small chunks without end": lambda server, status: endless(
        server, head(status, "Transfer-Encoding: chunked"), in_chunk(b" " * 16) * 4_000
    ),
    "a length of gigabytes": lambda server, status: endless(
        server, head(status, f"Content-Length: {2**40}"), b" " * 65536
    ),
    "a gzip bomb": lambda server, status: answer(
        server, status, bomb(512 * MEGABYTE), "Content-Encoding: gzip"
    ),
    "a bomb in chunks": lambda server, status: endless(
        server,
        head(status, "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        in_chunk(bomb(64 * MEGABYTE)),
    ),
}
