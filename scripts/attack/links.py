"""Links to a next page, bent in 4,000 ways, given to the client as Exact would give them.

What counts is where connections really go: every address that this process connects to is noted, and every request that
arrives is looked at. A link may be refused, or followed to the endpoint of the administration that was asked.
"""

from __future__ import annotations

import sys
import threading
from typing import Any
from urllib.parse import unquote, urlsplit

from scripts.attack import mutate
from scripts.attack.model import Effort, Figure, Tally
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.exact.odata import read_rows
from tests.exact_online.raw import head, raw_server
from tests.support.scripted import Login

ENDPOINT = "crm/Accounts"
_BODY = b'{"d":{"results":[]}}'

# Pieces that have fooled somebody's parser of addresses at some time.
_TRICKS = [
    "@evil.example", "evil.example\\@", "//evil.example", "/\\evil.example", "\\\\evil.example\\", "http://evil.example/",
    "https:", "ftp://", "javascript:", ":80", ":99999", "#@evil.example/", "?@evil.example/", "%2f%2fevil.example", "%40evil",
    "/..", "/../../..", "/%2e%2e", "/%252e%252e", "/./", "//", ";", "%00", "%0d%0aX: y", "\t", "\n", " ", "\u3002evil.example",
    "\uff0fevil.example", "\u2024", "127.1", "0x7f.1", "[::1]", "202", "0101", "101.0", "/users/UnlinkAllRoles", "/current/Me",
    "crm%2FAccounts", "CRM/accounts", "beta/", "Beta/", "/Contacts", "(guid'1')/Contacts", "?$skiptoken=guid'1'", "&$filter=1",
]  # fmt: skip

_noted: set[tuple[str, int]] | None = None
_lock = threading.Lock()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _noted is not None and event == "socket.connect" and isinstance(arguments[1], tuple):
        with _lock:
            _noted.add(arguments[1][:2])
    elif _noted is not None and event == "socket.getaddrinfo":
        with _lock:
            _noted.add((str(arguments[0]), int(arguments[1] or 0)))


sys.addaudithook(_hear)


def attack(effort: Effort) -> list[Figure]:
    """Follow bent links."""
    global _noted  # noqa: PLW0603 - an audit hook can't be taken away
    tally = Tally()
    followed = 0
    with raw_server() as server:
        server.handler = lambda connection, _came: server.send(
            connection, head(200, f"Content-Length: {len(_BODY)}") + _BODY
        )
        client = ExactClient(api_url=server.url, credentials=Login(), user_agent="attack", max_tries=1)
        here = urlsplit(server.url)
        home = {("127.0.0.1", here.port or 0)}
        for _ in range(effort.count(4_000)):
            if effort.late:
                break
            tally.tried += 1
            link = _bent(server.url, effort)
            _noted = set()
            before = len(server.requests)
            try:
                client.follow(link, RequestContext(ENDPOINT, 101), decode=read_rows)
                followed += 1
            except ExactError:
                pass
            except Exception as exc:  # noqa: BLE001 - this is what is looked for
                tally.went_wrong(type(exc).__name__, f"{link!r}: {exc!r}")
            if _noted - home:
                tally.went_wrong("left the host", f"{link!r}: {_noted - home}")
            for request in server.requests[before:]:
                _check(request, link, tally)
        _noted = None
        client.close()
    return [
        tally.figure(
            f"links to a next page, bent ({followed} of them still good)", "left the host or the endpoint"
        )
    ]


def _check(request: bytes, link: str, tally: Tally) -> None:
    lines = request.decode("latin-1").split("\r\n")
    path = unquote(lines[0].split(" ")[1].partition("?")[0]).lower()
    if [part for part in path.split("/") if part] != ["api", "v1", "101", "crm", "accounts"]:
        tally.went_wrong("left the endpoint", f"{link!r}: {lines[0]}")
    names = [line.partition(":")[0].lower() for line in lines[1:] if line]
    if len(names) != len(set(names)) or "x" in names:
        tally.went_wrong("brought a header along", f"{link!r}: {lines}")


def _bent(url: str, effort: Effort) -> str:
    chance = effort.chance
    link = chance.choice(
        [f"{url}/api/v1/101/{ENDPOINT}?$skiptoken=guid'1'", f"/api/v1/101/{ENDPOINT}?$select=ID"]
    )
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        at = chance.choice([0, 5, 7, len(url), len(url) + 1, len(link), chance.randrange(len(link) + 1)])
        link = link[:at] + chance.choice(_TRICKS) + link[at + chance.choice([0, 0, 1, 4]) :]
    return mutate.damaged_text(link, chance) if chance.random() < 0.3 else link
