"""The list of administrations: one process asks, the others take it over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from scripts.postgres import Postgres
from tap_exactonline.exact.auth.store.base import Content, SharedRow
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import ServerFault, Stopped, TokenStoreError
from tap_exactonline.exact.refused_fields import RefusedFields
from tap_exactonline.exact.shared_list import FRESH, SharedList
from tests.support.token_stores import opened

pytestmark = pytest.mark.process

ROWS = [
    {
        "Code": code,
        "Description": f"Één {code}",
        "Other": "a\u0000b",
        "DivisionMoveDate": f"/Date({code})/",
        "Hid": str(code),
    }
    for code in (101, 102, 103)
]
DIVISIONS = [Division.of(row) for row in ROWS]
Make = Callable[..., SharedList]


def row(database: Postgres) -> SharedRow:
    found = opened(database.sqlalchemy_url).shared("divisions")
    assert found is not None
    return found


@pytest.fixture
def make(database: Postgres) -> Make:
    def build(stop: threading.Event | None = None) -> SharedList:
        return SharedList(row(database), stop or threading.Event(), poll=0.05)

    return build


def never() -> list[Division]:
    raise AssertionError("asked although the list is there")


def test_one_asks_and_seven_wait_for_it(make: Make) -> None:
    asked: list[int] = []

    def ask() -> list[Division]:
        asked.append(1)
        time.sleep(0.5)
        return DIVISIONS

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda shared: shared.get(ask, RefusedFields()), [make() for _ in range(8)]))
    assert len(asked) == 1
    assert all(divisions == DIVISIONS for divisions in found)


def test_what_exact_refuses_of_the_list_is_taken_over(make: Make) -> None:
    refused = RefusedFields()

    def ask() -> list[Division]:
        refused.refuse("DivisionMoveDate")
        return DIVISIONS

    make().get(ask, refused)
    other = RefusedFields()
    make().get(never, other)
    assert other.names == {"DivisionMoveDate"}
    assert not other.new, "one process tells of it as of news"


def aged(database: Postgres, seconds: int) -> None:
    row(database).change(lambda content, _: content._replace(number=content.number - seconds))


@pytest.mark.parametrize("seconds", [FRESH + 1, -FRESH])
def test_an_old_list_is_not_taken_over_nor_one_from_the_future(
    make: Make, database: Postgres, seconds: int
) -> None:
    make().get(lambda: DIVISIONS, RefusedFields())
    aged(database, FRESH // 2)
    assert make().get(never, RefusedFields()) == DIVISIONS
    aged(database, seconds)
    assert make().get(lambda: DIVISIONS[:1], RefusedFields()) == DIVISIONS[:1]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": [{}], "refused": {}}', '{"rows": 5}'])
def test_a_damaged_row_is_asked_for_anew(make: Make, database: Postgres, text: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    row(database).change(lambda *_: Content(now, "", text))
    assert make().get(lambda: DIVISIONS, RefusedFields()) == DIVISIONS


def test_a_failure_is_nobody_elses_and_frees_the_lock(make: Make) -> None:
    def fail() -> list[Division]:
        raise ServerFault("down")

    with pytest.raises(ServerFault):
        make().get(fail, RefusedFields())
    assert make().get(lambda: DIVISIONS, RefusedFields()) == DIVISIONS


def test_who_waits_hears_a_signal(make: Make) -> None:
    stop, asking = threading.Event(), threading.Event()

    def ask() -> list[Division]:
        asking.set()
        stop.wait(20)
        time.sleep(0.3)
        return DIVISIONS

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(make().get, ask, RefusedFields())
        assert asking.wait(10)
        second = pool.submit(make(stop).get, never, RefusedFields())
        time.sleep(0.2)
        stop.set()
        with pytest.raises(Stopped):
            second.result(10)
        assert first.result(10) == DIVISIONS


def test_a_database_that_is_away_is_told(make: Make) -> None:
    place = opened("postgresql://me:hunter2@127.0.0.1:1/x").shared("divisions")
    assert place is not None
    with pytest.raises(TokenStoreError, match=r"127\.0\.0\.1"):
        SharedList(place, threading.Event()).get(never, RefusedFields())
