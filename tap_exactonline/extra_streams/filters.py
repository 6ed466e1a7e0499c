"""The fixed ``$filter`` of a stream in the setting ``extra_streams``."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from tap_exactonline.endpoints.variants import PARTS, filled
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.odata import datetime_literal
from tap_exactonline.extra_streams.literals import WORDS, Calendar

_COMPARED = re.compile(r"([A-Za-z_]\w*)(?:/\w+)?\)?\s+(?:eq|ne|gt|ge|lt|le)\s")


def holes(template: str) -> list[str]:
    """What stands in braces."""
    return [match[1].strip() for match in PARTS.finditer(template) if match[1] is not None]


def fill_in(template: str, calendar: Calendar, parameters: Collection[str], place: str) -> str:
    """Put today's values in the place of ``{current_year}`` and the like; parameters stay.

    Raises:
        SettingsError: If something in braces is neither.
    """
    place = f"{place}.filter"
    if template.lower().startswith("$filter"):
        raise SettingsError(place, "it begins with $filter", "Write only what follows the =")
    if PARTS.sub("", template).count("'"):
        raise SettingsError(place, "a quote is not closed", "A quote inside a text is written twice")

    def value(hole: str) -> str:
        if hole in parameters:
            return f"{{{hole}}}"
        found = calendar.value(hole)
        if found is None:
            raise SettingsError(
                place,
                f"{{{hole}}} is neither a parameter nor a known value",
                f"Known are {WORDS}, and what you name in parameters",
            )
        return datetime_literal(found) if isinstance(found, datetime) else str(found)

    return filled(template, value)


def check_filter(template: str, fields: Collection[str], place: str) -> None:
    """Look whether what is compared are fields.

    Raises:
        SettingsError: Naming the one that is none.
    """
    # Texts may hold anything.
    bare = PARTS.sub(lambda match: "0" if match[1] is None else match[0], template)
    for name in _COMPARED.findall(bare):
        if name not in fields:
            close = [one for one in fields if one.lower() == name.lower()]
            remedy = f"Did you mean {close[0]}?" if close else "Write the fields as Exact does"
            raise SettingsError(place, f"{name!r} is not a field of the endpoint", remedy)
