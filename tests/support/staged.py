"""What the generated staging models must say, from the stand-in's rows and the catalogue: no SQL, no tap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.build_dbt_staging import columns, lookups
from scripts.compare import Row, source_rows
from scripts.dbt_streams import STAGED, Staged
from tap_exactonline.endpoints import Endpoint, by_name
from tests.exact_online import ExactOnline

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT")
# The column of a staging model → the stream's own column, where the two differ.
_OWN = {
    "account_code": "code", "account_name": "name", "item_code": "code", "item": "description", "gl_account_code": "code",
    "gl_account": "description", "journal": "description", "journal_code": "code",
}  # fmt: skip


def expected(exact: ExactOnline, stream: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Administration and key → what the model of a stream says in each column, names as they are today."""
    endpoint, staged = by_name(stream), STAGED[stream]
    key = endpoint.field(endpoint.key[0]).column
    present = {
        copy: (
            join.refers.column,
            _by_key(exact, join.source.stream, join.source.key),
            _OWN.get(there, there),
        )
        for copy, (join, there) in lookups(endpoint, staged.model).items()
    }
    found = {}
    for row in source_rows(exact, stream):
        values = {name: row[own] for name, own in _names(endpoint, staged)}
        for copy, (refers, others, there) in present.items():
            other = others.get((row["division"], _trimmed(row[refers])))
            if other is not None and other[there]:
                values[copy] = other[there]
            elif other is not None and other[there] is not None:
                # DuckDB's target loads an empty name as none, and the copy stays.
                del values[copy]
        found[row["division"], _trimmed(row[key])] = {name: _trimmed(value) for name, value in values.items()}
    return found


def _names(endpoint: Endpoint, staged: Staged) -> Iterator[tuple[str, str]]:
    """The model's columns that are a column of the stream."""
    own = {field.column for field in endpoint.fields if not field.hidden} | {*staged.extra}
    for column in columns(endpoint, staged):
        name = column.name
        if name in (staged.key, "division_name"):
            continue
        if name in own:
            yield name, name
        elif name.endswith("_id") and name.removesuffix("_id") in own:
            yield name, name.removesuffix("_id")


def _by_key(exact: ExactOnline, stream: str, key: str) -> Mapping[tuple[Any, ...], Row]:
    business = by_name(stream)
    column = _OWN.get(key, key)
    if column not in {field.column for field in business.fields}:
        column = business.field(business.key[0]).column
    return {(row["division"], _trimmed(row[column])): row for row in source_rows(exact, stream)}


def _trimmed(value: Any) -> Any:
    return value.strip(" ") if isinstance(value, str) else value


def shown(rows: list[dict[str, Any]], stream: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a model by the same key."""
    endpoint, staged = by_name(stream), STAGED[stream]
    key = endpoint.field(endpoint.key[0])
    name = staged.key if key.type == "guid" else key.column
    found = {(row["division"], _trimmed(row[name])): row for row in rows}
    assert len(found) == len(rows), f"{stream}: two rows with one key"
    return found


def differs(one: Any, other: Any) -> bool:
    """Whether a value of a database is not that of the stand-in: decimals, days and texts in their common form.

    Both targets' own habits are left alone: DuckDB's loads an empty text as null, and databases differ in which spaces `trim`
    takes away.
    """
    if isinstance(other, bool):
        return one is None or bool(one) != other
    if isinstance(other, int | float):
        # Money has two digits behind the point in the models, all else six.
        return one is None or abs(float(one) - other) > 0.00501 + abs(other) * 1e-12
    mine, wanted = str(one or "").strip(), str(other or "").strip()
    if _MOMENT.match(wanted):
        mine = mine.replace(" ", "T", 1)
        return mine[:19] != wanted[: len(mine[:19])] or not mine
    return mine != wanted
