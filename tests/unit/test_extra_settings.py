"""What may stand in the setting extra_streams, and what is said about what may not."""

from __future__ import annotations

import json
import re
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_exactonline.config import parse
from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.endpoints.functions import functions
from tap_exactonline.endpoints.spelling import column
from tap_exactonline.endpoints.variants import variants
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.definitions import define

NOW = datetime(2026, 11, 20, 14, 30)  # noqa: DTZ001
GUID = "01234567-89ab-cdef-0123-456789abcdef"
REVENUE: dict[str, Any] = {"name": "revenue", "path": "read/financial/RevenueListByYear"}
NEW: dict[str, Any] = {"name": "things", "path": "crm/Things", "columns": {"ID": "guid"}, "key": ["ID"]}


def one(start_date: datetime | None = None, **definition: Any) -> Endpoint:
    """The endpoint that a definition makes."""
    (extra,) = define([definition], NOW, start_date)
    return extra.endpoint


def queries(endpoint: Endpoint) -> list[dict[str, str]]:
    return [dict(variant.query) for variant in variants(endpoint)]


def filters(endpoint: Endpoint) -> list[str | None]:
    return [variant.filter for variant in variants(endpoint)]


# -- what may stand there


def test_a_known_function_needs_only_its_parameters() -> None:
    endpoint = one(**REVENUE, parameters={"year": [2023, "2024", "current_year", "current_year-1"]})
    assert queries(endpoint) == [{"year": y} for y in ("2023", "2024", "2026", "2025")]
    assert endpoint.key == ("Period", "Year")
    assert [p.column for p in endpoint.parameters] == ["parameter_year"]
    assert (endpoint.kind, endpoint.scope, endpoint.selected) == ("read", "Financial accounting", True)


def test_parameters_are_written_as_literals_of_their_types() -> None:
    path = "read/crm/AccountDocuments"
    given = {"accountId": GUID.upper(), "searchText": "d'Or & co", "useFullTextSearch": False}
    endpoint = one(name="docs", path=path, parameters=given)
    assert queries(endpoint) == [
        {"accountId": f"guid'{GUID}'", "searchText": "'d''Or & co'", "useFullTextSearch": "false"}
    ]


def test_dates_may_move_with_the_calendar_and_are_no_key_when_they_stand_alone() -> None:
    hours = "read/project/HoursByDate"
    alone = one(name="hours", path=hours, parameters={"checkDate": "today-30"})
    assert queries(alone) == [{"checkDate": "datetime'2026-10-21T00:00:00'"}]
    assert [p.key for p in alone.parameters] == [False]
    many = one(name="hours", path=hours, parameters={"checkDate": ["2026-01-31", "today"]})
    assert [p.key for p in many.parameters] == [True]
    modified = {"itemId": GUID, "modified": "start_date"}
    path = "read/logistics/ItemExtraField"
    since = one(datetime(2024, 1, 1), name="f", path=path, parameters=modified)  # noqa: DTZ001
    assert queries(since)[0]["modified"] == "datetime'2024-01-01T00:00:00'"
    ever = one(name="f", path=path, parameters=modified)
    assert queries(ever)[0]["modified"] == "datetime'1900-01-01T00:00:00'"


def test_several_lists_make_every_combination() -> None:
    endpoint = one(
        name="by_status",
        path="read/financial/RevenueListByYearAndStatus",
        parameters={"year": {"from": 2025, "to": "current_year"}, "afterEntry": [True, False]},
    )
    assert [(q["year"], q["afterEntry"]) for q in queries(endpoint)] == [
        ("2025", "true"), ("2025", "false"), ("2026", "true"), ("2026", "false"),
    ]  # fmt: skip


def test_names_of_parameters_are_found_in_any_case_and_sent_as_exact_spells_them() -> None:
    assert queries(one(**REVENUE, parameters={"YEAR": 2024})) == [{"year": "2024"}]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/{division}/read/financial/RevenueListByYear",
        "https://start.exactonline.nl/api/v1/123456/read/financial/RevenueListByYear/",
        "read/Financial/revenuelistbyyear",
    ],
)
def test_a_path_may_be_copied_from_anywhere(path: str) -> None:
    assert one(name="r", path=path, parameters={"year": 1}).path == REVENUE["path"]


def test_beta_paths() -> None:
    known = one(
        name="c", path="payroll/PayrollComponents", parameters={"group": {"type": "guid", "value": GUID}}
    )
    assert known.beta
    assert queries(known) == [{"group": f"guid'{GUID}'"}]
    assert one(**{**NEW, "path": "beta/crm/Things"}).beta
    assert not one(**NEW).beta


