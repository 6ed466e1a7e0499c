"""Bookmarks as values: what they say, how they change, and that a run of many streams and divisions looks at each once."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import Endpoint, by_name, load
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import NotLicensed
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.records.codec import Codec
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, LogPlace, after
from tap_exactonline.sync.state.cooldown import MOST, SPAN, cooldown, left, remember
from tap_exactonline.sync.state.resets import RESET, forgotten, origin, regenerated, start_over, unreachable
from tap_exactonline.sync.state.state import State, StateError
from tap_exactonline.sync.state.versions import Versions
from tap_exactonline.sync.stream_read import StreamRead

ITEMS, ACCOUNTS, COSTUNITS = "sync_logistics_items", "sync_crm_accounts", "hrm_costunits"
ENDPOINTS = {endpoint.name: endpoint for endpoint in load()}
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOGGER = logging.getLogger("test")

texts = st.none() | st.text(max_size=5)
numbers = st.none() | st.integers(0, 2**63 - 1)
moments = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())
places = st.none() | st.builds(LogPlace, timestamp=numbers, read_at=moments, behind=st.booleans())
members: dict[str, st.SearchStrategy[Any]] = {
    "replication_key": texts, "replication_key_value": numbers, "seen": numbers, "move_date": texts,
    "hr_link_date": texts, "definition": texts, "deletions": places, "read_at": moments, "rights_at": moments,
    "version": numbers, "had_rows": st.booleans(), "no_rows": st.booleans(),
    "refused": st.lists(st.text(max_size=5), max_size=3).map(tuple),
}  # fmt: skip
changes = st.fixed_dictionaries({}, optional=members)


def again(state: State) -> State:
    """The state as the next run reads it."""
    return State.read(json.loads(msgspec.json.encode(state.written())), ENDPOINTS)[0]


# -- the state


@given(st.lists(st.tuples(st.sampled_from([ITEMS, ACCOUNTS]), st.integers(1, 4), changes), max_size=12))
def test_what_is_written_is_read_again(steps: list[tuple[str, int, Changes]]) -> None:
    state = State()
    model: dict[tuple[str, int], Any] = {}
    for stream, division, change in steps:
        state.update(stream, division, change)
        model[stream, division] = {**model.get((stream, division), {}), **change}
    for one in (state, again(state)):
        assert {(name, code): mark for name in one.streams() for code, mark in one.bookmarks(name)} == {
            place: state.get(*place) for place in model
        }
        for (stream, division), expected in model.items():
            mark = one.get(stream, division)
            assert {name: getattr(mark, name) for name in expected} == expected
            assert division in one.divisions(stream)
            assert (division in one.begun(stream)) is mark.begun


def test_members_of_unknown_streams_stay_and_those_of_known_streams_go() -> None:
    gone = {"partitions": [{"context": {"division": 7}, "odd": 1}], "odd": 2}
    known = {"partitions": [{"context": {"division": 8}, "odd": 1, "seen": 5, "version": None}], "odd": 2}
    state, remarks = State.read({"bookmarks": {"gone": gone, ITEMS: known}, "beside": 3}, ENDPOINTS)
    nothing = {"had_rows": False} | dict.fromkeys(("version", "activated", "columns", "maps", "learnt"))
    assert json.loads(msgspec.json.encode(state.written())) == {
        "bookmarks": {
            "gone": gone,
            ITEMS: {**nothing, "partitions": [{"context": {"division": 8}, "seen": 5}]},
        },
        "beside": 3,
        "state_version": 1,
    }
    assert len(remarks) == 1
    assert state.all_divisions() == {7, 8}


@pytest.mark.parametrize("member", [*members, "columns", "learnt", "activated"])
def test_a_member_of_another_type_is_named(member: str) -> None:
    entry: dict[str, Any] = {"partitions": [{"context": {"division": 101}}]}
    value = 5 if member in ("learnt", "deletions") else {"x": [1.5]}
    (entry if member in ("columns", "learnt", "activated") else entry["partitions"][0])[member] = value
    with pytest.raises(StateError) as caught:
        State.read({"bookmarks": {ITEMS: entry}}, ENDPOINTS)
    said = str(caught.value)
    assert ITEMS in said
    assert "\n" not in said
    assert member in said or "bookmark {" in said


# -- transitions


def test_a_change_makes_another_value_and_a_default_takes_a_member_away() -> None:
    first = Bookmark(replication_key_value=5, had_rows=True, deletions=LogPlace(timestamp=3))
    second = after(first, {"replication_key_value": 9, "had_rows": False, "deletions": None})
    assert (first.timestamp, first.delivered, first.log.timestamp) == (5, True, 3)
    assert msgspec.to_builtins(second) == {"replication_key_value": 9}


@pytest.mark.parametrize(
    ("bookmark", "delivered"),
    [
        (Bookmark(), False),
        (Bookmark(had_rows=True), True),
        (Bookmark(replication_key_value=1), True),
        (Bookmark(replication_key_value="2024-01-01T00:00:00", no_rows=True), False),
        (after(Bookmark(replication_key_value=1), RESET), True),
    ],
)
def test_what_counts_as_delivered(bookmark: Bookmark, delivered: bool) -> None:
    assert bookmark.delivered is delivered


def test_a_moved_division_and_another_definition_end_a_bookmark() -> None:
    endpoint, here, moved = (
        by_name(ITEMS),
        Division(101, move_date=""),
        Division(101, move_date="/Date(1764324000000)/"),
    )
    mark = after(Bookmark(replication_key_value=5), origin(endpoint, here, Bookmark()))
    assert regenerated(endpoint, mark, here) is None
    assert "moved the division" in str(regenerated(endpoint, mark, moved))
    assert regenerated(endpoint, mark, Division(101)) is None, "unknown is not changed"
    assert regenerated(endpoint, after(mark, RESET), moved) is None, "there is nothing to lose"
    assert "defined in another way" in str(regenerated(endpoint, after(mark, {"definition": "x"}), here))
    place = Bookmark(deletions=LogPlace(timestamp=5), move_date="")
    assert regenerated(endpoint, place, here) is None
    assert "moved the division" in str(regenerated(endpoint, place, moved)), (
        "the place in the log is void, too"
    )
    unmarked = after(place, {"move_date": None})
    assert "did not note" in str(regenerated(endpoint, unmarked, moved))
    assert regenerated(endpoint, unmarked, here) is None, "Exact has never moved it"


def test_a_bookmark_that_nobody_wrote() -> None:
    latest = datetime(2026, 11, 29)  # noqa: DTZ001 - wall clock
    sync, modified = by_name(ITEMS), by_name(COSTUNITS)
    assert unreachable(sync, Bookmark(replication_key_value=9, seen=9), latest) is None
    assert unreachable(sync, Bookmark(replication_key_value=9), latest) is None
    assert "higher than every Timestamp" in str(
        unreachable(sync, Bookmark(replication_key_value=9, seen=8), latest)
    )
    assert unreachable(modified, Bookmark(replication_key_value="2026-11-29T00:00:00"), latest) is None
    assert "yet to come" in str(
        unreachable(modified, Bookmark(replication_key_value="2026-11-29T00:00:01"), latest)
    )


def test_a_log_that_was_not_read_for_55_days_has_a_hole() -> None:
    assert forgotten(None, NOW) is None
    assert forgotten((NOW - timedelta(days=55)).isoformat(), NOW) is None
    assert "56 days ago" in str(forgotten((NOW - timedelta(days=56)).isoformat(), NOW))


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 3)), max_size=8))
def test_an_endpoint_rests_after_so_many_refusals_within_an_hour(steps: list[tuple[int, int]]) -> None:
    mark, now, made = Bookmark(), NOW, list[datetime]()
    for minutes, times in steps:
        now += timedelta(minutes=minutes)
        recent = [moment for moment in made if now - moment < SPAN]
        assert (cooldown(mark, now) is not None) is (len(recent) >= MOST)
        assert left(mark, now) == max(0, MOST - len(recent))
        mark = after(mark, remember(mark, NotLicensed("no", "ask", status=403), now, times))
        made = [*made, *[now] * times][-MOST:]


# -- start-up


def reads_of(endpoints: list[Endpoint]) -> list[StreamRead]:
    found = []
    for endpoint in endpoints:
        fields = [endpoint.field(name) for name in (*endpoint.key, endpoint.bookmark) if name]
        codec = Codec(endpoint, fields, Naming(), selected=set())
        columns = {field.name: field.column for field in fields}
        query = AdaptiveQuery(endpoint, fields, LOGGER)
        found.append(StreamRead(endpoint, codec, query, "timestamp", columns=columns))
    return found


def calls_of_a_start(streams: int, divisions: int) -> int:
    """Python calls of what a run does with its state before the first page, and of who is ready at its end."""
    reads = reads_of([endpoint for endpoint in load() if endpoint.kind == "sync"][:streams])
    known = [Division(code, move_date="", hr_link_date="") for code in range(divisions)]
    state = State()
    for read in reads:
        state.stream(read.name).columns = tuple(read.delivered())
        for division in known:
            marks: Changes = {
                "replication_key_value": 5,
                "seen": 5,
                **origin(read.endpoint, division, Bookmark()),
            }
            state.update(read.name, division.code, marks)
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        start_over(
            reads, known, state, now=datetime.now(UTC), latest=datetime(2026, 1, 1), start_date=None,  # noqa: DTZ001
            tombstones=False, logger=LOGGER,
        )  # fmt: skip
        Versions(reads, known, state, on=True).ready()
    finally:
        sys.setprofile(before)
    return calls


def test_a_start_costs_the_more_the_more_bookmarks_there_are_and_no_more() -> None:
    one = calls_of_a_start(8, 10)
    assert calls_of_a_start(32, 10) < 5 * one, "four times the streams"
    assert calls_of_a_start(8, 40) < 5 * one, "four times the divisions"
