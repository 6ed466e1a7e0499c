"""``start_date`` leaves out what happened before, and never what the rest refers to."""

# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.catalogue import read
from scripts.dated import DATED, WHOLE, entity
from tap_exactonline.endpoints import by_name, load
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.definitions import define
from tests.exact_online import ExactOnline
from tests.exact_online.references import refers
from tests.support.sync import HOME, lab
from tests.support.tap_runs import TapRunner

START = "2021-07-01"
DEFAULT = [endpoint.name for endpoint in load() if endpoint.selected]
NOW = datetime(2026, 11, 20, 14, 30)

Records = dict[str, list[dict[str, Any]]]
Reference = tuple[str, Any, str, str]  # stream, key of the row, field, stream that it refers to


def read_all(home: Path, **settings: Any) -> Records:
    """What a run of the default selection brings from a stand-in whose rows refer to each other."""
    with lab(home, 12, page_rows=1000, references=True, **settings) as it:
        run = it.run(*DEFAULT)
        assert run.complete, run.error
        return {stream: run.records(stream) for stream in DEFAULT}


def resolved(records: Records) -> tuple[set[Reference], set[Reference]]:
    """The references that find their row, and those that do not."""
    targets: dict[tuple[str, str], set[Any]] = defaultdict(set)
    for stream, rows in records.items():
        endpoint = by_name(stream)
        columns = {field.name: field.column for field in endpoint.fields}
        for what, name in (("key", endpoint.key[0]), ("Code", "Code")):
            if name in columns:
                targets[stream, what] = {row.get(columns[name]) for row in rows}
    found: tuple[set[Reference], set[Reference]] = set(), set()
    for stream, rows in records.items():
        endpoint = by_name(stream)
        for field in endpoint.fields:
            told = refers(stream, field.name, field.type)
            if told is None or field.name in endpoint.key or field.hidden:
                continue
            for row in rows:
                value = row[field.column]
                if value is not None:
                    key = tuple(row[by_name(stream).field(name).column] for name in endpoint.key)
                    found[value not in targets[told]].add((stream, key, field.name, told[0]))
    return found


@pytest.mark.slow
def test_what_resolves_without_a_start_date_resolves_with_it(tmp_path: Path) -> None:
    everything = read_all(tmp_path / "whole")
    good, bad = resolved(everything)
    assert not bad, "the stand-in's rows refer to rows that exist"

    records = read_all(tmp_path / "since", start_date=START)
    still, lost = resolved(records)

    assert lost <= good, "nothing is lost that was not there"
    # What happened may refer to what happened earlier: an invoice to an order. docs/limits.md says so.
    assert not {one for one in lost if not by_name(one[3]).dated}

    left_out = {name for name in DEFAULT if len(records[name]) < len(everything[name])}
    assert left_out == {name for name in DEFAULT if by_name(name).dated}
    # And it was put to the test: what is left refers to rows that nobody has touched since.
    used = {stream for _, _, _, stream in still}
    for master in (
        "sync_financial_gl_accounts", "sync_crm_accounts", "sync_logistics_items", "sync_project_projects",
        "financial_journals", "vat_vat_codes", "general_currencies", "hrm_costcenters", "hrm_costunits",
        "sync_documents_documents", "sync_subscription_subscriptions", "financial_gl_schemes",
    ):  # fmt: skip
        assert master in used
        assert min(row["modified"] for row in records[master]) < START


def test_every_endpoint_was_decided_about_once() -> None:
    decided = [one for table in (DATED, WHOLE) for ids in table.values() for one in ids.split()]
    assert len(decided) == len(set(decided))
    assert set(decided) == {entity(resource.id) for resource in read() if resource.plain_get}


def test_all_ways_to_read_an_entity_are_alike() -> None:
    dated = defaultdict(set)
    for endpoint in load():
        dated[endpoint.entity].add(endpoint.dated)
    mixed = {name for name, values in dated.items() if len(values) > 1}
    assert not mixed


@pytest.mark.process
@pytest.mark.parametrize(
    ("path", "more", "dated"),
    [
        ("crm/Accounts", {}, False),
        ("crm/Accounts", {"dated": True}, True),
        ("purchase/PurchaseInvoices", {}, True),
        ("purchase/PurchaseInvoices", {"dated": False}, False),
        ("crm/Things", {"columns": {"ID": "guid", "Modified": "datetime"}, "key": ["ID"]}, False),
        (
            "crm/Things",
            {"columns": {"ID": "guid", "Modified": "datetime"}, "key": ["ID"], "dated": True},
            True,
        ),
    ],
)
def test_an_extra_stream_is_as_dated_as_its_path_or_as_it_says(
    exact: ExactOnline, runner: TapRunner, path: str, more: dict[str, Any], dated: bool
) -> None:
    exact.add_division(101, rows=12)
    if path == "crm/Things":
        rows = [{"ID": key(n), "Modified": datetime(2018 + n, 1, 1)} for n in range(6)]
        exact.add_endpoint(path, {"ID": "guid", "Modified": "datetime"}, ["ID"], rows)
    runner.config["start_date"] = START
    runner.config["extra_streams"] = [{"name": "extra", "path": path, "bookmark": "Modified", **more}]

    done = runner.sync("extra")

    assert done.code == 0, done.err
    asked = {call.query.get("$filter") for call in exact.log if call.path.endswith(path)}
    assert asked == ({f"Modified ge datetime'{START}T00:00:00'"} if dated else {None})
    oldest = min(record["modified"] for record in done.records("extra"))
    assert (oldest >= START) is dated


def key(number: int) -> str:
    return f"{number:08}-9a1b-4c2d-8e3f-0123456789ab"


def test_another_mind_about_dated_starts_over() -> None:
    entry = {"name": "extra", "path": "crm/Accounts"}
    definitions = [
        define([{**entry, **more}], NOW, None)[0].endpoint.definition for more in ({}, {"dated": True})
    ]
    assert definitions[0] != definitions[1]
    with pytest.raises(SettingsError, match=r"extra_streams\[0\]\.dated"):
        define([{**entry, "dated": "yes"}], NOW, None)


def test_a_bookmark_counts_more_than_the_start_date(tmp_path: Path) -> None:
    stream = "purchase_purchase_invoices"
    with lab(tmp_path, {stream: 12}) as home:
        assert home.run(stream).complete
        home.settings["start_date"] = "2030-01-01"
        home.table(stream).update(home.table(stream).keys()[0])
        run = home.run(stream)
        assert run.complete
        assert run.records(stream)
        assert home.bookmark(stream, HOME)["replication_key_value"] < "2030"
