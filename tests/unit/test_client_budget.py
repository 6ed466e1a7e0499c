"""The client and Exact's limits: it waits before a call that would be refused, and copes with 429."""

from __future__ import annotations

import math

import pytest

from tap_exactonline.exact.errors import DayBudgetSpent, KeyBlocked, ServerFault
from tap_exactonline.exact.rate_limits import Budget
from tests.support.scripted import START, Reply, problem, rows, world

MINUTE_END = math.ceil(START / 60) * 60
DAY_END = math.ceil(START / 86400) * 86400


def day(left: int, limit: int = 5000, resets: float = DAY_END) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(int(resets * 1000)),
    }


def minute(left: int, limit: int = 60, resets: float = MINUTE_END) -> dict[str, str]:
    return {
        "X-RateLimit-Minutely-Limit": str(limit),
        "X-RateLimit-Minutely-Remaining": str(left),
        "X-RateLimit-Minutely-Reset": str(int(resets * 1000)),
    }


def good(**headers: str) -> Reply:
    return Reply(headers=headers)


def refused(**headers: str) -> Reply:
    return Reply(429, b"", headers)


@pytest.fixture
def w():
    with world() as made:
        yield made


def arrivals(w) -> list[float]:
    return [request.time - START for request in w.server.requests]


def test_a_spent_minute_is_waited_for_before_the_call(w):
    w.say(
        good(**minute(1), **day(4000)),
        good(**minute(0), **day(3999)),
        good(**minute(59, resets=MINUTE_END + 60)),
    )
    for _ in range(4):
        w.get()
    assert arrivals(w) == [0, 0, 51, 51]  # ten seconds into the minute; one second after its end
    assert w.told == [(101, 51.0, "the 60 calls of this minute are used")]


def test_divisions_have_budgets_of_their_own(w):
    w.say(good(**minute(0)))
    w.get()
    w.get(division=202)
    w.get("current/Me", division=None)
    assert arrivals(w) == [0, 0, 0]


def test_the_budget_can_be_looked_at(w):
    assert w.client.budget(101) == Budget()
    w.say(good(**minute(41), **day(4321)))
    w.get()
    assert w.client.budget(101) == Budget(4321, 5000, DAY_END, 41, 60, MINUTE_END)


def test_a_spent_day_ends_the_division_without_a_call(w):
    w.say(good(**minute(10), **day(0)))
    w.get()
    with pytest.raises(DayBudgetSpent) as caught:
        w.get()
    assert "2024-06-11 00:00 UTC" in str(caught.value)
    assert "division 101" in str(caught.value)
    assert len(w.server.requests) == 1
    w.get(division=202)
    w.clock.advance(DAY_END - w.clock.time + 2)
    w.get()
    assert len(w.server.requests) == 3


def test_reserved_calls_are_left_to_others(w):
    w.client = w.new_client(reserve_calls=100)
    w.say(good(**day(102)), good(**day(101)), good(**day(100)))
    for _ in range(3):
        w.get()
    with pytest.raises(DayBudgetSpent, match=r"100 calls of the day are left.*reserve_calls"):
        w.get()
    assert len(w.server.requests) == 3


def test_answers_without_headers_do_not_close_anything(w):
    for _ in range(100):
        w.get()
    assert w.stop.waits == []


def test_answers_that_stop_naming_the_budget_are_counted_down(w):
    w.say(good(**minute(2)))
    for _ in range(5):
        w.get()
    assert arrivals(w) == [0, 0, 0, 51, 51]


# -- 429 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>Too many</html>", problem(429, "Too many requests").body])
@pytest.mark.parametrize(
    "headers",
    [minute(0), minute(0) | day(1234), {"X-RateLimit-Minutely-Remaining": "0"}],
    ids=["minute only", "both", "remaining only"],
)
def test_a_refused_minute_is_waited_for(w, headers, body):
    w.say(Reply(429, body, headers), rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}]
    assert arrivals(w) == [0, 51]
    assert w.client.calls(101) == 2


def test_a_refusal_without_headers_waits_for_the_next_minute(w):
    w.say(refused(), rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}]
    assert arrivals(w) == [0, 51]


@pytest.mark.parametrize(
    "headers", [day(0), day(0) | minute(30), day(0) | minute(0)], ids=["day", "both", "none"]
)
def test_a_refused_day_ends_the_division(w, headers):
    w.server.default = refused(**headers)
    for _ in range(2):
        with pytest.raises(DayBudgetSpent):
            w.get()
    assert len(w.server.requests) == 1
    assert w.stop.waits == []


def test_a_refusal_that_speaks_of_the_day(w):
    w.server.default = problem(429, "The daily limit of 5000 calls has been exceeded")
    with pytest.raises(DayBudgetSpent, match="00:00 UTC"):
        w.get()
    assert len(w.server.requests) == 1


def test_a_refusal_may_say_for_how_long(w):
    w.say(refused(**{"Retry-After": "7"}), rows())
    w.get()
    assert arrivals(w) == [0, 8]


