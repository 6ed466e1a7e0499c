"""Values: dates under any clock of the machine, and answers that are shaped otherwise than documented."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scripts.compare import differences, source_rows
from tap_exactonline.endpoints import by_name
from tests.exact_online import faults
from tests.exact_online.faults import Action
from tests.support.in_process import InProcessRun
from tests.support.sync import SyncFixture, lab

LINES = "sync_financial_transaction_lines"
ACCOUNTS = "sync_crm_accounts"
ITEMS = "sync_logistics_items"
COSTUNITS = "hrm_costunits"
PERIODS = "financial_financial_periods"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ROWS = 17


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Apia", "Europe/Amsterdam"])
def machine_in(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine stands somewhere else."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def equal(home: SyncFixture, run: InProcessRun, stream: str) -> None:
    """Every column of every record is the source's."""
    key = ("division", *(by_name(stream).field(name).column for name in by_name(stream).key))
    assert differences(run.records(stream), source_rows(home.exact, stream), key) == []


@pytest.mark.usefixtures("machine_in")
@pytest.mark.parametrize("suffix", ["", "+0100", "-0500"])
def test_dates_are_those_of_the_administration_wherever_the_machine_stands(
    tmp_path: Path, suffix: str
) -> None:
    streams = (LINES, ITEMS, COSTUNITS, PERIODS)
    with lab(tmp_path, dict.fromkeys(streams, ROWS), page_rows=10, date_suffix=suffix) as home:
        run = home.run(*streams)
        assert run.complete
        for stream in streams:
            equal(home, run, stream)
        dates = {record["date"] for record in run.records(LINES)}
        # Midnight stays midnight, also before 1970, in the hour that does not exist and in the one that comes twice.
        assert {"2024-01-31T00:00:00", "1955-03-12T00:00:00", "2023-10-29T02:30:00"} <= dates
        assert "1969-12-31T23:59:59.999000" in dates


@pytest.mark.usefixtures("machine_in")
def test_utc_converts_what_happened_and_leaves_dates_in_the_books(tmp_path: Path) -> None:
    with lab(tmp_path, {LINES: 4}, timestamps="utc") as home:
        table = home.table(LINES)
        moments = {
            datetime(2024, 1, 31, 0, 30): "2024-01-30T23:30:00",
            datetime(2024, 7, 1): "2024-06-30T22:00:00",
            datetime(2023, 10, 29, 2, 30): "2023-10-29T00:30:00",  # twice; the first is meant
            datetime(2021, 3, 28, 2, 30): "2021-03-28T01:30:00",  # never
        }
        for key, moment in zip(table.keys(), moments, strict=True):
            table.update(key, Modified=moment, Date=moment)
        run = home.run(LINES)
        found = {}
        for record in run.records(LINES):
            assert datetime.fromisoformat(record["modified"]).utcoffset() == timedelta()
            found[datetime.fromisoformat(record["date"])] = datetime.fromisoformat(record["modified"])
        assert {k: v.astimezone(UTC).replace(tzinfo=None).isoformat() for k, v in found.items()} == moments


def test_a_bookmark_on_modified_stays_in_exacts_clock_with_utc_too(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 3}, timestamps="utc") as home:
        for row in home.table(COSTUNITS).rows():
            home.table(COSTUNITS).update(row["ID"], Modified=datetime(2024, 7, 1, 12))
        assert home.run(COSTUNITS).complete
        home.exact.clear_log()
        home.run(COSTUNITS)
        assert home.filters(COSTUNITS) == ["Modified ge datetime'2024-07-01T09:59:59'"]


# -- shapes


def _texts(row: dict[str, Any]) -> None:
    for name, value in row.items():
        if isinstance(value, bool):
            row[name] = "true" if value else "False"
        elif isinstance(value, int | float):
            row[name] = repr(value)


def _numbers(row: dict[str, Any]) -> None:
    kinds = {field.name: field.type for field in by_name(ITEMS).fields}
    for name, value in row.items():
        if kinds.get(name) == "boolean" and value is not None:
            row[name] = int(value)
        elif kinds.get(name) in ("int32", "int16", "byte") and value is not None:
            row[name] = float(value)
        elif kinds.get(name) == "int64":
            row[name] = int(value)


def _dates(row: dict[str, Any]) -> None:
    for name, value in row.items():
        if isinstance(value, str) and value.startswith("/Date("):
            moment = datetime(1970, 1, 1) + timedelta(milliseconds=int(value[6:-2]))
            row[name] = moment.isoformat(timespec="milliseconds")


def _duplicates(body: bytes) -> bytes:
    return body.replace(b'"Description":', b'"Description":"an earlier one","Description":')


