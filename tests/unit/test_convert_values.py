"""Any JSON value in a column of any type: no exception, and what is emitted fits the schema or is null and counted."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tap_exactonline.endpoints import Field, by_name
from tap_exactonline.exact.bodies import read_body
from tap_exactonline.sync.records.codec import Codec
from tap_exactonline.sync.records.page import record_lines
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.records.values import (
    Unreadable,
    all_uuids,
    earlier,
    utc_clock,
    uuid_text,
    wall_clock,
    wall_clocks,
    without_nul,
)

KINDS = (
    "string", "guid", "double", "decimal", "int16", "int32", "int64", "byte", "boolean", "datetime", "binary",
    "complex", "collection",
)  # fmt: skip
NUMBERS = {"double", "decimal", "int16", "int32", "int64", "byte", "boolean"}
TYPES: dict[str, Any] = {
    "string": str, "guid": str, "binary": str, "datetime": str, "double": float, "decimal": float, "int16": int,
    "int32": int, "int64": int, "byte": int, "boolean": bool, "complex": dict, "collection": list,
}  # fmt: skip
# What .NET's types hold, as a database column of that type does; Byte with the room of Int16.
BOUNDS = {
    kind: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for kind, bits in {"byte": 16, "int16": 16, "int32": 32, "int64": 64}.items()
}
KEY = "11111111-1111-4111-8111-111111111111"
CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@cache
def codec(kind: str, *, utc: bool = False) -> Codec:
    """Of a stream with a key and one other field; Modified, since moments are read in another way than dates."""
    base = by_name("hrm_costunits")
    name = "Modified" if kind == "datetime" else "Value"
    fields = (base.field("ID"), Field(name, "value", kind, False))  # type: ignore[arg-type]
    endpoint = replace(base, fields=fields, bookmark=None)
    audit = utc_clock(ZoneInfo("Asia/Tokyo")) if utc else wall_clock
    return Codec(endpoint, fields, Naming(hidden=True), selected={"id", "value"}, audit=audit)


def converted(kind: str, raw: str, *, lenient: bool = False, utc: bool = False) -> tuple[Any, int]:
    """What is emitted for a value given as JSON, and how often it was counted as unreadable."""
    made = codec(kind, utc=utc)
    name = made.fields[1].name
    rows = [f'{{"ID":"{KEY}","{name}":{raw}}}']
    if lenient:
        rows.append(f'{{"ID":5,"{name}":null}}')
    body = f'{{"d":{{"results":[{",".join(rows)}]}}}}'.encode("utf-8", "surrogatepass")
    page = read_body(200, body, made.decode)
    page.keep([True, False][: page.count])
    page.unreadable.pop("ID", None)
    lines = record_lines(made.records(page, 101), "s")
    assert b"\\u0000" not in lines.replace(b"\\\\", b"")
    (message,) = [json.loads(line) for line in lines.splitlines()]
    assert message["record"]["id"] == KEY
    return message["record"]["value"], page.unreadable[name]


def fits(kind: str, value: Any) -> bool:
    wanted = TYPES[kind]
    if wanted is float:
        return type(value) in (int, float) and math.isfinite(value)
    if type(value) is not wanted:
        return False
    match kind:
        case "guid":
            return CANONICAL.fullmatch(value) is not None
        case "datetime":
            return datetime.fromisoformat(value) is not None
        case "collection":
            return all(isinstance(item, dict) for item in value)
        case "int16" | "int32" | "int64" | "byte":
            lowest, highest = BOUNDS[kind]
            return lowest <= value <= highest
    return True


def says_nothing(kind: str, raw: str) -> bool:
    """Whether the value stands for none, so that null is right."""
    try:
        value = json.loads(raw)
    except ValueError:
        return False
    if value is None or (isinstance(value, dict) and "__deferred" in value):
        return True
    word = value.replace("\0", "").strip().lower() if isinstance(value, str) else "x"
    return (kind in {"guid", "datetime"} and not word) or (kind in NUMBERS and word in ("", "null"))


strange = st.sampled_from([
    "", " ", "null", "true", "False", "yes", "0", "1", "-1", "5L", "1.0", "1.5", "12e3", "1,5", "1_000", "٣", "INF", "-INF", "NaN",
    "Infinity", "1e999", "9" * 20, "9" * 5000, "0x10", "31-01-2024", "31.01.2024", "01/31/2024", "2024-01-31",
    "2024-01-31T09:00:00", "2024-01-31 09:00:00.1234567Z", "20240131", "1706691600000", "2023010112345",
    "/Date(1706691600000)/", "/Date(1706691600000+0100)/", "/Date(-62135596800000)/", "/Date(253402300799999)/",
    "/Date(253402300800000)/", "/Date()/", "/Date(1706691600000", "/Date(x)/", "/Date(" + "9" * 5000 + ")/",
    "ab\0c", "\0", "a\\u0000b", "back\\", "é\u2028\ud83d\ude00", KEY, KEY.upper(), "{" + KEY + "}", KEY.replace("-", ""),
    f" {KEY}", KEY + "x", "not-a-guid", "00000000-0000-0000-0000-000000000000",
])  # fmt: skip
tokens = st.sampled_from([
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 30, "9" * 400, "9" * 5000, "1706691600000", "-0.0",
    "1.0", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
    '"cut \\ud83d"', '"raw \x01 \x00 control"', '{"__deferred":{"uri":"x"}}', '{"results":[]}', '{"results":[{"a":1}]}',
    '{"a\\u0000b":"c\\u0000"}', '[{"When":"/Date(0)/"},{"When":"/Date(x)/"}]', '{"n":NaN,"i":1e999}', '{"results":5}',
])  # fmt: skip
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9),
    strange,
)
tree = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
raws = st.one_of(
    tokens, st.builds(lambda value, plainly: json.dumps(value, ensure_ascii=plainly), tree, st.booleans())
)


@given(kind=st.sampled_from(KINDS), raw=raws, utc=st.booleans())
def test_a_value_fits_its_schema_or_is_null_and_counted(kind: str, raw: str, utc: bool) -> None:
    value, counted = converted(kind, raw, utc=utc)
    if value is None:
        assert counted == (0 if says_nothing(kind, raw) else 1)
    else:
        assert counted == 0
        assert fits(kind, value), value


@given(kind=st.sampled_from(KINDS), raw=raws)
def test_a_value_does_not_depend_on_its_neighbours(kind: str, raw: str) -> None:
    assert converted(kind, raw) == converted(kind, raw, lenient=True)


@pytest.mark.parametrize(
    ("kind", "raw", "value", "counted"),
    [
        ("guid", '""', None, 0),
        ("guid", '"  "', None, 0),
        ("guid", '"0"', None, 1),
        ("guid", '"not-a-guid"', None, 1),
        ("guid", f'"{KEY[:-1]}x"', None, 1),
        ("guid", f'"{{{KEY}}}"', KEY, 0),
        ("guid", f'"{KEY.replace("-", "")}"', KEY, 0),
        ("guid", f'"{{{KEY}"', None, 1),
        ("guid", "5", None, 1),
        ("string", '{"a":1}', None, 1),
        ("string", "[1]", None, 1),
        ("string", '{"__deferred":{"uri":"x"}}', None, 0),
        ("double", '{"a":1}', None, 1),
        ("double", '"INF"', None, 1),
        ("double", '"NaN"', None, 1),
        ("double", "NaN", None, 1),
        ("double", "1e999", None, 1),
        ("double", "9" * 5000, None, 1),
        ("string", "NaN", None, 1),
        ("double", '"1.5"', 1.5, 0),
        ("int64", "9" * 5000, None, 1),
        ("int64", f'"{"9" * 5000}"', None, 1),
        ("int64", "9223372036854775808", None, 1),
        ("int64", '"9223372036854775808"', None, 1),
        ("int64", '"9223372036854775807"', 2**63 - 1, 0),
        ("int32", "1.5", None, 1),
        ("datetime", '"31-01-2024"', None, 1),
        ("datetime", '"01/31/2024"', None, 1),
        ("datetime", "1706691600000", None, 1),
        ("datetime", '"1706691600000"', None, 1),
        ("datetime", '"20240131000000"', None, 1),
        ("datetime", '"2023010112345"', None, 1),
        ("datetime", '"20240131"', None, 1),
        ("datetime", '"2024-W05-3"', None, 1),
        ("datetime", '"2024-01-31"', "2024-01-31T00:00:00", 0),
        ("datetime", '"2024-01-31T09:00:00Z"', "2024-01-31T09:00:00", 0),
        ("datetime", '"/Date(1706691600000)/"', "2024-01-31T09:00:00", 0),
        ("datetime", '"/Date(1706691600000"', None, 1),
        ("datetime", '"/Date(-62135596800000)/"', "0001-01-01T00:00:00", 0),
        ("string", '"a\\u0000b"', "ab", 0),
        ("string", '"a\\\\u0000b"', "a\\u0000b", 0),
        ("complex", '"text"', None, 1),
        ("complex", "[]", None, 1),
        ("complex", '{"a\\u0000":"b\\u0000","When":"/Date(0)/"}', {"a": "b", "When": "1970-01-01T00:00:00"}, 0),
        ("complex", '{"When":"/Date(x)/","n":NaN}', {"When": "/Date(x)/", "n": None}, 0),
        ("collection", '{"results":[{"__metadata":{},"a":1}]}', [{"a": 1}], 0),
        ("collection", '{"a":1}', None, 1),
        ("collection", "[1]", None, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lenient", [False, True])
def test_what_becomes_of_a_value(kind: str, raw: str, value: Any, counted: int, lenient: bool) -> None:
    assert converted(kind, raw, lenient=lenient) == (value, counted)


# -- NUL


@given(st.text(alphabet='a\\u0\0"/', max_size=12), st.integers(0, 400))
def test_only_nul_is_taken_out(text: str, backslashes: int) -> None:
    body = json.dumps({"d": ["\\" * backslashes, text]}).encode()
    cleaned, count = without_nul(body)
    assert json.loads(cleaned) == {"d": ["\\" * backslashes, text.replace("\0", "")]}
    assert count == text.count("\0")


@pytest.mark.parametrize("slashes", [0, 50, 5000])
def test_nul_is_found_however_many_backslashes_a_page_has(slashes: int) -> None:
    body = b'{"d":["' + b"\\/" * slashes + b'","a\\u0000b","\\\\u0000"]}'
    cleaned, count = without_nul(body)
    assert count == 1
    assert json.loads(cleaned)["d"][1:] == ["ab", "\\u0000"]
    assert without_nul(cleaned) == (cleaned, 0)


# -- UUIDs


@given(st.lists(st.none() | st.uuids().map(str) | st.text(alphabet="0aF-\n", max_size=40)))
@example(["1" * 35, "1" * 37])
@example([KEY[:-1], "1" + KEY])
def test_a_column_of_uuids_is_told_from_any_other(texts: list[str | None]) -> None:
    assert all_uuids(texts) == all(text is None or not text or CANONICAL.fullmatch(text) for text in texts)


@given(st.uuids(), st.booleans(), st.integers(0, 2**7 - 1), st.booleans())
def test_a_uuid_in_any_form_that_postgresql_takes(
    uuid: UUID, braces: bool, hyphens: int, upper: bool
) -> None:
    groups = re.findall("....", uuid.hex.upper() if upper else uuid.hex)
    text = groups[0] + "".join(
        ("-" if hyphens >> n & 1 else "") + group for n, group in enumerate(groups[1:])
    )
    found = uuid_text(f"{{{text}}}" if braces else text)
    assert found is not None
    assert UUID(found) == uuid
    assert CANONICAL.fullmatch(found)


# -- dates

edges = st.sampled_from(
    [datetime(1, 1, 1), datetime(1, 1, 1, 12), datetime(9999, 12, 31, 23, 59, 59), datetime(1970, 1, 1)]
)
moments = (edges | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))).map(
    lambda one: one.replace(microsecond=0)
)


def written(when: datetime) -> str:
    return f"/Date({(when - datetime(1970, 1, 1)) // (datetime(1970, 1, 2) - datetime(1970, 1, 1)) * 86_400_000})/"


@given(
    moments, st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Apia", "Europe/Amsterdam"])
)
def test_no_date_overflows_in_any_zone(when: datetime, zone: str) -> None:
    read = utc_clock(ZoneInfo(zone))
    try:
        found = read(written(when))
    except Unreadable:
        assert when.year in (1, 9999)
    else:
        assert found is not None
        assert found.utcoffset() == UTC.utcoffset(None)


@given(st.lists(st.none() | strange | moments.map(written), max_size=6))
def test_a_column_of_dates_reads_as_each_of_them(texts: list[str | None]) -> None:
    def one(text: str | None) -> Any:
        try:
            return wall_clock(text) if text is not None else None
        except Unreadable:
            return "unreadable"

    wanted = [one(text) for text in texts]
    try:
        assert wall_clocks(texts) == wanted
    except Unreadable:
        assert "unreadable" in wanted


def test_nothing_is_earlier_than_the_year_1() -> None:
    day = datetime(2, 1, 2) - datetime(2, 1, 1)
    assert earlier(datetime(1, 1, 1), day) == datetime(1, 1, 1)
    assert earlier(datetime(1, 1, 2), day) == datetime(1, 1, 1)
    assert earlier(datetime(2024, 3, 1), day) == datetime(2024, 2, 29)
