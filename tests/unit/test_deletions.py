"""Rows that are gone: tombstones from the log, and versions of tables that are read in full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tap_exactonline.commands.reset import reset
from tests.exact_online import Call, faults
from tests.support.sync import HOME, SyncFixture, lab

ITEMS = "sync_logistics_items"
ACCOUNTS = "sync_crm_accounts"
DELIVERIES = "sync_sales_order_goods_deliveries"  # EntryID is its key
LOG = "sync_deleted"
ATTACHMENTS = "bulk_documents_document_attachments"
BALANCES = "openingbalance_current_year_processed"
VERSIONS: dict[str, Any] = {"emit_activate_version_messages": True}
TOMBSTONES: dict[str, Any] = {"deletions": "tombstones"}


def delete(home: SyncFixture, stream: str, number: int = 0, division: int = HOME) -> Any:
    table = home.table(stream, division)
    key = table.keys()[number]
    table.delete(key)
    return key


def tombstones(run: Any, stream: str) -> list[dict[str, Any]]:
    return [record for record in run.records(stream) if record.get("_sdc_deleted_at")]


# -- tombstones


@pytest.mark.parametrize("stream", [ITEMS, DELIVERIES])
def test_a_deleted_row_gets_its_key_and_the_moment(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path, {stream: 5}, **TOMBSTONES) as home:
        assert home.run(stream).complete
        gone = delete(home, stream)
        log = home.table(LOG).rows()[-1]

        run = home.run(stream)

        column = "entry_id" if stream == DELIVERIES else "id"
        (tombstone,) = tombstones(run, stream)
        assert tombstone.keys() == {"division", column, "timestamp", "_sdc_deleted_at"}
        assert (tombstone["division"], tombstone[column]) == (HOME, gone)
        assert tombstone["timestamp"] == log["Timestamp"]
        assert home.live(stream) == set(home.table(stream).keys())
        assert not home.run(stream).records(stream), "told once"


def test_a_log_that_is_wanted_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        delete(home, ITEMS)
        assert home.run(ITEMS).complete
        assert home.run(ITEMS, LOG).complete
        assert home.live(LOG) == set(home.table(LOG).keys())


def test_deletions_that_follow_one_another_are_told_run_by_run(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        for number in range(3):
            delete(home, ITEMS)  # its Timestamp is the next one
            assert home.run(ITEMS).complete
            assert home.live(ITEMS) == set(home.table(ITEMS).keys()), number


@pytest.mark.parametrize("streams", [(ITEMS,), (ITEMS, LOG)])
def test_a_row_that_is_none_in_the_log_is_told(tmp_path: Path, streams: tuple[str, ...]) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(*streams).complete
        delete(home, ITEMS)
        # Without a list of rows, what stands in "d" is a single row.
        home.exact.faults.add(LOG, faults.json_body({"d": {"error": {"message": {"value": "busy"}}}}))
        run = home.run(*streams)
        assert not run.complete
        assert "1 rows without a key were left out" in str(run.error)
        assert home.run(*streams).complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


def test_one_reading_of_the_log_serves_all_streams_and_itself(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5, ACCOUNTS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS, ACCOUNTS, LOG).complete
        delete(home, ITEMS)
        delete(home, ACCOUNTS)
        for _ in range(2):
            home.exact.divisions[HOME].log_deletion(999, "5a0f3c56-0000-4000-8000-000000000000")
        home.exact.clear_log()

        run = home.run(ITEMS, ACCOUNTS, LOG)

        assert home.exact.calls(HOME, LOG) == 2, "of two pages"
        assert [len(tombstones(run, stream)) for stream in (ITEMS, ACCOUNTS)] == [1, 1]
        assert [record["stream"] for record in run.records(LOG)] == [ITEMS, ACCOUNTS, None, None]
        assert run.records(LOG)[-1]["entity_type"] == 999


@pytest.mark.parametrize("spelled", [str.upper, "{{{}}}".format])
def test_a_guid_is_the_same_however_it_is_spelled(tmp_path: Path, spelled: Callable[[str], str]) -> None:
    def spell(row: dict[str, Any]) -> None:
        row.update({name: spelled(row[name]) for name in ("ID", "EntityKey") if name in row})

    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        delete(home, ITEMS)
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        for stream in (LOG, ITEMS):
            home.exact.faults.add(stream, faults.each_row(spell, "spelling"), times=None)
        run = home.run(ITEMS)
        assert run.complete
        assert len(run.records(ITEMS)) == 2
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


def test_a_row_that_came_back_lives(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        key = delete(home, ITEMS)
        home.table(ITEMS).insert(ID=key)
        run = home.run(ITEMS)
        assert [bool(r["_sdc_deleted_at"]) for r in run.records(ITEMS) if r["id"] == key] == [True, False]
        assert key in home.live(ITEMS)


def test_a_row_that_goes_and_comes_back_between_log_and_table_lives(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        key = home.table(ITEMS).keys()[0]

        def hook(call: Call) -> None:
            if call.stream == LOG:
                end()
                home.table(ITEMS).delete(key)
                home.table(ITEMS).insert(ID=key, Description="again")

        end = home.exact.on_page(hook)
        # The log was read before it happened, the table after: the row is there, its deletion comes next time.
        assert not tombstones(home.run(ITEMS), ITEMS)
        assert len(tombstones(home.run(ITEMS), ITEMS)) == 1
        assert home.target.tables[ITEMS].live()[HOME, key]["description"] == "again"


def test_deletions_from_before_a_move_that_come_late_bury_nobody(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        key = delete(home, ITEMS)
        home.table(ITEMS).insert(ID=key, Description="again")
        # The copy numbers table after table: now the deletion bears the higher Timestamp.
        home.exact.move_division(HOME, 20_000)
        assert home.table(LOG).rows()[0]["Timestamp"] > home.table(ITEMS).get(key)["Timestamp"]
        home.exact.divisions[HOME].forbidden[LOG] = "scope"
        assert not home.run(ITEMS).complete
        home.exact.divisions[HOME].forbidden.clear()

        assert len(tombstones(home.run(ITEMS), ITEMS)) == 1

        assert home.live(ITEMS) == set(home.table(ITEMS).keys())
        home.exact.clear_log()
        home.run(ITEMS)
        assert home.filters(ITEMS) != ["Timestamp gt 1L"], "read again once"


@pytest.mark.parametrize("lost", ["by the state", "by a reset"])
def test_a_move_voids_the_place_in_the_log_of_a_stream_without_a_bookmark(tmp_path: Path, lost: str) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        home.exact.move_division(HOME, 20_000)
        assert home.run(ITEMS).complete
        delete(home, ITEMS)
        assert home.run(ITEMS).complete
        if lost == "by a reset":
            reset(home.state or {}, [ITEMS], [])
        else:
            home.state = None
        home.exact.divisions[HOME].forbidden[ITEMS] = "scope"
        home.run(ITEMS)
        assert "replication_key_value" not in home.bookmark(ITEMS), "the log was applied, and no row came"
        home.exact.divisions[HOME].forbidden.clear()

        home.exact.clock.advance(1)  # two moves within a millisecond would look like one
        home.exact.move_division(HOME, 1)
        delete(home, ITEMS)
        assert home.run(ITEMS).complete

        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


def test_a_log_that_can_not_be_read_keeps_its_place(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **TOMBSTONES) as home:
        assert home.run(ITEMS).complete
        home.exact.divisions[HOME].forbidden[LOG] = "scope"
        delete(home, ITEMS)
        home.table(ITEMS).insert()
        run = home.run(ITEMS)
        assert len(run.records(ITEMS)) == 1, "the rows come all the same"
        home.exact.divisions[HOME].forbidden.clear()
        assert len(tombstones(home.run(ITEMS), ITEMS)) == 1


# -- versions


def test_what_a_full_read_does_not_bring_is_gone(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5, BALANCES: 4}, **VERSIONS) as home:
        assert home.run(ATTACHMENTS, BALANCES).complete
        delete(home, ATTACHMENTS)
        delete(home, BALANCES)
        run = home.run(ATTACHMENTS, BALANCES)
        assert run.activated() == [ATTACHMENTS, BALANCES]
        last = {m["stream"]: n for n, m in enumerate(run.messages) if m["type"] == "RECORD"}
        first = min(n for n, m in enumerate(run.messages) if m["type"] == "ACTIVATE_VERSION")
        assert first > max(last.values()), "never before the last record"
        for stream in (ATTACHMENTS, BALANCES):
            assert home.live(stream) == set(home.table(stream).keys())


def never(home: SyncFixture, *streams: str) -> None:
    """Rows are gone at Exact, the run can't be sure of it, and nothing is declared gone."""
    held = {stream: home.live(stream) | home.live(stream, 102) for stream in streams}
    delete(home, streams[0])
    run = home.run(*streams)
    assert run.activated() == []
    for stream in streams:
        assert home.live(stream) | home.live(stream, 102) == held[stream]


