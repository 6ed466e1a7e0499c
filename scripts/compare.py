"""Does a table hold what Exact Online holds? Used by the demo and by the end-to-end tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tap_exactonline.endpoints import by_name, catalogue

if TYPE_CHECKING:
    from tests.exact_online import ExactOnline

Row = Mapping[str, Any]


_AS_THEY_ARE = frozenset({bool, float, int, str, type(None)})


def plain(value: Any) -> Any:
    """A database's value as JSON would show it: the one form in which both sides are compared."""
    if type(value) in _AS_THEY_ARE:
        return value
    match value:
        case bool() | int() | str():
            return value
        case Decimal() | float():
            return float(value)
        case UUID():
            return str(value)
        case date():
            return _moment(value.isoformat() + ("" if isinstance(value, datetime) else "T00:00:00"))
        case _:
            return json.loads(json.dumps(value, default=str))


def _moment(text: str) -> str:
    """Six digits behind the second or none: 12:00:00.5 and 12:00:00.500000 are the same moment."""
    head, _, fraction = text.partition(".")
    return f"{head}.{fraction.ljust(6, '0')}" if fraction.strip("0") else head


def source_rows(exact: ExactOnline, stream: str) -> list[Row]:
    """The rows of a stream as they must arrive from all administrations, under their columns' names.

    This goes from the stand-in's own rows and the data file alone; the tap's conversion has no part in it.
    """
    endpoint = by_name(stream)
    columns = {field.name: field.column for field in endpoint.fields if not field.hidden}
    once = endpoint.login_wide or stream == "system_divisions"
    rows: list[Row] = []
    for code in list(exact.divisions)[: 1 if once else None]:
        for values in exact.expected(code, stream, list(columns)):
            row = {columns[name]: plain(value) for name, value in values.items()}
            row["division"] = None if endpoint.login_wide else values["Code"] if once else code
            if stream == "sync_deleted":
                kind = next(
                    (kind for kind in catalogue().entity_types if kind.code == values["EntityType"]), None
                )
                row |= {"entity": kind and kind.entity, "stream": kind and kind.stream}
            rows.append(row)
    return rows


def differences(
    found: Iterable[Row], expected: Iterable[Row], key: Iterable[str], limit: int = 5
) -> list[str]:
    """Compare two sets of rows, every column of each.

    Args:
        found: Rows of the target, already `plain`; columns that start with `_sdc_` do not count.
        expected: Rows of the source, from `source_rows`.
        key: The columns that identify a row.
        limit: Sentences to give before it stops.

    Returns:
        One sentence for each difference; empty if there is none.
    """
    names = tuple(key)
    said: list[str] = []
    there: dict[tuple[Any, ...], Row] = {}
    for row in found:
        identity = tuple(row[name] for name in names)
        if identity in there:
            said.append(f"{identity}: twice in the target")
        there[identity] = {name: value for name, value in row.items() if not name.startswith("_sdc_")}
    wanted = {tuple(row[name] for name in names): row for row in expected}
    said += [f"{identity}: missing in the target" for identity in wanted.keys() - there.keys()]
    said += [f"{identity}: not in the source" for identity in there.keys() - wanted.keys()]
    for identity in wanted.keys() & there.keys():
        one, other = wanted[identity], there[identity]
        if one == other and [*map(type, one.values())] == [type(other[name]) for name in one]:
            continue
        said += [
            f"{identity}: {name} is {other.get(name, 'no column')!r}, should be {one.get(name, 'no column')!r}"
            for name in sorted(one.keys() | other.keys())
            if name not in one or name not in other or not _same(one[name], other[name])
        ]
    return said[:limit] + ([f"and {len(said) - limit} more"] if len(said) > limit else [])


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
