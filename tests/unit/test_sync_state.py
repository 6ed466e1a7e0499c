"""States: of another version, of divisions and streams that are gone, edited by hand, too old, or for other columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_exactonline.endpoints import by_name, load
from tap_exactonline.sync.deletions import log_is_due
from tap_exactonline.sync.state.state import State, StateError
from tests.exact_online import faults
from tests.support.sync import HOME, SyncFixture, lab

ITEMS = "sync_logistics_items"
ACCOUNTS = "sync_crm_accounts"
LOG = "sync_deleted"
COSTUNITS = "hrm_costunits"
ATTACHMENTS = "bulk_documents_document_attachments"
ENDPOINTS = {endpoint.name: endpoint for endpoint in load()}


def partition(**members: Any) -> dict[str, Any]:
    return {"context": {"division": HOME}, **members}


def of(stream: str, *partitions: Any, **members: Any) -> dict[str, Any]:
    return {"bookmarks": {stream: {"partitions": list(partitions), **members}}}


NESTED: list[Any] = []
for _ in range(5_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state_version": 2}, ["newer version", "2"]),
        ({"state_version": True}, ["newer version"]),
        ({"state_version": "1"}, ["newer version"]),
        ({"bookmarks": []}, ["'bookmarks' is not an object"]),
        ({"bookmarks": {ITEMS: 5}}, [ITEMS, "not an object"]),
        ({"bookmarks": {ITEMS: {"partitions": {}}}}, [ITEMS, "'partitions' is not a list"]),
        ({"bookmarks": {ITEMS: {"replication_key_value": 7}}}, [ITEMS, "all divisions together"]),
        (of(ITEMS, {}), [ITEMS, "names no division"]),
        (of(ITEMS, {"context": {"division": "101"}}), [ITEMS, "names no division"]),
        (of(ITEMS, partition(), partition()), [ITEMS, "101", "two bookmarks"]),
        (of(ITEMS, partition(replication_key_value="2024-01-01")), [ITEMS, "101", "not a Timestamp"]),
        (of(ITEMS, partition(replication_key_value=-1)), ["not a Timestamp"]),
        (of(ITEMS, partition(replication_key_value=1.5)), ["not a Timestamp"]),
        (of(ITEMS, partition(deletions=3)), ["'deletions' is not an object"]),
        (of(ITEMS, partition(deletions={"timestamp": "x"})), ["not a Timestamp"]),
        (of(ITEMS, partition(deletions={"read_at": "yesterday"})), ["not a date"]),
        (of(ITEMS, partition(read_at=5)), ["not a date"]),
        (of(ITEMS, partition(note="half\ud800")), ["can't be written again"]),
        (of(ITEMS, partition(note=NESTED)), ["can't be written again"]),
        (of(COSTUNITS, partition(replication_key_value=17)), [COSTUNITS, "not a date"]),
        (of(COSTUNITS, partition(replication_key_value="2024-01-01T00:00:00Z")), ["time zone"]),
        (of(COSTUNITS, partition(oldest="long ago")), [COSTUNITS, "not a date"]),
    ],
)
def test_a_broken_state_is_refused_and_the_place_named(state: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(StateError) as caught:
        State.read(state, ENDPOINTS)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_good_state_passes_and_what_is_not_used_is_told() -> None:
    state = of(ITEMS, partition(replication_key_value="9007199254740993"), partition_of(102, 7))
    state["bookmarks"]["sync_crm_gone"] = {"partitions": []}
    known, remarks = State.read(state, ENDPOINTS)
    assert len(remarks) == 1
    assert "sync_crm_gone" in remarks[0]
    assert known.all_divisions() == {HOME, 102}


def partition_of(division: int, value: int) -> dict[str, Any]:
    return {"context": {"division": division}, "replication_key_value": value}


def test_the_tap_refuses_a_broken_state_before_it_asks_anything(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        home.state = of(ITEMS, partition(replication_key_value="soon"))
        with pytest.raises(ConfigValidationError, match="not a Timestamp"):
            home.run(ITEMS)
        assert home.exact.calls() == 0


def test_a_stream_and_a_division_that_are_gone_are_kept_and_told(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        gone = {"partitions": [partition_of(777, 5)]}
        home.state = {"bookmarks": {"sync_crm_gone": gone, ITEMS: {"partitions": [partition_of(777, 5)]}}}
        run = home.run(ITEMS)
        assert not run.complete
        assert "division 777: read before, and no longer" in str(run.error)
        assert len(run.records(ITEMS)) == 3, "the others are read"
        assert run.said("777", "are not read in this run")
        assert home.state is not None
        assert home.state["bookmarks"]["sync_crm_gone"] == gone
        assert home.bookmark(ITEMS, 777)["replication_key_value"] == 5


def test_bookmarks_as_text_are_numbers(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        assert home.run(ITEMS).complete
        value = home.bookmark(ITEMS)["replication_key_value"]
        home.bookmark(ITEMS)["replication_key_value"] = str(value)
        home.exact.clear_log()
        assert not home.run(ITEMS).records(ITEMS)
        assert home.filters(ITEMS) == [f"Timestamp gt {value}L"]


# -- too old: the log of deletions has a hole


def aged(home: SyncFixture, days: float) -> None:
    """The state as if its last run had been so long ago."""

    def turn(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: (datetime.fromisoformat(v) - timedelta(days=days)).isoformat()
                if k == "read_at"
                else turn(v)
                for k, v in value.items()
            }
        return [turn(v) for v in value] if isinstance(value, list) else value

    home.state = turn(json.loads(json.dumps(home.state)))


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
@pytest.mark.parametrize(("days", "starts_over"), [(54, False), (56, True)])
def test_after_55_days_the_streams_concerned_start_over(
    tmp_path: Path, deletions: str, days: int, starts_over: bool
) -> None:
    other = "sync_financial_sales_entries"  # the log does not cover it
    with lab(tmp_path, {ITEMS: 5, other: 5}, deletions=deletions) as home:
        assert home.run(ITEMS, other, LOG).complete
        aged(home, days)
        run = home.run(ITEMS, other, LOG)
        assert run.complete
        assert len(run.records(ITEMS)) == (5 if starts_over else 0)
        assert run.records(other) == []
        assert run.said(f"{days} days ago", "start over", ITEMS) is starts_over


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
@pytest.mark.parametrize(("days", "starts_over"), [(-0.5, False), (-300, True)])
def test_a_moment_that_has_yet_to_come_hides_no_gap_in_the_log(
    tmp_path: Path, deletions: str, days: float, starts_over: bool
) -> None:
    with lab(tmp_path, {ITEMS: 5}, deletions=deletions) as home:
        assert home.run(ITEMS, LOG).complete
        aged(home, days)
        run = home.run(ITEMS, LOG)
        assert run.complete
        assert run.said("by a clock that was wrong", "start over", ITEMS) is starts_over
        assert len(run.records(ITEMS)) == (5 if starts_over else 0)
        assert not home.run(ITEMS, LOG).said("start over"), "once"


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
def test_a_machine_whose_clock_is_always_wrong_starts_nothing_over(tmp_path: Path, deletions: str) -> None:
    with lab(tmp_path, {ITEMS: 5}, deletions=deletions) as home:
        home.exact.clock.advance(400 * 86_400)
        for _ in range(3):
            home.table(ITEMS).insert()
            run = home.run(ITEMS, LOG)
            assert run.complete
            assert not run.said("start over")
        home.exact.clock.advance(60 * 86_400)
        assert home.run(ITEMS, LOG).said("60 days ago", "start over", ITEMS)


def test_the_log_is_trusted_by_exacts_clock_from_the_first_row_on(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        home.exact.clock.advance(400 * 86_400)
        assert home.run(ITEMS).complete
        home.settings["deletions"] = "tombstones"
        assert not home.run(ITEMS).said("start over")
    now = datetime.now(UTC)
    assert [log_is_due((now + timedelta(days=days)).isoformat(), now) for days in (-15, -13, 0.5, 2)] == [
        True, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
def test_starting_over_that_is_interrupted_does_not_begin_again_and_again(
    tmp_path: Path, deletions: str
) -> None:
    with lab(tmp_path, {ITEMS: 12}, deletions=deletions) as home:
        assert home.run(ITEMS, LOG).complete
        aged(home, 60)
        # The log can't be read, and the day of the administration is over after three pages.
        home.exact.divisions[HOME].forbidden[LOG] = "plain"
        day = home.exact.limits_of(HOME).day
        home.exact.limits(day=day.used + (5 if deletions == "tombstones" else 4), division=HOME)
        first = home.run(ITEMS, LOG)
        assert not first.complete
        home.exact.limits(day=10**7, division=HOME)

        second = home.run(ITEMS, LOG)

        assert 0 < len(first.records(ITEMS)) < 12
        # The last page comes again: nothing had shown that the one behind it begins above it.
        assert len(second.records(ITEMS)) == 12 - len(first.records(ITEMS)) + 3


def test_a_hole_in_the_log_concerns_streams_that_are_not_selected_today(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3, ACCOUNTS: 3}) as home:
        assert home.run(ITEMS, ACCOUNTS, LOG).complete
        aged(home, 60)
        run = home.run(ITEMS, LOG)
        assert len(run.records(ITEMS)) == 3
        assert len(home.run(ACCOUNTS, LOG).records(ACCOUNTS)) == 3


def test_tombstones_that_come_too_late_for_old_deletions_start_the_stream_over(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        assert home.run(ITEMS).complete
        home.settings["deletions"] = "tombstones"
        assert not home.run(ITEMS).records(ITEMS), "the log still holds all since the first run"
        home.settings["deletions"] = "log"
        aged(home, 60)
        home.settings["deletions"] = "tombstones"
        assert len(home.run(ITEMS).records(ITEMS)) == 3


# -- other columns than before


def test_a_column_that_is_selected_later_is_filled_in_all_rows(tmp_path: Path) -> None:
    few = frozenset({(ITEMS, "description"), (COSTUNITS, "description")})
    with lab(tmp_path, {ITEMS: 5, COSTUNITS: 5}) as home:
        assert home.run(ITEMS, COSTUNITS, without=few).complete
        assert not home.run(ITEMS, COSTUNITS, without=few).records(ITEMS)

        run = home.run(ITEMS, COSTUNITS)

        for stream in (ITEMS, COSTUNITS):
            assert run.said(stream, "lack description", "starts over")
            wanted = {row["ID"]: row["Description"] for row in home.table(stream).rows()}
            found = {key[1]: row["description"] for key, row in home.target.tables[stream].live().items()}
            assert found == wanted
        assert not home.run(ITEMS, COSTUNITS).records(ITEMS), "once is enough"


def test_fewer_columns_start_nothing_over_and_coming_back_does(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}) as home:
        assert home.run(ITEMS).complete
        home.table(ITEMS).update(home.table(ITEMS).keys()[0], Description="unseen")
        run = home.run(ITEMS, without=frozenset({(ITEMS, "description")}))
        assert len(run.records(ITEMS)) == 1
        assert len(home.run(ITEMS).records(ITEMS)) == 5
        assert "unseen" in {row["description"] for row in home.target.tables[ITEMS].live().values()}


def test_another_clock_or_spelling_starts_over(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        assert home.run(ITEMS).complete
        home.settings["timestamps"] = "utc"
        run = home.run(ITEMS)
        assert len(run.records(ITEMS)) == 3
        assert all(record["modified"].endswith(("+00:00", "Z")) for record in run.records(ITEMS))
        assert not home.run(ITEMS).records(ITEMS)


# -- the list of administrations


def test_a_day_that_is_spent_at_home_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        home.exact.add_division(102, rows={ITEMS: 3})
        assert home.run(ITEMS).complete
        home.table(ITEMS, 102).insert()
        home.exact.limits(day=home.exact.limits_of(HOME).day.used, division=HOME)

        run = home.run(ITEMS)

        assert not run.complete
        assert len(run.records(ITEMS)) == 1


@pytest.mark.parametrize("kind", ["rights", "plain", "scope"])
def test_a_right_that_is_withdrawn_takes_no_rows_away(tmp_path: Path, kind: Any) -> None:
    settings: dict[str, Any] = {"emit_activate_version_messages": True}
    with lab(tmp_path, {ATTACHMENTS: 4, ITEMS: 4}, **settings) as home:
        assert home.run(ATTACHMENTS, ITEMS).complete
        forbidden = home.exact.divisions[HOME].forbidden
        forbidden[ATTACHMENTS] = forbidden[ITEMS] = kind

        run = home.run(ATTACHMENTS, ITEMS)

        assert run.activated() == []
        assert len(home.live(ATTACHMENTS)) == 4
        if kind == "rights":
            assert run.said(ATTACHMENTS, "no rights")
        forbidden.clear()
        home.table(ATTACHMENTS).delete(home.table(ATTACHMENTS).keys()[0])
        assert home.run(ATTACHMENTS, ITEMS).activated() == [ATTACHMENTS]
        assert len(home.live(ATTACHMENTS)) == 3


def test_an_empty_answer_for_a_table_that_had_rows_is_looked_into_without_versions_too(
    tmp_path: Path,
) -> None:
    with lab(tmp_path, {ATTACHMENTS: 4}) as home:
        assert home.run(ATTACHMENTS).complete
        home.exact.divisions[HOME].forbidden[ATTACHMENTS] = "rights"
        run = home.run(ATTACHMENTS)
        assert run.said(ATTACHMENTS, "no rights to see them", "withdrawn")
        assert not run.complete
        # Nobody answers whether there is a right: still no reason to believe that all is gone.
        home.exact.faults.add(faults.Match(path="UserHasRights"), faults.not_found(), times=None)
        run = home.run(ATTACHMENTS)
        assert run.said(ATTACHMENTS, "does not say whether the user has the rights")
        assert not run.complete


def test_a_table_that_was_emptied_is_empty(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"emit_activate_version_messages": True}
    with lab(tmp_path, {ATTACHMENTS: 2}, **settings) as home:
        assert home.run(ATTACHMENTS).complete
        for row in home.table(ATTACHMENTS).rows():
            home.table(ATTACHMENTS).delete(row["ID"])
        assert home.run(ATTACHMENTS).activated() == [ATTACHMENTS]
        assert home.live(ATTACHMENTS) == set()
        assert home.run(ATTACHMENTS).complete


def test_an_empty_log_is_not_trusted_for_ever(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, deletions="tombstones") as home:
        assert home.run(ITEMS).complete
        home.exact.divisions[HOME].forbidden[LOG] = "rights"
        home.exact.clear_log()
        assert not home.run(ITEMS).said("no right to read it")
        asked = [call.query["endpoint"] for call in home.exact.log if "UserHasRights" in call.path]
        assert "'sync/Deleted'" not in asked, "asked every time"
        aged(home, 20)
        before = home.bookmark(ITEMS)["deletions"]["read_at"]
        run = home.run(ITEMS)
        assert run.said("no right to read it")
        assert home.bookmark(ITEMS)["deletions"]["read_at"] == before


def test_the_endpoints_of_these_tests_are_what_they_seem() -> None:
    assert by_name("sync_financial_sales_entries").entity_type is None
    assert by_name(ITEMS).entity_type is not None
    assert by_name(ATTACHMENTS).bookmark is None
    assert by_name(COSTUNITS).bookmark == "Modified"
