"""The functions and documents beside the endpoints: SyncTimestamp, UserHasRights, $metadata, Atom."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from tap_exactonline.endpoints import load

from .query import Literal, QueryError, leaves, parse
from .wire import Reply, date, error, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from .division import Division
    from .exact import ExactOnline

EDM = {
    "string": "Edm.String", "guid": "Edm.Guid", "double": "Edm.Double", "decimal": "Edm.Decimal", "int16": "Edm.Int16",
    "int32": "Edm.Int32", "int64": "Edm.Int64", "byte": "Edm.Byte", "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTime", "binary": "Edm.Binary",
}  # fmt: skip


def _argument(query: dict[str, str], name: str, kind: str) -> Literal:
    if name not in query:
        raise QueryError(f"Bad Request - Error in query syntax: parameter '{name}' is missing.")
    value = getattr(next(leaves(parse(f"X eq {query[name]}"))), "literal", None)
    if not isinstance(value, Literal) or value.kind != kind:
        raise QueryError(f"Bad Request - Error in query syntax: parameter '{name}'.")
    return value


def sync_timestamp(exact: ExactOnline, division: Division, query: dict[str, str]) -> Reply:
    """``SyncTimestamp?modified=datetime'…'&endPoint='…'``: the first row modified then or later."""
    if exact.switches.sync_timestamp == "404":
        return error(404, "Resource not found for the segment 'SyncTimestamp'.")
    moment = _argument(query, "modified", "datetime").value
    wanted = _argument(query, "endPoint", "string").value
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
    wanted = _argument(query, "endpoint", "string").value.strip("/").lower()
    _argument(query, "action", "string")
    known = [e for e in load() if wanted in (e.path.lower(), e.entity.lower())]
    if not known:
        raise QueryError(f"Endpoint '{wanted}' is not known.")
    allowed = not any(division.forbidden.get(e.name) in ("rights", "plain") for e in known)
    return json_reply({"d": {"UserHasRights": allowed}})


CALLS: dict[str, Callable[[ExactOnline, Division, dict[str, str]], Reply]] = {
    "SyncTimestamp": sync_timestamp,
    "UserHasRights": user_has_rights,
}


def metadata(service: str, accept: str) -> Reply:
    """A service's EDMX; only who takes XML gets it."""
    if accept and not any(kind in accept for kind in ("xml", "*/*")):
        return error(415, "Unsupported media type requested.")
    inside = [e for e in load() if e.path.lower().rpartition("/")[0] == service and not e.login_wide]
    if not inside:
        return error(404, "Resource not found for the segment '$metadata'.")
    types, sets = [], []
    for endpoint in inside:
        name = endpoint.path.rpartition("/")[2]
        keys = "".join(f"<PropertyRef Name={quoteattr(k)}/>" for k in endpoint.key)
        fields = "".join(
            f"<Property Name={quoteattr(f.name)} Type={quoteattr(EDM[f.type])} "
            f'Nullable="{str(f.name not in endpoint.key).lower()}"/>'
            for f in endpoint.fields
            if f.type in EDM
        )
        types.append(f"<EntityType Name={quoteattr(name)}><Key>{keys}</Key>{fields}</EntityType>")
        sets.append(
            f"<EntitySet Name={quoteattr(name)} EntityType={quoteattr('Exact.Web.Api.Models.' + name)}/>"
        )
    body = (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
        '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
        '<edmx:DataServices m:DataServiceVersion="1.0" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        '<Schema Namespace="Exact.Web.Api.Models" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        f'{"".join(types)}<EntityContainer Name="Service" m:IsDefaultEntityContainer="true">{"".join(sets)}'
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
    return Reply(200, body.encode(), {"Content-Type": "application/xml;charset=utf-8"})


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
