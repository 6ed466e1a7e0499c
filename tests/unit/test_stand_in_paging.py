# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
"""The stand-in's pages, values and changes: what a complete read brings, also while rows move."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tap_exactonline.endpoints import Endpoint, load
from tests.exact_online import Clock, ExactOnline, Table
from tests.exact_online.client import Client

EPOCH = datetime(1970, 1, 1)


def serve(**switches: Any) -> ExactOnline:
    exact = ExactOnline(Clock.manual(), **switches)
    exact.limits(minute=100_000, day=100_000)
    return exact


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    made = serve()
    with made.serve():
        yield made


def plain(value: Any, kind: str) -> Any:
    """Undo the wire's encoding, written independently of the stand-in's encoder."""
    if value is None:
        return None
    if kind == "datetime":
        found = re.fullmatch(r"/Date\((-?\d+)\)/", value)
        assert found, value
        return EPOCH + timedelta(milliseconds=int(found[1]))
    if kind in ("int64", "decimal"):
        assert isinstance(value, str)
        return int(value) if kind == "int64" else float(value)
    return value


def path(endpoint: Endpoint, division: int) -> str:
    if endpoint.login_wide:
        return endpoint.path
    return f"{'beta/' if endpoint.beta else ''}{division}/{endpoint.path}"


@pytest.mark.slow
def test_every_endpoint_brings_exactly_what_is_expected(exact: ExactOnline) -> None:
    """354 endpoints, every flat column of every row, over the wire and back."""
    exact.add_division(101, rows=13)
    exact.add_division(102, rows={"sync_deleted": 9})
    client = Client(exact)
    types_seen: dict[str, set[Any]] = {}
    for endpoint in load():
        kinds = {f.name: f.type for f in endpoint.fields if f.type not in ("collection", "complex")}
        code = 102 if endpoint.name == "sync_deleted" else 101
        # One request may not exceed 6,000 characters, so wide endpoints are read in two halves.
        names = list(kinds)
        halves = (
            [names] if len(",".join(names)) < 5_000 else [names[: len(names) // 2], names[len(names) // 2 :]]
        )
        for half in halves:
            got = [
                {n: plain(r[n], kinds[n]) for n in half}
                for r in client.rows(path(endpoint, code), select=",".join(half))
            ]
            want = exact.expected(code, endpoint.name, half)
            assert sorted(map(repr, got)) == sorted(map(repr, want)), endpoint.name
            assert want, endpoint.name
            for row in want:
                for name, value in row.items():
                    types_seen.setdefault(kinds[name], set()).add(value)
    for kind, seen in types_seen.items():
        assert None in seen or kind == "guid", kind
    assert {-1, 2**53 + 1} <= types_seen["int64"]
    assert min(d for d in types_seen["datetime"] if d) < EPOCH


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (999, 1), (1000, 2), (1001, 2), (2500, 3)])
def test_sync_pages_of_a_thousand(exact: ExactOnline, count: int, calls: int) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": count})
    rows = Client(exact).rows("101/sync/CRM/Accounts", select="ID,Timestamp", filter="Timestamp gt 1")
    assert exact.calls(101, "sync_crm_accounts") == calls
    stamps = [int(r["Timestamp"]) for r in rows]
    assert stamps == sorted(set(stamps))
    assert len(rows) == count


def test_no_next_after_a_full_last_page_by_switch(exact: ExactOnline) -> None:
    exact.switches.next_on_full_page = False
    exact.add_division(101, rows={"sync_crm_accounts": 1000, "crm_contacts": 60})
    client = Client(exact)
    assert len(client.pages("101/sync/CRM/Accounts", select="ID")) == 1
    assert len(client.pages("101/crm/Contacts", select="ID")) == 1


def test_single_pages_of_sixty_and_read_unpaged(exact: ExactOnline) -> None:
    exact.add_division(101, rows=130)
    client = Client(exact)
    assert [len(p) for p in client.pages("101/crm/Accounts", select="ID")] == [60, 60, 10]
    assert [len(p) for p in client.pages("101/read/financial/ReceivablesList")] == [130]
    assert len(client.pages("101/bulk/CRM/Accounts", select="ID")) == 1


def test_composite_and_text_keys_page_too(exact: ExactOnline) -> None:
    exact.add_division(101, rows=130)
    client = Client(exact)
    for stream, where in (
        ("openingbalance_current_year_processed", "openingbalance/CurrentYear/Processed"),
        ("general_currencies", "general/Currencies"),
        ("financial_reporting_balance", "financial/ReportingBalance"),
    ):
        key = exact.table(101, stream).key
        rows = client.rows(f"101/{where}", select=",".join(key))
        assert len({tuple(r[k] for k in key) for r in rows}) == 130, stream


def test_next_is_absolute_and_carries_the_query(exact: ExactOnline) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": 1200})
    answer = (
        Client(exact).get("101/SYNC/crm/accounts", select="ID,Name", filter="Timestamp gt 5L").json()["d"]
    )
    assert answer["__next"].startswith(f"{exact.url}/api/v1/101/sync/CRM/Accounts?$select=ID,Name&$filter=")
    assert re.search(r"&\$skiptoken=\d+L$", answer["__next"])


def stamps_by_page(exact: ExactOnline, **ask: str) -> list[list[int]]:
    pages = Client(exact).pages("101/sync/CRM/Accounts", select="Timestamp", **ask)
    return [[int(row["Timestamp"]) for row in page] for page in pages]


@pytest.mark.parametrize("order", ["timestamp", "any", "across", "key"])
def test_in_any_order_a_read_brings_each_row_once(exact: ExactOnline, order: Any) -> None:
    exact.switches.page_rows = 3
    exact.add_division(101, rows={"sync_crm_accounts": 10}, first_rowversion=100)
    exact.switches.sync_order = order
    pages = stamps_by_page(exact, filter="Timestamp gt 102L")
    everything = [stamp for page in pages for stamp in page]
    assert sorted(everything) == list(range(103, 111))
    between = all(max(one) < min(two) for one, two in pairwise(pages) if two)
    within = all(page == sorted(page) for page in pages)
    assert (between, within) == {
        "timestamp": (True, True), "any": (True, False), "across": (False, True), "key": (False, False),
    }[order]  # fmt: skip
    ordered = stamps_by_page(exact, orderby="Timestamp")
    assert [stamp for page in ordered for stamp in page] == list(range(101, 111))


def test_rows_may_share_a_timestamp_across_a_border(exact: ExactOnline) -> None:
    exact.switches.page_rows = 3
    exact.add_division(101, rows={"sync_crm_accounts": 7}, first_rowversion=100)
    table = exact.table(101, "sync_crm_accounts")
    by_stamp = {row["Timestamp"]: row["ID"] for row in table.rows()}
    for stamp in (102, 104, 105):
        table.share_timestamp(by_stamp[stamp], by_stamp[103])
    assert stamps_by_page(exact, filter="Timestamp gt 1L") == [[101, 103, 103], [103, 103, 106], [107]]
    rows = Client(exact).rows("101/sync/CRM/Accounts", select="ID", filter="Timestamp gt 1L")
    assert {row["ID"] for row in rows} == set(table.keys())


def test_a_timestamp_filter_finds_only_later_rows(exact: ExactOnline) -> None:
    division = exact.add_division(101, rows={"sync_crm_accounts": 30}, first_rowversion=9_990)
    client = Client(exact)

    def since(text: str) -> list[int]:
        rows = client.rows("101/sync/CRM/Accounts", select="Timestamp", filter=text)
        return [int(r["Timestamp"]) for r in rows]

    assert since("Timestamp gt 9999") == list(range(10_000, 10_021))
    assert since("Timestamp ge 9999L") == list(range(9_999, 10_021))
    assert since("Timestamp gt 9999 and Timestamp lt 10002") == [10_000, 10_001]
    division.rowversion = 2**53
    exact.table(101, "crm_accounts").insert()
    assert since("Timestamp gt 10020") == [2**53 + 1]


def test_variants_of_an_entity_show_the_same_rows(exact: ExactOnline) -> None:
    exact.add_division(101, rows={"crm_accounts": 3})
    exact.table(101, "bulk_crm_accounts").insert(Name="New one")
    client = Client(exact)
    for where in ("crm/Accounts", "bulk/CRM/Accounts", "sync/CRM/Accounts"):
        names = [r["Name"] for r in client.rows(f"101/{where}", select="Name")]
        assert len(names) == 4
        assert "New one" in names


def test_update_moves_a_row_to_the_end_and_stamps_it(exact: ExactOnline) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": 10})
    table = exact.table(101, "sync_crm_accounts")
    before = table.rows()
    exact.clock.advance(5)
    table.update(before[0]["ID"], Name="Renamed")
    after = table.rows()
    assert [r["ID"] for r in after] == [r["ID"] for r in before[1:]] + [before[0]["ID"]]
    assert after[-1]["Timestamp"] > before[-1]["Timestamp"]
    assert after[-1]["Modified"] == exact.now()
    assert after[-1]["Created"] == before[0]["Created"]
    assert [r["Name"] for r in before[1:]] == [r["Name"] for r in after[:-1]]


def test_the_wall_clock_is_local_and_knows_summer_time() -> None:
    exact = ExactOnline(Clock.manual(1_718_000_000.0))  # 10 June 2024, 06:13:20 UTC
    exact.add_division(101)
    assert exact.table(101, "crm_accounts").insert()["Modified"] == datetime(2024, 6, 10, 8, 13, 20)
    assert exact.utc_offset_hours() == 2.0


def test_deleting_writes_the_log_and_recreating_works(exact: ExactOnline) -> None:
    exact.add_division(101, rows=3)
    accounts, journals = exact.table(101, "crm_accounts"), exact.table(101, "financial_journals")
    gone = accounts.keys()[1]
    accounts.delete(gone)
    journals.delete(journals.keys()[0])  # nothing logs this
    client = Client(exact)
    log = client.rows("101/sync/Deleted", select="EntityKey,EntityType,Timestamp")
    assert [(r["EntityKey"], r["EntityType"]) for r in log] == [(gone, 2)]
    assert gone not in accounts
    accounts.insert(ID=gone, Name="Back")
    assert {r["ID"] for r in client.rows("101/crm/Accounts", select="ID")} == set(accounts.keys())
    with pytest.raises(ValueError, match="has a row"):
        accounts.insert(ID=gone)


def test_the_log_forgets_after_two_months(exact: ExactOnline) -> None:
    division = exact.add_division(101, rows=3)
    division.log_deletion(99, "11111111-1111-4111-8111-111111111111")
    exact.clock.advance(60 * 86_400)
    assert len(Client(exact).rows("101/sync/Deleted", select="ID")) == 1
    exact.clock.advance(2 * 86_400)
    assert Client(exact).rows("101/sync/Deleted", select="ID") == []


def read_while(exact: ExactOnline, where: str, change: Any) -> list[dict[str, Any]]:
    """Read all pages; ``change`` runs once, after the first page was made."""

    def hook(call: Any) -> None:
        if call.number == 1:
            change()

    stop = exact.on_page(hook)
    try:
        return Client(exact).rows(where, select="ID,Name" + (",Timestamp" if "sync" in where else ""))
    finally:
        stop()


@pytest.mark.parametrize("where", ["101/sync/CRM/Accounts", "101/bulk/CRM/Accounts", "101/crm/Accounts"])
def test_rows_that_change_between_two_pages(exact: ExactOnline, where: str) -> None:
    exact.add_division(101, rows={"crm_accounts": 1500})
    table: Table = exact.table(101, "crm_accounts")
    first, last = table.rows()[0]["ID"], table.rows()[-1]["ID"]

    def change() -> None:
        table.update(first, Name="Moved")
        table.delete(last)
        table.insert(Name="Fresh")

    rows = read_while(exact, where, change)
    seen = {r["ID"]: r["Name"] for r in rows}
    if "sync" in where:  # ordered by Timestamp: the moved row comes twice, nothing is missed
        assert len(rows) == 1501
        assert seen == {r["ID"]: r["Name"] for r in table.rows()}
        assert seen[first] == "Moved"
    else:
        assert len(rows) == len(seen)
        assert set(seen) >= {r["ID"] for r in table.rows() if r["Name"] != "Fresh"}


def test_the_same_seed_gives_the_same_rows_in_any_order_of_reading() -> None:
    one, two, other = ExactOnline(seed=7), ExactOnline(seed=7), ExactOnline(seed=8)
    for exact in (one, two, other):
        exact.add_division(101, rows=20)
    two.expected(101, "sync_logistics_items")
    assert one.expected(101, "crm_contacts") == two.expected(101, "crm_contacts")
    assert one.expected(101, "crm_contacts") != other.expected(101, "crm_contacts")


@pytest.mark.parametrize(
    ("switch", "value", "check"),
    [
        ("int64_as", "number", lambda d: isinstance(d["results"][0]["Timestamp"], int)),
        ("date_suffix", "+0100", lambda d: d["results"][0]["Modified"].endswith("+0100)/")),
        ("envelope", "array", lambda d: isinstance(d, list)),
        ("next_when_done", "null", lambda d: d["__next"] is None),
        ("sync_order", "any", lambda d: d["results"][0]["Timestamp"] > d["results"][1]["Timestamp"]),
    ],
)
def test_shapes_by_switch(exact: ExactOnline, switch: str, value: Any, check: Any) -> None:
    exact.add_division(101, rows=5)
    client = Client(exact)
    ask = {"select": "ID,Timestamp,Modified", "filter": "Timestamp gt 1"}
    assert not check(client.get("101/sync/CRM/Accounts", **ask).json()["d"] | {"__next": 0})
    setattr(exact.switches, switch, value)
    assert check(client.get("101/sync/CRM/Accounts", **ask).json()["d"])
