"""The client, the login and the choice of administrations together: tables, limits and the list."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.divisions import choose, list_divisions
from tap_exactonline.exact.errors import DayBudgetSpent, DivisionNotInScope, KeyBlocked
from tap_exactonline.exact.odata import read_rows
from tests.support.client import ACCOUNTS, ids, serving

SWITCHES = [
    {"headers_429": "own"},
    {"headers_429": "full", "body_429": True},
    {"headers_429": "none"},
    {"headers_429": "none", "retry_after": True},
    {"envelope": "array", "next_when_done": "null", "int64_as": "number"},
]


@pytest.fixture
def lab(tmp_path, request):
    with serving(tmp_path, **getattr(request, "param", {})) as made:
        yield made


@pytest.mark.parametrize("lab", SWITCHES, indirect=True)
def test_a_table_is_read_whole_with_no_call_too_many(lab):
    lab.client.get(RequestContext("current/Me", None), decode=read_rows)
    assert [row["ID"] for row in lab.rows()] == ids(lab.exact)
    assert lab.exact.calls(101) == lab.client.calls(101) == 3
    assert lab.exact.errors_4xx == []


def test_the_minutes_are_used_up_and_never_exceeded(lab):
    lab.exact.clock.advance(60 - lab.exact.clock.now() % 60)
    begin = lab.exact.clock.now()
    for _ in range(245):
        lab.page(202)
        lab.exact.clock.advance(0.3)
    minutes = [int((call.time - begin) // 60) for call in lab.exact.log if call.division == 202]
    assert [len(list(group)) for _, group in itertools.groupby(minutes)] == [60, 60, 60, 60, 5]
    assert all(call.status == 200 for call in lab.exact.log)


@pytest.mark.parametrize("lab", SWITCHES[:4], indirect=True)
def test_a_minute_that_others_have_used_up_is_waited_for(lab):
    limits = lab.exact.limits_of(101)
    limits.minute.at(lab.exact.clock.now()).used = 60
    assert [row["ID"] for row in lab.rows()] == ids(lab.exact)
    assert limits.refused == 1
    assert len(lab.stop.waits) == 1


@pytest.mark.parametrize("lab", SWITCHES[:4], indirect=True)
def test_a_day_that_others_have_used_up_ends_that_division_only(lab):
    lab.page()
    lab.exact.spend(101, 5000)
    mute = lab.exact.switches.headers_429 == "none" and not lab.exact.switches.retry_after
    # Where Exact says nothing, one endpoint could be blocked as well; a second one settles it.
    for path in [ACCOUNTS, "sync/CRM/Contacts"] if mute else [ACCOUNTS]:
        with pytest.raises((DayBudgetSpent, KeyBlocked)):
            lab.page(path=path)
    refused = lab.exact.limits_of(101).refused
    assert refused == (6 if mute else 1)
    for path in (ACCOUNTS, "sync/CRM/Addresses"):
        with pytest.raises((DayBudgetSpent, KeyBlocked)):
            lab.page(path=path)
    assert lab.exact.limits_of(101).refused == refused
    assert len(lab.rows(202)) == 3
    lab.exact.clock.advance(86_400)
    assert lab.page().rows


def test_the_reserve_is_left_to_others(lab):
    lab.exact.limits(day=50)
    lab.client = lab.new_client(reserve_calls=20)
    for _ in range(30):
        lab.page(202)
    with pytest.raises(DayBudgetSpent, match="reserve_calls"):
        lab.page(202)
    assert lab.exact.calls(202) == 30


def test_the_calls_of_many_threads_are_serial_in_each_division(lab):
    lab.exact.switches.latency = 0.01
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: lab.page((101, 202)[number % 2]), range(24)))
    assert lab.exact.max_concurrency(101) == 1
    assert lab.exact.max_concurrency(202) == 1
    assert lab.exact.token_calls == 1


# -- administrations -------------------------------------------------------------------------------


def test_administrations_are_listed_and_chosen(lab):
    exact = lab.exact
    exact.add_division(303, status=0)
    exact.add_division(304, status=2)
    exact.add_division(305, blocking_status=2)
    exact.add_division(306, in_scope=False)
    found = list_divisions(lab.client)
    assert [one.code for one in found] == [101, 202, 303, 304, 305]
    assert [one.code for one in choose(found, None, [202]).selected] == [101]
    chosen = choose(found, [202, 303, 304, 305, 306], None)
    assert [one.code for one in chosen.selected] == [202]
    assert [type(problem).__name__ for problem in chosen.problems] == ["DivisionUnavailable"] * 3 + [
        "DivisionNotInScope"
    ]
    before = found[0].move_date
    exact.move_division(101)
    assert list_divisions(lab.client)[0].move_date != before
    exact.link_hr(202)
    assert list_divisions(lab.client)[1].hr_link_date is not None
    assert exact.errors_4xx == []


def test_many_administrations_come_in_pages(lab):
    for code in range(1000, 1065):
        lab.exact.add_division(code)
    assert len(list_divisions(lab.client)) == 67
    assert lab.exact.calls(stream="system_divisions") == 2


@pytest.mark.parametrize("lab", [{"check_divisions_division": True}], indirect=True)
def test_a_current_administration_that_is_not_granted(lab):
    lab.exact.division(101).in_scope = False
    lab.exact.current = 101
    with pytest.raises(DivisionNotInScope):
        list_divisions(lab.client)
    assert [one.code for one in list_divisions(lab.new_client(), fallback=[101, 202])] == [202]
    assert len(lab.exact.errors_4xx) == 2


def test_a_field_of_the_list_that_the_service_does_not_know(lab):
    lab.exact.refuse_field("system_divisions", "CustomerName")
    assert [one.code for one in list_divisions(lab.client)] == [101, 202]
    assert len(lab.exact.errors_4xx) == 1
