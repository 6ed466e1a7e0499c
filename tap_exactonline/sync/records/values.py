"""Values as Exact Online writes them, turned into what the schema promises."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline.endpoints import Field
from tap_exactonline.exact.bodies import UNREADABLE
from tap_exactonline.exact.odata import parse_date

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the administration's wall clock has no zone
_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - wall clock, too
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


NESTED = frozenset({"complex", "collection"})
RANGES: Mapping[str, tuple[int, int]] = {
    # Exact gives 0 to 255 as Byte. More is let through, in case that the reference calls something a Byte that is none.
    "byte": (-(2**15), 2**15 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
"""Type → the lowest and the highest whole number that the schema promises."""

HIGHEST = RANGES["int64"][1]
"""The highest whole number that a database takes."""

_NUL = re.compile(rb"(\\\\)|\\u0000")
_FEW = 200

_HEX = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_FORM = b"00000000-0000-0000-0000-000000000000\n"
# As PostgreSQL reads them: with or without hyphens between groups of four digits, perhaps in braces.
_UUID = re.compile(r"(?P<brace>\{)?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})(?(brace)\})")


class Unreadable(ValueError):
    """A value that cannot be what the schema promises."""


class Continued(Exception):
    """A list inside a row that has a link to more of it."""


def wall_clock(text: str) -> datetime | None:
    """``/Date(1706691600000)/`` → 2024-01-31 09:00:00, the wall clock of the administration (Exact, REST API FAQ).

    Raises:
        Unreadable: If the text is not a date, or one outside the years 1 to 9999.
    """
    if text[:6] == "/Date(" and text[-2:] == ")/":
        try:
            # Half the time of making a timedelta from the number, and just as exact.
            return _EPOCH + int(text[6:-2]) * _MS
        except (ValueError, OverflowError):
            pass
    if not text or text.isspace():
        return None
    try:
        return parse_date(text)
    except (ValueError, OverflowError) as exc:
        raise Unreadable(str(exc)) from exc


def wall_clocks(texts: Sequence[str | None]) -> list[datetime | None]:
    """A column as :func:`wall_clock` reads it, in less time: how the texts begin and end is looked at once for all.

    Raises:
        Unreadable: If one of them is not a date.
    """
    present = [*filter(None, texts)]
    joined = "\n".join(["", *present, ""])
    if joined.count("\n/Date(") == joined.count(")/\n") == len(present):
        try:
            return [_EPOCH + int(text[6:-2]) * _MS if text else None for text in texts]
        except (ValueError, OverflowError):
            pass
    return [wall_clock(text) if text else None for text in texts]


def moment(text: str | None) -> datetime | None:
    """As :func:`wall_clock`; None for what is not a date."""
    try:
        return wall_clock(text) if text else None
    except Unreadable:
        return None


def utc_clock(zone: ZoneInfo) -> Callable[[str], datetime | None]:
    """A reader like :func:`wall_clock` that gives the moment in UTC.

    In the hour that the clock goes back, the first of both possible moments is meant.
    """

    def read(text: str) -> datetime | None:
        local = wall_clock(text)
        try:
            return local.replace(tzinfo=zone).astimezone(UTC) if local else None
        except OverflowError as exc:
            # The first and the last hours of what a date can hold: .NET's DateTime.MinValue, for example.
            raise Unreadable("outside the years 1 to 9999 in UTC") from exc

    return read


def earlier(when: datetime, by: timedelta) -> datetime:
    """So much before a moment, but not before the year 1."""
    return when - by if when - _FIRST > by else _FIRST


def complex_value(value: Any) -> dict[str, Any] | None:
    """An inline object without OData's own members; None if it was not expanded.

    Raises:
        Unreadable: If it is not an object.
    """
    if not isinstance(value, dict):
        raise Unreadable("no object")
    return None if "__deferred" in value else _members(value)


def collection_value(value: Any) -> list[dict[str, Any]] | None:
    """The rows of an expanded collection without OData's own members; None if it was not expanded.

    Raises:
        Unreadable: If it is not a list of objects.
        Continued: If Exact announces more of it.
    """
    if isinstance(value, dict):
        if "__deferred" in value:
            return None
        value = _results(value)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unreadable("no list of objects")
    return [_members(item) for item in value]


def _results(value: Mapping[str, Any]) -> Any:
    if value.get("__next"):
        raise Continued
    return value.get("results")


def _members(value: Mapping[str, Any], levels: int = _MOST_LEVELS) -> dict[str, Any]:
    return {name: _nested(item, levels) for name, item in value.items() if name != "__metadata"}


def _nested(value: Any, levels: int) -> Any:
    """A value inside an object: whatever it is, with dates read where they can be.

    Raises:
        Unreadable: If it is nested deeper than so many levels.
        Continued: If it holds a list of which Exact announces more.
    """
    if not levels:
        raise Unreadable("nested too deeply")
    levels -= 1
    if isinstance(value, dict):
        if "__deferred" in value or value == UNREADABLE:
            return None
        if isinstance(value.get("results"), list):
            return [_nested(item, levels) for item in _results(value)]
        return _members(value, levels)
    if isinstance(value, list):
        return [_nested(item, levels) for item in value]
    if isinstance(value, str) and value.startswith("/Date("):
        local = moment(value)
        return local.isoformat() if local else value
    return value


def lenient(field: Field, value: Any) -> Any:
    """The value in the type that the decoder for pages expects, whatever JSON type it came in.

    Raises:
        Unreadable: If it can't be that type.
    """
    if value is None or field.type in NESTED:
        return value
    if isinstance(value, dict) and "__deferred" in value:
        return None
    try:
        return _LENIENT[field.type](value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise Unreadable(f"{field.name} is no {field.type}") from exc


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _guid(value: Any) -> str | None:
    return _text(value).strip() or None


def _date(value: Any) -> str:
    # A number may be seconds, milliseconds or a year with month and day. Nobody knows.
    if not isinstance(value, str):
        raise TypeError
    return value


def _word(value: Any) -> str | None:
    """A text that stands for a value of another type; None for one that says there is none."""
    word = value.strip().lower()
    return None if word in ("", "null") else str(word)


def _integer(value: Any, lowest: int, highest: int) -> int | None:
    if isinstance(value, str):
        word = _word(value)
        if word is None:
            return None
        value = _TRUTH[word] if word in _TRUTH else _whole(word)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    number = int(value)
    if not lowest <= number <= highest:
        raise ValueError
    return number


def _whole(word: str) -> int | float:
    """Python reads underscores and digits of every script; Exact writes neither."""
    if _DIGITS.fullmatch(word):
        return int(word.rstrip("l"))
    return _finite(word)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        word = _word(value)
        return None if word is None else _finite(word)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _finite(word: str) -> float:
    if not _NUMBER.fullmatch(word) or not math.isfinite(number := float(word)):
        raise ValueError
    return number


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        word = _word(value)
        if word is not None and word not in _TRUE | _FALSE:
            raise ValueError
        return None if word is None else word in _TRUE
    if value not in (0, 1):
        raise ValueError
    return bool(value)


_TRUTH = {"true": 1, "false": 0}
_DIGITS = re.compile(r"[+-]?[0-9]{1,30}l?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
_LENIENT: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "guid": _guid,
    "binary": _text,
    "datetime": _date,
    "double": _number,
    "decimal": _number,
    **{kind: partial(_integer, lowest=low, highest=high) for kind, (low, high) in RANGES.items()},
    "boolean": _boolean,
}


# -- the texts of a whole page at once: value by value it would take longer than reading them


def without_nul(body: bytes) -> tuple[bytes, int]:
    """JSON without the character U+0000 in any text or name, and how many there were.

    PostgreSQL and others can't store it: one in one row would stop the load of all rows, in every run again.
    """
    if not _may_hold_nul(body):
        return body, 0
    count = 0

    def keep(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found[1]:
            return found[1]  # an escaped backslash; what follows is text
        count += 1
        return b""

    return _NUL.sub(keep, body), count


def _may_hold_nul(body: bytes) -> bool:
    """Whether a closer look is worth while. A page has few backslashes, unless the server escapes all slashes."""
    at = body.find(b"\\")
    for _ in range(_FEW):
        if at < 0:
            return False
        if body[at + 1 : at + 6] == b"u0000":
            return True
        at = body.find(b"\\", at + 2)
    # From the end: that way CPython looks for the backslash and not for one of the many zeros. Twice as fast.
    return at >= 0 and body.rfind(b"\\u0000", at) >= 0


def all_uuids(texts: Iterable[str | None]) -> bool:
    """Whether all texts that are there have the canonical form of a UUID. An empty text counts as none."""
    joined = "\n".join(filter(None, texts)).encode("utf-8", "replace") + b"\n"
    return joined == b"\n" or joined.translate(_HEX) == _FORM * (len(joined) // len(_FORM))


def uuid_text(text: str) -> str | None:
    """A UUID in its canonical form, which every target takes; None for a blank text.

    In lower case: a target that keeps keys as text would take each other form for another row.

    Raises:
        Unreadable: If it is not a UUID.
    """
    plain = text.strip()
    if not plain:
        return None
    found = _UUID.fullmatch(plain)
    if found is None:
        raise Unreadable("no UUID")
    digits = found[2].replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