def two(home: SyncFixture, *streams: str) -> None:
    home.exact.add_division(102, rows=dict.fromkeys(streams, 4))
    assert home.run(*streams).complete
    assert len(home.live(streams[0], 102)) == 4


def test_nothing_is_declared_gone_after_an_incomplete_read(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5}, **VERSIONS) as home:
        two(home, ATTACHMENTS)
        home.exact.faults.add(faults.Match(stream=ATTACHMENTS, division=102), faults.status(500), times=None)
        never(home, ATTACHMENTS)


def test_nothing_is_declared_gone_while_an_administration_is_closed(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5}, **VERSIONS) as home:
        two(home, ATTACHMENTS)
        home.exact.divisions[102].status = 2
        never(home, ATTACHMENTS)
        # Not even if nobody remembers that its rows are in the table.
        home.state = None
        never(home, ATTACHMENTS)
        # Unless the user says that it has nothing to do with these tables.
        home.state = None
        home.settings["exclude_divisions"] = [102]
        assert home.run(ATTACHMENTS).activated() == [ATTACHMENTS]


def test_nothing_is_declared_gone_by_a_run_over_some_administrations(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5, ITEMS: 5}, **VERSIONS) as home:
        two(home, ATTACHMENTS, ITEMS)
        home.settings["divisions"] = [HOME]
        never(home, ATTACHMENTS, ITEMS)


