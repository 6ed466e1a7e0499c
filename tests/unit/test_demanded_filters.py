"""Exact may demand a filter: whatever it lists, a read has all rows, or it is incomplete and says so."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.endpoints import Endpoint, by_name, load
from tap_exactonline.sync.demanded import everything, fields_in
from tests.exact_online import ExactOnline, predicate, query
from tests.support.extra_streams import asked
from tests.support.sync import HOME, SyncFixture, lab
from tests.support.tap_runs import TapRunner

NOT_COMPARED = ("complex", "collection", "binary")
FILTERED = [endpoint for endpoint in load() if endpoint.kind != "sync"]
LISTED = [endpoint for endpoint in FILTERED if endpoint.filters]
ACCOUNTS = "crm_accounts"
QUOTATION_LINES = "bulk_crm_quotation_lines"  # its documented list lacks the key
COSTUNITS = "hrm_costunits"
# Of each kind of key and bookmark.
STREAMS = [
    *(endpoint.name for endpoint in LISTED),
    ACCOUNTS,
    COSTUNITS,
    "financial_journals",
    "vat_vat_codes",
    "crm_lead_sources",
    "openingbalance_current_year_processed",
    "manufacturing_manufacturing_settings",
    "budget_budget_scenarios",
    "hrm_departments",
    "system_all_divisions",
    *[e.name for e in FILTERED if e.key and e.field(e.key[0]).type in ("string", "int32", "int64", "int16")][
        :12
    ],
]


def empty(home: SyncFixture, stream: str, keep: int = 0) -> None:
    """Empty every field that may be empty: of all rows but some, each of another field of those."""
    table = home.table(stream)
    spare = [f.name for f in by_name(stream).fields if f.name not in (*by_name(stream).key, "Timestamp")]
    for number, key in enumerate(table.keys()):
        one = {spare[number % len(spare)]} if spare else set()
        table.update(key, **dict.fromkeys(one if number < keep else spare))


def accepts(endpoint: Endpoint, text: str, row: dict[str, Any], *, sql: bool) -> bool:
    node = query.parse(text)
    predicate.check(node, {f.name: f.type for f in endpoint.fields}, "T")
    return predicate.build(node, lambda name: lambda values: values.get(name), sql=sql)(row)


# -- the filter alone


@pytest.mark.parametrize("sql", [True, False])
def test_on_every_field_of_every_endpoint_it_lets_rows_without_values_through(sql: bool) -> None:
    values = {
        "guid": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "string": "",
        "int64": 0,
        "int32": -5,
        "int16": 7,
        "byte": 255,
    }
    taken = 0
    for endpoint in FILTERED:
        key = {name: values.get(endpoint.field(name).type, 0) for name in endpoint.key}
        full = {f.name: values.get(f.type, 1) for f in endpoint.fields}
        for field in endpoint.fields:
            found = everything(endpoint, [field.name])
            if found is None:
                assert field.type in NOT_COMPARED
                continue
            taken += 1
            assert field.name in fields_in(found.filter)
            assert accepts(endpoint, found.filter, key, sql=sql), found
            if field.type in values:
                assert accepts(endpoint, found.filter, full, sql=sql), found
    assert taken > 7000


def test_the_key_comes_first_and_no_comparison_with_null_is_needed() -> None:
    for endpoint in LISTED:
        found = everything(endpoint, endpoint.filters or ())
        assert found is not None
        if endpoint.name == QUOTATION_LINES:
            assert "null" in found.filter
        else:
            assert found.field in endpoint.key
            assert "null" not in found.filter
    accounts = by_name(ACCOUNTS)
    assert everything(accounts, ["Accountant", "Created", "ID", "Modified"]) == everything(accounts, ["ID"])
    assert everything(accounts, ["Nothing", "GETs"]) is None
    assert everything(accounts, ["ID", "Code"], unusable=["ID"]) == everything(accounts, ["Code"])


def test_a_name_in_a_text_is_no_field() -> None:
    assert fields_in("Name eq 'Code or ''Status''' and Blocked eq false") >= {"Name", "Blocked"}
    assert not {"Code", "Status"} & fields_in("Name eq 'Code or ''Status'''")


# -- through the tap


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    stream=st.sampled_from(STREAMS),
    data=st.data(),
    compares=st.sampled_from(["never", "as_value"]),
    null_literal=st.sampled_from([True, True, True, False]),
    start_date=st.sampled_from([None, None, "2020-01-01"]),
)
def test_all_rows_or_incomplete(
    stream: str, data: st.DataObject, compares: str, null_literal: bool, start_date: str | None
) -> None:
    endpoint = by_name(stream)
    names = [field.name for field in endpoint.fields]
    demanded = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    given_settings: dict[str, Any] = {"start_date": start_date} if start_date else {}
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder), {stream: 5}, **given_settings) as home:
        home.exact.switches.null_compares = compares  # type: ignore[assignment]
        home.exact.switches.null_literal = null_literal
        if stream != "system_all_divisions":
            empty(home, stream, keep=2)
            for key in home.table(stream).keys()[:2]:
                home.table(stream).update(key)  # something new for each date
        home.exact.require_filter(stream, demanded)
        for number in range(2):
            run = home.run(stream)
            assert len(home.exact.errors_4xx) <= (3, 1)[number]
            home.exact.clear_log()
            if run.complete:
                rows = home.exact.expected(HOME, stream)
                if start_date and endpoint.bookmark:
                    since = datetime.fromisoformat(start_date)
                    rows = [row for row in rows if row[endpoint.bookmark] and row[endpoint.bookmark] >= since]
                wanted = {tuple(row[name] for name in endpoint.key) for row in rows}
                assert wanted
                found = {key[1:] for key in home.target.tables[stream].live()}
                assert found >= wanted, (demanded, home.filters(stream))
            else:
                assert "demands a filter" in str(run.error) or "Filtering" in str(run.error)
                if null_literal:
                    usable = {f.name for f in endpoint.fields if f.type not in NOT_COMPARED}
                    usable &= set(endpoint.filters or usable)
                    assert usable.isdisjoint(demanded)


@pytest.mark.parametrize("stream", [endpoint.name for endpoint in LISTED])
def test_the_lists_that_exact_documents_lose_no_row(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path, {stream: 7}) as home:
        empty(home, stream, keep=3)
        home.exact.require_filter(stream, list(by_name(stream).filters or ()))
        assert home.run(stream).complete
        assert home.live(stream) == set(home.table(stream).keys())
        home.exact.clear_log()
        again = home.run(stream)
        assert again.complete
        assert home.exact.errors_4xx == [], "remembered"
        if by_name(stream).bookmark is None:
            assert len(again.records(stream)) == 7


@pytest.mark.parametrize("stream", [ACCOUNTS, "bulk_crm_accounts"])
def test_the_long_list_of_accounts_is_read_to_its_end(tmp_path: Path, stream: str) -> None:
    names = sorted(field.name for field in by_name(stream).fields if field.type not in NOT_COMPARED)
    assert ",".join(names).index(",ID,") > 300
    with lab(tmp_path, {stream: 51}) as home:
        for key in list(home.table(stream).keys()):
            home.table(stream).update(key, Accountant=None, AccountManager=None)
        home.exact.require_filter(stream, names)
        assert home.run(stream).complete
        assert len(home.live(stream)) == 51
        assert {
            name for text in home.filters(stream)[-1:] for name in ("ID", "Accountant") if name in str(text)
        } == {"ID"}


def test_a_demand_beside_the_bookmark(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 5}) as home:
        assert home.run(COSTUNITS).complete
        for demanded in (["Modified", "Code"], ["Code", "Creator"], ["ID"], ["Created"]):
            home.exact.require_filter(COSTUNITS, demanded)
            home.exact.clear_log()
            key = home.table(COSTUNITS).keys()[0]
            home.table(COSTUNITS).update(
                key, Code=None, Creator=None, Created=None, Description=str(demanded)
            )
            assert home.run(COSTUNITS).complete
            row = home.target.tables[COSTUNITS].live()[HOME, key]
            assert row["description"] == str(demanded)
            last = str(home.filters(COSTUNITS)[-1])
            assert last.startswith("Modified ge ")
            assert ("Modified" in demanded) == (" or " not in last)
            home.exact.clear_log()
            assert home.run(COSTUNITS).complete
            assert home.exact.errors_4xx == [], demanded


def test_a_listed_field_that_does_not_do_is_not_enough(tmp_path: Path) -> None:
    with lab(tmp_path, {COSTUNITS: 5}) as home:
        assert home.run(COSTUNITS).complete
        home.exact.require_filter(COSTUNITS, ["ID"], listed=["Modified", "ID"])
        home.table(COSTUNITS).update(home.table(COSTUNITS).keys()[0], Description="changed")
        assert home.run(COSTUNITS).complete
        assert "changed" in {row["description"] for row in home.target.tables[COSTUNITS].live().values()}
        last = str(home.filters(COSTUNITS)[-1])
        assert last.startswith("Modified ge ")
        assert "(ID eq " in last
        home.exact.clear_log()
        assert home.run(COSTUNITS).complete
        assert home.exact.errors_4xx == []


def test_what_was_learnt_is_tried_again_after_a_week(tmp_path: Path) -> None:
    stream = "bulk_cashflow_receivables"
    with lab(tmp_path, {stream: 4}) as home:
        home.exact.require_filter(stream, ["Account"])
        assert home.run(stream).complete
        assert home.state is not None
        learnt = home.state["bookmarks"][stream]["learnt"]
        learnt["filter"]["at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
        home.exact.required_filters.clear()
        home.exact.clear_log()
        assert home.run(stream).complete
        assert home.filters(stream) == [None]
        assert home.state["bookmarks"][stream]["learnt"] is None


def test_a_filter_of_an_earlier_version_that_loses_rows_is_not_used(tmp_path: Path) -> None:
    stream = "bulk_cashflow_receivables"
    with lab(tmp_path, {stream: 4}) as home:
        assert home.run(stream).complete
        assert home.state is not None
        home.state["bookmarks"].setdefault(stream, {})["learnt"] = {
            "at": datetime.now(UTC).isoformat(), "fields": ["Document"],
            "filter": "EndDate ge datetime'1900-01-01T00:00:00'", "filter_always": False, "filter_refused": False,
        }  # fmt: skip
        home.exact.clear_log()
        assert len(home.run(stream).records(stream)) == 4
        assert home.filters(stream) == [None]


def test_where_null_may_not_be_compared_the_stream_is_incomplete_and_says_what_is_demanded(
    tmp_path: Path,
) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:
        home.exact.switches.null_literal = False
        home.exact.require_filter(ACCOUNTS, ["Blocked", "Modified"])
        first = home.run(ACCOUNTS)
        assert not first.complete
        for word in ("demands a filter", "Blocked, Modified", "sync_crm_accounts", "incompatible"):
            assert word in str(first.error)
        assert len(home.exact.errors_4xx) == 2
        home.exact.clear_log()
        assert not home.run(ACCOUNTS).complete
        assert len(home.exact.errors_4xx) == 1


def test_a_field_that_is_demanded_and_may_not_be_used(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:
        home.exact.require_filter(ACCOUNTS, ["ID", "Code"])
        home.exact.refuse_filter(ACCOUNTS, "ID")
        assert home.run(ACCOUNTS).complete
        assert home.filters(ACCOUNTS)[-1] == "Code eq null or Code ne null"
        assert len(home.live(ACCOUNTS)) == 3
        home.exact.refuse_filter(ACCOUNTS, "Code")
        home.state = None
        run = home.run(ACCOUNTS)
        assert not run.complete
        assert "demands a filter on one of the fields ID, Code" in str(run.error)


def test_a_demand_that_names_nothing_known(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:
        home.exact.require_filter(ACCOUNTS, ["Brand", "New"])
        run = home.run(ACCOUNTS)
        assert not run.complete
        assert "url:Brand,New" in str(run.error)
        assert len(home.exact.errors_4xx) == 1


def test_a_sync_endpoint_that_demands_more_than_its_timestamp(tmp_path: Path) -> None:
    with lab(tmp_path, {"sync_crm_accounts": 3}) as home:
        home.exact.require_filter("sync_crm_accounts", ["Timestamp"])
        assert home.run("sync_crm_accounts").complete
        assert home.exact.errors_4xx == []
        home.exact.require_filter("sync_crm_accounts", ["ID"])
        run = home.run("sync_crm_accounts")
        assert not run.complete, "sync endpoints filter by Timestamp only"
        assert "demands a filter on one of the fields ID" in str(run.error)


# -- streams of the user


@pytest.mark.process
def test_the_users_own_filter_stays_what_it_is(exact: ExactOnline, runner: TapRunner) -> None:
    """With an alternative in each of them, both must stand in brackets."""
    exact.add_division(HOME, rows={ACCOUNTS: 9})
    table = exact.table(HOME, ACCOUNTS)
    for number, key in enumerate(table.keys()):
        table.update(key, Status="CSP"[number % 3], Accountant=None)
    exact.require_filter(ACCOUNTS, ["Accountant", "Created"])
    runner.config["extra_streams"] = [
        {"name": "some", "path": "crm/Accounts", "filter": "Status eq 'C' or Status eq 'P'", "bookmark": None}
    ]
    done = runner.sync("some")
    assert done.code == 0, done.err
    assert {r["status"] for r in done.records("some")} == {"C", "P"}
    assert len(done.records("some")) == 6
    assert asked(exact, "crm/Accounts")[-1]["$filter"] == (
        "(Status eq 'C' or Status eq 'P') and (Accountant eq null or Accountant ne null)"
    )
    exact.require_filter(ACCOUNTS, ["Status", "ID"])
    again = runner.sync("some")
    assert len(again.records("some")) == 6
    assert asked(exact, "crm/Accounts")[-1]["$filter"] == "Status eq 'C' or Status eq 'P'"


@pytest.mark.process
def test_a_key_that_only_the_user_names_may_be_empty(exact: ExactOnline, runner: TapRunner) -> None:
    exact.add_division(HOME, rows={ACCOUNTS: 4})
    table = exact.table(HOME, ACCOUNTS)
    table.update(table.keys()[0], Code=None)
    exact.require_filter(ACCOUNTS, ["Code"])
    runner.config["extra_streams"] = [
        {"name": "by_code", "path": "crm/Accounts", "key": ["Code"], "bookmark": None}
    ]
    done = runner.sync("by_code")
    assert done.code == 1, "a row without a key is told, not lost"
    assert "1 rows without a key" in done.errors[-1]
    assert len(done.records("by_code")) == 3
