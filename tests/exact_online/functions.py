"""Two functions with answers of their own, SyncTimestamp and UserHasRights, and Atom."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from tap_exactonline.endpoints import load

from .called import argument
from .query import QueryError
from .wire import Reply, date, error, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from .division import Division
    from .exact import ExactOnline


def sync_timestamp(exact: ExactOnline, division: Division, query: dict[str, str]) -> Reply:
    """``SyncTimestamp?modified=datetime'…'&endPoint='…'``: the first row modified then or later."""
    if exact.switches.sync_timestamp == "404":
        return error(404, "Resource not found for the segment 'SyncTimestamp'.")
    moment = argument(query, "modified", "datetime").value
    wanted = argument(query, "endPoint", "string").value
    endpoint = next((e for e in load() if e.sync_timestamp == wanted), None)
    if endpoint is None:
        raise QueryError(f"Endpoint '{wanted}' is not supported.")
    row = division.table(endpoint.name).modified_since(moment)
    if row is None:
        return json_reply({"d": {"results": []}})
    get = division.table(endpoint.name).getter("Modified")
    stamp = str(row.rv) if exact.switches.int64_as == "string" else row.rv
    found = {"Modified": date(get(row) or moment), "API": wanted, "TimeStampAsBigInt": stamp}
    return json_reply({"d": {"results": [found]}})


def user_has_rights(exact: ExactOnline, division: Division, query: dict[str, str]) -> Reply:
    """``UserHasRights?endpoint='Service/Entity'&action='GET'``."""
    wanted = argument(query, "endpoint", "string").value.strip("/").lower()
    argument(query, "action", "string")
    known = [e for e in load() if wanted in (e.path.lower(), e.entity.lower())]
    if not known:
        raise QueryError(f"Endpoint '{wanted}' is not known.")
    allowed = not any(division.forbidden.get(e.name) in ("rights", "plain") for e in known)
    return json_reply({"d": {"UserHasRights": allowed}})


CALLS: dict[str, Callable[[ExactOnline, Division, dict[str, str]], Reply]] = {
    "SyncTimestamp": sync_timestamp,
    "UserHasRights": user_has_rights,
}


def atom(reply: Reply) -> Reply:
    """What a client gets that does not ask for JSON: the rows as an Atom feed."""
    inside = json.loads(reply.body)["d"]
    rows = inside.get("results", [inside]) if isinstance(inside, dict) else inside
    entries = []
    for row in rows:
        values = "".join(
            f"<d:{n}>{escape(str(v))}</d:{n}>" if v is not None else f'<d:{n} m:null="true"/>'
            for n, v in row.items()
            if not isinstance(v, dict)
        )
        uri = escape(row.get("__metadata", {}).get("uri", ""))
        content = f'<content type="application/xml"><m:properties>{values}</m:properties></content>'
        entries.append(f"<entry><id>{uri}</id>{content}</entry>")
    link = inside.get("__next") if isinstance(inside, dict) else None
    following = f'<link rel="next" href={quoteattr(link)}/>' if link else ""
    body = (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f"{''.join(entries)}{following}</feed>"
    )
    return Reply(
        200, body.encode(), {"Content-Type": "application/atom+xml;type=feed;charset=utf-8"}, rows=reply.rows
    )
