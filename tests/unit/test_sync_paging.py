"""Pages: what happens at their borders, while they are read, and in which order rows come."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.ending import Ending
from tests.exact_online import Call, faults
from tests.support.sync import HOME, SyncFixture, columns, lab

ACCOUNTS = "sync_crm_accounts"
COSTUNITS = "hrm_costunits"
ATTACHMENTS = "bulk_documents_document_attachments"


def equal(home: SyncFixture, *streams: str) -> None:
    for stream in streams:
        assert home.live(stream) == set(home.table(stream).keys()), stream


def while_reading(home: SyncFixture, stream: str, page: int, what: Any) -> None:
    """Do something while the answer with so many a page is on its way."""

    def hook(call: Call) -> None:
        if call.stream == stream and call.number == page:
            what()

    home.exact.on_page(hook)


def test_many_rows_with_one_modified_over_page_borders(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 0}) as home:
        table = home.table(COSTUNITS)
        same = datetime(2024, 5, 6, 7, 8, 9)
        for _ in range(10):
            table.insert(Modified=same)
        assert home.run(COSTUNITS).complete
        equal(home, COSTUNITS)

        table.insert(Modified=same)  # within the second that was the highest, after we had read it
        assert home.run(COSTUNITS).complete
        equal(home, COSTUNITS)


def test_rows_without_modified_come_in_later_runs_too(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 4}) as home:
        table = home.table(COSTUNITS)
        table.insert(Modified=None)
        for _ in range(3):
            run = home.run(COSTUNITS)
            assert run.complete
            equal(home, COSTUNITS)
            assert run.said(COSTUNITS, "read in full each time")
            table.insert(Modified=None)
        for row in table.rows():
            table.update(row["ID"])
        for _ in range(2):
            run = home.run(COSTUNITS)
            assert run.complete
        assert home.filters(COSTUNITS)[-1] is not None, "once every row has one, it is a bookmark again"


def test_a_row_that_moves_from_the_first_page_to_the_end(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}) as home:
        table = home.table(ACCOUNTS)
        first = table.rows()[0]["ID"]
        while_reading(home, ACCOUNTS, 1, lambda: table.update(first, Name="moved"))

        run = home.run(ACCOUNTS)

        versions = [record["name"] for record in run.records(ACCOUNTS) if record["id"] == first]
        assert len(versions) == 2
        assert versions[-1] == "moved"
        assert home.target.tables[ACCOUNTS].live()[HOME, first]["name"] == "moved"
        equal(home, ACCOUNTS)


def test_a_row_inserted_behind_a_read_by_modified_comes_with_the_next_run(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 8}) as home:
        table = home.table(COSTUNITS)
        # Pages go by key, so this one lies on a page that has been read when it is born.
        while_reading(home, COSTUNITS, 3, lambda: table.insert(ID="00000000-0000-4000-8000-000000000001"))
        assert home.run(COSTUNITS).complete
        assert home.run(COSTUNITS).complete
        equal(home, COSTUNITS)


@pytest.mark.parametrize("order", ["timestamp", "any"])
def test_of_several_versions_in_one_page_the_last_one_counts(
    tmp_path: Path, order: Literal["timestamp", "any"]
) -> None:
    with lab(tmp_path, {ACCOUNTS: 2}, sync_order=order) as home:

        def twice(rows: list[dict[str, Any]]) -> None:
            newest = max(rows, key=lambda row: int(row["Timestamp"]))
            older = {**newest, "Timestamp": str(int(newest["Timestamp"]) - 1), "Name": "older"}
            rows[:] = [
                newest,
                *[row for row in rows if row is not newest and row["ID"] != newest["ID"]],
                older,
            ]

        home.exact.faults.add(ACCOUNTS, faults.edit_rows(twice))

        assert home.run(ACCOUNTS).complete

        names = {row["name"] for row in home.target.tables[ACCOUNTS].live().values()}
        assert "older" not in names


def test_rows_out_of_order_move_the_bookmark_only_at_the_end(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}, sync_order="any") as home:
        home.exact.faults.add(faults.Match(stream=ACCOUNTS, nth=3), faults.forbidden())
        run = home.run(ACCOUNTS)
        assert run.records(ACCOUNTS)
        assert "replication_key_value" not in home.bookmark(ACCOUNTS)
        assert run.said("do not come in the order of Timestamp")
        home.exact.faults.clear()
        assert home.run(ACCOUNTS).complete
        equal(home, ACCOUNTS)
        highest = max(row["Timestamp"] for row in home.table(ACCOUNTS).rows())
        assert home.bookmark(ACCOUNTS)["replication_key_value"] == highest


@pytest.mark.parametrize("as_", ["string", "number"])
@pytest.mark.parametrize("first", [9_996, 99_999_996, 2**53 - 3, 2**63 - 40])
def test_timestamps_are_compared_as_numbers_of_64_bits(
    tmp_path: Path, first: int, as_: Literal["string", "number"]
) -> None:
    with lab(tmp_path, int64_as=as_) as home:
        division = home.exact.divisions[HOME]
        division.rowversion = first
        table = home.table(ACCOUNTS)
        for _ in range(8):
            table.insert()
        assert home.run(ACCOUNTS).complete
        assert home.bookmark(ACCOUNTS)["replication_key_value"] == first + 8
        assert [r["timestamp"] for r in home.target.tables[ACCOUNTS].live().values()] == list(
            range(first + 1, first + 9)
        )
        table.update(table.keys()[0])
        run = home.run(ACCOUNTS)
        assert [record["timestamp"] for record in run.records(ACCOUNTS)] == [first + 9]


def test_a_circle_of_pages_ends_the_read(tmp_path: Path) -> None:
    with lab(tmp_path, {ATTACHMENTS: 9}) as home:
        seen: list[str] = []

        def back(page: dict[str, Any]) -> None:
            seen.append(page["d"].get("__next", ""))
            if len(seen) > 2:
                page["d"]["__next"] = seen[0]

        home.exact.faults.add(ATTACHMENTS, faults.edit(back), times=None)
        run = home.run(ATTACHMENTS)
        assert not run.complete
        assert home.exact.calls(HOME, ATTACHMENTS) < 20


@pytest.mark.parametrize("stream", [COSTUNITS, ATTACHMENTS])
def test_a_full_page_without_a_link_is_no_end_if_exact_has_more_rows(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path, {stream: 7}) as home:
        home.exact.faults.add(faults.Match(stream=stream, nth=2), faults.without_next())
        run = home.run(stream)
        assert not run.complete
        assert "Exact has 7 rows, and gave 6 without a link to the others" in str(run.error)
        assert home.run(stream).complete
        equal(home, stream)


def test_a_list_of_administrations_that_lost_its_link_is_not_the_whole_list(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 2}) as home:
        for code in range(102, 109):
            home.exact.add_division(code, rows={COSTUNITS: 2})
        home.exact.faults.add(faults.Match(stream="system_divisions", nth=2), faults.without_next())
        run = home.run(COSTUNITS)
        assert not run.complete
        assert "Exact has 8 rows, and gave 6 without a link to the others" in str(run.error)
        assert home.run(COSTUNITS).complete
        assert len(home.target.tables[COSTUNITS].rows) == 16


@pytest.mark.parametrize("stream", [COSTUNITS, ATTACHMENTS])
@pytest.mark.parametrize("rights", [True, False], ids=["by accident", "rights withdrawn"])
def test_an_announced_page_without_rows_is_no_end_if_exact_has_more_or_shows_none_any_more(
    tmp_path: Path, stream: str, *, rights: bool
) -> None:
    with lab(tmp_path, {stream: 9}, emit_activate_version_messages=True) as home:
        assert home.run(stream).complete
        home.exact.clock.advance(100_000)
        for row in home.table(stream).rows():
            home.exact.clock.advance(-10_000)  # the highest Modified lies on the first page
            home.table(stream).update(row["ID"])
        if rights:
            home.exact.faults.add(faults.Match(stream=stream, nth=2), faults.without_rows())
        else:
            forbidden = home.exact.divisions[HOME].forbidden
            home.exact.clear_log()
            while_reading(home, stream, 1, lambda: forbidden.update({stream: "rights"}))
        run = home.run(stream)
        assert not run.complete
        said = (
            "Exact has 9 rows, and gave 3" if rights else "announced more rows, and then showed none any more"
        )
        assert said in str(run.error)
        assert not run.activated(), "no row is gone"
        home.exact.divisions[HOME].forbidden.clear()
        assert home.run(stream).complete
        equal(home, stream)


def test_behind_an_announced_page_without_rows_it_is_asked_by_timestamp(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}) as home:
        home.exact.faults.add(faults.Match(stream=ACCOUNTS, nth=2), faults.without_rows())
        assert home.run(ACCOUNTS).complete
        equal(home, ACCOUNTS)
        for row in home.table(ACCOUNTS).rows():
            home.table(ACCOUNTS).update(row["ID"])
        forbidden = home.exact.divisions[HOME].forbidden
        home.exact.clear_log()
        while_reading(home, ACCOUNTS, 1, lambda: forbidden.update({ACCOUNTS: "rights"}))
        run = home.run(ACCOUNTS)
        assert not run.complete
        assert "announced more rows, and then showed none any more" in str(run.error)


@pytest.mark.parametrize(
    ("pages", "documented", "full"),
    [
        ([60], 60, True),
        ([59], 60, False),
        ([250], 60, False),  # larger pages than documented
        ([250, 60], 60, False),
        ([250, 250], 60, True),
        ([60, 0], 60, False),
        ([0, 60], 60, True),
        ([500], 0, False),
    ],
)
def test_when_a_last_page_is_full(pages: list[int], documented: int, *, full: bool) -> None:
    ending = Ending(documented)
    for rows in pages:
        ending.page(rows)
    assert (ending.is_full, ending.rows) == (full, sum(pages))


@pytest.mark.parametrize("order", ["timestamp", "any"])
@pytest.mark.parametrize("page_rows", [3, 1000], ids=["full as the page before", "full as documented"])
def test_rows_behind_a_full_page_without_a_link_are_asked_for_by_timestamp(
    tmp_path: Path, page_rows: int, order: str
) -> None:
    with lab(tmp_path, {ACCOUNTS: page_rows + 5}, page_rows=page_rows, sync_order=order) as home:
        nth = 2 if page_rows == 3 else 1
        home.exact.faults.add(faults.Match(stream=ACCOUNTS, nth=nth), faults.without_next())
        assert home.run(ACCOUNTS).complete
        equal(home, ACCOUNTS)


@pytest.mark.parametrize("stream", [ACCOUNTS, COSTUNITS, ATTACHMENTS])
@pytest.mark.parametrize(("announced", "calls"), [(False, 3), (True, 4)])
def test_a_full_page_that_is_the_last_one_costs_a_call(
    tmp_path: Path, stream: str, calls: int, *, announced: bool
) -> None:
    with lab(tmp_path, {stream: 6}, next_on_full_page=announced) as home:
        assert home.run(stream).complete
        equal(home, stream)
        assert home.exact.calls(HOME, stream) == calls


def test_a_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9}) as home:
        home.exact.faults.add(ACCOUNTS, faults.next_to("https://exact.example/api/v1/101/sync/CRM/Accounts"))
        run = home.run(ACCOUNTS)
        assert not run.complete
        assert run.said("leads away from the API")
        home.exact.faults.clear()
        assert home.run(ACCOUNTS).complete
        equal(home, ACCOUNTS)


def test_no_content_is_an_empty_page(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 9, COSTUNITS: 3}) as home:
        home.exact.faults.add(ACCOUNTS, faults.no_content())
        assert home.run(ACCOUNTS, COSTUNITS).complete
        assert "replication_key_value" not in home.bookmark(ACCOUNTS), "nothing came, nothing is remembered"
        assert home.run(ACCOUNTS, COSTUNITS).complete
        equal(home, ACCOUNTS, COSTUNITS)


@pytest.mark.parametrize("stream", [COSTUNITS, ATTACHMENTS])
def test_no_content_in_the_middle_is_no_end(tmp_path: Path, stream: str) -> None:
    settings: dict[str, Any] = {"emit_activate_version_messages": True}
    with lab(tmp_path, {stream: 9}, **settings) as home:
        assert home.run(stream).complete
        name = "Description" if stream == COSTUNITS else "FileName"
        for number, key in enumerate(home.table(stream).keys()):
            # The highest Modified lies on the first page.
            home.exact.clock.advance(10_000 if number == 0 else 0)
            home.table(stream).update(
                key,
                **{name: "changed"},
                **(
                    {}
                    if number == 0 or stream == ATTACHMENTS
                    else {"Modified": home.exact.now() - timedelta(hours=5)}
                ),
            )
        home.exact.faults.add(faults.Match(stream=stream, nth=2), faults.no_content())

        assert home.run(stream).complete

        equal(home, stream)
        column = columns(stream)[name]
        assert {row[column] for row in home.target.tables[stream].live().values()} == {"changed"}


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(0, 9),
    page_rows=st.integers(1, 4),
    full=st.booleans(),
    envelope=st.sampled_from(["results", "array"]),
)
def test_whatever_the_page_size_and_the_envelope(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    page_rows: int,
    full: bool,
    envelope: Literal["results", "array"],
) -> None:
    streams = (ACCOUNTS, COSTUNITS, ATTACHMENTS)
    home_folder = tmp_path_factory.mktemp("lab")
    options: dict[str, Any] = {"next_on_full_page": full, "envelope": envelope, "page_rows": page_rows}
    with lab(home_folder, dict.fromkeys(streams, rows), **options) as home:
        assert home.run(*streams).complete
        if rows:
            equal(home, *streams)
        assert all(call.status == 200 for call in home.exact.log)
        assert json.dumps(home.state)


def test_rows_without_a_key_are_told_and_nothing_else_is_lost(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 5}) as home:
        home.exact.faults.add(ACCOUNTS, faults.edit_rows(lambda rows: rows[0].update(ID=None)))
        run = home.run(ACCOUNTS)
        assert not run.complete
        assert run.said("1 rows without a key were left out")
        assert len(home.live(ACCOUNTS)) == 4
