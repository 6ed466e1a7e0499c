"""Functions that want parameters, and endpoints that only a test knows."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from tap_exactonline.endpoints import Endpoint, Field, FieldType
from tap_exactonline.endpoints.functions import Function, functions
from tap_exactonline.endpoints.spelling import column, stream

from . import generate
from .query import NUMERIC, Literal, QueryError, leaves, parse
from .store import Row
from .wire import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .exact import ExactOnline

ROWS = 3


class Listing:
    """Rows that no administration stores, with the face of a table."""

    own: tuple[str, ...] = ()
    version = -1

    def __init__(self, division: Any, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        self.division = division
        self.key = tuple(key)
        self._rows: dict[Any, Row] = {}
        for number, values in enumerate(rows):
            parts = tuple(values[name] for name in self.key)
            found = (parts[0] if len(parts) == 1 else parts) if parts else number
            self._rows[found] = Row(dict(values), [], found, int(values.get("Timestamp") or 0))

    def getter(self, name: str) -> Callable[[Row], Any]:
        return lambda row: row.base.get(name)

    def by_key(self, after: Any) -> Iterator[Row]:
        keys = sorted(self._rows)
        return (self._rows[k] for k in keys[0 if after is None else bisect_right(keys, after) :])

    def by_timestamp(self, after: int) -> Iterator[Row]:
        return (row for row in sorted(self._rows.values(), key=lambda row: row.rv) if row.rv > after)

    def row(self, key: Any) -> Row | None:
        return self._rows.get(key)


@dataclass(slots=True)
class Added:
    """An endpoint that a test adds: in the same way for every administration."""

    endpoint: Endpoint
    rows: list[dict[str, Any]]


def made_endpoint(path: str, fields: Mapping[str, str], key: Sequence[str], **more: Any) -> Endpoint:
    """An endpoint from the names and types of its fields."""
    return Endpoint(
        name=stream(path), path=path, doc="", kind=more.pop("kind", "single"), scope="", entity=path, key=tuple(key),
        page_size=more.pop("page_size", 60), fields=tuple(Field(n, column(n), cast("FieldType", t)) for n, t in fields.items()), **more,
    )  # fmt: skip


@cache
def by_path() -> dict[tuple[bool, str], tuple[Function, Endpoint]]:
    """The functions by whether they are a beta and by path."""
    return {
        (one.beta, one.path.lower()): (
            one,
            Endpoint(
                name=stream(one.path), path=one.path, doc=one.doc, kind="read", scope=one.scope, entity=one.path,
                key=one.key, page_size=one.page_size, fields=one.fields, beta=one.beta,
            ),
        )
        for one in functions().functions
    }  # fmt: skip


def argument(query: Mapping[str, str], name: str, kind: str) -> Literal:
    """A parameter's literal; QueryError when it is missing or of another type."""
    if name not in query:
        raise QueryError(f"Bad Request - Error in query syntax: parameter '{name}' is missing.")
    value = getattr(next(leaves(parse(f"X eq {query[name]}"))), "literal", None)
    if not isinstance(value, Literal) or value.kind != kind:
        raise QueryError(f"Bad Request - Error in query syntax: parameter '{name}'.")
    return value


def table(
    exact: ExactOnline, function: Function, endpoint: Endpoint, code: int, query: dict[str, str]
) -> Listing:
    """What a function answers for the parameters in the address; QueryError if one is missing."""
    if "$select" in query and not exact.switches.select_on_functions:
        raise QueryError("Query option $select cannot be applied to the requested resource.")
    given: dict[str, Any] = {}
    wanted = function.parameters
    if wanted is None:
        if all(name.startswith("$") for name in query):
            raise QueryError("Bad Request - Error in query syntax: a parameter is missing.")
    else:
        plain = function.plain and exact.switches.plain_functions
        for one in wanted:
            if plain and one.name not in query:
                continue
            kind = "number" if one.type in NUMERIC else one.type
            given[one.name] = argument(query, one.name, kind).value
    rows = exact.function_rows.get(function.path.lower())
    if rows is None:
        return Listing(exact.divisions[code], endpoint.key, made(exact, endpoint, code, given))
    return Listing(exact.divisions[code], endpoint.key, [row for row in rows if fits(row, given)])


def is_scalar(endpoint: Endpoint) -> bool:
    """Whether a function gives one value."""
    return len(endpoint.fields) == 1 and not endpoint.key


def scalar(answer: Listing, endpoint: Endpoint) -> Reply:
    """One value, in an object of its own."""
    (row,) = answer.by_key(None)
    name = endpoint.fields[0].name
    return json_reply({"d": {name: row.base[name]}})


def made(exact: ExactOnline, endpoint: Endpoint, code: int, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows that depend on nothing but the seed, the administration and the parameters."""
    name = f"{endpoint.path}?{sorted(given.items())}"
    fixed = {named: value for word, value in given.items() if (named := match(endpoint, word))}
    out = []
    for number in range(ROWS if endpoint.key else 1):
        row = generate.template(exact.seed, name, endpoint.fields, number)
        for field in endpoint.fields:
            if field.name in endpoint.key:
                row[field.name] = generate.key_value(field, exact.seed, code, name, number)
        out.append(row | fixed)
    return out


def match(endpoint: Endpoint, word: str) -> str | None:
    """The field that a parameter speaks of: ``year`` of ``Year``, ``accountId`` of ``AccountId``."""
    return next((f.name for f in endpoint.fields if f.name.lower() == word.lower()), None)


def fits(row: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether a row belongs to an answer: dates are a lower bound, everything else must be the same."""
    values = {name.lower(): value for name, value in row.items()}
    for name, wanted in given.items():
        if name.lower() in values:
            value = values[name.lower()]
            if isinstance(wanted, datetime) and value < wanted:
                return False
            if not isinstance(wanted, datetime) and value != wanted:
                return False
    return True
