"""The client, the login and the choice of administrations together, against the stand-in for Exact Online."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import choose, list_divisions
from tap_exactonline.exact.errors import (
    BrokenAnswer,
    DayBudgetSpent,
    DivisionNotInScope,
    DivisionUnavailable,
    EndpointMissing,
    KeyBlocked,
    LoginError,
    NotLicensed,
    QueryRefused,
    ScopeViolated,
    Unreachable,
)
from tap_exactonline.exact.oauth import Credentials
from tap_exactonline.exact.odata import read_rows, select_query, timestamp_filter
from tap_exactonline.exact.tokens import open_store
from tests.exact_online import Clock, ExactOnline, faults
from tests.unit.scripted import StopClock

ACCOUNTS = "sync/CRM/Accounts"
STREAM = "sync_crm_accounts"
SWITCHES = [
    {"headers_429": "own"},
    {"headers_429": "full", "body_429": True},
    {"headers_429": "none"},
    {"headers_429": "none", "retry_after": True},
    {"envelope": "array", "next_when_done": "null", "int64_as": "number"},
]


class SharedClock(StopClock):
    """Waiting moves the clock of the stand-in, which is ours as well."""

    def __init__(self, exact: ExactOnline) -> None:
        super().__init__(exact.clock)


class Lab:
    def __init__(self, tmp_path, **switches) -> None:
        self.exact = ExactOnline(clock=Clock.manual(), **switches)
        self.exact.add_division(101, rows={STREAM: 2500})
        self.exact.add_division(202, rows=3)
        self.stop = SharedClock(self.exact)
        self.url = self.exact.start()
        self.store = open_store(
            str(tmp_path / "tokens.json"), client_id=self.exact.client_id, api_url=self.url
        )
        self.credentials = Credentials(
            api_url=self.url,
            client_id=self.exact.client_id,
            client_secret=self.exact.client_secret,
            store=self.store,
            refresh_token=self.exact.issue_login(),
            user_agent="tap-exactonline/test",
            stop=self.stop,
            clock=self.exact.clock.now,
        )
        self.client = self.new_client()

    def new_client(self, **options) -> ExactClient:
        given = {
            "api_url": self.url,
            "credentials": self.credentials,
            "user_agent": "tap-exactonline/test",
            "stop": self.stop,
            "clock": self.exact.clock.now,
        }
        return ExactClient(**(given | options))

    def page(self, division=101, path=ACCOUNTS, query=None, **options):
        query = query or select_query(["ID", "Timestamp"], timestamp_filter(1))
        return self.client.get(
            path, division=division, query=query, decode=read_rows, stream=STREAM, **options
        )

    def rows(self, division=101, path=ACCOUNTS, query=None):
        page = self.page(division, path, query)
        found = list(page.rows)
        while page.next_url:
            page = self.client.follow(page.next_url, division=division, decode=read_rows, stream=STREAM)
            found += page.rows
        return found


@pytest.fixture
def lab(tmp_path, request):
    made = Lab(tmp_path, **getattr(request, "param", {}))
    yield made
    made.client.close()
    made.exact.stop()


def ids(exact: ExactOnline, division: int = 101) -> list[str]:
    return [row["ID"] for row in exact.expected(division, STREAM, ["ID"])]


@pytest.mark.parametrize("lab", SWITCHES, indirect=True)
def test_a_table_is_read_whole_with_no_call_too_many(lab):
    lab.client.get("current/Me", division=None, decode=read_rows)
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


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("scope", ScopeViolated),
        ("division", DivisionNotInScope),
        ("licence", DivisionUnavailable),
        ("plain", NotLicensed),
        ("not_found", EndpointMissing),
    ],
)
def test_a_refusal_costs_one_call_however_often_it_is_met(lab, kind, error):
    lab.exact.division(101).forbidden[STREAM] = kind
    for _ in range(5):
        with pytest.raises(error) as caught:
            lab.page(scope="Crm accounts")
        assert caught.value.division == 101
    assert lab.exact.calls(101) == 1
    assert len(lab.rows(202)) == 3


def test_refused_queries_never_get_the_key_blocked(lab):
    for number in range(30):
        with pytest.raises((QueryRefused, KeyBlocked)):
            lab.page(query=f"$select=Nothing{number}")
    assert len(lab.exact.errors_4xx) == 8
    # Exact itself has not blocked anything.
    assert lab.new_client().get(ACCOUNTS, division=101, query="$select=ID", decode=read_rows).rows


@pytest.mark.parametrize("lab", [{"error_block_status": 429}, {"error_block_status": 403}], indirect=True)
def test_a_key_that_somebody_else_got_blocked(lab):
    lab.exact.faults.add(STREAM, faults.error_block(), times=None)
    for _ in range(3):
        with pytest.raises(KeyBlocked):
            lab.page()
    assert lab.exact.calls(101) == 1
    assert lab.stop.waits == []
    assert lab.page(path="sync/CRM/Contacts").rows == []


def test_a_login_that_is_withdrawn_while_reading(lab):
    page = lab.page()
    lab.exact.issue_login()  # a second login of the same app and user kills the first
    with pytest.raises(LoginError):
        lab.client.follow(page.next_url, division=101, decode=read_rows)
    assert len(lab.exact.errors_4xx) <= 3


@pytest.mark.parametrize("age", [0, 300, 580, 5000])
def test_a_401_in_the_middle_does_not_end_a_read(lab, age):
    page = lab.page()
    lab.exact.clock.advance(age)
    lab.exact.faults.add(STREAM, faults.expired_token())
    found = list(page.rows)
    while page.next_url:
        page = lab.client.follow(page.next_url, division=101, decode=read_rows)
        found += page.rows
    assert [row["ID"] for row in found] == ids(lab.exact)
    assert [call.status for call in lab.exact.log if call.division == 101].count(401) == 1


# -- faults ----------------------------------------------------------------------------------------

PASSING = {
    "408": faults.status(408),
    "500": faults.status(500),
    "502 page": faults.status(502, faults.HTML),
    "503": faults.status(503),
    "504": faults.status(504),
    "reset": faults.reset(),
    "reset after": faults.reset(after=True),
    "reset midway": faults.reset_midway(),
    "truncated": faults.truncated(),
    "html": faults.html(),
    "empty": faults.empty(),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_no_row_is_lost_or_doubled_by_a_fault_of_each_page(lab, fault):
    lab.client.get("current/Me", division=None, decode=read_rows)
    lab.exact.faults.add(STREAM, fault, times=3, when=lambda call: call.number in (1, 3, 5))
    assert [row["ID"] for row in lab.rows()] == ids(lab.exact)
    assert lab.exact.calls(101) == 6


def test_an_answer_that_hangs_is_given_up(lab):
    lab.client = lab.new_client(read_timeout=0.2, max_tries=1)
    lab.exact.faults.add(STREAM, faults.hang(2))
    with pytest.raises(Unreachable):
        lab.page()


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/api/v1/101/x",
        "https://127.0.0.1/api/v1/101/x",
        "/docs/101",
        "http://127.0.0.1:1/api/v1/101/x",
    ],
)
def test_a_link_to_elsewhere_is_refused(lab, link):
    lab.exact.faults.add(STREAM, faults.next_to(link))
    page = lab.page()
    calls = len(lab.exact.log)
    with pytest.raises(BrokenAnswer):
        lab.client.follow(page.next_url, division=101, decode=read_rows)
    assert len(lab.exact.log) == calls


def test_no_message_holds_a_token_a_secret_or_a_row(lab):
    seen: list[str] = []
    lab.client = lab.new_client(on_wait=lambda *told: seen.append(str(told)), max_tries=2)
    name = lab.exact.expected(101, STREAM, ["Name"])[0]["Name"]
    for action in (*PASSING.values(), faults.forbidden("scope"), faults.not_found(), faults.too_many()):
        lab.exact.faults.add(STREAM, action, times=2)
        try:
            lab.page(query=select_query(["ID", "Name"], timestamp_filter(len(seen))))
        except Exception as exc:  # noqa: BLE001
            seen.append(f"{exc} {exc!r} {exc.__dict__}")
        lab.exact.faults.clear()
    text = "\n".join(seen)
    assert len(seen) > 12
    for secret in (*lab.exact.issued_tokens, lab.exact.client_secret, lab.exact.client_id, "$select"):
        assert secret not in text
    assert not name or name not in text


def test_one_client_survives_threads_that_come_and_go(lab):
    for _ in range(5):
        thread = threading.Thread(target=lab.page)
        thread.start()
        thread.join()
    assert lab.client.calls(101) == 5
