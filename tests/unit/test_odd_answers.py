"""Answers that nobody should send: deep JSON, dates beyond the calendar, numbers beyond counting, XML of no kind.

Whatever comes, it is one of the tap's own errors or a good answer, never a traceback.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import by_name
from tap_exactonline.exact import metadata
from tap_exactonline.exact.auth.grants import GrantOutcome, read_answer
from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.clock import ServerClock, clock_time, local_time, retry_after
from tap_exactonline.exact.divisions import current_division, list_divisions
from tap_exactonline.exact.errors import ExactError, StreamError
from tap_exactonline.exact.odata import read_rows
from tap_exactonline.exact.rate_limits import DivisionLimits
from tap_exactonline.sync.records.codec import check_owner
from tap_exactonline.sync.rights import ask_rights
from tap_exactonline.sync.start import first_timestamp
from tests.exact_online import faults
from tests.exact_online.wire import Reply as Wire
from tests.support.scripted import START, Reply, ScriptedFixture, world
from tests.support.sync import lab

DEEP = {
    "lists": b'{"d":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects": b'{"d":{"results":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}}",
    "an error": b'{"error":{"message":' + b"[" * 100_000,
    # Deep enough for one reader and not for the next: decoding, going through it, writing it again.
    **{f"{depth} levels": b'{"d":{"results":[{"Code":101,"a":' + b"[" * depth + b"]" * depth + b"}]}}" for depth in (300, 500, 900, 990)},
}  # fmt: skip
DATES = [
    "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "Mon, 01 Jan 0001 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359", "Sat, 99 Nov 2026 10:00:00 GMT", "Sat, 28 Nov 99999999999 10:00:00 GMT",
    "Sat, 28 Nov 2026 10:00:00 +99999999999", "Sat, 28 Nov 2026 99:99:99 GMT", ",", "0", "-1", "\xff",
]  # fmt: skip
NUMBERS = [
    "1e308",
    "1e999",
    "-1e308",
    "nan",
    "inf",
    "9" * 400,
    "9" * 5000,
    "0x10",
    "\uff11\uff12",
    "",
    " ",
    "-5",
    "1_000",
]
READS: dict[str, Callable[[ExactClient], Any]] = {
    "current/Me": current_division,
    "the list of administrations": lambda client: list_divisions(client, [101]),
    "$metadata": lambda client: metadata.read_metadata(client, "crm", 101),
    "UserHasRights": lambda client: ask_rights(client, by_name("crm_contacts"), 101),
    "SyncTimestamp": lambda client: first_timestamp(client, by_name("sync_crm_accounts"), 101, None),  # type: ignore[arg-type]
}


def read(w: ScriptedFixture, name: str) -> None:
    w.client = w.new_client(max_tries=2)
    with contextlib.suppress(ExactError):
        READS[name](w.client)


@pytest.fixture(autouse=True)
def _no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tap_exactonline.sync.start.datetime_literal", lambda _: "datetime'2026-01-01T00:00:00'"
    )


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_deep_json_is_an_error_of_ours(name: str, status: int) -> None:
    with world() as w:
        for body in DEEP.values():
            w.server.default = Reply(status, body)
            read(w, name)


@pytest.mark.parametrize("name", READS)
def test_headers_out_of_range_are_too(name: str) -> None:
    limits = [
        f"X-RateLimit-{kind}{what}" for kind in ("", "Minutely-") for what in ("Limit", "Remaining", "Reset")
    ]
    with world() as w:
        for status in (200, 429, 503):
            for date in DATES:
                w.server.default = Reply(status, headers={"Date": date, "Retry-After": date})
                read(w, name)
            for number in NUMBERS:
                if number.isascii():
                    w.server.default = Reply(status, headers=dict.fromkeys(("Retry-After", *limits), number))
                    read(w, name)


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
@pytest.mark.parametrize("status", [200, 400])
def test_deep_answers_of_the_token_service(body: bytes, status: int) -> None:
    assert read_answer(status, {}, body).outcome is not GrantOutcome.GRANTED


@pytest.mark.parametrize("lifetime", [1e308, 10**400, "9" * 400, "1e999", -1, [], {}, True, "\uff19"])
def test_odd_lifetimes(lifetime: Any) -> None:
    answer = read_answer(200, {}, json.dumps({"access_token": "a", "expires_in": lifetime}).encode())
    assert answer.outcome is GrantOutcome.GRANTED
    assert 0 < answer.expires_in < 1e9


def test_a_refresh_token_in_damaged_json_is_kept() -> None:
    body = b'{"access_token": "a\xed\xa0\x80\x01", "refresh_token": "next", "expires_in": NaN}'
    assert read_answer(200, {}, body).refresh_token == "next"
    assert read_answer(200, {}, b'\xef\xbb\xbf{"access_token": "a"}').access_token == "a"


@pytest.mark.parametrize("depth", [40, 60, 600, 950, 5000])
def test_a_column_that_is_nested_too_deeply(tmp_path: Path, depth: int) -> None:
    deep = '[{"Inside":' + "[" * (depth - 2) + "]" * (depth - 2) + "}]"

    def nest(reply: Wire) -> Wire:
        body = json.loads(reply.body)
        for row in body["d"]["results"]:
            row["Attachments"] = "@"
        return replace(reply, body=json.dumps(body).replace('"@"', deep).encode(), zipped=[])

    with lab(tmp_path, {"activities_tasks": 2}, hidden_fields=True) as here:
        here.exact.faults.add("activities_tasks", faults.Action("deep", after=nest), times=None)
        done = here.run("activities_tasks")
    assert "internal error" not in f"{done.error} {done.log}"
    if done.complete:
        assert len(done.records("activities_tasks")) == 2
        assert bool(done.records("activities_tasks")[0]["attachments"]) == (depth == 40)


def test_a_row_that_looks_like_a_collection_is_still_a_row() -> None:
    assert read_rows(b'{"d":[{"ID":"1","results":[]}]}').rows == [{"ID": "1", "results": []}]


@pytest.mark.parametrize("digits", [19, 400, 5000])
def test_numbers_of_administrations_beyond_counting_name_none(digits: int) -> None:
    number = "9" * digits
    check_owner([f"https://start.exactonline.nl/api/v1/{number}/crm/Accounts(1)"], [number], 101)


# -- clocks and limits -----------------------------------------------------------------------------

odd = st.one_of(st.sampled_from(DATES), st.sampled_from(NUMBERS), st.text(max_size=40))


@given(odd, odd, st.lists(odd, min_size=6, max_size=6))
def test_no_header_breaks_clock_or_limits(date: str, after: str, values: list[str]) -> None:
    clock = ServerClock(lambda: START)
    clock.observe(date, START, START + 1)
    assert abs(clock.now() - START) < 400 * 365 * 86400
    assert clock_time(clock.now())
    seconds = retry_after({"Retry-After": after}, clock.now())
    assert seconds is None or 0 <= seconds <= 7 * 86400
    limits = DivisionLimits(clock.now)
    names = [
        f"X-RateLimit-{kind}{what}" for kind in ("", "Minutely-") for what in ("Limit", "Remaining", "Reset")
    ]
    headers = dict(zip(names, values, strict=True)) | {"Retry-After": after}
    limits.observe(headers)
    limits.refused(headers, 1)
    match limits.next_call():
        case step if hasattr(step, "resets"):
            assert clock_time(step.resets)
        case step if hasattr(step, "seconds"):
            assert math.isfinite(step.seconds)


@pytest.mark.parametrize("moment", [math.inf, -math.inf, math.nan, 1e300, -1e300, 253_402_300_800.0])
def test_an_instant_beyond_the_calendar(moment: float) -> None:
    assert clock_time(moment) == local_time(moment) == "an unknown time"


# -- $metadata -------------------------------------------------------------------------------------

EDMX = '<edmx:Edmx xmlns:edmx="e"><edmx:DataServices><Schema Namespace="N">{}</Schema></edmx:DataServices></edmx:Edmx>'


@pytest.mark.parametrize(
    "encoding", ["no-such-thing", "utf-32", "idna", "undefined", "rot13", "base64", "cp037", "utf-7"]
)
def test_an_encoding_that_nobody_knows(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{EDMX.format("")}'.encode()
    with pytest.raises((MalformedPage, StreamError)):
        metadata.parse(body)


def test_names_that_are_none_are_left_out() -> None:
    inside = (
        '<EntityType Name="A\u202e"><Property Name="X" Type="Edm.String"/></EntityType>'
        '<EntityType Name="B"><Key><PropertyRef Name="ID"/></Key><Property Name="ID" Type="Edm.Guid"/>'
        '<Property Name="a b&#10;c" Type="Edm.String"/><Property Name="" Type="Edm.String"/></EntityType>'
        '<EntitySet Name="Good" EntityType="N.B"/><EntitySet Name="Bad&#133;[2J" EntityType="N.B"/>'
        '<FunctionImport Name="do it" ReturnType="N.B"><Parameter Name="id" Type="Edm.Guid"/></FunctionImport>'
    )
    service = metadata.parse(EDMX.format(inside).encode())
    assert list(service.sets) == ["Good"]
    assert service.sets["Good"].fields == {"ID": "Edm.Guid"}
    assert service.functions == {}


def test_types_that_inherit_from_each_other_and_large_documents_take_no_hours() -> None:
    circle = "".join(f'<EntityType Name="T{n}" BaseType="N.T{(n + 1) % 5000}"/>' for n in range(5000))
    wide = "".join(f'<Property Name="P{n}" Type="Edm.String"/>' for n in range(5000))
    sets = "".join(f'<EntitySet Name="S{n}" EntityType="N.{"W" if n % 2 else "T1"}"/>' for n in range(20_000))
    keys = "".join('<PropertyRef Name="ID"/>' for _ in range(50_000))
    inside = f'{circle}<EntityType Name="W"><Key>{keys}</Key>{wide}</EntityType>{sets}'
    service = metadata.parse(EDMX.format(inside).encode())
    assert len(service.sets) == 20_000
    assert len(service.sets["S1"].fields) == 5000