def _shape(change: Callable[[bytes], bytes]) -> Action:
    return faults._body("shape", change, **{"Content-Type": "text/plain"})


@pytest.mark.parametrize(
    "action",
    [
        faults.each_row(_texts, "texts"),
        faults.each_row(_numbers, "numbers"),
        faults.each_row(_dates, "ISO dates"),
        faults.extra_field("BrandNew", {"deep": [1, {"__deferred": {"uri": "x"}}]}),
        faults.content_type("text/html"),
        faults.edit(lambda page: {"d": page["d"]["results"]}, "array"),
        faults.edit(
            lambda page: {**page, "odata.metadata": "x", "__next": "https://elsewhere.example"}, "more"
        ),
        faults.edit(lambda page: {"d": {**page["d"], "__count": "3"}}, "count"),
        _shape(_duplicates),
        _shape(lambda body: b"\xef\xbb\xbf" + body),
        _shape(lambda body: json.dumps(json.loads(body), indent=2).encode()),
    ],
    ids=lambda action: action.name,
)
def test_the_same_rows_in_other_shapes_are_the_same_rows(tmp_path: Path, action: Action) -> None:
    with lab(tmp_path, {ITEMS: ROWS}, page_rows=0) as home:
        home.exact.faults.add(ITEMS, action)
        run = home.run(ITEMS)
        assert run.complete
        equal(home, run, ITEMS)


def test_one_row_alone_may_come_without_a_list(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 1}) as home:
        home.exact.faults.add(ITEMS, faults.edit(lambda page: {"d": page["d"]["results"][0]}, "object"))
        run = home.run(ITEMS)
        assert run.complete
        equal(home, run, ITEMS)


@pytest.mark.parametrize("how", [faults.missing_field, faults.null_field])
def test_what_is_absent_is_null(tmp_path: Path, how: Callable[[str], Action]) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        for name in ("IsSalesItem", "Created", "Code", "CostPriceStandard"):
            home.exact.faults.add(ITEMS, how(name))
            home.state = None
            run = home.run(ITEMS)
            assert run.complete
            assert {record[by_name(ITEMS).field(name).column] for record in run.records(ITEMS)} == {None}


def test_a_row_without_a_timestamp_arrives_and_moves_nothing(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, page_rows=0) as home:
        home.exact.faults.add(ITEMS, faults.null_field("Timestamp"))
        run = home.run(ITEMS)
        assert run.complete
        assert len(run.records(ITEMS)) == 3
        assert "replication_key_value" not in home.bookmark(ITEMS)
        assert len(home.run(ITEMS).records(ITEMS)) == 3


def test_values_of_another_type_become_null_and_are_told(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        wrong = {
            "CostPriceStandard": "much",
            "Created": "yesterday",
            "IsSalesItem": "perhaps",
            "Description": 5,
        }
        home.exact.faults.add(ITEMS, faults.each_row(lambda row: row.update(wrong), "wrong"))
        run = home.run(ITEMS)
        assert run.complete
        for record in run.records(ITEMS):
            assert record["description"] == "5"
            assert record["cost_price_standard"] is record["created"] is record["is_sales_item"] is None
        for name in ("CostPriceStandard", "Created", "IsSalesItem"):
            assert run.said(ITEMS, "3 values", name)


@pytest.mark.slow
def test_the_largest_answer_that_exact_gives(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 2}, page_rows=0) as home:
        # 38 MB in the Netherlands and Belgium (Exact, "REST API Restrictions").
        notes = "é\n" * 6_300_000
        home.exact.faults.add(ITEMS, faults.each_row(lambda row: row.update(Notes=notes), "large"))
        run = home.run(ITEMS)
        assert run.complete
        assert {len(record["notes"]) for record in run.records(ITEMS)} == {len(notes)}
        assert [call.size > 37_000_000 for call in home.exact.log if call.stream == ITEMS] == [True]


@pytest.mark.parametrize("inside", [False, True])
def test_a_list_inside_a_row_that_goes_on_elsewhere_is_not_taken_for_whole(
    tmp_path: Path, inside: bool
) -> None:
    def grow(row: dict[str, Any]) -> None:
        more = {"results": [{"ID": "1"}], "__next": "https://elsewhere.example"}
        row["BankAccounts"] = {"results": [{"Lines": more}]} if inside else more

    with lab(tmp_path, {ACCOUNTS: 3}, page_rows=0, hidden_fields=True) as home:
        assert home.run(ACCOUNTS).complete
        home.exact.faults.add(ACCOUNTS, faults.each_row(grow, "more"), times=None)
        home.table(ACCOUNTS).update(home.table(ACCOUNTS).keys()[0])
        run = home.run(ACCOUNTS)
        assert not run.records(ACCOUNTS)
        for words in ("BankAccounts", "a page of its own", "Deselect its column"):
            assert words in str(run.error)
        assert home.run(ACCOUNTS, without=frozenset({(ACCOUNTS, "bank_accounts")})).complete