def test_a_known_endpoint_with_a_fixed_filter_keeps_its_bookmark() -> None:
    endpoint = one(name="open", path="crm/Accounts", filter="Blocked eq false and Name ne 'x {y}'")
    assert filters(endpoint) == ["Blocked eq false and Name ne 'x {y}'"]
    assert (endpoint.bookmark, endpoint.key) == ("Modified", ("ID",))


def test_a_filter_that_moves_is_read_in_full() -> None:
    endpoint = one(name="new", path="crm/Accounts", filter="Created ge {today-30}")
    assert filters(endpoint) == ["Created ge datetime'2026-10-21T00:00:00'"]
    assert endpoint.bookmark is None


def test_a_filter_may_be_filled_by_parameters() -> None:
    endpoint = one(
        name="balance", path="financial/ReportingBalance",
        filter="ReportingYear eq {year}", parameters={"year": [2024, "current_year"]},
    )  # fmt: skip
    assert filters(endpoint) == ["ReportingYear eq 2024", "ReportingYear eq 2026"]
    assert queries(endpoint) == [{}, {}]


def test_an_unknown_endpoint_is_what_its_definition_says() -> None:
    endpoint = one(
        path="inventory/Things",
        columns={"ID": "Edm.Guid", "AmountVATDC": "number", "Modified": "date", "Lines": "collection"},
        key="ID", bookmark="Modified", scope="Logistics inventory", page_size=1000,
    )  # fmt: skip
    assert endpoint.name == "inventory_things"
    assert [(f.column, f.type, f.hidden) for f in endpoint.fields] == [
        ("id", "guid", False), ("amount_vat_dc", "double", False),
        ("modified", "datetime", False), ("lines", "collection", False),
    ]  # fmt: skip
    assert (endpoint.kind, endpoint.page_size, endpoint.scope) == ("single", 1000, "Logistics inventory")


def test_kinds_follow_from_the_path() -> None:
    sync = one(path="sync/HRM/Things", columns={"ID": "guid"})
    assert (sync.kind, sync.bookmark, sync.key, sync.hr) == ("sync", "Timestamp", ("ID",), True)
    assert "Timestamp" in [f.name for f in sync.fields]
    assert one(path="bulk/CRM/Things", columns={"ID": "guid"}, key=["ID"]).kind == "bulk"


def test_columns_add_to_a_known_endpoint_and_correct_it() -> None:
    endpoint = one(name="a", path="crm/Accounts", columns={"Brandnew": "int64", "Blocked": "string"})
    known = next(e for e in load() if e.name == "crm_accounts")
    assert len(endpoint.fields) == len(known.fields) + 1
    assert endpoint.field("Brandnew").type == "int64"
    assert endpoint.field("Blocked").type == "string"


def test_json_text_is_as_good_as_a_list() -> None:
    text = json.dumps([REVENUE | {"parameters": {"year": 2024}}])
    (extra,) = parse({"extra_streams": text}).extra_streams
    assert extra.endpoint.name == "revenue"
    assert parse({"extra_streams": " "}).extra_streams == ()
    assert parse({"extra_streams": []}).extra_streams == ()


def test_a_definition_tells_itself_from_another() -> None:
    first = one(name="a", path="crm/Accounts", filter="Blocked eq true")
    assert first.definition == one(name="a", path="crm/Accounts", filter="Blocked eq true").definition
    assert first.definition == one(name="a", path="crm/accounts", filter="Blocked eq true", columns={"X": "guid"}).definition  # fmt: skip
    assert first.definition != one(name="a", path="crm/Accounts", filter="Blocked eq false").definition


def test_every_function_with_known_parameters_can_be_defined() -> None:
    sample = {
        "guid": GUID, "string": "x", "boolean": True, "datetime": "today", "int32": 1, "int16": 1,
    }  # fmt: skip
    made = 0
    for function in functions().functions:
        if function.parameters is None:
            continue
        given = {parameter.name: sample[parameter.type] for parameter in function.parameters}
        endpoint = one(path=function.path, name="f", parameters=given)
        assert len(next(iter(variants(endpoint))).query) == len(given)
        made += 1
    assert made == 53  # of the others, Exact's reference was not at hand


