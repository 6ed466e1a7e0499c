"""What nobody could settle about Exact Online: the tables are right whichever way it is (docs/doubts.md).

Doubts about logging in and about refused calls are tested where those are: old refresh tokens and early refreshes with
the login, the many faces of 429 with the client.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import Clock, ExactOnline
from tests.support.in_process import InProcessRun
from tests.support.sync import HOME, SyncFixture

ITEMS = "sync_logistics_items"
DELIVERIES = "sync_sales_order_goods_deliveries"
SCHEDULES = "sync_hrm_schedules"
COSTUNITS = "hrm_costunits"
GL_ACCOUNTS = "bulk_financial_gl_accounts"
ATTACHMENTS = "bulk_documents_document_attachments"
LOG = "sync_deleted"
STREAMS = (ITEMS, DELIVERIES, SCHEDULES, COSTUNITS, GL_ACCOUNTS, ATTACHMENTS)
TOLD = (ITEMS, DELIVERIES, SCHEDULES)
SETTINGS = {"deletions": "tombstones", "emit_activate_version_messages": True}


def life(home: SyncFixture, *, gone: tuple[str, ...] = (*TOLD, ATTACHMENTS)) -> None:
    """Some days of an administration; after each run each table is what Exact holds."""
    for day in range(4):
        run = home.run(*STREAMS, LOG)
        assert run.complete, run.error
        for stream in STREAMS:
            assert home.live(stream) == set(home.table(stream).keys()), f"day {day}: {stream}"
            _newest(home, run, stream)
        home.exact.clock.advance(86_400 if day != 1 else 1)
        for stream in STREAMS:
            table = home.table(stream)
            table.insert()
            table.update(table.keys()[day])
            if stream in gone:
                table.delete(table.keys()[1])


def _newest(home: SyncFixture, run: InProcessRun, stream: str) -> None:
    table = home.target.tables[stream].live(HOME)
    for key, values in table.items():
        source = home.table(stream).get(key[1])
        for name, column in (("Timestamp", "timestamp"), ("Modified", "modified")):
            if column in values:
                wanted = source[name]
                assert values[column] == (wanted.isoformat() if name == "Modified" else wanted), (run, stream)


DOUBTS: dict[str, dict[str, Any]] = {
    "the clock is that of Amsterdam": {"timezone": "Europe/Amsterdam"},
    "the clock is that of London": {"timezone": "Europe/London"},
    "the clock is that of New York": {"timezone": "America/New_York"},
    "the clock is that of Auckland": {"timezone": "Pacific/Auckland"},
    "rows of sync come in order of Timestamp": {"sync_order": "timestamp"},
    "rows of sync come in any order": {"sync_order": "any"},
    "pages of sync come newest first": {"sync_order": "across"},
    "pages of sync go by the key": {"sync_order": "key"},
    "sync honours $top": {"sync_top": True},
    "sync ignores $top": {"sync_top": False},
    "sync takes any $select": {"select_star_on_sync": True},
    "single endpoints demand $select": {"select_required_on_single": True},
    "Int64 is text": {"int64_as": "string"},
    "Int64 is a number": {"int64_as": "number"},
    "dates bear an offset": {"date_suffix": "+0200"},
    "the last page has no link": {"next_when_done": "absent"},
    "the last page has an empty link": {"next_when_done": "null"},
    "a full last page has a link": {"next_on_full_page": True},
    "a full last page has none": {"next_on_full_page": False},
    "a list is always called results": {"envelope": "results"},
    "a short list is bare": {"envelope": "array"},
    "date-only literals are none": {"date_only_literals": False},
    "the address of system/Divisions is checked": {"check_divisions_division": True},
    "the address of system/Divisions is not checked": {"check_divisions_division": False},
}


ZONES = ("Europe/Amsterdam", "America/New_York")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("doubt", "zone"),
    [
        (doubt, zone)
        for doubt, given in DOUBTS.items()
        for zone in ZONES[: None if "timezone" in given else 1]
    ],
)
def test_either_way_the_tables_are_right(tmp_path: Path, doubt: str, zone: str) -> None:
    exact = ExactOnline(Clock(), page_rows=3, error_limit=10**6, **DOUBTS[doubt])
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(HOME, rows=dict.fromkeys(STREAMS, 7))
    with exact.serve():
        life(SyncFixture(exact, tmp_path, timezone=zone, **SETTINGS))


@pytest.fixture
def home(tmp_path: Path) -> Any:
    exact = ExactOnline(page_rows=3, error_limit=10**6)
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(HOME, rows=dict.fromkeys(STREAMS, 7))
    with exact.serve():
        yield SyncFixture(exact, tmp_path, **SETTINGS)


@pytest.mark.parametrize(
    "demanded", [["Modified", "Code"], ["Created"], ["ID"], ["Modified", "Created", "ID"]]
)
def test_a_filter_may_be_demanded(home: SyncFixture, demanded: list[str]) -> None:
    for stream in (COSTUNITS, GL_ACCOUNTS):
        home.exact.require_filter(stream, demanded)
    home.exact.require_filter(ATTACHMENTS, ["ID"])
    life(home)


def test_a_filter_may_be_withdrawn(home: SyncFixture) -> None:
    assert home.run(*STREAMS).complete
    for stream in (COSTUNITS, GL_ACCOUNTS):
        home.exact.refuse_filter(stream, "Modified")
    life(home)


def test_entity_types_that_nobody_knows_pass(home: SyncFixture) -> None:
    assert home.run(*STREAMS, LOG).complete
    for number in (0, 11, 52, 60, 2**31 - 1):
        home.exact.divisions[HOME].log_deletion(number, "5a0f3c56-0000-4000-8000-000000000000")
    run = home.run(*STREAMS, LOG)
    assert [record["entity_type"] for record in run.records(LOG)] == [0, 11, 52, 60, 2**31 - 1]
    assert {record["stream"] for record in run.records(LOG)} == {None}
    life(home)


def test_the_log_may_name_entries_by_another_key(home: SyncFixture) -> None:
    """Then their rows stay: nothing else can be known. The tombstones mark no row that exists."""
    home.exact.switches.log_names_entry = False
    assert home.run(*STREAMS, LOG).complete
    table = home.table(DELIVERIES)
    gone = table.keys()[0]
    table.delete(gone)
    run = home.run(*STREAMS, LOG)
    assert run.complete
    assert len(run.records(LOG)) == 1
    assert home.live(DELIVERIES) == {*table.keys(), gone}


def test_a_header_may_keep_its_modified_when_a_line_changes(home: SyncFixture) -> None:
    """Then a stream read by Modified misses it, and a full refresh brings it."""
    assert home.run(*STREAMS).complete
    home.exact.clock.advance(86_400)
    table = home.table(COSTUNITS)
    key = table.keys()[0]
    before = table.get(key)["Modified"]
    table.update(key, Description="a line changed", Modified=before)
    home.run(*STREAMS)
    home.state = None
    run = home.run(*STREAMS)
    assert "a line changed" in {record["description"] for record in run.records(COSTUNITS)}


@pytest.mark.parametrize("checked", [True, False])
def test_the_administration_opened_last_may_not_be_granted(home: SyncFixture, checked: bool) -> None:
    assert home.run(*STREAMS).complete
    home.exact.add_division(555)
    home.exact.divisions[555].in_scope = False
    home.exact.current = 555
    home.exact.switches.check_divisions_division = checked
    life(home)
