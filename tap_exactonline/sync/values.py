"""Values as Exact Online writes them, turned into what the schema promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline.endpoints import Field
from tap_exactonline.exact.odata import parse_date

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the administration's wall clock has no zone
_MS = timedelta(milliseconds=1)
_MOST_LEVELS = 50
_TRUE = {"true", "1", "yes"}
_FALSE = {"false", "0", "no"}

# Moments at which something happened, as opposed to dates in the books. Only these may be converted to UTC:
# a date in the books at midnight would move to the day before.
AUDIT = {
    "Created", "Modified", "SysCreated", "SysModified", "syscreated", "sysmodified", "ModifiedDate",
    "CreatedDate", "CreationDate", "DeletedDate",
}  # fmt: skip


class Unreadable(ValueError):
    """A value that cannot be what the schema promises."""


def wall_clock(text: str) -> datetime | None:
    """``/Date(1706691600000)/`` → 2024-01-31 09:00:00, the wall clock of the administration (Exact, REST API FAQ).

    Raises:
        Unreadable: If the text is no date, or one outside the years 1 to 9999.
    """
    try:
        # Half the time of making a timedelta from the number, and just as exact.
        return _EPOCH + int(text[6:-2]) * _MS
    except (ValueError, OverflowError):
        pass
    if not text:
        return None
    try:
        return parse_date(text)
    except (ValueError, OverflowError) as exc:
        raise Unreadable(str(exc)) from exc


def moment(text: str | None) -> datetime | None:
    """As :func:`wall_clock`; None for what is no date."""
    try:
        return wall_clock(text) if text else None
    except Unreadable:
        return None


def latest(highest: datetime | None, texts: Sequence[str | None]) -> datetime | None:
    """The highest of the dates, None if there is none."""
    moments = [found for text in texts if (found := moment(text))]
    return max([*moments, highest] if highest else moments, default=None)


def utc_clock(zone: ZoneInfo) -> Callable[[str], datetime | None]:
    """A reader like :func:`wall_clock` that gives the moment in UTC.

    In the hour that the clock goes back, the first of both possible moments is meant.
    """

    def read(text: str) -> datetime | None:
        local = wall_clock(text)
        return local.replace(tzinfo=zone).astimezone(UTC) if local else None

    return read


def nested(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """An inline object or expanded collection without OData's own members; None if it was not expanded.

    Raises:
        Unreadable: If it is nested deeper than so many levels, or holds a date that is none.
    """
    if not levels:
        raise Unreadable("nested too deeply")
    levels -= 1
    if isinstance(value, dict):
        if "__deferred" in value:
            return None
        if isinstance(value.get("results"), list):
            return [nested(item, levels) for item in value["results"]]
        return {key: nested(item, levels) for key, item in value.items() if key != "__metadata"}
    if isinstance(value, list):
        return [nested(item, levels) for item in value]
    if isinstance(value, str) and value.startswith("/Date("):
        local = wall_clock(value)
        return local.isoformat() if local else None
    return value


def lenient(field: Field, value: Any) -> Any:
    """The value in the type that the decoder for pages expects, whatever JSON type it came in.

    Raises:
        Unreadable: If it can't be that type.
    """
    if value is None or field.type in {"complex", "collection"}:
        return value
    if isinstance(value, dict | list):
        return None
    try:
        return _LENIENT[field.type](value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise Unreadable(f"{field.name} is no {field.type}") from exc


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _integer(value: Any) -> int | None:
    if isinstance(value, str):
        value = value.strip()
        if not value or value.lower() == "null":
            return None
        return _TRUTH[value.lower()] if value.lower() in _TRUTH else int(value.rstrip("Ll"))
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and not value.strip():
        return None
    return float(value)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        if not word:
            return None
        if word not in _TRUE | _FALSE:
            raise ValueError
        return word in _TRUE
    if value not in (0, 1):
        raise ValueError
    return bool(value)


_TRUTH = {"true": 1, "false": 0}
_LENIENT: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "guid": _text,
    "binary": _text,
    "datetime": _text,
    "double": _number,
    "decimal": _number,
    "int16": _integer,
    "int32": _integer,
    "int64": _integer,
    "byte": _integer,
    "boolean": _boolean,
}
