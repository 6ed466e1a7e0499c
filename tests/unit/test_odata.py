"""The wire: queries out, envelopes, dates and error texts in."""
# ruff: noqa: DTZ001 -- the wall clock of Exact has no zone

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.exact.bodies import MalformedPage, error_message, mend
from tap_exactonline.exact.errors import QueryRefused
from tap_exactonline.exact.foreign_text import shown
from tap_exactonline.exact.odata import (
    datetime_literal,
    guid_literal,
    modified_filter,
    parse_date,
    read_rows,
    select_query,
    string_literal,
    timestamp_filter,
)

names = st.text(st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=127), min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def seen_by_server(query: str) -> dict[str, str]:
    """What arrives after requests, the address line and a form decoder."""
    url = requests.Request("GET", f"https://start.exactonline.nl/api/v1/1/crm/Accounts?{query}").prepare().url
    assert url is not None
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


@given(
    select=st.lists(names, max_size=5),
    condition=st.one_of(st.none(), texts),
    expand=st.lists(names, max_size=2),
    extra=st.dictionaries(st.sampled_from(["$top", "endPoint", "modified", "$skiptoken"]), texts),
)
def test_the_server_sees_what_was_meant(select, condition, expand, extra):
    query = select_query(select, condition, expand, extra)
    expected = dict(extra)
    if select:
        expected["$select"] = ",".join(select)
    if condition and condition.strip():
        expected["$filter"] = condition
    if expand:
        expected["$expand"] = ",".join(expand)
    assert seen_by_server(query) == expected
    assert query.isascii()
    assert not set(query) & set(' "<>#\\^`{|}')


def test_a_query_stays_readable():
    assert select_query(["ID", "Name"], "Timestamp gt 12L") == "$filter=Timestamp%20gt%2012L&$select=ID,Name"
    assert (
        select_query(
            [], extra={"modified": "datetime'2024-01-31T00:00:00'", "endPoint": "'TransactionLines'"}
        )
        == "modified=datetime'2024-01-31T00:00:00'&endPoint='TransactionLines'"
    )
    assert (
        select_query(["A"], "Name eq 'R&D + 50% = #1?'")
        == "$filter=Name%20eq%20'R%26D%20%2B%2050%25%20%3D%20%231%3F'&$select=A"
    )


def test_empty_parts_are_left_out():
    # Exact refuses an empty $filter.
    assert select_query(["ID"], "", (), {}) == "$select=ID"
    assert select_query(["ID"], "  ") == "$select=ID"
    assert select_query([]) == ""


# -- literals --------------------------------------------------------------------------------------


def test_literals():
    assert datetime_literal(datetime(2024, 1, 31, 9)) == "datetime'2024-01-31T09:00:00'"
    assert datetime_literal(datetime(1, 1, 1)) == "datetime'0001-01-01T00:00:00'"
    assert datetime_literal(datetime(2024, 1, 31, 9, 0, 0, 999_999)) == "datetime'2024-01-31T09:00:00'"
    assert (
        guid_literal("00000000-0000-0000-0000-00000000ABCD") == "guid'00000000-0000-0000-0000-00000000abcd'"
    )
    assert guid_literal(UUID(int=1)) == "guid'00000000-0000-0000-0000-000000000001'"
    assert string_literal("O'Neil") == "'O''Neil'"
    assert timestamp_filter(2**62) == "Timestamp gt 4611686018427387904L"
    assert timestamp_filter(5, "ge") == "Timestamp ge 5L"
    assert modified_filter(datetime(2024, 1, 31, 9)) == "Modified ge datetime'2024-01-31T09:00:00'"


def test_a_datetime_with_a_zone_is_refused():
    with pytest.raises(ValueError, match="naive"):
        datetime_literal(datetime(2024, 1, 31, tzinfo=UTC))


def test_a_text_that_is_no_guid_is_refused():
    with pytest.raises(ValueError):
        guid_literal("x' or 1 eq 1")


# -- dates -----------------------------------------------------------------------------------------

wall_clocks = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@given(wall_clocks, st.sampled_from(["", "+0000", "+0100", "-0530"]))
def test_dates_come_back_as_the_wall_clock(moment, offset):
    milliseconds = (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    assert parse_date(f"/Date({milliseconds}{offset})/") == moment


@given(wall_clocks, st.sampled_from(["", "Z", "+01:00", "-0530"]))
def test_iso_dates_come_back_as_the_wall_clock(moment, zone):
    assert parse_date(moment.isoformat() + zone) == moment
    assert parse_date(moment.isoformat(sep=" ") + zone) == moment


def test_other_forms_of_dates():
    assert parse_date("/Date(-2208988800000)/") == datetime(1900, 1, 1)
    assert parse_date("/Date(-62135596800000)/") == datetime(1, 1, 1)
    assert parse_date("2024-01-31") == datetime(2024, 1, 31)
    assert parse_date("2024-01-31T09:00:00.1234567Z") == datetime(2024, 1, 31, 9, 0, 0, 123_456)
    assert parse_date("2024-01-31T09:00:00.5") == datetime(2024, 1, 31, 9, 0, 0, 500_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "/Date()/",
        "/Date(1.5)/",
        "/Date(1)/ ",
        "/Date(99999999999999999999)/",
        "2024-13-01",
        "-Z",
    ],
)
def test_what_is_no_date(text):
    with pytest.raises(ValueError):
        parse_date(text)


