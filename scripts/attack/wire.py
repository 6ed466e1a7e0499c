"""The line: answers that trickle, that have no end, or that are damaged from the first byte on."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
import tracemalloc

from scripts.attack import mutate
from scripts.attack.model import Effort, Figure, Tally
from scripts.attack.samples import samples
from tap_exactonline.exact.auth.grants import GrantOutcome, TokenEndpoint
from tap_exactonline.exact.errors import ExactError, Unreachable
from tap_exactonline.exact.transport import MEGABYTE, Bounds, Transport
from tests.exact_online.hostile_wire import LARGE, SLOW
from tests.exact_online.raw import Handler, RawServer, head, raw_server

_BOUNDS = Bounds(connect=5, silence=20, total=1.0, body=MEGABYTE)
_PATIENT = Bounds(connect=5, silence=20, total=30, body=MEGABYTE)
_SLACK = 5.0
_MOST_MEMORY = 100 * MEGABYTE


def attack(effort: Effort) -> list[Figure]:
    """Time, size, damage."""
    logging.disable(logging.CRITICAL)
    try:
        return [_trickle(effort), _size(effort), _damaged(effort)]
    finally:
        logging.disable(logging.NOTSET)


def _get(server: RawServer, bounds: Bounds) -> None:
    transport = Transport(server.url, "attack", bounds)
    try:
        transport.get(f"{server.url}/api/v1/101/crm/Accounts", "token")
    finally:
        transport.close()


def _trickle(effort: Effort) -> Figure:
    """A call may take a second here; what would go on for ever has to end then."""
    tally = Tally()
    names = list(SLOW)[: effort.count(len(SLOW))]
    for name in names:
        for service in ("API", "token service"):
            with raw_server() as server:
                server.handler = _slowly(server, name)
                began = time.monotonic()
                tally.tried += 1
                if service == "API":
                    with contextlib.suppress(Unreachable):
                        _get(server, _BOUNDS)
                else:
                    answer = TokenEndpoint(server.url, "id", "secret", "attack", bounds=_BOUNDS).refresh(
                        "token"
                    )
                    if answer.outcome is not GrantOutcome.UNCERTAIN:
                        tally.went_wrong("was taken for an answer", name)
                if time.monotonic() - began > _BOUNDS.total + _SLACK:
                    tally.went_wrong("did not end", f"{name}, {service}")
    return tally.figure(
        "status lines, headers, 100 Continue, bodies, chunks and trailers that trickle (API, token service)",
        "outlasted the limit of a call",
    )


def _slowly(server: RawServer, name: str) -> Handler:
    return lambda connection, _came: server.trickle(connection, SLOW[name]())


def _size(effort: Effort) -> Figure:
    """Bodies without end and gzip bombs, as good answers and as errors; what Python takes for them is measured."""
    tally = Tally()
    peak = 0
    cases = [(name, status) for name in LARGE for status in (200, 302, 400, 500)]
    for name, status in cases[: effort.count(len(cases))]:
        with raw_server() as server:
            LARGE[name](server, status)
            tally.tried += 1
            tracemalloc.start()
            try:
                with contextlib.suppress(ExactError):
                    _get(server, _PATIENT)
                used = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            peak = max(peak, used)
            if used > _MOST_MEMORY:
                tally.went_wrong("took too much memory", f"{name}, {status}: {used / MEGABYTE:.0f} MB")
    return tally.figure(
        "bodies without end and gzip bombs, with status 200, 302, 400 and 500, limit 1 MB",
        f"took more than {_MOST_MEMORY // MEGABYTE} MB (at most {peak / MEGABYTE:.0f})",
    )


def _damaged(effort: Effort) -> Figure:
    """Whole answers, status line and headers included, with damaged bytes."""
    chance = effort.chance
    tally = Tally()
    bodies = [samples().pages["crm_contacts"], samples().tokens[0], samples().errors[0]]

    def handle(connection: socket.socket, _came: bytes) -> None:
        server.send(connection, whole)

    with raw_server(handle) as server:
        endpoint = TokenEndpoint(server.url, "id", "secret", "attack", bounds=_PATIENT)
        for _ in range(effort.count(3_000)):
            if effort.late:
                break
            body = chance.choice(bodies)
            lines = [
                "Date: Sat, 28 Nov 2026 10:00:00 GMT",
                f"Content-Length: {len(body)}",
                "Set-Cookie: a=b; path=/",
            ]
            whole = head(chance.choice([200, 204, 302, 401, 429, 500]), *lines)
            whole = mutate.damage(whole, chance) + (
                mutate.damage(body, chance) if chance.random() < 0.3 else body
            )
            tally.tried += 1
            try:
                if chance.random() < 0.5:
                    _get(server, _PATIENT)
                else:
                    endpoint.refresh("token")
            except ExactError:
                pass
            except Exception as exc:  # noqa: BLE001 - this is what is looked for
                tally.went_wrong(type(exc).__name__, f"{whole[:200]!r}: {exc!r}")
    return tally.figure("whole answers with damaged bytes (API, token service)", "exceptions")
