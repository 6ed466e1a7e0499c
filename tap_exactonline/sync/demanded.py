"""A filter that lets every row through, for endpoints that answer only if a filter uses one of certain fields.

Exact announces such demands for endpoints of which a sync endpoint has the rows, too (page "API limits"). What the user
wants is the whole table, so a filter is taken only if it provably loses no row. In SQL a comparison with null is neither true
nor false: of a field that may be empty ``F ge …`` and ``F ne …`` lose the rows without a value, whatever stands on the right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import msgspec

from tap_exactonline.endpoints import Endpoint, Field, load
from tap_exactonline.exact.odata import guid_literal

_NIL = "00000000-0000-0000-0000-000000000000"
_LITERALS = {
    "guid": guid_literal(_NIL),
    "string": "''",
    "int64": "0L",
    "int32": "0",
    "int16": "0",
    "byte": "0",
}
_NOT_COMPARED = ("complex", "collection", "binary")
_TEXT = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r"[A-Za-z_]\w*")


class Everything(msgspec.Struct, frozen=True):
    """A filter that lets every row through, and the field that it uses."""

    field: str
    filter: str


def everything(
    endpoint: Endpoint, demanded: Iterable[str], unusable: Collection[str] = ()
) -> Everything | None:
    """A filter on one of the demanded fields that loses no row, or None if there is none.

    The key comes first, and ``Timestamp``: neither is ever empty, so one of two opposite comparisons holds. Nothing says of any
    other field that it is never empty. Of those ``F eq null or F ne null`` holds for each row: OData defines null as equal to
    itself and to nothing else, and .NET's providers, which read Exact's filters, make ``IS NULL`` and ``IS NOT NULL`` of it.

    Args:
        endpoint: What is read.
        demanded: Names, in Exact's order.
        unusable: Names of fields that Exact refused in such a filter.
    """
    fields = {field.name: field for field in endpoint.fields}
    usable = [fields[name] for name in demanded if name in fields and name not in unusable]
    # Where the reference lists the fields that may be filtered, those first.
    usable.sort(key=lambda field: endpoint.filters is not None and field.name not in endpoint.filters)
    never_empty = {*_documented_key(endpoint), "Timestamp"}
    for field in usable:
        if field.name in never_empty and field.type in _LITERALS:
            return Everything(field.name, _either_way(field))
    rest = [field for field in usable if field.type not in _NOT_COMPARED]
    if not rest:
        return None
    chosen = rest[0].name
    return Everything(chosen, f"{chosen} eq null or {chosen} ne null")


def fields_in(text: str | None) -> frozenset[str]:
    """The words of a filter outside its texts, the names of fields among them."""
    return frozenset(_WORD.findall(_TEXT.sub("''", text or "")))


def _either_way(field: Field) -> str:
    literal = _LITERALS[field.type]
    return f"{field.name} eq {literal} or {field.name} ne {literal}"


def _documented_key(endpoint: Endpoint) -> tuple[str, ...]:
    """The key as Exact documents it; one that a user names in ``extra_streams`` may be empty."""
    if endpoint.definition is None:
        return endpoint.key
    same = (other for other in load() if (other.path, other.beta) == (endpoint.path, endpoint.beta))
    return next((other.key for other in same), ())
