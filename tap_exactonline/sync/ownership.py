"""Whose rows an answer holds. Exact has given those of another administration (incidents of 2021 and October 2024)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.errors import BrokenAnswer

# Where the address of a row names its administration. The host is not looked at: a proxy may have another one.
_ADDRESS = re.compile(r"/api/v1/(?:beta/)?(\d{1,18})/", re.IGNORECASE)

_NUMBER = re.compile(r"[0-9]{1,18}")

_LISTS = frozenset({"system/divisions", "system/alldivisions", "hrm/divisions"})
"""Paths whose rows are administrations themselves."""


def has_owner(endpoint: Endpoint) -> bool:
    """Whether each row of the endpoint belongs to the administration that is asked."""
    return not endpoint.login_wide and endpoint.path.lower() not in _LISTS


def check_owner(addresses: Iterable[str | None], divisions: Sequence[Any], division: int) -> None:
    """Refuse a page with rows of another administration. What names none is taken for right.

    Args:
        addresses: Of each row the ``uri`` in its ``__metadata``.
        divisions: Of each row the field ``Division``, None where the answer has none.
        division: Number of the administration that was asked.

    Raises:
        BrokenAnswer: If there is such a row. The page will be asked for again.
    """
    other = _by_address(addresses, division)
    if other is None and any(value is not None for value in divisions):
        other = next((code for value in divisions if (code := _code(value)) not in (None, division)), None)
    if other is not None:
        raise BrokenAnswer(
            f"the answer for division {division} holds rows of division {other}",
            "None of its rows were written. Run again later; if this lasts, report it to Exact's support",
            division=division,
        )


def _by_address(addresses: Iterable[str | None], division: int) -> int | None:
    """The first other administration that an address names."""
    prefix = None
    for address in addresses:
        if address is None or (prefix is not None and address.startswith(prefix)):
            continue
        found = _ADDRESS.search(address)
        if found is None:
            continue
        if int(found[1]) != division:
            return int(found[1])
        prefix = address[: found.end()]
    return None


def _code(value: Any) -> int | None:
    """The number that a field ``Division`` holds, in whatever JSON type it came."""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    return int(text) if _NUMBER.fullmatch(text) else None
