"""The rules of ``/api/v1``: who may read what, which queries are refused, which page comes back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from tap_exactonline.endpoints import Endpoint, load

from . import called, functions
from .front import refusal
from .metadata import metadata
from .query import QueryError
from .reading import read
from .wire import Reply, error

if TYPE_CHECKING:
    from .exact import ExactOnline
    from .record import Call

URL_LIMIT = 6_000
FUNCTIONS = {"read/sync/sync/synctimestamp": "SyncTimestamp", "users/userhasrights": "UserHasRights"}


@dataclass(slots=True)
class Target:
    """What a path means: an endpoint, a function or a service's metadata.

    Attributes:
        root: Absolute address of the endpoint, for ``__next`` and ``__metadata``.
        tail: What follows the endpoint's name: ``$count`` or a key in parentheses.
    """

    division: int | None = None
    endpoint: Endpoint | None = None
    function: str | None = None
    metadata: str | None = None
    beta: bool = False
    root: str = ""
    tail: str = ""

    @property
    def name(self) -> str | None:
        if self.endpoint is not None:
            return self.endpoint.name
        return self.function or ("$metadata" if self.metadata is not None else None)


@cache
def _paths() -> dict[tuple[bool, str], Endpoint]:
    return {(e.beta, e.path.lower()): e for e in load()}


def resolve(exact: ExactOnline, path: str, host: str) -> Target | None:
    """What ``/api/v1/…`` leads to; the case of the path does not matter. None: not a path of the API."""
    parts = unquote(path).strip("/").split("/")
    if [p.lower() for p in parts[:2]] != ["api", "v1"]:
        return None
    rest = parts[2:]
    if rest and rest[0].lower() == "current":
        found = _paths().get((False, "/".join(rest).lower()))
        return Target(endpoint=found, root=f"{host}/api/v1/{found.path}") if found else Target()
    beta = bool(rest) and rest[0].lower() == "beta"
    rest = rest[1:] if beta else rest
    if not rest or not rest[0].isdigit():
        return Target()
    target = Target(division=int(rest[0]), beta=beta)
    inside = "/".join(rest[1:])
    if inside.lower().endswith("/$metadata"):
        target.metadata = inside[: -len("/$metadata")].lower()
        return target
    if inside.lower().endswith("/$count"):
        inside, target.tail = inside[: -len("/$count")], "$count"
    elif inside.endswith(")") and "(" in inside:
        inside, _, key = inside.partition("(")
        target.tail = f"({key}"
    target.function = FUNCTIONS.get(inside.lower())
    place = (beta, inside.lower())
    target.endpoint = _paths().get(place)
    if place in exact.added:
        target.endpoint = exact.added[place].endpoint
    elif target.function is None and place in called.by_path():
        target.endpoint = called.by_path()[place][1]
    if target.endpoint is not None:
        target.root = f"{host}/api/v1/{'beta/' if beta else ''}{rest[0]}/{target.endpoint.path}"
    return target


def answer(
    exact: ExactOnline, call: Call, target: Target, *, raw_query: str, headers: dict[str, str]
) -> Reply:
    """Answer a GET, faults included; adds the rate headers and counts errors."""
    reply: Reply | None
    refused = exact.oauth.bearer(headers.get("authorization"))
    exact.asking = exact.oauth.user_of(headers.get("authorization"))
    # What has no administration, current/Me, counts for no minute and day; its errors count all the same.
    limits = exact.limits_of(target.division or 0)
    where = target.name or call.path.lower()
    counted = target.division is not None and target.function != "UserHasRights"
    if refused is None:
        limited = limits.admit(where) if counted else limits.block_of(where)
        if limited is not None:
            return limited
    if refused is not None:
        reply = refused
    else:
        action = exact.faults.find(call)
        reply = action.before(exact, call) if action and action.before else None
        if reply is None:
            try:
                reply = _serve(exact, target, raw_query, headers)
            except QueryError as exc:
                reply = error(400, str(exc))
        if action and action.after:
            reply = action.after(reply)
    if reply.status in (400, 401, 403, 404):
        limits.failed(where)
    if target.division is not None and refused is None and reply.status != 429:
        reply.headers = limits.headers() | reply.headers
    return reply


def _serve(exact: ExactOnline, target: Target, raw_query: str, headers: dict[str, str]) -> Reply:
    if target.name is None:
        return error(404, "Resource not found for the segment.")
    if target.division is not None:
        refused = _division_refuses(exact, target)
        if refused is not None:
            return refused
    accept = headers.get("accept", "").lower()
    if target.metadata is not None:
        return metadata(exact, target.metadata, accept, beta=target.beta)
    if "application/xml" in accept and "json" not in accept:
        return error(415, "Unsupported media type requested.")
    query = dict(parse_qsl(raw_query, keep_blank_values=True))
    if target.function is not None:
        made = functions.CALLS[target.function](exact, exact.divisions[target.division or 0], query)
    else:
        assert target.endpoint is not None
        made = read(exact, target.endpoint, target.division, query, root=target.root, tail=target.tail)
    if made.status == 200 and "json" not in accept and not target.tail.startswith("$"):
        return functions.atom(made)
    return made


def _division_refuses(exact: ExactOnline, target: Target) -> Reply | None:
    """What is wrong with reading this administration, before any look at the query."""
    division = exact.divisions.get(target.division or 0)
    endpoint = target.endpoint
    if division is not None and division.refuses is not None:
        return refusal(division.refuses)
    if (
        endpoint is not None
        and endpoint.name == "system_divisions"
        and not exact.switches.check_divisions_division
    ):
        division = division or next(iter(exact.divisions.values()), None)
        if division is None:
            return refusal("plain")
    elif division is None or not exact.may_open(division):
        return refusal("division")
    elif not division.licence_ok:
        return refusal("licence")
    elif division.blocking_status:
        return refusal("blocked")
    elif division.status != 1 and exact.switches.inactive_forbidden:
        return refusal("plain")
    scope = endpoint.scope if endpoint else ""
    if exact.scopes is not None and scope not in ("", "-") and scope not in exact.scopes:
        return refusal("scope", scope)
    kind = division.forbidden.get(target.name or "")
    return None if kind in (None, "rights") else refusal(kind, scope)


def too_long(exact: ExactOnline, url: str) -> Reply | None:
    """The limit of 6,000 characters, counted as the URL was sent."""
    return error(exact.switches.long_url_status, "The URL is too long.") if len(url) > URL_LIMIT else None
