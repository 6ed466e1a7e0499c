"""A server of its own process whose answers are large: pages of many megabytes, a gzip bomb, a body without end.

    python -m scripts.attack.large_pages --megabytes 38 --divisions 64

It answers what the tap needs to read one stream of as many administrations as wanted; the first line of output is its
address. Loopback only.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable

from scripts.bench.rows import FIELDS, STREAM, Template
from tap_exactonline.endpoints import by_name

MEGABYTE = 2**20
FIRST_DIVISION = 101
KINDS = ("plain", "gzip", "bomb", "endless", "bomb error", "endless error")

_PATH = by_name(STREAM).path
_OWNER = f"/api/v1/{FIRST_DIVISION}/".encode()


def page(megabytes: float) -> bytes:
    """One page of rows that is so large."""
    template = Template([field.name for field in FIELDS])
    parts: list[bytes] = []
    size = 0
    number = 0
    while size < megabytes * MEGABYTE:
        # The tap looks at whose rows they are, and one page serves all administrations: these name none.
        parts.append(template.page(number, FIRST_DIVISION).replace(_OWNER, b"/odata/"))
        size += len(parts[-1])
        number += 1
    return b'{"d":{"results":[' + b",".join(parts) + b"]}}"


def answers(kind: str, megabytes: float) -> Callable[[socket.socket], None]:
    """What is sent for a page: a function that sends it."""
    status = "500 Odd" if kind.endswith("error") else "200 OK"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
    if kind.startswith("endless"):

        def without_end(connection: socket.socket) -> None:
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            while True:
                connection.sendall(b" " * MEGABYTE)

        return without_end
    if kind.startswith("bomb"):
        packer = zlib.compressobj(9, wbits=31)
        body = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(2048)) + packer.flush()
    else:
        body = page(megabytes)
        if kind == "gzip":
            body = gzip.compress(body, 1)
    if kind != "plain":
        head += "Content-Encoding: gzip\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda connection: connection.sendall(whole)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=38)
    parser.add_argument("--divisions", type=int, default=64)
    parser.add_argument("--kind", choices=KINDS, default="gzip")
    options = parser.parse_args()
    send_page = answers(options.kind, options.megabytes)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, send_page, options.divisions), daemon=True).start()


def _serve(connection: socket.socket, send_page: Callable[[socket.socket], None], divisions: int) -> None:
    with contextlib.suppress(OSError), connection:
        seen = b""
        while piece := connection.recv(65536):
            seen += piece
            if b"\r\n\r\n" not in seen:
                continue
            target, seen = seen.split(b" ", 2)[1].decode("latin-1"), b""
            if "/current/Me" in target:
                _send(connection, [{"CurrentDivision": FIRST_DIVISION}])
            elif "/system/Divisions" in target:
                codes = range(FIRST_DIVISION, FIRST_DIVISION + divisions)
                _send(connection, [{"Code": code, "Description": str(code), "Status": 1} for code in codes])
            elif _PATH in target:
                send_page(connection)
            else:
                _send(connection, [])


def _send(connection: socket.socket, rows: list[dict[str, object]]) -> None:
    body = json.dumps({"d": {"results": rows}}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


if __name__ == "__main__":
    main()
