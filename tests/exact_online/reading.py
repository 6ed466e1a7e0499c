"""One page of one endpoint: selection, filter, order, paging."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import called, predicate
from .called import Listing
from .division import LISTS
from .generate import guid
from .metadata import NO_DIVISION
from .query import Literal, Node, QueryError, leaves, parse
from .wire import JSON, Reply, encode, envelope, error, literal
from .wordings import UNKNOWN_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_exactonline.endpoints import Endpoint

    from .exact import ExactOnline
    from .store import Row

KNOWN = {"$select", "$filter", "$top", "$skip", "$orderby", "$expand", "$inlinecount", "$skiptoken"}
_SAFE = "',()*:/"


def columns(exact: ExactOnline, endpoint: Endpoint, code: int | None, query: dict[str, str]) -> list[str]:
    """The selected fields; QueryError where Exact refuses the selection."""
    refused = exact.refused_in(code, endpoint.name)
    known = [f.name for f in endpoint.fields if f.name not in refused]
    if endpoint.name not in NO_DIVISION:
        known.append("Division")
    wanted = [name.strip() for name in query.get("$select", "").split(",") if name.strip()]
    if not wanted:
        needed = endpoint.kind in ("sync", "bulk") or endpoint.select_required
        needed = needed or (exact.switches.select_required_on_single and endpoint.kind == "single")
        if needed and query.get("$top") != "1":
            raise QueryError("Please add a $select or a $top=1 statement to the query string.")
        return known
    if "*" in wanted:
        if endpoint.kind == "sync" and not exact.switches.select_star_on_sync:
            raise QueryError("$select=* is not supported for this endpoint.")
        return known
    expanded = [e.strip() for e in query.get("$expand", "").split(",")]
    out: list[str] = []
    for name in wanted:
        head = name.split("/")[0]
        if head not in known or ("/" in name and head not in expanded):
            raise QueryError(unknown_field(exact, endpoint, name))
        out.append(head)
    withheld = exact.withheld_fields.get(endpoint.name, ())
    return [name for name in dict.fromkeys(out) if name not in withheld]


def type_name(endpoint: Endpoint) -> str:
    return f"Exact.Web.Api.Models.{endpoint.path.replace('/', '.')}"


def unknown_field(exact: ExactOnline, endpoint: Endpoint, name: str) -> str:
    """The refusal of a field, in the words that are switched on. It names one field, however many are wrong."""
    words = UNKNOWN_FIELD[exact.switches.unknown_field]
    return words.format(field=name, type=exact.type_names.get(endpoint.name, type_name(endpoint)))


def condition(exact: ExactOnline, endpoint: Endpoint, query: dict[str, str]) -> Node | None:
    """The filter; QueryError where Exact refuses it."""
    demanded = exact.required_filters.get(endpoint.name)
    node: Node | None = None
    used: set[str] = set()
    if "$filter" in query:
        if not query["$filter"].strip():
            raise QueryError("This $filter parameter is not supported for this resource")
        node = parse(query["$filter"], date_only=exact.switches.date_only_literals)
        used = {leaf.field for leaf in leaves(node)}
    if demanded and not used & set(demanded):
        raise QueryError(
            "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a "
            f"$filter parameter with one of the following fields in the url:{','.join(exact.listed_filters[endpoint.name])}."
        )
    if node is None:
        return None
    allowed: set[str] | None = None
    if endpoint.kind == "sync":
        allowed = {"Timestamp"} | ({"EntityType"} if endpoint.name == "sync_deleted" else set())
    elif endpoint.filters is not None:
        allowed = set(endpoint.filters)
    withdrawn = exact.refused_filters.get(endpoint.name, set())
    wrong = sorted(
        f for f in used if "/" in f or f in withdrawn or (allowed is not None and f not in allowed)
    )
    if wrong:
        raise QueryError(f"Filtering on these fields is not supported: {', '.join(wrong)}")
    types: dict[str, str] = {"Division": "int32", **{f.name: f.type for f in endpoint.fields}}
    predicate.check(node, types, type_name(endpoint), null=exact.switches.null_literal)
    return node


def whole(query: dict[str, str], name: str) -> int | None:
    """A parameter that must be a whole number."""
    if name not in query:
        return None
    if not query[name].isdigit():
        raise QueryError(f"Incorrect format for {name} argument '{query[name]}'.")
    return int(query[name])


def token_values(text: str) -> list[Any]:
    """The literals of a ``$skiptoken``."""
    out = []
    for part in text.split(","):
        leaf = next(leaves(parse(f"X eq {part}")))
        value = getattr(leaf, "literal", None)
        if not isinstance(value, Literal):
            raise QueryError("Syntax error in $skiptoken.")
        out.append(value.value)
    return out


def following(root: str, query: dict[str, str], token: str) -> str:
    """The absolute address of the next page: the same query and where to go on."""
    kept = [(k, v) for k, v in query.items() if k != "$skiptoken"] + [("$skiptoken", token)]
    return root + "?" + "&".join(f"{quote(k, safe='$')}={quote(v, safe=_SAFE)}" for k, v in kept)


def read(
    exact: ExactOnline, endpoint: Endpoint, code: int | None, query: dict[str, str], *, root: str, tail: str
) -> Reply:
    """Answer a GET of an endpoint; QueryError becomes a 400."""
    for name in query:
        if name.startswith("$") and name not in KNOWN:
            raise QueryError(f"The query parameter '{name}' begins with a system-reserved '$' character.")
    if "$skip" in query and endpoint.kind != "single":
        raise QueryError("$skip is not supported for this endpoint.")
    selected = columns(exact, endpoint, code, query)
    node = condition(exact, endpoint, query)
    division = exact.divisions.get(code or 0) or next(iter(exact.divisions.values()), None)
    table: Any
    if endpoint.name in LISTS:
        table = Listing(division, endpoint.key, exact.listed(endpoint))
    elif (own := called.by_path().get((endpoint.beta, endpoint.path.lower()))) is not None:
        table = called.table(exact, own[0], endpoint, code or 0, query)
        if called.is_scalar(endpoint):
            return called.scalar(table, endpoint)
    elif (added := exact.added.get((endpoint.beta, endpoint.path.lower()))) is not None:
        table = Listing(division, endpoint.key, added.rows)
    else:
        assert division is not None
        if endpoint.name == "sync_deleted":
            division.purge_deletions()
        table = division.table(endpoint.name)
    extra = exact.extra_fields.get(endpoint.name)
    empty = division is not None and division.forbidden.get(endpoint.name) == "rights"
    s = exact.switches
    slot = (table, table.version, endpoint.name, tuple(query.items()), root, tuple(selected), s.shape())
    usable = table.version >= 0 and not extra and not empty and not tail
    held = exact.pages.get(slot) if usable else None
    if held is not None:
        return held
    renderer = exact.pages.renderer(table, endpoint, selected, s)
    if tail.startswith("("):
        row = table.row(token_values(tail[1:-1])[0])
        if row is None:
            return error(404, "Resource not found for the segment.")
        return Reply(200, b'{"d":' + renderer.row(row, root) + b"}", {"Content-Type": JSON}, rows=1)
    rows, after, total = find(exact, endpoint, table, query, node)
    if empty:
        rows, after, total = [], None, 0
    if tail == "$count":
        return Reply(200, str(total).encode(), {"Content-Type": "text/plain"})
    lines = renderer.rows(rows, root)
    if extra:
        lines = [line[:-1] + b"," + encode(extra)[1:] for line in lines]
    if "$expand" in query:
        lines = [expand(line, endpoint, query, exact.seed) for line in lines]
    url = following(root, query, after) if after else None
    count = total if query.get("$inlinecount") == "allpages" else None
    body = envelope(lines, s, following=url, count=count, top="$top" in query)
    reply = Reply(200, body, {"Content-Type": JSON, "DataServiceVersion": "2.0;"}, rows=len(rows))
    if usable:
        exact.pages.put(slot, reply)
    return replace(reply)


def find(
    exact: ExactOnline, endpoint: Endpoint, table: Any, query: dict[str, str], node: Node | None
) -> tuple[list[Row], str | None, int]:
    """The rows of this page, the token of the next, and how many rows there are at all."""
    sql = exact.switches.null_compares == "never"
    test = predicate.build(node, table.getter, sql=sql) if node is not None else None
    # What Exact does not page, it does not page with smaller pages either.
    size = (exact.switches.page_rows or endpoint.page_size) if endpoint.page_size else 10**9
    top, skip = whole(query, "$top"), whole(query, "$skip") or 0
    start = token_values(query["$skiptoken"]) if "$skiptoken" in query else None
    order = query.get("$orderby", "").strip()
    if endpoint.kind == "sync" and order.split(" ")[0] not in ("", "Timestamp"):
        raise QueryError("$orderby is not supported for this endpoint.")
    if top is not None and endpoint.kind == "sync" and not exact.switches.sync_top:
        top = None
    take = size if top is None else min(top, size)
    sync = endpoint.kind == "sync"
    if sync and not order:
        source = _in_sync_order(exact, table, node, start)
    elif sync:
        source = table.by_timestamp(
            max(predicate.lower_bound(node, "Timestamp"), int(start[0]) if start else -1)
        )
    elif order:
        source = iter(ordered(endpoint, table, order))
        skip += int(start[0]) if start else 0
    else:
        source = table.by_key(None if start is None else (tuple(start) if len(table.key) > 1 else start[0]))
    passed = (row for row in source if test is None or test(row))
    total = 0
    if "$inlinecount" in query or not query.keys() - {"$filter"}:
        everything = list(passed)
        total, passed = len(everything), iter(everything)  # type: ignore[assignment]
    rows = list(islice(passed, skip, skip + take))
    ahead = next(passed, None) if len(rows) == take else None
    more = len(rows) == take and (exact.switches.next_on_full_page or ahead is not None)
    after = None
    if more and rows and top is None:
        last = rows[-1]
        if sync and (order or exact.switches.sync_order != "key"):
            shared = ahead is not None and ahead.rv == last.rv
            after = f"{last.rv}L" + (f",{_key_token(endpoint, table, last)}" if shared else "")
        elif order:
            after = str(skip + take)
        else:
            after = _key_token(endpoint, table, last)
    if sync and exact.switches.sync_order in ("any", "across") and not order:
        rows.reverse()
    return rows, after, total


def _in_sync_order(
    exact: ExactOnline, table: Any, node: Node | None, start: list[Any] | None
) -> Iterator[Row]:
    """The rows of a sync endpoint in the order that the switch says; see :class:`Switches`."""
    if exact.switches.sync_order == "key":
        key = None if start is None else (tuple(start) if len(table.key) > 1 else start[0])
        yield from table.by_key(key)
        return
    stamp = int(start[0]) if start else None
    if exact.switches.sync_order == "across":
        newest_first = reversed(list(table.by_timestamp(-1)))
        yield from (row for row in newest_first if stamp is None or row.rv < stamp)
        return
    shared = start[1:] if start else []
    low = predicate.lower_bound(node, "Timestamp")
    if stamp is not None:
        low = max(low, stamp - 1 if shared else stamp)
    for row in table.by_timestamp(low):
        # Rows that share a Timestamp go by key.
        if not (shared and row.rv == stamp and _key(row) <= tuple(shared)):
            yield row


def _key(row: Row) -> tuple[Any, ...]:
    return row.key if isinstance(row.key, tuple) else (row.key,)


def _key_token(endpoint: Endpoint, table: Any, row: Row) -> str:
    """The key as ``$skiptoken`` writes it."""
    kinds = [endpoint.field(k).type for k in table.key]
    return ",".join(literal(value, kind) for value, kind in zip(_key(row), kinds, strict=True))


def ordered(endpoint: Endpoint, table: Any, order: str) -> list[Row]:
    """All rows by ``$orderby``; nulls first."""
    rows = list(table.by_key(None))
    for part in reversed(order.split(",")):
        name, _, direction = part.strip().partition(" ")
        if name not in {f.name for f in endpoint.fields}:
            raise QueryError(f"No property '{name}' exists in type '{type_name(endpoint)}' at position 0.")
        get = table.getter(name)
        rows.sort(key=lambda row: (get(row) is not None, get(row)), reverse=direction.strip() == "desc")
    return rows


def expand(line: bytes, endpoint: Endpoint, query: dict[str, str], seed: int) -> bytes:
    """Put two nested rows in the place of each ``__deferred`` that was asked for."""
    row = json.loads(line)
    for name in (e.strip() for e in query["$expand"].split(",")):
        if name not in {f.name for f in endpoint.fields if f.type == "collection"}:
            raise QueryError(UNKNOWN_FIELD["odata lib"].format(field=name, type=type_name(endpoint)))
        inner = [
            p.split("/")[1] for p in query.get("$select", "").split(",") if p.strip().startswith(f"{name}/")
        ]
        made = [{"ID": guid(seed, row["__metadata"]["uri"], name, n), "LineNumber": n} for n in (1, 2)]
        row[name] = {"results": [{k: v for k, v in m.items() if not inner or k in inner} for m in made]}
    return encode(row)
