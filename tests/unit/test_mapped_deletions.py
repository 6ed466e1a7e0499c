"""Tombstones reach the target whatever stream maps make of the rows, and whatever columns were selected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tests.support.sync import HOME, lab

ACCOUNTS = "sync_crm_accounts"


@pytest.mark.parametrize(
    "definition",
    [
        {"__filter__": "record.get('code') is not None"},
        {"__filter__": "code is not None"},
        {"name": "md5(str(name))"},
        {"name": "name.upper()"},
        {"code": None, "name": None, "source": "'exact'"},
        {"id": "md5(id)"},
        {"__alias__": "relations"},
        {"__key_properties__": ["place", "id"], "place": "str(division) + id"},
        {"__else__": None, "division": "division", "id": "id", "_sdc_deleted_at": "_sdc_deleted_at"},
    ],
)
def test_a_deletion_goes_through_every_stream_map(tmp_path: Path, definition: dict[str, Any]) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, deletions="tombstones", stream_maps={ACCOUNTS: definition}) as home:
        table = home.table(ACCOUNTS)
        for key in list(table.keys()):
            table.update(key, Code="c", Name="n")
        assert home.run(ACCOUNTS).complete
        target = home.target.tables[definition.get("__alias__", ACCOUNTS)]
        before = set(target.live())
        assert len(before) == 4
        table.delete(table.keys()[0])
        run = home.run(ACCOUNTS)
        assert run.complete, run.error
        assert set(target.live()) < before
        assert len(target.live()) == 3


NOTHING = pytest.mark.parametrize(
    "maps",
    [{ACCOUNTS: {"__filter__": f"division != {HOME}"}}, {ACCOUNTS: None}, {"__else__": None}],
)


@NOTHING
def test_a_deletion_that_maps_kept_back_comes_when_they_go(tmp_path: Path, maps: dict[str, Any]) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, deletions="tombstones") as home:
        assert home.run(ACCOUNTS).complete
        home.settings["stream_maps"] = maps
        home.table(ACCOUNTS).delete(home.table(ACCOUNTS).keys()[0])
        assert home.run(ACCOUNTS).complete
        assert len(home.live(ACCOUNTS)) == 4
        del home.settings["stream_maps"]
        assert home.run(ACCOUNTS).complete
        assert home.live(ACCOUNTS) == set(home.table(ACCOUNTS).keys())


@NOTHING
def test_maps_that_let_no_row_through_let_no_deletion_through(tmp_path: Path, maps: dict[str, Any]) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, deletions="tombstones", stream_maps=maps) as home:
        home.table(ACCOUNTS).delete(home.table(ACCOUNTS).keys()[0])
        for run in (home.run(ACCOUNTS), home.run(ACCOUNTS)):
            assert run.complete
            assert not run.records(ACCOUNTS)


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ({"_sdc_deleted_at": None}, "takes the column _sdc_deleted_at away"),
        ({"__else__": None, "division": "division", "id": "id"}, "takes the column _sdc_deleted_at away"),
        ({"__key_properties__": ["who"], "who": "name"}, "no deletion could be told to the target"),
    ],
)
def test_maps_that_leave_no_way_to_tell_a_deletion_are_refused(
    tmp_path: Path, definition: dict[str, Any], says: str
) -> None:
    with lab(tmp_path, {ACCOUNTS: 4}, deletions="tombstones", stream_maps={ACCOUNTS: definition}) as home:
        with pytest.raises(ConfigValidationError, match=says):
            home.run(ACCOUNTS)
        assert not home.exact.calls(HOME, ACCOUNTS)
        home.settings["deletions"] = "log"
        assert home.run(ACCOUNTS).complete


@pytest.mark.parametrize("slow", [False, True])
def test_the_mark_of_deletions_is_there_whatever_was_selected(tmp_path: Path, slow: bool) -> None:
    without = frozenset({(ACCOUNTS, "_sdc_deleted_at"), (ACCOUNTS, "phone")})
    with lab(tmp_path, {ACCOUNTS: 4}, deletions="tombstones") as home:
        home.settings["stream_map_config"] = {"anything": 1} if slow else {}
        assert home.run(ACCOUNTS, without=without).complete
        home.table(ACCOUNTS).delete(home.table(ACCOUNTS).keys()[0])
        assert home.run(ACCOUNTS, without=without).complete
        assert home.live(ACCOUNTS) == set(home.table(ACCOUNTS).keys())
