"""Rows out of nothing: deterministic from the seed, and chosen to hurt careless readers.

A table has a few dozen *templates*, which carry every column that need not be unique; the rows share
them and own only their key, times and codes. So a hundred thousand rows cost little time and memory.
"""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import md5
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_exactonline.endpoints import Field

MODIFIED = ("Modified", "modified", "sysmodified", "SysModified", "ModifiedDate")
CREATED = ("Created", "created", "syscreated", "SysCreated", "CreatedDate")
CODES = ("Code", "EntryNumber", "InvoiceNumber", "OrderNumber", "QuotationNumber")
NOTES = ("Notes", "Remarks", "Description", "Body", "HtmlBody")
TEMPLATES = 61
SPAN = 5 * 365 * 86400
START = datetime(2019, 1, 7, 8)  # Exact shows the administration's wall clock

POOLS: dict[str, tuple[Any, ...]] = {
    "string": (
        "Plain text", None, "", "Zoë & Łukasz — 漢字 🎈", "He said \"no\", it's 'so'", "line one\r\nline two\ttab",
        "back\\slash / slash", "  leads and trails  ", "0012", "null", "</td><b>1 < 2 && 3 > 2</b>",
        "separators\u2028and\u2029nbsp\xa0", None, None, "Keizersgracht 123-III", None,
    ),
    "notes": (None, "x" * 1500, "", "para one\n\npara two", None),
    "guid": tuple(None if n == 3 else str(n) * 8 + "-9a1b-4c2d-8e3f-" + "0123456789ab" for n in range(7)),
    "double": (
        0.0, 12.34, None, -0.01, 1234567.89, 99999999999.99, -45678.9, 0.1, 1e-07, 21.0, 123456789012345.68,
    ),
    "decimal": (0.0, 12.5, None, -0.25, 99999.75),
    "int16": (0, 1, None, -1, 32767, -32768, 60),
    "int32": (0, 1, None, -1, 2147483647, -2147483648, 42),
    "int64": (0, None, 9007199254740993, -1, 9223372036854775807, -9223372036854775808, 13419952052),
    "byte": (0, 1, None, 1, 0, 255, 1),
    "boolean": (True, False, None, True, False),
    "datetime": (
        datetime(2024, 1, 31), None, datetime(1955, 3, 12), datetime(2023, 10, 29, 2, 30), datetime(1970, 1, 1),
        datetime(2024, 2, 29, 23, 59, 59, 997000), datetime(1899, 12, 30), datetime(2999, 12, 31),
        datetime(1969, 12, 31, 23, 59, 59, 999000), datetime(2016, 7, 1), datetime(2021, 3, 28, 1, 59, 59),
    ),
    "binary": (None, "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", None),
    "complex": (None, {"Code": "A1", "Description": "Class é", "Number": 1}),
    "collection": (None,),
}  # fmt: skip


def guid(*parts: object) -> str:
    """A GUID that depends on nothing but the parts."""
    h = md5("/".join(map(str, parts)).encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-9{h[17:20]}-{h[20:]}"


def template(seed: int, table: str, fields: Sequence[Field], number: int) -> dict[str, Any]:
    """Values for every field; consecutive numbers walk through each pool, so none is left out."""
    out: dict[str, Any] = {}
    for field in fields:
        pool = POOLS["notes" if field.type == "string" and field.name in NOTES else field.type]
        value = pool[(number + crc32(f"{seed}/{table}/{field.name}".encode())) % len(pool)]
        if field.type == "string" and field.name.endswith("Code") and value is not None:
            value = f"{number % 100:>18}" if number % 2 else f"{number % 100:>4}"
        out[field.name] = value
    return out


def key_value(field: Field, seed: int, division: int, table: str, number: int) -> Any:
    """A unique value for one field of the key of row ``number`` (from 0)."""
    match field.type:
        case "guid":
            return guid(seed, division, table, number)
        case "string":
            letters, rest = "", number
            for _ in range(3):
                rest, letter = divmod(rest, 26)
                letters = chr(65 + letter) + letters
            return letters if not rest else f"{letters}{rest}"
        case "int64":
            return 9007199254740993 + number
        case _:
            return number + 1


def modified(number: int, count: int) -> datetime:
    """When row ``number`` of ``count`` was last touched: ascending, three rows sharing each moment."""
    step = max(1, SPAN // (count // 3 + 1))
    moment = START + timedelta(seconds=number // 3 * step)
    return moment.replace(microsecond=number // 3 % 1000 * 1000)


def unique_code(field: Field, number: int) -> Any:
    """An account code as Exact pads it, or a document number."""
    return f"{number + 1:>18}" if field.type == "string" else (number + 1 if field.type != "guid" else None)
