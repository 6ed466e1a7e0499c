"""Rows that come in another order than that of Timestamp: none is lost, wherever the run is cut."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import by_name
from tap_exactonline.sync import worker, writer
from tap_exactonline.sync.order import MANY_ROWS, ReadOrder, token
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.state.bookmark import Bookmark, LogPlace
from tap_exactonline.sync.state.state import State
from tests.convergence.target import Target
from tests.exact_online import Call
from tests.support.sync import HOME, SyncFixture, lab

ITEMS = "sync_logistics_items"
ACCOUNTS = "sync_crm_accounts"
LOG = "sync_deleted"
Order = Literal["timestamp", "any", "across", "key"]
Cut = Literal["kill", "term", "pipe"]
ORDERS: list[Order] = ["timestamp", "any", "across", "key"]


@pytest.fixture(autouse=True)
def a_state_behind_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside pages of three rows a STATE is large, and comes at the end only: no cut would see a bookmark on its way."""
    monkeypatch.setattr(writer, "_STATE_SHARE", 0)


def cut_everywhere(
    home: SyncFixture, streams: tuple[str, ...], how: Cut, check: Callable[[Target], None]
) -> None:
    """Cut a run at each of its messages in turn, let the next one finish, and look at the target."""
    state, table = deepcopy(home.state), deepcopy(home.target)
    # What a target that has gone leaves is much like what a kill leaves.
    for after in range(0, 1000, 5 if how == "pipe" else 1):
        home.state, home.target = deepcopy(state), deepcopy(table)
        first = home.run(*streams, after=after, cut=how)
        if first.complete:
            assert after > 2
            return
        assert home.run(*streams).complete
        check(home.target)
    raise AssertionError("the run has no end")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "page_rows"), [*((order, 3) for order in ORDERS), ("across", 1), ("key", 1)]
)
def test_no_row_is_lost_wherever_the_first_read_is_cut(tmp_path: Path, order: Order, page_rows: int) -> None:
    with lab(tmp_path, {ACCOUNTS: 7}, sync_order=order, page_rows=page_rows) as home:

        def check(_: Target) -> None:
            assert home.live(ACCOUNTS) == set(home.table(ACCOUNTS).keys())

        cut_everywhere(home, (ACCOUNTS,), "kill", check)


@pytest.mark.slow
@pytest.mark.parametrize(("order", "how"), [("across", "kill"), ("across", "pipe"), ("key", "kill")])
def test_no_tombstone_and_no_entry_of_the_log_is_lost(tmp_path: Path, order: Order, how: Cut) -> None:
    with lab(tmp_path, {ITEMS: 8}, sync_order=order, deletions="tombstones") as home:
        assert home.run(ITEMS, LOG).complete
        table = home.table(ITEMS)
        for key in table.keys()[:7]:
            table.delete(key)
        table.insert(ID=(back := home.table(LOG).rows()[4]["EntityKey"]), Description="back")

        def check(target: Target) -> None:
            assert home.live(ITEMS) == set(table.keys())
            assert target.tables[ITEMS].live()[HOME, back]["description"] == "back"
            assert home.live(LOG) == set(home.table(LOG).keys())

        cut_everywhere(home, (ITEMS, LOG), how, check)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "term"])
def test_a_row_that_was_read_before_its_older_deletion_lives_wherever_the_run_is_cut(
    tmp_path: Path, how: Cut
) -> None:
    with lab(tmp_path, {ITEMS: 5}, deletions="tombstones") as home:
        assert home.run(ITEMS).complete
        table = home.table(ITEMS)
        key, other = table.keys()[:2]
        table.delete(key)
        table.insert(ID=key, Description="again")
        table.delete(other)  # later, on the same page of the log
        home.exact.divisions[HOME].forbidden[LOG] = "scope"
        home.run(ITEMS)
        assert home.target.tables[ITEMS].live()[HOME, key]["description"] == "again"
        home.exact.divisions[HOME].forbidden.clear()

        def check(_: Target) -> None:
            assert home.live(ITEMS) == set(table.keys())

        cut_everywhere(home, (ITEMS,), how, check)


@pytest.mark.parametrize("order", ["any", "across", "key"])
def test_a_row_that_changes_while_it_is_read_is_not_declared_gone(tmp_path: Path, order: Order) -> None:
    """Its place among the pages may have been passed already; the next run brings it."""
    with lab(
        tmp_path, {ACCOUNTS: 5}, sync_order=order, page_rows=3, emit_activate_version_messages=True
    ) as home:
        home.target = Target(hard_delete=True)
        table = home.table(ACCOUNTS)
        for key in [None, *table.keys()]:
            home.state = None
            home.exact.clear_log()
            end = home.exact.on_page(partial(_change_behind_the_first_page, home, key))
            assert home.run(ACCOUNTS).complete
            end()
            assert home.live(ACCOUNTS) == set(table.keys())

        table.delete(table.keys()[0])
        home.state = None
        assert [ACCOUNTS] in [home.run(ACCOUNTS).activated() for _ in range(3)], "once a read was in order"
        assert home.live(ACCOUNTS) == set(table.keys())