def test_columns_of_functions_are_spelled_like_those_of_endpoints() -> None:
    for function in functions().functions:
        assert [f.column for f in function.fields] == [column(f.name) for f in function.fields]
        assert set(function.key) <= {f.name for f in function.fields}


# -- what may not


BAD: list[tuple[Any, str, str]] = [
    ("[{", "extra_streams", "not valid JSON"),
    ("5", "extra_streams", "is not a list"),
    (["x"], "extra_streams[0]", "is not an object"),
    ([{}], "extra_streams[0].path", "missing"),
    ([NEW, {"name": "x"}], "extra_streams[1].path", "missing"),
    ([{"path": 5}], "extra_streams[0].path", "missing"),
    ([{"path": "crm"}], "extra_streams[0].path", "not the path"),
    ([{"path": "../../oauth2/token"}], "extra_streams[0].path", "not the path"),
    ([{"path": "https://evil.example/x/y"}], "extra_streams[0].columns", "missing"),
    ([{"path": "crm/Accounts?$filter=x"}], "extra_streams[0].path", "extra_streams[0].parameters"),
    ([{"path": "crm/PrintQuotation"}], "extra_streams[0].path", "only takes POST"),
    ([NEW | {"nmae": "x"}], "extra_streams[0].nmae", "Did you mean name?"),
    ([NEW | {"name": "Things!"}], "extra_streams[0].name", "not the name of a table"),
    ([NEW | {"name": 7}], "extra_streams[0].name", "not text"),
    ([NEW, NEW], "extra_streams[1].name", "another entry's"),
    ([NEW | {"name": "crm_accounts"}], "extra_streams[0].name", "the tap has already"),
    ([{"path": "crm/Accounts"}], "extra_streams[0].name", "the tap has already"),
    ([NEW | {"kind": "fast"}], "extra_streams[0].kind", "sync, bulk, single, read"),
    ([{"name": "a", "path": "crm/Accounts", "kind": "sync"}], "extra_streams[0].kind", "is of the kind single"),
    ([NEW | {"key": "IDD"}], "extra_streams[0].key", "Did you mean ID?"),
    ([NEW | {"key": 5}], "extra_streams[0].key", "not a list of fields"),
    ([{k: v for k, v in NEW.items() if k != "key"}], "extra_streams[0].key", "missing"),
    ([NEW | {"columns": {"ID": "guidd"}}], "extra_streams[0].columns.ID", "not a type"),
    ([NEW | {"columns": {"ID": 5}}], "extra_streams[0].columns.ID", "not a type"),
    ([NEW | {"columns": {"I D": "guid"}}], "extra_streams[0].columns", "not the name of a field"),
    ([NEW | {"columns": "all"}], "extra_streams[0].columns", '"metadata"'),
    ([NEW | {"columns": {"ID": "guid", "Id": "guid"}}], "extra_streams[0].columns", "a column twice"),
    ([NEW | {"bookmark": "Modified"}], "extra_streams[0].bookmark", "not a field"),
    ([NEW | {"bookmark": "ID"}], "extra_streams[0].bookmark", "not datetime"),
    ([NEW | {"filter": 5}], "extra_streams[0].filter", "not text"),
    ([NEW | {"filter": "Naam eq 'x'"}], "extra_streams[0].filter", "'Naam' is not a field"),
    ([NEW | {"filter": "id eq guid'x'"}], "extra_streams[0].filter", "Did you mean ID?"),
    ([NEW | {"filter": "ID eq {jaar}"}], "extra_streams[0].filter", "neither a parameter"),
    ([NEW | {"filter": "ID eq 'x"}], "extra_streams[0].filter", "not closed"),
    ([NEW | {"filter": "$filter=ID eq 'x'"}], "extra_streams[0].filter", "only what follows"),
    ([{"name": "a", "path": "sync/CRM/Accounts", "filter": "ID eq 1"}], "extra_streams[0].filter", "Timestamp only"),
    ([{"name": "a", "path": "sync/CRM/Accounts", "bookmark": "Modified"}], "extra_streams[0].bookmark", "Leave it out"),
    ([NEW | {"page_size": 0}], "extra_streams[0].page_size", "not a number of rows"),
    ([REVENUE], "extra_streams[0].parameters.year", "answers only with it"),
    ([NEW, REVENUE | {"parameters": {}}], "extra_streams[1].parameters.year", "year (int32)"),
    ([REVENUE | {"parameters": 2024}], "extra_streams[0].parameters", "not an object"),
    ([REVENUE | {"parameters": {"jaar": 2024}}], "extra_streams[0].parameters.jaar", "It has year (int32)"),
    ([REVENUE | {"parameters": {"year": "last"}}], "extra_streams[0].parameters.year", "not of type int32"),
    ([REVENUE | {"parameters": {"year": [2024, "x"]}}], "extra_streams[0].parameters.year[1]", "not of type int32"),
    ([REVENUE | {"parameters": {"year": True}}], "extra_streams[0].parameters.year", "not of type int32"),
    ([REVENUE | {"parameters": {"year": None}}], "extra_streams[0].parameters.year", "not of type int32"),
    ([REVENUE | {"parameters": {"year": 2**40}}], "extra_streams[0].parameters.year", "out of range"),
    ([REVENUE | {"parameters": {"year": []}}], "extra_streams[0].parameters.year", "no value"),
    ([REVENUE | {"parameters": {"year": list(range(2000))}}], "extra_streams[0].parameters.year", "too many"),
    ([REVENUE | {"parameters": {"year": {"from": 2024}}}], "extra_streams[0].parameters.year", '{"from"'),
    ([REVENUE | {"parameters": {"year": {"from": 9, "to": 1}}}], "extra_streams[0].parameters.year", "after"),
    ([REVENUE | {"parameters": {"year": {"from": "x", "to": 1}}}], "extra_streams[0].parameters.year.from", "int32"),
    ([REVENUE | {"parameters": {"year": {"type": "jaar", "value": 1}}}], "extra_streams[0].parameters.year.type", "not a type"),
    (
        [{"name": "h", "path": "read/project/HoursByDate", "parameters": {"checkDate": "31-12-2024"}}],
        "extra_streams[0].parameters.checkDate", "not of type datetime",
    ),
    (
        [{"name": "h", "path": "read/project/HoursByDate", "parameters": {"checkDate": "2024-01-01T00:00:00Z"}}],
        "extra_streams[0].parameters.checkDate", "not of type datetime",
    ),
    (
        [{"name": "s", "path": "read/logistics/StockPosition", "parameters": {"itemId": ["1-2"]}}],
        "extra_streams[0].parameters.itemId", "not of type guid",
    ),
    (
        [{"name": "p", "path": "read/project/CostsByDate", "parameters": {"checkDate": "today", "x": 1}}],
        "extra_streams[0].parameters.x", "no such parameter",
    ),
    ([{"name": "c", "path": "payroll/PayrollComponents"}], "extra_streams[0].parameters", "PayrollPayrollComponents"),
    (
        [NEW | {"path": "users/UnlinkAllRoles", "parameters": {"userId": "x"}}],
        "extra_streams[0].parameters.userId",
        "UnlinkAllRoles is not a function that Exact's reference documents for reading",
    ),
    (
        [{"name": "a", "path": "payroll/PayrollComponents", "parameters": {"group": GUID}}],
        "extra_streams[0].parameters.group",
        'does not know its type. Write {"type"',
    ),
    (
        [{"name": "a", "path": "crm/Accounts", "parameters": {"year": 2024}}],
        "extra_streams[0].parameters.year", "as {year}",
    ),
    (
        [NEW | {"columns": {"ID": "guid", "Modified": "datetime"}, "bookmark": "Modified", "filter": "ID eq {a}", "parameters": {"a": [1, 2]}}],
        "extra_streams[0].bookmark", "older rows",
    ),
    (
        [NEW | {"columns": {"ID": "guid", "M": "date"}, "bookmark": "M", "filter": "M ge {today-9}"}],
        "extra_streams[0].bookmark", "calendar",
    ),
    (
        [NEW | {"filter": "ID eq {a} or ID eq {b}", "parameters": {"a": list(range(100)), "b": list(range(100))}}],
        "extra_streams[0].parameters", "10,000 reads",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "place", "said"), BAD, ids=[f"{n}-{b[1]}" for n, b in enumerate(BAD)])
def test_what_is_wrong_is_named(setting: Any, place: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        define(setting, NOW, None)
    text = str(caught.value)
    assert caught.value.setting == place, text
    assert said in text
    assert "\n" not in text


# -- the documentation


def test_the_examples_of_the_documentation_are_accepted() -> None:
    page = Path(__file__).parents[2] / "docs" / "extra-streams.md"
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        found = yaml.safe_load(textwrap.dedent(block))
        entries = found.get("config", found)["extra_streams"]
        assert len(define(entries, NOW, None)) == len(entries) > 0
