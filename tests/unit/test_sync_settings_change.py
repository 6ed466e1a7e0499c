"""Settings that decide which rows a table has, or what is in them, and that change between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.sync import HOME, SyncFixture, lab

ACCOUNTS = "sync_crm_accounts"
HOURS = "sync_project_time_cost_transactions"
INVOICES = "purchase_purchase_invoices"


def equal(home: SyncFixture, *streams: str) -> None:
    for stream in streams:
        assert home.live(stream) == set(home.table(stream).keys()), stream


# -- start_date


@pytest.mark.parametrize("earlier", ["2015-01-01", None])
@pytest.mark.parametrize("sync_timestamp", ["known", "404"])
def test_an_earlier_start_date_brings_the_older_rows(
    tmp_path: Path, earlier: str | None, sync_timestamp: str
) -> None:
    streams = (HOURS, INVOICES, ACCOUNTS)
    rows = dict.fromkeys(streams, 12)
    with lab(tmp_path, rows, start_date="2022-01-01", sync_timestamp=sync_timestamp) as home:
        assert home.run(*streams).complete
        assert len(home.live(HOURS)) < 12
        assert len(home.live(INVOICES)) < 12
        equal(home, ACCOUNTS)
        home.settings["start_date"] = earlier
        run = home.run(*streams)
        assert run.complete
        assert run.said(str(HOME), "start_date was 2022-01-01", "start over", HOURS, INVOICES)
        assert not run.records(ACCOUNTS), "it is not dated"
        equal(home, HOURS, INVOICES)
        assert not home.run(*streams).said("start over"), "once"


def test_a_first_read_that_was_cut_off_goes_back_too(tmp_path: Path) -> None:
    with lab(tmp_path, {HOURS: 30}, start_date="2019-06-01", sync_timestamp="404") as home:
        home.run(HOURS, after=14, cut="term")
        assert home.bookmark(HOURS)["start_date"]
        home.settings["start_date"] = None
        assert home.run(HOURS).said("start_date was 2019-06-01", HOURS)
        equal(home, HOURS)


def test_a_later_start_date_changes_nothing(tmp_path: Path) -> None:
    with lab(tmp_path, {HOURS: 12, INVOICES: 12}) as home:
        assert home.run(HOURS, INVOICES).complete
        for date in ("2022-01-01", "2021-01-01", None):
            home.settings["start_date"] = date
            home.table(HOURS).insert()
            run = home.run(HOURS, INVOICES)
            assert len(run.records(HOURS)) == 1
            assert not run.said("start over")


@pytest.mark.parametrize("since", [None, "2019-06-01"])
def test_what_was_delivered_is_read_again_however_late_the_start_date_is(
    tmp_path: Path, since: str | None
) -> None:
    streams = {HOURS: "notes", INVOICES: "description"}
    few = frozenset(streams.items())
    with lab(tmp_path, dict.fromkeys(streams, 12), emit_activate_version_messages=True) as home:
        home.settings["start_date"] = since
        assert home.run(*streams, without=few).complete
        before = {stream: home.live(stream) for stream in streams}
        home.settings["start_date"] = "2022-01-01"
        run = home.run(*streams)
        assert run.complete
        for stream, column in streams.items():
            assert home.live(stream) == before[stream]
            assert all(column in row for row in home.target.tables[stream].live().values())
            assert len(run.records(stream)) == len(before[stream]) > 3
        assert not home.run(*streams).records(HOURS), "once"


# -- the time zone


def test_another_time_zone_fills_the_moments_in_all_rows(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, timestamps="utc", timezone="Europe/London") as home:
        assert home.run(ACCOUNTS).complete
        before = {row["modified"] for row in home.target.tables[ACCOUNTS].live().values()}
        home.settings["timezone"] = "Europe/Amsterdam"
        run = home.run(ACCOUNTS)
        assert run.said(ACCOUNTS, "timezone", "starts over")
        assert not before & {row["modified"] for row in home.target.tables[ACCOUNTS].live().values()}
        assert not home.run(ACCOUNTS).records(ACCOUNTS), "once"


def test_another_time_zone_without_moments_of_utc_changes_nothing(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}) as home:
        assert home.run(ACCOUNTS).complete
        home.settings["timezone"] = "Europe/London"
        assert not home.run(ACCOUNTS).records(ACCOUNTS)


def test_a_state_that_does_not_tell_how_rows_were_changed_starts_nothing_over(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, timestamps="utc", stream_maps={ACCOUNTS: {}}) as home:
        assert home.run(ACCOUNTS).complete
        assert home.state is not None
        del home.state["bookmarks"][ACCOUNTS]["maps"]
        assert not home.run(ACCOUNTS).records(ACCOUNTS)
        assert home.state["bookmarks"][ACCOUNTS]["maps"], "it is noted from now on"
        home.settings["timezone"] = "Europe/London"
        assert home.run(ACCOUNTS).said("starts over")


# -- stream maps

Maps = dict[str, Any] | None


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ({ACCOUNTS: {"__filter__": "False"}}, None),
        ({ACCOUNTS: None}, None),
        ({"__else__": None, INVOICES: {}}, None),
        ({"sync_*": {"__filter__": "code == 'none'"}}, {"sync_*": {"__filter__": "True"}}),
        (None, {ACCOUNTS: {"__alias__": "relations"}}),
        (None, {"relations": {"__source__": ACCOUNTS}}),
        (None, {ACCOUNTS: {"shout": "str(code).upper()"}}),
    ],
)
def test_other_stream_maps_change_the_rows_of_before_too(tmp_path: Path, before: Maps, then: Maps) -> None:
    with lab(tmp_path, {ACCOUNTS: 4, INVOICES: 2}, deletions="tombstones") as home:
        home.settings["stream_maps"] = before or {}
        assert home.run(ACCOUNTS, INVOICES).complete
        home.settings["stream_maps"] = then or {}
        run = home.run(ACCOUNTS, INVOICES)
        assert run.complete
        assert run.said(ACCOUNTS, "changed in another way (stream_maps", "starts over")
        tables = {m["stream"] for m in run.messages if m["type"] == "RECORD"} & {ACCOUNTS, "relations"}
        assert tables
        for table in tables:
            rows = home.target.tables[table].live()
            assert {key[1] for key in rows} == set(home.table(ACCOUNTS).keys())
            if table == ACCOUNTS and "shout" in str(then):
                assert all("shout" in row for row in rows.values())
        assert not home.run(ACCOUNTS, INVOICES).records(ACCOUNTS), "once"


def test_maps_of_other_streams_and_flattening_of_nothing_start_nothing_over(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}) as home:
        assert home.run(ACCOUNTS).complete
        for more in (
            {"stream_maps": {INVOICES: {"__filter__": "False"}}},
            {"stream_map_config": {"hash_seed": "x"}},
            {"flattening_enabled": True, "flattening_max_depth": 2},
        ):
            home.settings |= more
            assert not home.run(ACCOUNTS).records(ACCOUNTS)


def test_values_for_maps_start_nothing_over_but_the_seed_of_hashes_does(tmp_path: Path) -> None:
    maps = {ACCOUNTS: {"run": "config['run']"}}
    with lab(tmp_path, {ACCOUNTS: 4}, stream_maps=maps) as home:
        home.settings["stream_map_config"] = {"run": "1", "hash_seed": "a"}
        assert home.run(ACCOUNTS).complete
        home.settings["stream_map_config"] = {"run": "2", "hash_seed": "a"}
        assert not home.run(ACCOUNTS).records(ACCOUNTS), "a run may have its number"
        home.settings["stream_map_config"] = {"run": "3", "hash_seed": "b"}
        assert home.run(ACCOUNTS).said(ACCOUNTS, "stream_maps", "starts over")


def test_flattening_of_nested_columns_starts_over(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, hidden_fields=True) as home:
        assert home.run(ACCOUNTS).complete
        home.settings |= {"flattening_enabled": True, "flattening_max_depth": 2}
        assert home.run(ACCOUNTS).said(ACCOUNTS, "flattening", "starts over")


# -- extra streams


@pytest.mark.parametrize(
    "paths", [("sync/CRM/Accounts", "crm/Accounts"), ("crm/Accounts", "sync/CRM/Accounts")]
)
def test_an_extra_stream_that_gets_another_kind_of_bookmark_starts_over(
    tmp_path: Path, paths: tuple[str, str]
) -> None:
    with lab(tmp_path, {ACCOUNTS: 5, "crm_accounts": 5}) as home:
        for path in paths:
            home.settings["extra_streams"] = [{"name": "extra", "path": path}]
            run = home.run("extra")
            assert run.complete
            assert len(run.records("extra")) == 5
        assert run.said("extra", "defined in another way", "start over")
