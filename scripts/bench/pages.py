"""A page server that costs next to nothing: prepared bytes from a process of its own.

    python -m scripts.bench.pages --pages 200 [--latency-ms 300]

It answers what a tap needs to read `sync/Financial/TransactionLines` of any administration from 101 on, page after
page, and nothing else. ``/_stats`` tells what was asked since ``/_reset``; that one also sets new numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec

from scripts.bench.rows import ENDPOINT, FIRST_TIMESTAMP, PAGE_ROWS, Template

FIRST_DIVISION = 101
Slot = tuple[str, int, int]
"""A selection, an administration and the number of a page."""

_KEPT_PAGES = 256
_LIMITS = "".join(
    f"X-RateLimit-{prefix}{name}: {value}\r\n"
    for prefix in ("", "Minutely-")
    for name, value in (("Limit", 10_000_000), ("Remaining", 9_999_999), ("Reset", 4_102_444_800_000))
)


@dataclass
class Service:
    """What is served, and what was asked."""

    pages: int
    divisions: int
    latency: float
    templates: dict[str, Template] = field(default_factory=dict)
    kept: OrderedDict[Slot, bytes] = field(default_factory=OrderedDict)
    calls: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    size: int = 0
    first_byte: float | None = None

    def reset(self, query: dict[str, str]) -> None:
        """Forget what was asked; take over new numbers."""
        self.pages = int(query.get("pages", self.pages))
        self.divisions = int(query.get("divisions", self.divisions))
        self.latency = float(query.get("latency_ms", self.latency * 1000)) / 1000
        self.calls.clear()
        self.rows = self.size = 0
        self.first_byte = None

    def page(self, select: str, division: int, number: int) -> bytes:
        """The rows of a page, made once as long as it is among the latest."""
        slot = (select, division, number)
        if slot not in self.kept:
            if select not in self.templates:
                self.templates[select] = Template(select.split(","))
            self.kept[slot] = self.templates[select].page(number, division)
            if len(self.kept) > _KEPT_PAGES:
                self.kept.popitem(last=False)
        return self.kept[slot]

    def answer(self, target: str, host: str) -> tuple[bytes, Slot | None]:
        """The body for an address, and which page is likely to be asked for next."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/_stats":
            return msgspec.json.encode(self.stats()), None
        if url.path == "/_reset":
            self.reset(query)
            return b"{}", None
        path = unquote(url.path)
        self.calls[path.rsplit("/", 1)[-1]] += 1
        if path.endswith(ENDPOINT.path):
            return self.list_page(f"http://{host}{url.path}", int(path.split("/")[3]), query)
        if path == "/api/v1/current/Me":
            return _results([{"CurrentDivision": FIRST_DIVISION}]), None
        if path.endswith("/system/Divisions"):
            return _results([_division(FIRST_DIVISION + n) for n in range(self.divisions)]), None
        return b"", None

    def list_page(self, address: str, division: int, query: dict[str, str]) -> tuple[bytes, Slot | None]:
        """One page of the endpoint, with the link to the next."""
        select, number = query["$select"], _number(query)
        if number >= self.pages:
            return _results([]), None
        rows, tail, following = self.page(select, division, number), b"]", None
        if number + 1 < self.pages:
            # As Exact's sync endpoints do, the link goes on from the last Timestamp.
            kept = {**query, "$skiptoken": f"{FIRST_TIMESTAMP + (number + 1) * PAGE_ROWS - 1}L"}
            link = "&".join(f"{quote(k, safe='$')}={quote(v, safe=',')}" for k, v in kept.items())
            tail += b',"__next":' + msgspec.json.encode(f"{address}?{link}")
            following = (select, division, number + 1)
        body = b'{"d":{"results":[' + rows + tail + b"}}"
        self.rows += PAGE_ROWS
        self.size += len(body)
        return body, following

    def stats(self) -> dict[str, Any]:
        """What was asked since the last reset. ``first_byte``: of the first page, by the machine's monotonic clock."""
        return {
            "calls": sum(self.calls.values()),
            "page_calls": self.calls[ENDPOINT.path.rsplit("/", 1)[-1]],
            "rows": self.rows,
            "bytes": self.size,
            "first_byte": self.first_byte,
        }


def _number(query: dict[str, str]) -> int:
    """Which page is asked for: by the link, else by the bookmark in the filter."""
    asked = query.get("$skiptoken") or query.get("$filter", "")
    after = int("".join(c for c in asked if c.isdigit()) or 1)
    return max(0, after - FIRST_TIMESTAMP + 1) // PAGE_ROWS


def _results(rows: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"d": {"results": rows}})


def _division(code: int) -> dict[str, Any]:
    return {
        "Code": code,
        "Description": f"Administration {code}",
        "Status": 1,
        "BlockingStatus": 0,
        "Hid": str(code),
    }


class Connection(asyncio.Protocol):
    """HTTP as far as a benchmark speaks it: one request at a time, without trailers, upgrades and chunks."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; answers are sent at once."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Answer when a request is complete."""
        self._seen += data
        head, found, rest = self._seen.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if len(rest) < int(headers.get("content-length", 0)):
            return
        self._seen = b""
        target = lines[0].split(" ")[1]
        delay = 0.0 if target.startswith("/_") else self._service.latency
        asyncio.get_running_loop().call_later(delay, self._send, target, headers.get("host", "127.0.0.1"))

    def _send(self, target: str, host: str) -> None:
        service = self._service
        body, following = service.answer(target, host)
        if service.rows and service.first_byte is None:
            service.first_byte = time.monotonic()
        status = "200 OK" if body else "404 Not Found"
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\n{_LIMITS}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        if following:
            # While the reader works on this page.
            service.page(*following)


async def _serve(service: Service) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed; the first line of output is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200, help="pages of each administration")
    parser.add_argument("--divisions", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=0)
    args = parser.parse_args()
    asyncio.run(_serve(Service(args.pages, args.divisions, args.latency_ms / 1000)))


if __name__ == "__main__":
    main()
