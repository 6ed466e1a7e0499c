"""The parameters of a stream in the setting ``extra_streams``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tap_exactonline.endpoints import Endpoint, FieldType, Parameter
from tap_exactonline.endpoints.functions import Function
from tap_exactonline.endpoints.spelling import snake
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.literals import Calendar, literal, values

MOST_READS = 1000
NOT_READING = (
    "{} is not a function that Exact's reference documents for reading. The tap calls no others: Exact declares changes as GET "
    "functions, too (users/UnlinkAllRoles)"
)
_REFERENCE = "https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name="


def check_parameters(
    given: Any,
    known: Endpoint | Function | None,
    holes: Collection[str],
    place: str,
    calendar: Calendar,
    *,
    path: str,
) -> tuple[Parameter, ...]:
    """Check the parameters of a definition.

    Args:
        given: Name → value, as it was written.
        known: What the data files know about the path.
        holes: What stands in braces in the filter.
        place: Where the definition stands.
        calendar: What relative values mean.
        path: The endpoint's path, for messages.

    Raises:
        SettingsError: Naming the parameter that is missing, unknown or wrong.
    """
    place = f"{place}.parameters"
    if given is not None and not isinstance(given, Mapping):
        raise SettingsError(place, f"{given!r} is not an object", 'Write {"year": [2024, "current_year"]}')
    given = dict(given or {})
    types: dict[str, FieldType] = {}
    if isinstance(known, Function):
        given, types = _of_function(known, given, holes, place)
    found = []
    for name, value in given.items():
        sent = isinstance(known, Function)
        if not sent and name not in holes:
            what = f"{path} takes no parameters" if known else NOT_READING.format(path)
            raise SettingsError(f"{place}.{name}", what, f"Use it in the filter, as {{{name}}}, or remove it")
        if value is None and isinstance(known, Function) and (known.plain or known.parameters is None):
            continue  # left out of the address: for extra fields of items Exact then answers for all of them
        if (
            isinstance(known, Function)
            and name not in types
            and not (isinstance(value, Mapping) and "type" in value)
        ):
            raise SettingsError(
                f"{place}.{name}",
                "the tap does not know its type",
                f'Write {{"type": "guid", "value": …}} with the type that Exact\'s reference names: {_REFERENCE}{known.doc}',
            )
        kind, listed = values(value, types.get(name), f"{place}.{name}", calendar)
        many = isinstance(value, list | tuple | Mapping)
        found.append(
            Parameter(
                name=name,
                column=f"parameter_{snake(name)}",
                type=kind,
                values=listed,
                literals=tuple(literal(one, kind) for one in listed),
                # A single date is when one looks, not what one sees.
                key=many or kind != "datetime",
                sent=sent,
            )
        )
    return tuple(found)


def _of_function(
    function: Function, given: dict[str, Any], holes: Collection[str], place: str
) -> tuple[dict[str, Any], dict[str, FieldType]]:
    """The parameters in the function's own spelling and order, and their types."""
    reference = f"See {_REFERENCE}{function.doc}"
    if function.parameters is None:
        if not given:
            raise SettingsError(
                place, f"{function.path} needs parameters that the tap does not know", reference
            )
        return given, {}
    own = {one.name.lower(): one for one in function.parameters}
    spelled = {own[name.lower()].name: value for name, value in given.items() if name.lower() in own}
    rest = {name: value for name, value in given.items() if name.lower() not in own}
    listed = ", ".join(f"{one.name} ({one.type})" for one in function.parameters)
    for name in rest:
        if name not in holes:
            raise SettingsError(
                f"{place}.{name}", f"{function.path} has no such parameter", f"It has {listed}"
            )
    if function.plain and not spelled:
        return rest, {}
    for one in function.parameters:
        if one.name not in spelled:
            raise SettingsError(
                f"{place}.{one.name}",
                f"{function.path} answers only with it",
                f"It needs {listed}",
            )
    ordered = {one.name: spelled[one.name] for one in function.parameters}
    return ordered | rest, {one.name: one.type for one in function.parameters}
