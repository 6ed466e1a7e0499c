"""The client and the login together: refusals, faults and hostile answers of the stand-in."""

from __future__ import annotations

import threading

import pytest

from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import (
    BrokenAnswer,
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
from tap_exactonline.exact.odata import read_rows, select_query, timestamp_filter
from tests.exact_online import faults
from tests.support.client import ACCOUNTS, STREAM, ids, serving


@pytest.fixture
def lab(tmp_path, request):
    with serving(tmp_path, **getattr(request, "param", {})) as made:
        yield made


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
    assert len(lab.exact.errors_4xx) == 4
    # Exact itself has not blocked anything.
    assert lab.new_client().get(RequestContext(ACCOUNTS, 101), query="$select=ID", decode=read_rows).rows


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
        lab.client.follow(page.next_url, RequestContext(ACCOUNTS, 101), decode=read_rows)
    assert len(lab.exact.errors_4xx) <= 3


@pytest.mark.parametrize("age", [0, 300, 580, 5000])
def test_a_401_in_the_middle_does_not_end_a_read(lab, age):
    page = lab.page()
    lab.exact.clock.advance(age)
    lab.exact.faults.add(STREAM, faults.expired_token())
    found = list(page.rows)
    while page.next_url:
        page = lab.client.follow(page.next_url, RequestContext(ACCOUNTS, 101), decode=read_rows)
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
    lab.client.get(RequestContext("current/Me", None), decode=read_rows)
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
        lab.client.follow(page.next_url, RequestContext(ACCOUNTS, 101), decode=read_rows)
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
