"""Stream maps and flattening: the SDK runs them, on expressions that a person wrote.

A column that Exact refuses is not in the records, and what is computed from it would fail or come out empty.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError

from tap_exactonline.exact.foreign_text import clean_text

_RECORD = ("record", "_")
_FILTER = "__filter__"
_MOST = 300
_FLATTENING = (
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_separator",
    "flattening_max_key_length",
)


class MappingFailed(Exception):
    """Stream maps or flattening fail on a row. The message names the stream and holds nothing of the row."""


def described(exc: Exception) -> str:
    """What is wrong with a stream map, on one line.

    The SDK's own failures quote the expression. Others (a conversion, a missing name) may quote the row, so that only
    their kind is told.
    """
    if isinstance(exc, StreamMapConfigError | MapExpressionError):
        return clean_text(str(exc), most=_MOST)
    return f"an expression fails with {type(exc).__name__}"


def columns_used(maps: Mapping[str, Any], stream: str, columns: Collection[str]) -> frozenset[str]:
    """The columns from which something is computed, by their names in the stream.

    Args:
        maps: The setting, as the SDK documents it: stream → column → expression.
        stream: Name of the stream.
        columns: Its columns.
    """
    used: set[str] = set()
    for name, definition in maps.items():
        if isinstance(definition, Mapping) and fnmatch(stream, _source(name, definition)):
            for column, expression in definition.items():
                if column == "__key_properties__":
                    used |= {str(name) for name in expression or ()}
                else:
                    used |= _made_of(column, expression, columns)
    return frozenset(used.intersection(columns))


def fingerprint(
    config: Mapping[str, Any], stream: str, *, removed: bool, nested: bool, zone: str | None
) -> str:
    """Tells one way in which the rows of a stream are changed from another; empty if they are written as they are.

    Args:
        config: All settings.
        stream: Name of the stream.
        removed: The maps let none of its rows through, maybe by ``__else__``.
        nested: Some column holds objects, so that flattening makes others of it.
        zone: By which its moments are converted to UTC; None: they are not.
    """
    maps = {
        name: definition
        for name, definition in (config.get("stream_maps") or {}).items()
        if fnmatch(stream, _source(name, definition))
    }
    parts: dict[str, Any] = {name: config.get(name) for name in _FLATTENING} if nested else {}
    if maps:
        # Other values for expressions may differ in each run, such as its number, and each would read everything again.
        seed = (config.get("stream_map_config") or {}).get("hash_seed")
        parts |= {"maps": maps, "seed": seed, "faker": config.get("faker_config")}
    if zone:
        parts["zone"] = zone
    if not (maps or removed or zone or (nested and config.get("flattening_enabled"))):
        return ""
    text = json.dumps([removed, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _source(name: str, definition: object) -> str:
    """Of which streams a map is, as a pattern."""
    return str(definition.get("__source__", name)) if isinstance(definition, Mapping) else name


def for_deletions(maps: Mapping[str, Any], columns: Collection[str], held: Collection[str]) -> dict[str, Any]:
    """The maps for records that say that a row was deleted.

    Such a record holds a few columns. What is computed from others is left out, a filter too: it would fail, or keep the
    deletion from the target.

    Args:
        maps: The setting.
        columns: The columns of the stream.
        held: Those that the records have.
    """
    return {
        name: {
            column: expression
            for column, expression in definition.items()
            if _made_of(column, expression, columns) <= set(held)
        }
        if isinstance(definition, Mapping)
        else definition
        for name, definition in maps.items()
    }


def _made_of(column: str, expression: object, columns: Collection[str]) -> set[str]:
    """The columns that an expression of a map reads; none, if it is one of the SDK's own words."""
    if not isinstance(expression, str) or (column.startswith("__") and column != _FILTER):
        return set()
    return set(_used(expression, column, columns)).intersection(columns)


def _used(expression: str, column: str, columns: Collection[str]) -> Iterator[str]:
    try:
        tree = ast.parse(expression)
    except SyntaxError:
        return  # the SDK tells it
    plain: set[ast.Name] = set()
    for node in ast.walk(tree):
        match node:
            # record['city'] and record.get('city') name a column.
            case ast.Subscript(ast.Name(id="record" | "_") as name, ast.Constant(str() as text)) | ast.Call(
                ast.Attribute(ast.Name(id="record" | "_") as name, "get"), [ast.Constant(str() as text), *_]
            ):
                plain.add(name)
                yield text
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node not in plain:
            # The record as such is all of them.
            yield from columns if node.id in _RECORD else [column if node.id == "self" else node.id]
