"""Answers that hold rows of another administration: nothing of them is written, and the run says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import faults
from tests.exact_online.faults import Action, Match
from tests.support.sync import HOME, SyncFixture, lab

ACCOUNTS = "sync_crm_accounts"
COSTUNITS = "hrm_costunits"
ATTACHMENTS = "bulk_documents_document_attachments"
RECEIVABLES = "read_financial_receivables_list"
BUDGETS = "budget_budget_scenarios"
LOG = "sync_deleted"
OTHER = 102
ACTIONS: dict[str, Action] = {
    "the whole answer": faults.other_administration(OTHER),
    "the first row": faults.foreign_rows(OTHER, slice(0, 1)),
    "a row in the middle": faults.foreign_rows(OTHER, slice(1, 2)),
    "the last row": faults.foreign_rows(OTHER, slice(-1, None)),
}


def two(home: SyncFixture, *streams: str, rows: int = 7) -> None:
    home.exact.add_division(OTHER, rows=dict.fromkeys(streams, rows))
    home.settings["divisions"] = [HOME]


def equal(home: SyncFixture, *streams: str) -> None:
    for stream in streams:
        assert home.live(stream) == set(home.table(stream).keys()), stream
        assert home.live(stream, OTHER) == set(), stream


@pytest.mark.parametrize(
    ("page", "name"),
    [(page, name) for page in (1, 2) for name in ACTIONS if (page, name) != (2, "the whole answer")],
)
@pytest.mark.parametrize("stream", [ACCOUNTS, COSTUNITS, ATTACHMENTS])
def test_a_page_with_foreign_rows_is_asked_for_again(
    tmp_path: Path, stream: str, page: int, name: str
) -> None:
    with lab(tmp_path, {stream: 7}) as home:
        two(home, stream)
        fault = home.exact.faults.add(Match(stream=stream, division=HOME, nth=page), ACTIONS[name])
        assert home.run(stream).complete
        assert fault.hits == 1
        equal(home, stream)


@pytest.mark.parametrize("stream", [ACCOUNTS, COSTUNITS, ATTACHMENTS, RECEIVABLES])
def test_if_it_lasts_the_stream_is_incomplete_and_the_others_arrive(tmp_path: Path, stream: str) -> None:
    others = [name for name in (ACCOUNTS, ATTACHMENTS) if name != stream]
    with lab(tmp_path, dict.fromkeys((stream, *others), 7)) as home:
        two(home, stream)
        home.exact.faults.add(Match(stream=stream, division=HOME), ACTIONS["a row in the middle"], times=None)
        run = home.run(stream, *others)
        assert not run.complete
        assert f"the answer for division {HOME} holds rows of division {OTHER}" in str(run.error)
        assert stream in str(run.error)
        assert run.records(stream) == []
        equal(home, *others)
        assert "replication_key_value" not in home.bookmark(stream)
        home.exact.faults.clear()
        assert home.run(stream, *others).complete
        equal(home, stream)


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
def test_the_log_of_another_administration_deletes_nothing(tmp_path: Path, deletions: str) -> None:
    with lab(tmp_path, {ACCOUNTS: 5}, deletions=deletions) as home:
        assert home.run(ACCOUNTS, LOG).complete
        two(home, ACCOUNTS)
        for key in home.table(ACCOUNTS).keys()[:2]:
            home.exact.divisions[OTHER].log_deletion(2, key)
        home.exact.faults.add(
            Match(stream=LOG, division=HOME), faults.other_administration(OTHER), times=None
        )
        run = home.run(ACCOUNTS, LOG)
        assert not run.complete
        assert run.records(LOG) == []
        equal(home, ACCOUNTS)


def test_a_page_that_is_read_leniently_is_looked_at_too(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:
        two(home, ACCOUNTS)

        def change(rows: list[dict[str, Any]]) -> None:
            rows[0]["Name"] = 5  # no page of the usual types
            rows[-1]["__metadata"]["uri"] = rows[-1]["__metadata"]["uri"].replace("/101/", "/102/")

        home.exact.faults.add(ACCOUNTS, faults.edit_rows(change), times=None)
        run = home.run(ACCOUNTS)
        assert run.records(ACCOUNTS) == []
        assert f"holds rows of division {OTHER}" in str(run.error)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("value", [OTHER, str(OTHER), float(OTHER)])
def test_a_field_division_tells_as_well(tmp_path: Path, value: Any, lenient: bool) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:

        def change(row: dict[str, Any]) -> None:
            row["Division"] = value
            if lenient:
                row["Name"] = 5
                row["__metadata"] = "an address"

        home.exact.faults.add(ACCOUNTS, faults.each_row(change, "Division"), times=None)
        assert f"holds rows of division {OTHER}" in str(home.run(ACCOUNTS).error)


@pytest.mark.parametrize("path", ["/api/v1/102/", "/API/V1/102/", "/api/v1/beta/102/", "/exact/api/v1/102/"])
def test_an_address_tells_in_any_spelling(tmp_path: Path, path: str) -> None:
    with lab(tmp_path, {ACCOUNTS: 3}) as home:

        def change(rows: list[dict[str, Any]]) -> None:
            rows[1]["__metadata"]["uri"] = f"https://proxy.example{path}sync/CRM/Accounts(1)"

        home.exact.faults.add(ACCOUNTS, faults.edit_rows(change), times=None)
        assert f"holds rows of division {OTHER}" in str(home.run(ACCOUNTS).error)


def _another_host(row: dict[str, Any]) -> None:
    path = row["__metadata"]["uri"].split("/", 3)[3]
    row["__metadata"]["uri"] = f"https://start.exactonline.nl/{path}"


def _another_spelling(row: dict[str, Any]) -> None:
    row["__metadata"]["uri"] = row["__metadata"]["uri"].replace("/api/v1/", "/exact/API/V1/")


HARMLESS = {
    "another host": _another_host,
    "another spelling": _another_spelling,
    "no address": lambda row: row.pop("__metadata"),
    "an empty description": lambda row: row.update(__metadata={}),
    "null": lambda row: row.update(__metadata=None),
    "an address that names none": lambda row: row.update(__metadata={"uri": "Accounts(1)"}),
    "another administration in a text": lambda row: row.update(
        Name="https://start.exactonline.nl/api/v1/102/crm/Accounts"
    ),
    "its own Division": lambda row: row.update(Division=HOME),
    "its own Division as text": lambda row: row.update(Division=f" {HOME} "),
    "no Division": lambda row: row.update(Division=None),
    "another meaning of Division": lambda row: row.update(Division="North"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_names_no_other_administration_is_right(tmp_path: Path, change: Any) -> None:
    with lab(tmp_path, {ACCOUNTS: 5}) as home:
        home.exact.faults.add(ACCOUNTS, faults.each_row(change, "harmless"), times=None)
        assert home.run(ACCOUNTS).complete
        equal(home, ACCOUNTS)


@pytest.mark.parametrize("stream", ["system_divisions", "system_all_divisions", "hrm_divisions", "system_me"])
def test_lists_of_administrations_hold_other_ones(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path) as home:
        home.exact.add_division(OTHER)

        def change(row: dict[str, Any]) -> None:
            row["__metadata"] = {"uri": f"{home.exact.url}/api/v1/{OTHER}/system/Divisions({OTHER})"}
            row["Division"] = OTHER

        home.exact.faults.add(stream, faults.each_row(change, "its own"), times=None)
        run = home.run(stream)
        assert run.complete
        assert run.records(stream)


def test_beta_endpoints_are_looked_at(tmp_path: Path) -> None:
    with lab(tmp_path, {BUDGETS: 3}) as home:
        assert home.run(BUDGETS).complete
        two(home, BUDGETS)
        home.exact.faults.add(BUDGETS, ACTIONS["the last row"], times=None)
        home.state = None
        assert f"holds rows of division {OTHER}" in str(home.run(BUDGETS).error)
