"""A parsed ``$filter`` made into a function over rows, after checking that its types fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .query import NUMERIC, OPS, Compare, Logic, Node, Not, Predicate, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WRAP: dict[str, Callable[[str], str]] = {"trim": str.strip, "tolower": str.lower, "toupper": str.upper}
_EDM = {
    "string": "String", "guid": "Guid", "double": "Double", "decimal": "Decimal", "int16": "Int16", "int32": "Int32",
    "int64": "Int64", "byte": "Byte", "boolean": "Boolean", "datetime": "DateTime", "binary": "Binary", "number": "Int32",
}  # fmt: skip


def _fits(field_type: str, kind: str) -> bool:
    if kind == "null":
        return True
    if field_type in NUMERIC:
        return kind == "number"
    return field_type == kind


def check(node: Node, types: Mapping[str, str], type_name: str, *, null: bool = True) -> None:
    """QueryError when a field does not exist or is compared with a literal of another type; or with null, unless allowed."""
    match node:
        case Compare(field, op, literal, _):
            if field not in types:
                raise QueryError(f"No property '{field}' exists in type '{type_name}' at position 0.")
            if not _fits(types[field], literal.kind) or (literal.kind == "null" and not null):
                raise QueryError(
                    f"Operator '{op}' incompatible with operand types 'Edm.{_EDM.get(types[field], types[field])}' "
                    f"and 'Edm.{_EDM.get(literal.kind, literal.kind)}' at position {len(field) + 1}."
                )
        case Predicate(function, field, _, _):
            if types.get(field) != "string":
                raise QueryError(f"No applicable function found for '{function}' at position 0.")
        case Not(inner):
            check(inner, types, type_name, null=null)
        case Logic(_, left, right):
            check(left, types, type_name, null=null)
            check(right, types, type_name, null=null)


def build(
    node: Node, getter: Callable[[str], Callable[[Any], Any]], *, sql: bool = True
) -> Callable[[Any], bool]:
    """A test for one row; ``getter`` makes the reader of a field.

    With ``sql`` a comparison with no value is unknown, as in a database: ``Field ne 5`` leaves out rows whose ``Field``
    is null, and so does its negation. Otherwise null is a value that differs from all others, as in .NET.
    """
    test = _build(node, getter, sql=sql)
    return lambda row: test(row) is True


def _build(
    node: Node, getter: Callable[[str], Callable[[Any], Any]], *, sql: bool
) -> Callable[[Any], bool | None]:
    """As `build`; None stands for unknown."""
    match node:
        case Compare(field, op, literal, wrap):
            get, test, value = getter(field), OPS[op], literal.value
            change = _WRAP[wrap] if wrap else None

            def compare(row: Any) -> bool | None:
                got = get(row)
                if got is None or value is None:
                    known = (op == "eq" and got is value) or (op == "ne" and got is not value)
                    return known if value is None or not sql else None
                return test(change(got) if change else got, value)

            return compare
        case Predicate(function, field, text, wanted):
            get = getter(field)

            def matches(row: Any) -> bool:
                got = get(row) or ""
                found = {
                    "substringof": text in got,
                    "startswith": got.startswith(text),
                    "endswith": got.endswith(text),
                }
                return found[function] is wanted

            return matches
        case Not(inner):
            inside = _build(inner, getter, sql=sql)
            return lambda row: None if (found := inside(row)) is None else not found
        case Logic(op, left, right):
            sides = (_build(left, getter, sql=sql), _build(right, getter, sql=sql))
            decides = op == "or"

            def either(row: Any) -> bool | None:
                found = [side(row) for side in sides]
                return decides if decides in found else None if None in found else not decides

            return either


def lower_bound(node: Node | None, field: str) -> int:
    """The highest number that ``field`` must exceed for the whole filter to hold (-1: no bound)."""
    match node:
        case Compare(name, op, literal, None) if name == field and literal.kind == "number":
            if op == "gt":
                return int(literal.value)
            if op in ("ge", "eq"):
                return int(literal.value) - 1
        case Logic("and", left, right):
            return max(lower_bound(left, field), lower_bound(right, field))
    return -1