# -- what databases refuse


@pytest.mark.parametrize("path", [{}, {"stream_map_config": {"anything": True}}], ids=["fast", "sdk"])
def test_nul_never_leaves_the_tap_and_is_told_once(tmp_path: Path, path: dict[str, Any]) -> None:
    with lab(tmp_path, {ITEMS: 7}, hidden_fields=True, **path) as home:

        def change(row: dict[str, Any]) -> None:
            row |= {"Description": "a\0b\0", "Notes": "\\u0000 is \0 no NUL", "Class_01": {"a\0": ["\0"]}}

        home.exact.faults.add(ITEMS, faults.each_row(change, "NUL"), times=None)
        run = home.run(ITEMS)
        assert run.complete
        assert not any(b"\\u0000" in line.replace(b"\\\\", b"") for line in run.lines)
        assert {record["description"] for record in run.records(ITEMS)} == {"ab"}
        assert {record["notes"] for record in run.records(ITEMS)} == {"\\u0000 is  no NUL"}
        assert len([line for line in run.log if "U+0000" in line]) == 1
        assert run.said(ITEMS, "35 characters U+0000")


def test_a_raw_nul_in_the_body_is_taken_out_as_well(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, page_rows=0) as home:
        home.exact.faults.add(
            ITEMS, _shape(lambda body: body.replace(b'"Description":"', b'"Description":"\x00'))
        )
        run = home.run(ITEMS)
        assert run.complete
        equal(home, run, ITEMS)
        assert run.said(ITEMS, "characters U+0000")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("  ", None),
        ("0", None),
        ("not-a-guid", None),
        ("{5A0F3C56-0000-4000-8000-000000000000}", "5a0f3c56-0000-4000-8000-000000000000"),
        ("5a0f3c56000040008000000000000000", "5a0f3c56-0000-4000-8000-000000000000"),
    ],
)
def test_text_in_the_place_of_a_guid(tmp_path: Path, text: str, value: str | None) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        home.exact.faults.add(ITEMS, faults.each_row(lambda row: row.update(ItemGroup=text), "no GUID"))
        run = home.run(ITEMS)
        assert run.complete
        assert {record["item_group"] for record in run.records(ITEMS)} == {value}
        assert run.said(ITEMS, "3 values of ItemGroup") is (value is None and bool(text.strip()))


def test_a_key_that_is_no_guid_is_no_key(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        home.exact.faults.add(ITEMS, faults.edit_rows(lambda rows: rows[0].update(ID="first")))
        run = home.run(ITEMS)
        assert not run.complete
        assert run.said("1 rows without a key were left out")
        assert len(run.records(ITEMS)) == 2


def test_values_are_told_for_the_log_too_when_it_serves_other_streams(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, deletions="tombstones") as home:
        assert home.run(ITEMS).complete
        home.exact.divisions[101].log_deletion(99, "00000000-0000-4000-8000-000000000000")
        change = faults.each_row(lambda row: row.update(EntityKey="\0" + "gone"), "odd")
        home.exact.faults.add("sync_deleted", change)
        run = home.run(ITEMS)
        assert run.said("sync_deleted", "1 values of EntityKey")
        assert run.said("sync_deleted", "1 characters U+0000")


# -- pages and keys


def test_a_page_of_other_types_keeps_its_link_to_the_next(tmp_path: Path) -> None:
    streams = (ITEMS, COSTUNITS, "bulk_documents_document_attachments")
    with lab(tmp_path, dict.fromkeys(streams, 8)) as home:
        change = faults.edit_rows(lambda rows: rows[0].update(Description=5, FileName=5))
        for stream in streams:
            home.exact.faults.add(faults.Match(stream=stream, nth=1), change)
        assert home.run(*streams).complete
        for stream in streams:
            assert home.live(stream) == set(home.table(stream).keys())


@pytest.mark.parametrize("name", ["GLAccount", "ReportingYear"])
def test_each_column_of_a_key_has_to_be_there(tmp_path: Path, name: str) -> None:
    stream = "openingbalance_current_year_processed"
    assert by_name(stream).key == ("GLAccount", "ReportingYear")
    with lab(tmp_path, {stream: 5}) as home:
        home.exact.faults.add(stream, faults.edit_rows(lambda rows: rows[1].update({name: None})))
        run = home.run(stream)
        assert not run.complete
        assert run.said("1 rows without a key were left out")
        assert len(home.live(stream)) == 4
