"""Whatever a server does on the line, a request ends in time, within its size, and in one of the tap's own errors."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact import payload
from tap_exactonline.exact.auth.grants import GrantOutcome, TokenEndpoint
from tap_exactonline.exact.errors import (
    AnswerTooLarge,
    BrokenAnswer,
    ExactError,
    NotConnected,
    Stopped,
    Unreachable,
)
from tap_exactonline.exact.transport import MEGABYTE, Bounds, Transport
from tests.exact_online.hostile_wire import LARGE, SLOW, answer, in_chunk, letters
from tests.exact_online.raw import RawServer, head, raw_server

QUICK = Bounds(connect=2, silence=1, total=0.6, body=MEGABYTE)
PATIENT = Bounds(connect=5, silence=20, total=60, body=MEGABYTE)


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server() as made:
        yield made


def get(server: RawServer, bounds: Bounds = PATIENT, **options: object) -> bytes:
    made = Transport(server.url, "test", bounds, **options)  # type: ignore[arg-type]
    try:
        return made.get(f"{server.url}/api/v1/101/crm/Accounts", "token").body
    finally:
        made.close()


# -- time ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_what_trickles_ends(server: RawServer, name: str) -> None:
    server.handler = lambda connection, _came: server.trickle(connection, SLOW[name]())
    with pytest.raises(Unreachable, match=r"not complete after 0\.6 s"):
        get(server, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_what_trickles_ends_at_the_token_service_too(server: RawServer, name: str) -> None:
    server.handler = lambda connection, _came: server.trickle(connection, SLOW[name]())
    answer = TokenEndpoint(server.url, "id", "secret", "test", bounds=QUICK).refresh("token")
    assert answer.outcome is GrantOutcome.UNCERTAIN
    assert "not complete after 0.6 s" in answer.text


@pytest.mark.parametrize("name", SLOW)
def test_a_stop_ends_what_trickles(server: RawServer, name: str) -> None:
    stop = threading.Event()

    def handle(connection: socket.socket, _came: bytes) -> None:
        threading.Timer(0.2, stop.set).start()
        server.trickle(connection, SLOW[name]())

    server.handler = handle
    with pytest.raises(Stopped):
        get(server, stop=stop)


def test_a_connection_that_was_used_before_is_watched_too(server: RawServer) -> None:
    """The time limit of the second request on it, not only of the one that made it."""
    answers = iter([head(200, "Content-Length: 2") + b"{}"])

    def handle(connection: socket.socket, _came: bytes) -> None:
        server.send(connection, next(answers))
        connection.recv(65536)
        server.trickle(connection, letters())

    server.handler = handle
    made = Transport(server.url, "test", bounds=QUICK)
    assert made.get(server.url, "token").body == b"{}"
    with pytest.raises(Unreachable, match="not complete"):
        made.get(server.url, "token")
    assert len(server.requests) == 1


# -- size ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_large_body_is_refused_and_fills_no_memory(server: RawServer, name: str) -> None:
    LARGE[name](server, 200)
    tracemalloc.start()
    try:
        with pytest.raises(AnswerTooLarge, match="more than 1 MB") as caught:
            get(server)
        assert tracemalloc.get_traced_memory()[1] < 60 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert "max_response_mb" in str(caught.value)
    assert server.sent < 40 * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("status", [302, 400, 500])
@pytest.mark.parametrize("name", LARGE)
def test_of_an_error_a_megabyte_is_read(server: RawServer, name: str, status: int) -> None:
    LARGE[name](server, status)
    assert len(get(server, Bounds(5, 20, 60, body=64 * MEGABYTE))) <= MEGABYTE
    assert server.sent < 40 * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_the_token_service_is_bounded_too(server: RawServer, name: str) -> None:
    LARGE[name](server, 200)
    assert (
        TokenEndpoint(server.url, "id", "secret", "test").refresh("token").outcome is GrantOutcome.UNCERTAIN
    )
    assert server.sent < 40 * MEGABYTE


def test_exactly_as_large_as_allowed_is_good(server: RawServer) -> None:
    for body in (b" " * MEGABYTE, b" " * (MEGABYTE - 1)):
        for lines, sent in (([], body), (["Content-Encoding: gzip"], gzip.compress(body))):
            answer(server, 200, sent, *lines)
            assert get(server) == body
    answer(server, 200, gzip.compress(b" " * (MEGABYTE + 1)), "Content-Encoding: gzip")
    with pytest.raises(AnswerTooLarge):
        get(server)


def test_many_empty_members_cost_no_hours(server: RawServer) -> None:
    answer(server, 200, gzip.compress(b"") * 40_000, "Content-Encoding: gzip")
    with pytest.raises(BrokenAnswer, match="decompressed"):
        get(server)


# -- what is in it ---------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("identity", bytes),
    "unknown": ("utf-8", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": (" X-GZIP ", gzip.compress),
    "gzip in two members": ("gzip", lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])),
    "gzip with garbage behind": ("gzip", lambda data: gzip.compress(data) + b"\0" * 100),
    "zlib": ("deflate", zlib.compress),
    "deflate": ("deflate", raw_deflate),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=400).map(lambda some: some * 50),
    name=st.sampled_from(sorted(CODINGS)),
    chunk=st.sampled_from([0, 1, 7, 4096]),
    large=st.sampled_from([1, 100, payload.LARGE]),
)
def test_every_way_of_sending_gives_the_same_body(data: bytes, name: str, chunk: int, large: int) -> None:
    header, pack = CODINGS[name]
    packed = pack(data)
    told: list[int] = []
    real, payload.LARGE = payload.LARGE, large
    with raw_server() as server:

        def handle(connection: socket.socket, _came: bytes) -> None:
            if not chunk:
                server.send(
                    connection,
                    head(200, f"Content-Encoding: {header}", f"Content-Length: {len(packed)}") + packed,
                )
                return
            pieces = [packed[at : at + chunk] for at in range(0, len(packed), chunk)]
            lines = b"".join(map(in_chunk, pieces))
            server.send(
                connection,
                head(200, f"Content-Encoding: {header}", "Transfer-Encoding: chunked") + lines + b"0\r\n\r\n",
            )

        server.handler = handle
        try:
            assert get(server, before_more=lambda: told.append(1)) == data
        finally:
            payload.LARGE = real
    assert len(told) == (len(data) > large)


# -- damage ----------------------------------------------------------------------------------------

PAGE = json.dumps({"d": {"results": [{"ID": "1"}]}}).encode()


@pytest.mark.parametrize("cut", range(0, 150, 3))
def test_an_answer_that_is_cut_anywhere_is_an_error_of_ours(
    server: RawServer, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = head(200, f"Content-Length: {len(PAGE)}", "Date: Sat, 28 Nov 2026 10:00:00 GMT", "X-A: b") + PAGE
    server.handler = lambda connection, _came: server.send(connection, whole[:cut])
    assert cut < len(whole)
    with contextlib.suppress(Unreachable, BrokenAnswer):
        # Headers without an end and no body: "the answer is empty", one layer above.
        assert get(server) == b""
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "line",
    [
        "Location: http://[::1",
        "Location: \xff\xfe",
        "Set-Cookie: =;;;=\x01; expires=Thu, 99 Foo 99999",
        "Content-Type: ;;;charset==",
        "Content-Length: -5",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: x",
        "Content-Encoding: br, gzip, \xe9",
        "Transfer-Encoding: gzip",
        "no header at all",
        ": no name",
        "X" * 70_000,
        "Trailer: \x00",
    ],
)
@pytest.mark.parametrize("status", [200, 204, 301, 304, 401, 500])
def test_odd_headers_are_no_tracebacks(
    server: RawServer, status: int, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.handler = lambda connection, _came: server.send(connection, head(status, line) + PAGE)
    with contextlib.suppress(ExactError):
        get(server)
    assert (
        TokenEndpoint(server.url, "id", "secret", "test").refresh("token").outcome is not GrantOutcome.GRANTED
    )
    assert not [record for record in caplog.records if record.exc_info]


def test_a_refused_connection_was_never_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(NotConnected, match="refused"):
        Transport(url, "test", bounds=QUICK).get(url, "token")
    assert TokenEndpoint(url, "id", "secret", "test").refresh("token").outcome is GrantOutcome.NOT_SENT
