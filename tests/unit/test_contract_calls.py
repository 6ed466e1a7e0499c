"""The calls of a contract: counted by all processes together, to the call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.postgres import Postgres
from tap_exactonline.exact.auth.store.base import SharedRow
from tap_exactonline.exact.contract_calls import HANDFUL, ContractCalls
from tap_exactonline.exact.errors import DayBudgetSpent
from tap_exactonline.sync.again import again
from tests.support.token_stores import opened

NOON = 1_795_867_200.0  # 2026-11-28 12:00 UTC
DAY = 86_400.0
Counter = Callable[..., ContractCalls]


@pytest.fixture
def counter(database: Postgres) -> Counter:
    def make(limit: int, now: Callable[[], float] = lambda: NOON) -> ContractCalls:
        return ContractCalls(row(database), limit, now)

    return make


def row(database: Postgres) -> SharedRow:
    found = opened(database.sqlalchemy_url).shared("calls")
    assert found is not None
    return found


def used(database: Postgres) -> int:
    found = row(database).look()
    assert found is not None
    return found[0].number


def spend(calls: ContractCalls) -> int:
    """Take calls until there are none; returns how many there were."""
    for taken in range(10_000):
        try:
            calls.take()
        except DayBudgetSpent:
            return taken
    raise AssertionError("there is no end of calls")


@pytest.mark.process
@pytest.mark.parametrize("limit", [1, HANDFUL - 1, HANDFUL, HANDFUL + 1, 150, 997])
def test_eight_at_once_make_exactly_so_many(counter: Counter, limit: int) -> None:
    # As many processes would: each with a counter of its own, and threads that share one.
    counters = [counter(limit) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, counters * 2)) == limit


@pytest.mark.process
def test_what_is_not_used_is_given_back(counter: Counter, database: Postgres) -> None:
    one, other = counter(100), counter(100)
    for _ in range(3):
        one.take()
    one.give_back()
    one.give_back()
    assert used(database) == 3
    assert spend(other) == 97


@pytest.mark.process
def test_a_holder_that_is_killed_costs_a_handful_at_most(counter: Counter) -> None:
    killed = counter(100)
    killed.take()
    assert 100 - HANDFUL <= spend(counter(100)) < 100


@pytest.mark.process
def test_a_new_day_has_new_calls_and_an_old_clock_does_not(counter: Counter, database: Postgres) -> None:
    now = NOON
    calls = counter(30, lambda: now)
    assert spend(calls) == 30
    now += DAY
    assert spend(calls) == 30
    now -= DAY
    assert spend(calls) == 0
    # What was taken yesterday is not given back today.
    calls = counter(100, lambda: now)
    now += 2 * DAY
    calls.take()
    now += DAY
    counter(100, lambda: now).take()
    before = used(database)
    calls.give_back()
    assert used(database) == before


@pytest.mark.process
def test_who_has_none_left_says_when_there_are_some_and_does_not_ask_again(
    counter: Counter, database: Postgres
) -> None:
    calls = counter(1)
    calls.take()
    for _ in range(2):
        with pytest.raises(
            DayBudgetSpent, match=r"'contract_calls' allows 1 call a day.*2026-11-29 00:00 UTC"
        ) as spent:
            calls.take()
        assert again(spent.value) == "2026-11-29T00:00:00+00:00", "an engine is told not to try before"
    assert threading.active_count() < 50
    assert used(database) == 1
