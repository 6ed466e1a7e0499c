"""Budgets against a simulated server: never a 429 with honest headers, and no time given away."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.clock import HOUR, ServerClock, clock_time, retry_after
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.error_budget import COUNTED_ERRORS, ErrorBudget
from tap_exactonline.exact.rate_limits import (
    Budget,
    DivisionLimits,
    Go,
    Spent,
    Wait,
)

START = 1_717_999_990.0


@dataclass
class Server:
    """Exact's side: fixed minutes and days, counted to the last call."""

    time: float
    minute_limit: int
    day_limit: int = 10**9
    minute_used: dict[int, int] = field(default_factory=dict)
    day_used: dict[int, int] = field(default_factory=dict)
    refused: int = 0

    def call(self) -> tuple[int, dict[str, str]]:
        minute, day = int(self.time // 60), int(self.time // 86400)
        used, today = self.minute_used.get(minute, 0), self.day_used.get(day, 0)
        status = 429 if used >= self.minute_limit or today >= self.day_limit else 200
        if status == 200:
            self.minute_used[minute], self.day_used[day] = used + 1, today + 1
        else:
            self.refused += 1
        return status, {
            "Date": formatdate(self.time, usegmt=True),
            "X-RateLimit-Minutely-Limit": str(self.minute_limit),
            "X-RateLimit-Minutely-Remaining": str(self.minute_limit - self.minute_used.get(minute, 0)),
            "X-RateLimit-Minutely-Reset": str((minute + 1) * 60_000),
            "X-RateLimit-Limit": str(self.day_limit),
            "X-RateLimit-Remaining": str(self.day_limit - self.day_used.get(day, 0)),
            "X-RateLimit-Reset": str((day + 1) * 86_400_000),
        }


@dataclass
class Caller:
    """Our side, as the client does it. ``skew``: our clock minus the server's."""

    server: Server
    skew: float = 0.0
    reserve: int = 0
    keep: frozenset[str] | None = None
    busy: float = 0.0
    waited: float = 0.0

    def __post_init__(self) -> None:
        self.clock = ServerClock(lambda: self.server.time + self.skew)
        self.limits = DivisionLimits(self.clock.now, self.reserve)

    def call(self, before: float, after: float) -> Spent | int:
        """One call: ``before`` seconds to the server, ``after`` seconds back."""
        while not isinstance(step := self.limits.next_call(), Go):
            if isinstance(step, Spent):
                return step
            assert step.seconds > 0
            self.server.time += step.seconds
            self.waited += step.seconds
        self.limits.took()
        sent = self.server.time + self.skew
        self.server.time += before
        status, headers = self.server.call()
        if self.keep is not None:
            headers = {name: value for name, value in headers.items() if name in self.keep}
        self.server.time += after
        self.busy += before + after
        self.clock.observe(headers.get("Date"), sent, self.server.time + self.skew)
        self.limits.observe(headers)
        if status == 429:
            self.limits.refused(headers, 1)
        return status


skews = st.one_of(st.just(0.0), st.floats(-0.9, 0.9), st.floats(-1e6, 1e6))
legs = st.tuples(st.floats(0.001, 0.9), st.floats(0.001, 0.9))


@given(
    phase=st.floats(0, 60),
    skew=skews,
    limit=st.one_of(st.integers(1, 5), st.integers(1, 120)),
    calls=st.lists(legs, min_size=1, max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_honest_headers_never_lead_to_a_429(phase, skew, limit, calls):
    caller = Caller(Server(START + phase, limit), skew)
    for number in range(3 * limit + 2):
        assert caller.call(*calls[number % len(calls)]) == 200
    assert caller.server.refused == 0


@pytest.mark.slow
@given(phase=st.floats(0, 60), skew=skews, limit=st.integers(20, 300), latency=st.floats(0.001, 1.5))
@settings(max_examples=150, deadline=None)
def test_at_least_95_percent_of_every_window_is_used(phase, skew, limit, latency):
    caller = Caller(Server(START + phase, limit), skew)
    first = int(caller.server.time // 60)
    while caller.server.time // 60 < first + 6:
        caller.call(latency / 2, latency / 2)
    # The first and the last minute are not whole.
    whole = [caller.server.minute_used.get(first + i, 0) for i in range(1, 5)]
    possible = min(limit, math.floor(60 / latency))
    assert sum(whole) >= 0.95 * possible * len(whole)


@given(
    phase=st.floats(0, 60),
    latency=st.floats(0.001, 0.5),
    keep=st.sets(
        st.sampled_from(
            ["Date", "X-RateLimit-Minutely-Limit", "X-RateLimit-Minutely-Reset", "X-RateLimit-Remaining"]
        )
    ),
)
@settings(max_examples=60, deadline=None)
def test_remaining_alone_is_enough(phase, latency, keep):
    caller = Caller(Server(START + phase, 60), keep=frozenset(keep | {"X-RateLimit-Minutely-Remaining"}))
    for _ in range(150):
        assert caller.call(latency / 2, latency / 2) == 200


@given(day_limit=st.integers(1, 300), reserve=st.integers(0, 50), phase=st.floats(0, 60))
@settings(max_examples=60, deadline=None)
def test_the_day_is_used_down_to_the_reserve_and_not_further(day_limit, reserve, phase):
    caller = Caller(Server(START + phase, 1000, day_limit), reserve=reserve)
    made = 0
    while not isinstance(result := caller.call(0.01, 0.01), Spent):
        assert result == 200
        made += 1
    # The first call has to be made to learn what is left.
    assert made == max(1, day_limit - reserve)
    assert result.resets == math.ceil(START / 86400) * 86400
    caller.server.time = result.resets + 2
    assert caller.call(0.01, 0.01) == 200


@pytest.mark.slow
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "X-RateLimit-Limit",
                    "X-RateLimit-Remaining",
                    "X-RateLimit-Reset",
                    "X-RateLimit-Minutely-Limit",
                    "X-RateLimit-Minutely-Remaining",
                    "X-RateLimit-Minutely-Reset",
                    "Retry-After",
                ]
            ),
            st.one_of(
                st.sampled_from(
                    ["", "0", "-1", "nan", "inf", "-inf", "1e400", "abc", "60", "1718000040000", "9" * 400]
                ),
                st.text(max_size=8),
            ),
        ),
        max_size=8,
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_no_header_whatever_stops_the_minute_for_long(answers, refused):
    now = START
    limits = DivisionLimits(lambda: now)
    for headers in answers:
        limits.took()
        limits.observe(headers)
        if refused:
            asked = retry_after(headers, now)
            if asked is None or asked < 300:
                limits.refused(headers, 1)
        step = limits.next_call()
        if isinstance(step, Wait):
            assert 0 < step.seconds <= 302
            now += step.seconds
            assert not isinstance(limits.next_call(), Wait)
        elif isinstance(step, Spent):
            assert now < step.resets <= now + 86400
            now = step.resets + 2
            assert isinstance(limits.next_call(), Go)


def test_partial_headers_update_only_what_they_say():
    limits = DivisionLimits(lambda: START)
    limits.observe({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "17"})
    limits.observe({"X-RateLimit-Minutely-Remaining": "3"})
    limits.observe({})
    day_end, minute_end = math.ceil(START / 86400) * 86400, math.ceil(START / 60) * 60
    assert limits.budget() == Budget(17, 5000, day_end, 3, None, minute_end)


def test_resets_in_seconds_are_understood_too():
    limits = DivisionLimits(lambda: START)
    limits.observe(
        {"X-RateLimit-Minutely-Remaining": "0", "X-RateLimit-Minutely-Reset": str(int(START) + 20)}
    )
    step = limits.next_call()
    assert isinstance(step, Wait)
    assert step.seconds == 21


@given(
    st.lists(st.tuples(st.floats(0, 900), st.sampled_from([200, 400, 401, 403, 404, 429, 500])), max_size=80)
)
@settings(max_examples=100, deadline=None)
def test_exact_never_sees_more_than_ten_errors_in_an_hour(steps):
    now = START
    errors = ErrorBudget(lambda: now)
    asked = RequestContext("crm/Accounts", 101)
    made: list[float] = []
    for pause, status in steps:
        now += pause
        blocked = errors.blocked_for(asked)
        if blocked is not None:
            assert 0 < blocked <= HOUR
            continue
        errors.count(Answer(status), asked)
        if status in COUNTED_ERRORS:
            made.append(now)
    for begin in made:
        assert sum(begin <= moment < begin + HOUR for moment in made) <= 4


@given(
    skew=st.floats(-1e7, 1e7),
    calls=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_the_clock_is_never_fast_by_a_second_nor_slow_by_more_than_a_call(skew, calls):
    time = START
    clock = ServerClock(lambda: time + skew)
    for pause, before, after in calls:
        time += pause
        sent = time + skew
        time += before
        date = formatdate(time, usegmt=True)
        time += after
        clock.observe(date, sent, time + skew)
        # Of this very call; a second more for the header, which is cut to seconds.
        assert -1e-6 - 1 - before - after <= clock.now() - time < 1 + before + after + 1e-6
        if abs(skew) > 10:
            assert clock.now() - time <= 1e-3


def test_dates_that_are_none_change_nothing():
    clock = ServerClock(lambda: START)
    for text in (None, "", "soon", "Mon, 99 Xyz 2024 99:99:99 GMT"):
        clock.observe(text, START, START)
    assert clock.now() == START


def test_retry_after_as_seconds_and_as_a_date():
    assert retry_after({"Retry-After": "120"}, START) == 120
    assert retry_after({"Retry-After": formatdate(START + 90, usegmt=True)}, START) == 90
    assert retry_after({"Retry-After": formatdate(START - 90, usegmt=True)}, START) == 0
    assert retry_after({"Retry-After": "soon"}, START) is None
    assert retry_after({}, START) is None


def test_instants_are_shown_in_utc():
    assert clock_time(START) == "2024-06-10 06:13 UTC"


def test_a_spent_minute_is_trusted_to_be_over_only_a_second_later():
    # Our clock may be fast by less than a second without any header betraying it.
    limits = DivisionLimits(lambda: 1_718_000_040.4)
    limits.observe({"X-RateLimit-Minutely-Remaining": "0", "X-RateLimit-Minutely-Reset": "1718000040000"})
    step = limits.next_call()
    assert isinstance(step, Wait)
    assert 0.5 < step.seconds < 0.7