def test_rows_of_an_administration_that_was_read_without_versions_are_kept(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5}) as home:
        two(home, ATTACHMENTS)
        home.settings |= {**VERSIONS, "divisions": [HOME]}
        never(home, ATTACHMENTS)


def test_nothing_is_declared_gone_if_an_administration_moves_while_it_is_read(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 9}, **VERSIONS) as home:
        assert home.run(ITEMS).complete
        home.state = None  # so that all is read again, under a new version
        home.exact.clear_log()
        fourth = home.table(ITEMS).rows()[3]["Timestamp"]

        def hook(call: Call) -> None:
            if call.stream == ITEMS and call.number == 1:
                home.exact.move_division(HOME, fourth - 6)  # the rows that come next lie below the link

        home.exact.on_page(hook)
        run = home.run(ITEMS)
        assert len(run.records(ITEMS)) < 9, "the move hid rows"
        assert run.activated() == []
        assert run.said("moved administrations while they were read", str(HOME))
        assert len(home.live(ITEMS)) == 9
        assert home.run(ITEMS).complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


def test_an_administration_that_moved_and_then_left_the_list_is_not_declared_gone(tmp_path: Path) -> None:
    """Its read missed pages, and the list that would tell no longer names it."""
    with lab(tmp_path, {ITEMS: 9}, **VERSIONS) as home:
        two(home, ITEMS)
        home.state = None
        home.exact.clear_log()

        def hook(call: Call) -> None:
            if call.stream == ITEMS and call.number == 1 and call.division == HOME:
                home.exact.move_division(HOME, 1)

        home.exact.on_page(hook)
        assert home.run(ITEMS).activated() == []
        before = home.live(ITEMS)
        home.exact.divisions[HOME].in_scope = False
        for _ in range(2):
            assert home.run(ITEMS).activated() == []
        assert home.live(ITEMS) == before


def test_a_sync_stream_that_starts_over_everywhere_removes_what_the_log_forgot(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 5}, **VERSIONS) as home:
        two(home, ITEMS)
        gone = delete(home, ITEMS)
        home.state = None
        assert home.run(ITEMS).activated() == [ITEMS]
        assert gone not in home.live(ITEMS)
        assert home.run(ITEMS).activated() == [], "once for each version"


def test_the_log_of_deletions_is_never_declared_gone(tmp_path: Path) -> None:
    for extra in ({}, TOMBSTONES):
        with lab(tmp_path, {ITEMS: 5}, **VERSIONS, **extra) as home:
            assert home.run(ITEMS, LOG).complete
            delete(home, ITEMS)
            assert home.run(ITEMS, LOG).complete
            told = home.live(LOG)
            home.exact.clock.advance(70 * 86400)  # Exact forgets it
            home.state = None
            run = home.run(ITEMS, LOG)
            assert LOG not in run.activated()
            assert home.live(LOG) == told


def test_rows_that_came_while_versions_were_off_are_not_taken_for_gone(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 9}, **VERSIONS) as home:
        two(home, ITEMS)
        home.state = None
        home.exact.faults.add(faults.Match(stream=ITEMS, division=102), faults.status(500), times=None)
        assert not home.run(ITEMS).complete
        home.settings.pop("emit_activate_version_messages")
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        home.run(ITEMS)
        home.settings |= VERSIONS
        home.exact.faults.clear()

        assert home.run(ITEMS).complete

        for division in (HOME, 102):
            assert home.live(ITEMS, division) == set(home.table(ITEMS, division).keys())


def test_a_clock_that_was_set_back_makes_no_older_version(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5}, **VERSIONS) as home:
        assert home.run(ATTACHMENTS).complete
        delete(home, ATTACHMENTS)
        with time_machine.travel("2020-01-01T00:00:00Z"):
            # The stand-in reads the same clock: its tokens are from another time.
            assert home.run(ATTACHMENTS).complete
        assert home.live(ATTACHMENTS) == set(home.table(ATTACHMENTS).keys())


@pytest.mark.parametrize("sdk_path", [{}, {"stream_map_config": {"anything": True}}], ids=["fast", "sdk"])
def test_every_record_carries_the_version_that_is_declared(tmp_path: Path, sdk_path: dict[str, Any]) -> None:
    with lab(tmp_path, {ATTACHMENTS: 5, ITEMS: 5}, **VERSIONS, **TOMBSTONES, **sdk_path) as home:
        run = home.run(ATTACHMENTS, ITEMS)
        declared = {m["stream"]: m["version"] for m in run.messages if m["type"] == "ACTIVATE_VERSION"}
        assert declared.keys() == {ATTACHMENTS, ITEMS}
        carried = {(m["stream"], m.get("version")) for m in run.messages if m["type"] == "RECORD"}
        assert carried == set(declared.items())
        for stream in (ATTACHMENTS, ITEMS):
            assert home.live(stream) == set(home.table(stream).keys())
