"""The wire format of Exact Online: OData 2 in JSON.

Queries and literals on the way out, envelopes and dates on the way in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec

from tap_exactonline.exact.bodies import TOO_DEEP, UNREADABLE, MalformedPage, decode_json

MAX_URL = 6000
"""Characters that an address may have after encoding (Exact, "REST API Restrictions")."""

EVER = datetime(1900, 1, 1)  # noqa: DTZ001 -- wall clock, as in Exact's own filters
"""Since always. Much earlier moments are none of SQL Server's datetime, and a filter on them may be refused."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- Exact's dates are wall clock, without a zone
_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?(?:[zZ]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
# Readable in an address and never mistaken for a separator. Not `&`, `=`, `+`, `#`, `%`, `?`.
_SAFE = "$,'()/:"

Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """One page of rows. ``next_url`` is Exact's own link to the next, None on the last."""

    rows: list[Row]
    next_url: str | None


def select_query(
    select: Sequence[str],
    filter: str | None = None,  # noqa: A002 -- OData's own word
    expand: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> str:
    """An encoded query string, without the question mark.

    An empty ``$filter`` is refused by Exact, so an empty part is left out.

    Args:
        select: Names of fields.
        filter: A filter in OData's language, not encoded.
        expand: Names of navigation properties.
        extra: Further parameters, not encoded: ``{"$top": "1"}``, or those of a function.
    """
    parts: dict[str, str] = dict(extra or {})
    if expand:
        parts["$expand"] = ",".join(expand)
    if filter and filter.strip():
        parts["$filter"] = filter
    if select:
        parts["$select"] = ",".join(select)
    # $select last: it is the longest, and whoever reads a log wants to see the filter.
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe=_SAFE)}" for name, value in parts.items())


def datetime_literal(moment: datetime) -> str:
    """``datetime'2024-01-31T09:00:00'`` for a naive datetime, cut down to whole seconds.

    Raises:
        ValueError: if the datetime has a zone: Exact's clock knows none, and converting silently
            would shift a filter by hours.
    """
    if moment.tzinfo is not None:
        raise ValueError("Exact's datetimes have no time zone: give a naive datetime")
    return f"datetime'{moment.replace(microsecond=0).isoformat()}'"


def guid_literal(value: str | UUID) -> str:
    """``guid'…'``.

    Raises:
        ValueError: if the text is not a GUID.
    """
    return f"guid'{value if isinstance(value, UUID) else UUID(value)}'"


def string_literal(value: str) -> str:
    """A text in single quotes; quotes inside are doubled."""
    return "'" + value.replace("'", "''") + "'"


def timestamp_filter(after: int, operator: str = "gt") -> str:
    """``Timestamp gt 123L``: rows of a sync endpoint changed after a row version (64 bits, hence L)."""
    return f"Timestamp {operator} {int(after)}L"


def modified_filter(since: datetime, field: str = "Modified") -> str:
    """``Modified ge datetime'…'``. Several rows share a second, so it is never ``gt``."""
    return f"{field} ge {datetime_literal(since)}"


def read_page(body: bytes) -> Page[dict[str, Any]]:
    """Read a page in any of Exact's envelopes, its rows just as they are.

    Lists come as ``{"d": {"results": [...], "__next": "..."}}``, with ``$top`` as ``{"d": [...]}``, and
    a single entity as ``{"d": {...}}``.

    Raises:
        MalformedPage: if the body is none of these.
    """
    document = decode_json(body)
    if not isinstance(document, dict) or "d" not in document:
        raise MalformedPage("JSON without the 'd' that Exact Online puts around an answer")
    data = document["d"]
    next_url = None
    if isinstance(data, dict) and "results" in data:
        next_url = data.get("__next")
        data = data["results"]
    elif isinstance(data, dict) and data:
        data = [data]
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise MalformedPage("'d' holds no rows")
    if next_url is not None and not isinstance(next_url, str):
        raise MalformedPage("'__next' is not a link")
    return Page(data, next_url or None)


def announced(body: bytes) -> int | None:
    """The number of rows of all pages together, as Exact announces it in one of them; None if it does not.

    Raises:
        MalformedPage: If the body is no page.
    """
    document = decode_json(body)
    data: Any = document.get("d") if isinstance(document, dict) else None
    if isinstance(data, list):
        return len(data)
    if not isinstance(data, dict) or not isinstance(results := data.get("results"), list):
        raise MalformedPage("'d' holds no rows")
    try:
        return int(data["__count"])
    except (KeyError, TypeError, ValueError):
        return None if data.get("__next") else len(results)


def read_rows(body: bytes) -> Page[dict[str, Any]]:
    """Read a page as `read_page` does, its rows as plain dicts.

    ``__metadata`` and deferred links are left out, expanded collections become lists.

    Raises:
        MalformedPage: if the body is not a page.
    """
    page = read_page(body)
    try:
        return Page([_members(row) for row in page.rows], page.next_url)
    except RecursionError as exc:
        raise MalformedPage(TOO_DEEP.format(len(body))) from exc


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "results" in value and isinstance(value["results"], list):
            return [_plain(item) for item in value["results"]]
        if value == UNREADABLE:
            return None
        return _members(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _members(value: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(item)
        for name, item in value.items()
        if name != "__metadata" and not (isinstance(item, dict) and "__deferred" in item)
    }


def parse_date(text: str) -> datetime:
    """A naive datetime from ``/Date(1706691600000)/``: the wall clock that Exact shows.

    Negative values are before 1970. An offset inside (``+0100``) does not move the clock, and ISO
    texts are read the same way, without their zone.

    Raises:
        ValueError: if the text is not a date, or lies outside the years 1 to 9999.
    """
    match = _DATE.fullmatch(text)
    if match:
        try:
            return _EPOCH + timedelta(milliseconds=int(match[1]))
        except OverflowError as exc:
            raise ValueError("date outside the years 1 to 9999") from exc
    iso = _ISO.fullmatch(text)
    if iso is None:
        raise ValueError("neither /Date(ms)/ nor an ISO date")
    # Python's own parser takes digits without any mark between them, too: milliseconds would be read as a date.
    year, month, day, hour, minute, second = (int(part or 0) for part in iso.groups()[:6])
    # .NET writes seven digits of the second, Python keeps six.
    micro = int((iso[7] or "")[:6].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 -- wall clock