def _change_behind_the_first_page(home: SyncFixture, key: Any, call: Call) -> None:
    if key and call.stream == ACCOUNTS and home.exact.calls(HOME, ACCOUNTS) == 1:
        home.table(ACCOUNTS).update(key)


@pytest.mark.parametrize("order", ORDERS)
def test_old_deletions_that_come_again_after_a_move_hide_no_row_that_came_back(
    tmp_path: Path, order: Order
) -> None:
    with lab(tmp_path, {ITEMS: 8}, sync_order=order, page_rows=1, deletions="tombstones") as home:
        table = home.table(ITEMS)
        for key in table.keys()[:6]:
            table.delete(key)
            table.insert(ID=key, Description="again")
        # The first page tells of the highest Timestamp, so no row comes twice.
        table.update(min(table.keys()), Description="last")
        # From now on the Timestamps of rows and of the log say nothing about which is older.
        home.exact.move_division(HOME, 50)
        for _ in range(4):
            assert home.run(ITEMS).complete
            assert home.live(ITEMS) == set(table.keys())


@pytest.mark.parametrize("order", ORDERS)
def test_in_any_order_all_is_in_after_one_run_and_soon_each_run_costs_one_call(
    tmp_path: Path, order: Order
) -> None:
    with lab(tmp_path, {ACCOUNTS: 20, ITEMS: 12}, sync_order=order, deletions="tombstones") as home:
        assert home.run(ACCOUNTS, ITEMS, LOG).complete
        for key in home.table(ITEMS).keys()[:9]:
            home.table(ITEMS).delete(key)
        assert home.run(ACCOUNTS, ITEMS, LOG).complete
        for stream in (ACCOUNTS, ITEMS, LOG):
            assert home.live(stream) == set(home.table(stream).keys())
        for _ in range(12):
            home.run(ACCOUNTS, ITEMS, LOG)
        home.exact.clear_log()
        assert not home.run(ACCOUNTS, ITEMS, LOG).records(ACCOUNTS)
        assert [home.exact.calls(HOME, stream) for stream in (ACCOUNTS, ITEMS, LOG)] == [1, 1, 1]


def test_a_change_behind_a_read_in_another_order_comes_with_the_next_run(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}, sync_order="key", page_rows=1) as home:
        table = home.table(ACCOUNTS)
        first, last = table.keys()[0], table.keys()[-1]

        def hook(call: Any) -> None:
            if call.stream == ACCOUNTS and call.number == 5:
                table.update(first, Name="behind")
                table.update(last, Name="ahead")

        home.exact.on_page(hook)
        assert home.run(ACCOUNTS).complete
        assert home.run(ACCOUNTS).complete
        names = {key[1]: row["name"] for key, row in home.target.tables[ACCOUNTS].live().items()}
        assert (names[first], names[last]) == ("behind", "ahead")


@pytest.mark.slow
@pytest.mark.parametrize("shared", [2, 6])
def test_rows_that_share_a_timestamp_across_a_border_survive_a_cut(tmp_path: Path, shared: int) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}) as home:
        table = home.table(ACCOUNTS)
        by_stamp = [row["ID"] for row in table.rows()]
        for key in by_stamp[3 : 2 + shared]:
            table.share_timestamp(key, by_stamp[2])

        def check(_: Target) -> None:
            assert home.live(ACCOUNTS) == set(table.keys())

        cut_everywhere(home, (ACCOUNTS,), "kill", check)


# -- what a worker sees


def test_a_bookmark_stays_as_it_is_and_can_not_be_changed() -> None:
    partition = {"context": {"division": HOME}, "replication_key_value": 5, "deletions": {"timestamp": 3}}
    state, _ = State.read({"bookmarks": {ITEMS: {"partitions": [partition]}}}, {ITEMS: by_name(ITEMS)})
    seen: Any = state.get(ITEMS, HOME)
    state.update(ITEMS, HOME, {"replication_key_value": 9, "deletions": LogPlace(timestamp=8)})
    partition["replication_key_value"] = 8
    assert (seen.replication_key_value, seen.deletions.timestamp) == (5, 3)
    for place, member in ((seen, "replication_key_value"), (seen.deletions, "timestamp")):
        with pytest.raises(AttributeError):
            setattr(place, member, 1)
    assert state.get(ITEMS, 102) == Bookmark()


