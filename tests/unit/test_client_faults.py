"""Exact or the network fails for a moment: the page is asked for again, within bounds."""

from __future__ import annotations

import socket

import pytest

from tap_exactonline.exact.attempts import CircuitBreaker
from tap_exactonline.exact.errors import BrokenAnswer, ServerFault, TemporaryError, Unreachable
from tests.support.client_pages import HTML, PAGE, SECRET_ROW, after_a_good_answer
from tests.support.scripted import (
    Reply,
    chunked_half,
    half,
    problem,
    reset,
    reset_before,
    rows,
    world,
    zipped,
)


@pytest.fixture
def w():
    with after_a_good_answer() as made:
        yield made


PASSING = {
    "408": problem(408),
    "500": problem(500, "An error occurred"),
    "502": Reply(502, HTML, {"Content-Type": "text/html"}),
    "503": Reply(503, b""),
    "504": Reply(504, HTML),
    "599": Reply(599, b""),
    "reset before the answer": reset_before(),
    "reset inside the body": Reply(body=PAGE.body, deliver=half(reset)),
    "body shorter than announced": Reply(body=PAGE.body, deliver=half()),
    "chunked body without end": Reply(
        body=PAGE.body, headers={"Transfer-Encoding": "chunked"}, deliver=chunked_half
    ),
    "no length, cut": Reply(
        body=PAGE.body, headers={"Content-Length": "", "Connection": "close"}, deliver=half()
    ),
    "truncated JSON": Reply(body=PAGE.body[:1000]),
    "truncated gzip": Reply(body=zipped(PAGE).body[:100], headers={"Content-Encoding": "gzip"}),
    "no gzip": Reply(body=PAGE.body, headers={"Content-Encoding": "gzip"}),
    "empty body": Reply(body=b""),
    "blank body": Reply(body=b" \r\n"),
    "web page with 200": Reply(body=HTML, headers={"Content-Type": "text/html"}),
    "XML with 200": Reply(body=b'<?xml version="1.0"?><feed/>'),
    "JSON without d": Reply(body=b'{"error":{"message":{"value":"x"}}}'),
    "JSON of another kind": Reply(body=b'"hello"'),
    "d without rows": Reply(body=b'{"d":null}'),
    "results null": Reply(body=b'{"d":{"results":null}}'),
    "row null": Reply(body=b'{"d":{"results":[null]}}'),
    "no UTF-8 in the JSON": Reply(body=b'{"d":{"results":[}}\xff'),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_costs_a_repetition_of_the_whole_page(w, fault):
    w.say(fault, PAGE)
    page = w.get()
    assert [row["ID"] for row in page.rows] == [str(i) for i in range(200)]
    assert w.server.paths == ["/api/v1/101/crm/Accounts?$select=ID"] * 2
    assert len(w.stop.waits) == 1
    assert 0.5 <= w.stop.waits[0] <= 1.0
    assert w.client.calls(101) == 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_lasting_fault_is_given_up_and_told_in_one_line(w, fault):
    w.server.default = fault
    with pytest.raises(TemporaryError) as caught:
        w.get(stream="crm_accounts")
    assert len(w.server.requests) == 6
    assert all(
        least <= wait <= 2 * least for wait, least in zip(w.stop.waits, (0.5, 1, 2, 4, 8), strict=True)
    )
    text = str(caught.value)
    assert text.startswith("division 101, stream crm_accounts: ")
    assert "\n" not in text
    for leak in (SECRET_ROW, "token-1", "$select", "Sign in"):
        assert leak not in text
    assert [told[0] for told in w.told] == [101] * 5
    assert w.told[0][2].endswith("try 2 of 6")


def test_the_kinds_of_temporary_errors(w):
    for fault, kind, status in (
        (problem(503), ServerFault, 503),
        (reset_before(), Unreachable, None),
        (Reply(body=b""), BrokenAnswer, 200),
        (Reply(body=PAGE.body, deliver=half()), BrokenAnswer, None),
    ):
        w.server.default = fault
        w.client = w.new_client(max_tries=2)
        with pytest.raises(kind) as caught:
            w.get()
        assert caught.value.status == status


def test_tries_are_bounded_in_time_too(w):
    w.client = w.new_client(max_retry_time=0)
    w.server.default = Reply(503)
    with pytest.raises(ServerFault):
        w.get()
    assert len(w.server.requests) == 1


def test_a_server_in_maintenance_may_ask_for_more_patience(w):
    w.say(Reply(503, b"", {"Retry-After": "40"}), rows())
    w.get()
    assert w.stop.waits == [40.0]


def test_the_next_page_begins_with_fresh_patience(w):
    for _ in range(3):
        w.say(*[Reply(503)] * 5, rows())
        w.get()
    assert len(w.server.requests) == 18


# -- outages ---------------------------------------------------------------------------------------


def test_during_an_outage_of_the_network_streams_do_not_wait_one_by_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with world() as w:
        w.client = w.new_client(api_url=f"http://127.0.0.1:{port}")
        for number in range(60):
            with pytest.raises(Unreachable, match="refused") as caught:
                w.get(f"crm/Accounts{number}", division=number % 3)
        assert len(w.stop.waits) == 25
        assert w.client.calls() == 30
        assert "not tried" in str(caught.value)
        assert str(caught.value).startswith("division 2, stream crm_accounts: ")


def test_during_a_maintenance_each_page_is_tried_once_and_a_good_answer_ends_it(w):
    w.server.default = Reply(503)
    for number in range(8):
        with pytest.raises(ServerFault):
            w.get(f"crm/Accounts{number}")
    assert len(w.server.requests) == 5 * 6 + 3
    w.say(rows(), Reply(503), rows())
    w.get("crm/A")
    w.get("crm/B")
    assert len(w.server.requests) == 36


def test_a_host_is_tried_again_after_a_while():
    now = 0.0
    outage = CircuitBreaker(lambda: now)
    for _ in range(4):
        outage.gave_up(Unreachable("down"))
    outage.check()
    outage.gave_up(Unreachable("down"))
    with pytest.raises(Unreachable, match="5 failures in a row: down"):
        outage.check()
    assert outage.tries(6) == 1
    now = 300.0
    outage.check()
    outage.answered()
    assert outage.tries(6) == 6
