"""What goes over the wire: values as OData 2 verbose JSON writes them, rows, pages, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_exactonline.endpoints import Endpoint

    from .store import Row, Table
    from .switches import Switches

JSON = "application/json; charset=utf-8"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_MS = timedelta(milliseconds=1)
encode = msgspec.json.encode


@dataclass(slots=True)
class Reply:
    """An answer before compression.

    Attributes:
        delivery: How it is put on the line, when not plainly: see :mod:`tests.exact_online.server`.
        rows: How many rows it holds.
        zipped: The compressed body, once made; shared by all copies from the cache of pages.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delivery: tuple[str, Any] | None = None
    rows: int = 0
    zipped: list[bytes] = field(default_factory=list)


def error(status: int, text: str, reason: str | None = None) -> Reply:
    """Exact's error body; ``reason`` becomes the header of that name."""
    headers = {"Content-Type": JSON} | ({"Reason": reason} if reason else {})
    return Reply(status, encode({"error": {"code": "", "message": {"lang": "", "value": text}}}), headers)


def json_reply(payload: Any, status: int = 200) -> Reply:
    return Reply(status, encode(payload), {"Content-Type": JSON})


def date(value: datetime, suffix: str = "") -> str:
    """A naive wall clock as ``/Date(ms)/``."""
    return f"/Date({(value - _EPOCH) // _MS}{suffix})/"


def coerce(value: Any, kind: str) -> Any:
    """The value as this variant of the entity types it (a Byte here may be a Boolean there)."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind in ("byte", "int16", "int32", "int64"):
        return int(value)
    if kind in ("double", "decimal"):
        return float(value)
    if kind in ("string", "guid", "binary") and not isinstance(value, str):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return value


def encoder(kind: str, switches: Switches) -> Callable[[Any], Any]:
    """A function from a plain value to what JSON holds for that Edm type."""
    suffix = switches.date_suffix

    def wire(value: Any) -> Any:
        value = coerce(value, kind)
        if value is None:
            return None
        if kind == "datetime":
            return date(value, suffix) if isinstance(value, datetime) else value
        if kind == "int64":
            return str(value) if switches.int64_as == "string" else value
        if kind == "decimal":
            return repr(value)
        return value

    return wire


def literal(value: Any, kind: str) -> str:
    """A key's value as in ``Accounts(guid'…')`` and ``$skiptoken``."""
    if kind == "guid":
        return f"guid'{value}'"
    if kind == "string":
        return "'" + str(value).replace("'", "''") + "'"
    return f"{value}L" if kind == "int64" else str(value)


class Renderer:
    """Writes rows of one endpoint and one selection; templates are encoded once."""

    def __init__(self, table: Table, endpoint: Endpoint, columns: Sequence[str], switches: Switches) -> None:
        self.table = table
        self.endpoint = endpoint
        types = {f.name: f.type for f in endpoint.fields}
        at = {name: n for n, name in enumerate(table.own)}
        self._own = [(at[c], encode(c) + b":", encoder(types[c], switches)) for c in columns if c in at]
        self._base = [(c, encoder(types[c], switches)) for c in columns if c in types and c not in at]
        self._deferred = {c for c in columns if types.get(c) == "collection"}
        fixed = {"Division": table.division.code} if "Division" in columns else {}
        self._fixed = b"," + encode(fixed)[1:-1] if fixed else b""
        self._types = [types[k] for k in table.key]
        service = endpoint.path.replace("/", ".")
        self._type = f"Exact.Web.Api.Models.{service}"
        self._cache: dict[int, tuple[dict[str, Any], bytes]] = {}

    def _rest(self, base: dict[str, Any], uri: str) -> bytes:
        """The template's columns; kept with the template itself, as an id alone may be used anew."""
        held = self._cache.get(id(base))
        if held is not None and held[0] is base and not self._deferred:
            return held[1]
        made = {c: wire(base.get(c)) for c, wire in self._base if c not in self._deferred}
        for name in self._deferred:
            given = base.get(name)
            made[name] = given if given is not None else {"__deferred": {"uri": f"{uri}/{name}"}}
        out = encode(made)[1:]
        if len(self._cache) < 512:
            self._cache[id(base)] = (base, out)
        return out

    def row(self, row: Row, root: str) -> bytes:
        """One JSON object."""
        key = row.key if isinstance(row.key, tuple) else (row.key,)
        names = (
            ",".join(f"{n}={literal(v, t)}" for n, v, t in zip(self.table.key, key, self._types, strict=True))
            if len(key) != 1
            else literal(key[0], self._types[0])
        )
        uri = f"{root}({names})"
        head = encode({"uri": uri, "type": self._type})
        own = b"".join([b"," + name + encode(wire(row.own[at])) for at, name, wire in self._own])
        rest = self._rest(row.base, uri)
        return b'{"__metadata":' + head + own + self._fixed + (b"," if len(rest) > 1 else b"") + rest

    def rows(self, rows: Iterable[Row], root: str) -> list[bytes]:
        return [self.row(row, root) for row in rows]


def envelope(
    rows: list[bytes], switches: Switches, *, following: str | None, count: int | None, top: bool
) -> bytes:
    """A list as Exact wraps it; see the switches for the shapes."""
    inside = b"[" + b",".join(rows) + b"]"
    bare = (top and switches.top_as_array) or (switches.envelope == "array" and following is None)
    if bare and count is None:
        return b'{"d":' + inside + b"}"
    out = b'{"d":{"results":' + inside
    if count is not None:
        out += b',"__count":"' + str(count).encode() + b'"'
    if following is not None:
        out += b',"__next":' + encode(following)
    elif switches.next_when_done == "null" and not top:
        out += b',"__next":null'
    return out + b"}}"