@given(st.text(max_size=30))
def test_no_text_breaks_the_date_parser(text):
    with contextlib.suppress(ValueError):
        assert parse_date(text).tzinfo is None


# -- pages -----------------------------------------------------------------------------------------

values = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=10))
rows_of = st.lists(
    st.dictionaries(names.filter(lambda name: name not in ("results", "d")), values, min_size=1, max_size=5),
    max_size=6,
)


def with_metadata(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "__metadata": {"uri": "https://x", "type": "T"},
        **row,
        "Lines": {"__deferred": {"uri": "https://x"}},
    }


@given(rows_of, st.one_of(st.none(), st.just(""), st.just("https://start.exactonline.nl/next")))
def test_rows_come_out_of_every_envelope(rows, link):
    decorated = [with_metadata(row) for row in rows]
    paged = {"d": {"results": decorated, "__count": "7"}}
    assert read_rows(json.dumps(paged).encode()).next_url is None
    paged["d"]["__next"] = link
    page = read_rows(json.dumps(paged).encode())
    assert page.rows == rows
    assert page.next_url == (link or None)
    bare = read_rows(json.dumps({"d": decorated}).encode())
    assert (bare.rows, bare.next_url) == (rows, None)
    for row, plain in zip(decorated, rows, strict=True):
        assert read_rows(json.dumps({"d": row}).encode()).rows == [plain]


def test_expanded_collections_become_lists():
    body = {
        "d": {
            "results": [
                {
                    "ID": 1,
                    "Lines": {"results": [{"__metadata": {}, "ID": 2, "Tax": {"__deferred": {}}}]},
                    "Account": {"__metadata": {}, "Name": "x"},
                    "Nothing": None,
                }
            ]
        }
    }
    assert read_rows(json.dumps(body).encode()).rows == [
        {"ID": 1, "Lines": [{"ID": 2}], "Account": {"Name": "x"}, "Nothing": None}
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"d"',
        b'{"d":null}',
        b'{"d":{}}',
        b'{"d":1}',
        b'{"d":[1]}',
        b'{"d":{"results":null}}',
        b'{"d":{"results":{}}}',
        b'{"d":{"results":[null]}}',
        b'{"d":{"results":[],"__next":7}}',
        b'{"d":{"results":[',
        b"<html>",
        b"\xff\xfe",
        b'{"error":{"message":{"value":"x"}}}',
    ],
)
def test_what_is_no_page(body):
    with pytest.raises(MalformedPage):
        read_rows(body)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body):
    with contextlib.suppress(MalformedPage):
        read_rows(body)
    assert "\n" not in error_message(body)


def test_the_last_of_two_equal_names_counts():
    assert read_rows(b'{"d":[{"ID":1,"ID":2}]}').rows == [{"ID": 2}]


# -- mending ---------------------------------------------------------------------------------------


@given(
    st.recursive(
        values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    )
)
def test_mending_changes_nothing_that_is_whole(value):
    body = json.dumps(value).encode()
    mended = mend(body)
    assert mended is not None
    assert msgspec.json.decode(mended) == msgspec.json.decode(body)


@given(st.text(st.characters(), max_size=30))
def test_mended_texts_can_be_read(text):
    broken = ('{"a":"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"}').encode(
        "utf-8", "surrogatepass"
    )
    mended = mend(broken)
    assert mended is not None
    decoded = msgspec.json.decode(mended)["a"]
    assert len(decoded) >= len(text)
    decoded.encode()


def test_what_is_cut_off_is_not_mended():
    whole = b'{"d":{"results":[{"a":"x\x01"}]}}'
    assert mend(whole) is not None
    for length in range(len(whole)):
        assert mend(whole[:length]) is None


# -- error texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"code":"","message":{"lang":"","value":"Too\\r\\n many"}}}', "Too many"),
        (b'{"error":{"message":"plain"}}', "plain"),
        (b'{"odata.error":{"message":{"value":"v3"}}}', "v3"),
        (
            b'{"error":"invalid_grant","error_description":"Old refresh token used."}',
            "Old refresh token used.",
        ),
        (b'{"error":"invalid_grant"}', "invalid_grant"),
        (b'\xef\xbb\xbf{"error":{"message":{"value":"bom"}}}', "bom"),
        (b"<error xmlns='x'><code/><message xml:lang=''>from XML</message></error>", "from XML"),
        (b"<m:error><m:message xml:lang='nl'>Verboden</m:message></m:error>", "Verboden"),
        (b"Forbidden", "Forbidden"),
        (b'"Forbidden"', "Forbidden"),
        (b"<!DOCTYPE html><HTML><message>no</message></HTML>", ""),
        (b"<html><body>Maintenance</body></html>", ""),
        (b"", ""),
        (b"null", ""),
        (b"[1]", ""),
        (b'{"error":{"message":{"value":7}}}', ""),
        (b'{"d":{"results":[{"Name":"Jansen"', ""),
    ],
)
def test_error_messages(body, text):
    assert error_message(body) == text


def test_long_error_messages_are_cut_for_the_reader_only():
    message = error_message(json.dumps({"error": {"message": {"value": "y" * 9000}}}).encode())
    assert message == "y" * 9000
    assert shown(message) == "y" * 299 + "…"
    assert shown("y" * 300) == "y" * 300


def test_a_refused_query_keeps_all_words_and_shows_some():
    error = QueryRefused("y" * 9000)
    assert error.message == "y" * 9000
    assert len(str(error)) < 500
