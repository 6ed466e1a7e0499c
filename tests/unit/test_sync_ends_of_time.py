"""The first and the last moment that .NET knows, and moments of deletions, in every zone: they cost a value and no row."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.exact_online import faults
from tests.support.sync import ITEMS, lab

COSTUNITS = "hrm_costunits"
MIN_VALUE, MAX_VALUE = "/Date(-62135596800000)/", "/Date(253402300799000)/"
ZONES = ["Europe/Amsterdam", "America/New_York", "Asia/Tokyo", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("timestamps", ["local", "utc"])
@pytest.mark.parametrize("text", [MIN_VALUE, MAX_VALUE])
def test_the_ends_of_time_cost_a_value_and_no_row(
    tmp_path: Path, text: str, timestamps: str, zone: str
) -> None:
    with lab(tmp_path, {ITEMS: 4, COSTUNITS: 4}, timestamps=timestamps, timezone=zone) as home:
        for stream in (ITEMS, COSTUNITS):
            home.exact.faults.add(
                stream, faults.each_row(lambda row: row.update(Created=text), "end"), times=None
            )
        run = home.run(ITEMS, COSTUNITS)
        assert run.complete
        for stream in (ITEMS, COSTUNITS):
            created = [record["created"] for record in run.records(stream)]
            assert len(created) == 4
            offset = ZoneInfo(zone).utcoffset(
                datetime(1, 1, 1) if text == MIN_VALUE else datetime(9999, 12, 31)
            )
            assert offset is not None
            representable = offset <= timedelta() if text == MIN_VALUE else offset >= timedelta()
            if timestamps == "utc" and not representable:
                assert set(created) == {None}
                assert run.said(stream, "4 values of Created")
            else:
                assert None not in created
                assert not run.said("values of Created")


@pytest.mark.parametrize("text", [MIN_VALUE, MAX_VALUE])
def test_modified_at_the_ends_of_time_stops_no_run(tmp_path: Path, text: str) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        change = faults.each_row(lambda row: row.update(Modified=text), "end")
        home.exact.faults.add(COSTUNITS, change, times=None)
        for _ in range(3):
            run = home.run(COSTUNITS)
            assert run.complete
        assert home.live(COSTUNITS) == set(home.table(COSTUNITS).keys())
        home.exact.faults.clear()
        home.table(COSTUNITS).insert()
        assert home.run(COSTUNITS).complete
        assert home.live(COSTUNITS) == set(home.table(COSTUNITS).keys())


@pytest.mark.parametrize("zone", ZONES)
def test_tombstones_say_in_utc_when_the_row_was_deleted(tmp_path: Path, zone: str) -> None:
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", timezone=zone) as home:
        assert home.run(ITEMS).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        deleted = home.table("sync_deleted").rows()[-1]["DeletedDate"]
        (tombstone,) = [one for one in home.run(ITEMS).records(ITEMS) if one["_sdc_deleted_at"]]
        told = datetime.fromisoformat(tombstone["_sdc_deleted_at"])
        assert told.utcoffset() == timedelta()
        assert abs(told - deleted.replace(tzinfo=ZoneInfo(zone))) < timedelta(milliseconds=1)


@pytest.mark.parametrize("text", [MIN_VALUE, MAX_VALUE, "yesterday", None])
@pytest.mark.parametrize("zone", ZONES)
def test_a_deletion_at_an_impossible_moment_is_applied_all_the_same(
    tmp_path: Path, zone: str, text: str | None
) -> None:
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", timezone=zone) as home:
        assert home.run(ITEMS).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        change = faults.each_row(lambda row: row.update(DeletedDate=text), "end")
        home.exact.faults.add("sync_deleted", change, times=None)
        run = home.run(ITEMS)
        assert run.complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())
        assert all(datetime.fromisoformat(one["_sdc_deleted_at"]) for one in run.records(ITEMS))
