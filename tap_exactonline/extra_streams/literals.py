"""Values of parameters in the setting ``extra_streams``: checked, computed from today's date, written as literals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast, get_args
from uuid import UUID

import msgspec

from tap_exactonline.endpoints import FieldType
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.odata import EVER, datetime_literal, guid_literal, string_literal

_WORD = re.compile(r"(current_year|today)\s*(?:([+-])\s*(\d{1,4}))?|current_month|start_date")
_ALIASES = {
    "text": "string",
    "uuid": "guid",
    "bool": "boolean",
    "int": "int32",
    "integer": "int32",
    "number": "double",
    "date": "datetime",
    "date-time": "datetime",
}
_INTEGERS = {"int16": 15, "int32": 31, "int64": 63, "byte": 8}
_MOST_VALUES = 1000
WORDS = "current_year, current_month, today and start_date (also current_year-1, today-30)"


class Calendar(msgspec.Struct, frozen=True):
    """What relative values mean in this run, in the administration's wall clock."""

    now: datetime
    start_date: datetime | None = None

    def value(self, word: str) -> int | datetime | None:
        """``current_year-1`` → 2025; ``today-30`` → a date at midnight; None if it is not such a word."""
        match = _WORD.fullmatch(word.strip())
        if match is None:
            return None
        offset = int(f"{match[2]}{match[3]}") if match[3] else 0
        if match[1] == "current_year":
            return self.now.year + offset
        if match[1] == "today":
            midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight + timedelta(days=offset)
        return self.now.month if word.strip() == "current_month" else (self.start_date or EVER)


def field_type(value: Any, place: str) -> FieldType:
    """The Edm type that a user names: ``guid``, ``Edm.Guid``, ``date``.

    Raises:
        SettingsError: If there is no such type.
    """
    text = value.strip().lower().removeprefix("edm.") if isinstance(value, str) else ""
    text = _ALIASES.get(text, text)
    if text not in get_args(FieldType):
        raise SettingsError(place, f"{value!r} is not a type", f"Use one of {', '.join(get_args(FieldType))}")
    return cast(FieldType, text)


def values(
    given: Any, kind: FieldType | None, place: str, calendar: Calendar
) -> tuple[FieldType, tuple[Any, ...]]:
    """The values of a parameter.

    Args:
        given: A value, a list of them, ``{"from": …, "to": …}``, or ``{"type": …, "value": …}`` around one of these.
        kind: The parameter's type, None if nobody knows.
        place: Name of the setting, for messages.
        calendar: What relative values mean.

    Raises:
        SettingsError: Naming the place, and what it should be.
    """
    if isinstance(given, Mapping) and "type" in given:
        kind = field_type(given["type"], f"{place}.type")
        given = given.get("value", given.get("values"))
    if isinstance(given, Mapping):
        listed: list[Any] = _range(given, place, calendar)
    else:
        listed = list(given) if isinstance(given, list | tuple) else [given]
    if not listed:
        raise SettingsError(place, "it has no value", "Give a value, or a list with at least one")
    if len(listed) > _MOST_VALUES:
        raise SettingsError(
            place, f"{len(listed)} values are too many", f"Each is a call; use up to {_MOST_VALUES}"
        )
    kind = kind or _guess(listed[0], calendar)
    found = [
        _one(value, kind, f"{place}[{n}]" if len(listed) > 1 else place, calendar)
        for n, value in enumerate(listed)
    ]
    return kind, tuple(dict.fromkeys(found))


def is_relative(given: Any, calendar: Calendar) -> bool:
    """Whether the value depends on when the tap runs."""
    if isinstance(given, Mapping):
        return any(is_relative(value, calendar) for value in given.values())
    if isinstance(given, list | tuple):
        return any(is_relative(value, calendar) for value in given)
    return isinstance(given, str) and calendar.value(given) is not None


def literal(value: Any, kind: FieldType) -> str:
    """The value as Exact wants it in an address."""
    if isinstance(value, datetime):
        return datetime_literal(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "guid":
        return guid_literal(str(value))
    if kind == "int64":
        return f"{value}L"
    return string_literal(value) if isinstance(value, str) else repr(value)


def _range(given: Mapping[str, Any], place: str, calendar: Calendar) -> list[Any]:
    if set(given) != {"from", "to"}:
        raise SettingsError(
            place, "it is an object of another form", 'Use {"from": 2020, "to": "current_year"}'
        )
    first, last = (_one(given[end], "int32", f"{place}.{end}", calendar) for end in ("from", "to"))
    if first > last:
        raise SettingsError(place, f"from {first} is after to {last}", "Exchange them")
    if last - first >= _MOST_VALUES:
        raise SettingsError(place, f"{last - first + 1} values are too many", "Each is a call")
    return list(range(first, last + 1))


def _guess(value: Any, calendar: Calendar) -> FieldType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "int32" if isinstance(value, int) else "double"
    if not isinstance(value, str):
        return "string"
    word = calendar.value(value)
    if word is not None:
        return "datetime" if isinstance(word, datetime) else "int32"
    for kind, read in (("guid", UUID), ("datetime", datetime.fromisoformat)):
        try:
            read(value)
        except ValueError:
            continue
        if kind == "guid" or re.match(r"\d{4}-\d\d-\d\d", value):
            return cast(FieldType, kind)
    return "string"


def _one(value: Any, kind: FieldType, place: str, calendar: Calendar) -> Any:
    word = calendar.value(value) if isinstance(value, str) and kind != "string" else None
    try:
        found = _READ[kind](value if word is None else word)
    except (KeyError, TypeError, ValueError):
        raise SettingsError(place, f"{value!r} is not of type {kind}", _hint(kind)) from None
    if kind in _INTEGERS and found.bit_length() > _INTEGERS[kind]:
        raise SettingsError(place, f"{value!r} is out of range for {kind}")
    return found


def _hint(kind: FieldType) -> str:
    if kind in _INTEGERS:
        return "Write a whole number, current_year, current_year-1 or current_month"
    return {
        "datetime": "Write 2024-01-31, 2024-01-31T09:00:00, today, today-30 or start_date",
        "guid": "Write an ID such as 01234567-89ab-cdef-0123-456789abcdef",
        "boolean": "Write true or false",
    }.get(kind, "Write it as text in quotes" if kind == "string" else "Write a number")


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[_text(value).strip().lower()]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value).strip())
    if moment.tzinfo is not None:
        raise ValueError
    return moment.replace(microsecond=0)


_READ: Mapping[str, Any] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(("double", "decimal"), _number),
    "boolean": _boolean,
    "string": _text,
    "guid": lambda value: str(UUID(_text(value).strip())),
    "datetime": _moment,
}