def test_what_a_worker_was_given_stays_while_the_writer_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Any, str]] = []

    class Watched(Reader):
        def __init__(
            self, context: Any, read: Any, division: Any, bookmark: Any, *more: Any, **options: Any
        ) -> None:
            given.append((bookmark, repr(bookmark)))
            super().__init__(context, read, division, bookmark, *more, **options)

    monkeypatch.setattr(worker, "Reader", Watched)
    with lab(tmp_path, {ITEMS: 5, ACCOUNTS: 5}) as home:
        for _ in range(2):
            assert home.run(ITEMS, ACCOUNTS, LOG).complete
            home.table(ITEMS).insert()
    assert len(given) == 6
    for bookmark, before in given:
        assert repr(bookmark) == before


# -- the rule by itself


def test_the_link_tells_where_the_next_page_begins() -> None:
    assert token("https://x/api/v1/1/sync/A?$select=ID&$skiptoken=13419952052L") == 13419952052
    assert token("/api/v1/1/sync/A?%24skiptoken=7&x=1") == 7
    assert token("/api/v1/1/sync/A?$skiptoken=7L,guid'0'") == 7
    assert token("/api/v1/1/sync/A?$skiptoken=guid'7'") is None
    assert token("/api/v1/1/sync/A?$skip=7") is None


orders = st.permutations(range(2, 14)).flatmap(
    lambda stamps: st.integers(1, 5).map(lambda size: [stamps[i : i + size] for i in range(0, 12, size)])
)


@given(pages=orders, data=st.data())
def test_a_bookmark_never_passes_a_row_that_may_still_come(
    pages: list[list[int]], data: st.DataObject
) -> None:
    """Links that do not lie: they name the highest Timestamp of their page only if the rest lies above."""
    order = ReadOrder(1)
    delivered: set[int] = set()
    for number, page in enumerate(pages):
        rest = [stamp for later in pages[number + 1 :] for stamp in later]
        honest = bool(rest) and max(page) < min(rest)
        kind = data.draw(st.sampled_from(["highest", "last", "offset", "key"]))
        place = {"highest": max(page) if honest else 0, "last": page[-1] if page[-1] != max(page) else 0}
        link = f"/api?$skiptoken={place.get(kind, 'guid')}L" if rest else None
        moved = order.page(page, link)
        delivered |= set(page)
        if moved is not None:
            assert all(stamp in delivered for stamp in range(2, moved + 1))
    assert order.end() <= 13
    ascending = [stamp for page in pages for stamp in page] == list(range(2, 14))
    assert order.disordered is not ascending


@given(st.lists(st.integers(1, 6), min_size=2, max_size=8))
def test_in_order_the_bookmark_is_one_page_behind(sizes: list[int]) -> None:
    order, stamp = ReadOrder(100), 100
    moves: list[int | None] = []
    borders = []
    for number, size in enumerate(sizes):
        page = list(range(stamp + 1, stamp + size + 1))
        stamp += size
        borders.append(stamp)
        moves.append(order.page(page, f"/a?$skiptoken={stamp}L" if number < len(sizes) - 1 else None))
    assert moves == [None, *borders[:-1]]
    assert order.end() == stamp
    assert all(one < two for one, two in pairwise(borders))


def test_when_disorder_is_seen_the_bookmark_goes_back() -> None:
    order = ReadOrder(1)
    pages = [[2, 3], [4, 5], [8, 9], [6, 7], [10, 11]]
    links = ["/a?$skiptoken=3L", "/a?$skiptoken=5L", "/a?$skiptoken=9L", "/a?$skiptoken=7L", None]
    moves = [order.page(page, link) for page, link in zip(pages, links, strict=True)]
    assert moves == [None, 3, 5, 1, None]
    assert order.disordered
    assert order.end() == 3, "as far as the first page"


def test_links_that_go_on_from_the_highest_do_not_outweigh_rows_that_come_late() -> None:
    order = ReadOrder(1)
    for page, link in (([2, 3], 3), ([8, 9], 9), ([6, 7], 9)):
        order.page(page, f"/a?$skiptoken={link}L")
    order.page([10, 11], None)
    assert order.end() == 3, "as far as the first page"


def test_without_a_token_a_read_in_order_moves_at_its_end() -> None:
    order = ReadOrder(0)
    pages = [list(range(n, n + 10)) for n in range(1, MANY_ROWS + 1, 10)]
    assert [order.page(page, "/a?$skip=10") for page in pages] == [None] * len(pages)
    assert order.end() == MANY_ROWS
    few = ReadOrder(0)
    assert [few.page([1], "/a?$skip=1"), few.page([2], None)] == [None, None]
    assert few.end() == 1, "two rows may come in order by accident"


def test_a_stream_that_is_read_in_parts_moves_only_as_far_as_the_first_page() -> None:
    order = ReadOrder(0, in_parts=True)
    assert [order.page([1, 2], "/a?$skiptoken=2L"), order.page([3], None), order.page([2, 9], None)] == [
        None
    ] * 3
    assert not order.disordered
    assert order.end() == 2