def test_a_refusal_for_long_is_no_minute(w):
    w.say(refused(**{"Retry-After": "1800"}))
    with pytest.raises(KeyBlocked, match="30 min"):
        w.get()
    with pytest.raises(KeyBlocked):
        w.get(query="$select=Other")
    w.say(refused(**{"Retry-After": str(int(DAY_END - START))}))
    with pytest.raises(DayBudgetSpent):
        w.get("crm/Contacts")
    with pytest.raises(DayBudgetSpent):
        w.get("crm/Addresses")
    assert len(w.server.requests) == 2
    assert w.stop.waits == []


def test_refusals_that_nothing_explains_end_the_division(w):
    w.server.default = refused()
    with pytest.raises(DayBudgetSpent, match="without saying why"):
        w.get()
    assert arrivals(w) == [0, 51, 111]
    with pytest.raises(DayBudgetSpent):
        w.get("crm/Contacts")
    assert len(w.server.requests) == 3
    w.server.default = rows()
    w.get(division=202)


def test_refusals_although_calls_are_left_are_a_block(w):
    w.say(good(**minute(50), **day(4000)))
    w.get()
    w.server.rule = lambda request: refused(**minute(50), **day(4000)) if "crm" in request.path else rows()
    with pytest.raises(KeyBlocked, match="although calls are left"):
        w.get("crm/Accounts")
    assert len(w.server.requests) == 4
    w.get("hrm/Costcenters")
    with pytest.raises(KeyBlocked):
        w.get("crm/Accounts", query="$select=Name")
    with pytest.raises(KeyBlocked):
        w.get("crm/Contacts")
    assert len(w.server.requests) == 8


def test_a_second_endpoint_that_is_refused_for_no_reason_ends_the_division(w):
    w.server.default = refused(**minute(50), **day(4000))
    with pytest.raises(KeyBlocked):
        w.get("crm/Accounts")
    with pytest.raises(DayBudgetSpent, match="without saying why"):
        w.get("crm/Contacts")
    with pytest.raises(DayBudgetSpent):
        w.get("crm/Addresses")
    assert len(w.server.requests) == 6


def test_others_who_use_up_the_minutes_are_told_of_in_the_end(w):
    w.server.rule = lambda request: refused(**minute(0, resets=(request.time // 60 + 1) * 60))
    with pytest.raises(ServerFault, match="10 times"):
        w.get()
    assert len(w.server.requests) == 10
    assert arrivals(w)[:4] == [0, 51, 111, 171]


def test_refusals_are_not_counted_as_failures(w):
    w.client = w.new_client(max_tries=2)
    w.say(refused(**minute(0)), Reply(503), refused(), rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}]


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-86400 * 400, -90, -0.4, 0.4, 25, 7200])
def test_a_wrong_local_clock_is_corrected_by_the_answers(w, wrong):
    w.client = w.new_client(clock=lambda: w.clock.time + wrong)
    w.say(good(**minute(0)), good(**minute(59, resets=MINUTE_END + 60)))
    w.get()
    w.get()
    assert MINUTE_END < w.server.requests[1].time < MINUTE_END + 2.5


def test_a_wrong_local_clock_without_date_headers_waits_a_minute_at_most(w):
    for wrong in (-3600, 3600):
        w.client = w.new_client(clock=lambda wrong=wrong: w.clock.time + wrong)
        w.server.requests.clear()
        w.say(good(Date="", **minute(0)), Reply(429, b"", {"Date": ""}), good(Date=""))
        w.get()
        w.get()
        first, *_, last = [request.time for request in w.server.requests]
        assert last - first <= 2 * 61


def test_the_token_is_fetched_after_the_wait(w):
    times = []
    fetch = w.login.access_token

    def noted():
        times.append(w.clock.time)
        return fetch()

    w.login.access_token = noted
    w.say(good(**minute(0)))
    w.get()
    w.get()
    assert times == [START, START + 51]


def test_waiting_for_calls_does_not_use_up_the_time_for_retries(w):
    w.client = w.new_client(max_retry_time=100, steady=w.clock)
    began = w.clock()
    w.say(
        *[Reply(429, b"", {"X-RateLimit-Minutely-Remaining": "0"})] * 4,
        Reply(503),
        Reply(503),
        rows({"ID": "a"}),
    )
    assert w.get().rows == [{"ID": "a"}]
    assert w.clock() - began > 150
    # The minute that is waited for before the next call does not count either.
    w.say(rows(**{"X-RateLimit-Minutely-Remaining": "0"}))
    w.get("crm/Contacts")
    w.client = w.new_client(max_retry_time=30, steady=w.clock)
    w.say(rows(**{"X-RateLimit-Minutely-Remaining": "0"}), Reply(503), rows({"ID": "b"}))
    w.get("crm/Addresses")
    assert w.get("crm/Documents").rows == [{"ID": "b"}]


def test_waiting_between_retries_does(w):
    w.client = w.new_client(max_retry_time=100, steady=w.clock)
    w.server.default = Reply(503, b"", {"Retry-After": "40"})
    with pytest.raises(ServerFault):
        w.get()
    assert len(w.server.requests) == 3


def test_so_does_the_time_of_the_tries_themselves(w):
    w.client = w.new_client(max_retry_time=100, steady=w.clock, before_call=lambda: w.clock.advance(60))
    w.server.default = Reply(503)
    with pytest.raises(ServerFault):
        w.get()
    assert len(w.server.requests) == 2
