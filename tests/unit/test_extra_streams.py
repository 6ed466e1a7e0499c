"""Streams of the setting extra_streams, read through the command line from the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import ExactOnline

from .tap_runner import Runner

ITEMS = [f"0000000{n}-89ab-cdef-0123-456789abcdef" for n in range(3)]
YEARS = [(year, period) for year in (2022, 2023, 2024) for period in range(1, 13)]
REVENUE = {
    "name": "revenue_by_year",
    "path": "read/financial/RevenueListByYear",
    "parameters": {"year": [2023, 2024]},
}
THINGS = {"name": "things", "path": "crm/Things", "columns": "metadata"}


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=11)
    stand_in.limits(minute=10_000, day=100_000)
    stand_in.add_division(101, rows={"crm_accounts": 130, "financial_reporting_balance": 4})
    stand_in.function_answers(
        "read/financial/RevenueListByYear",
        [{"Year": year, "Period": period, "Amount": year + period / 100} for year, period in YEARS],
    )
    stand_in.start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def runner(exact: ExactOnline, tmp_path: Path) -> Runner:
    return Runner(exact, tmp_path)


def add_things(exact: ExactOnline, count: int = 3) -> None:
    fields = {
        "ID": "guid",
        "Name": "string",
        "Modified": "datetime",
        "Amount": "double",
        "Lines": "collection",
    }
    rows = [
        {"ID": ITEMS[n], "Name": f"thing {n}", "Modified": datetime(2024, 1, 1 + n), "Amount": n / 4}  # noqa: DTZ001
        for n in range(count)
    ]
    exact.add_endpoint("crm/Things", fields, ["ID"], rows)


def asked(exact: ExactOnline, path: str) -> list[dict[str, str]]:
    """The queries of the calls to a path."""
    return [call.query for call in exact.log if call.path.lower().endswith(path.lower())]


# -- functions


def test_a_function_is_read_once_for_each_value(exact: ExactOnline, runner: Runner) -> None:
    exact.add_division(102)
    runner.config["extra_streams"] = [REVENUE]

    done = runner.sync("revenue_by_year")

    assert done.code == 0, done.err
    rows = done.records("revenue_by_year")
    found = sorted((r["division"], r["parameter_year"], r["year"], r["period"], r["amount"]) for r in rows)
    assert found == [
        (division, year, year, period, year + period / 100)
        for division in (101, 102)
        for year, period in YEARS
        if year > 2022
    ]
    schema = next(m for m in done.messages if m["type"] == "SCHEMA")
    assert schema["key_properties"] == ["division", "parameter_year", "period", "year"]
    assert schema["schema"]["properties"]["parameter_year"]["type"] == ["integer"]
    assert not exact.errors_4xx


def test_check_counts_a_call_for_each_value(runner: Runner) -> None:
    runner.config["extra_streams"] = [{**REVENUE, "parameters": {"year": {"from": 2023, "to": 2042}}}]
    done = runner.sync("revenue_by_year")
    assert "revenue_by_year  101         24     20  ok" in done.err
    checked = runner.tap("check", "--catalog", str(runner.folder / "catalog.json"), "--format", "json")
    assert checked.code == 0, checked.out
    assert json.loads(checked.out)["next_run"]["calls_at_least"] == 21  # and the list of administrations


def test_parameters_go_along_from_page_to_page(exact: ExactOnline, runner: Runner) -> None:
    rows = [{"ID": f"{n:08}-89ab-cdef-0123-456789abcdef", "ProjectId": ITEMS[n % 2]} for n in range(150)]
    exact.function_answers("read/project/ProjectWBSByProject", rows)
    path = "read/project/ProjectWBSByProject"
    runner.config["extra_streams"] = [{"name": "wbs", "path": path, "parameters": {"projectId": ITEMS[:2]}}]

    done = runner.sync("wbs")

    assert done.code == 0, done.err
    found = {(r["parameter_project_id"], r["id"]) for r in done.records("wbs")}
    assert found == {(row["ProjectId"], row["ID"]) for row in rows}
    assert len(asked(exact, path)) == 4


def test_a_function_of_one_value_is_one_row(exact: ExactOnline, runner: Runner) -> None:
    runner.config["extra_streams"] = [
        {
            "name": "counts",
            "path": "read/crm/AccountDocumentsCount",
            "parameters": {"accountId": ITEMS, "searchText": "", "useFullTextSearch": False},
        }
    ]
    done = runner.sync("counts")
    assert done.code == 0, done.err
    assert [row["parameter_account_id"] for row in done.records("counts")] == ITEMS


def test_select_is_left_out_where_a_function_refuses_it(exact: ExactOnline, runner: Runner) -> None:
    exact.switches.select_on_functions = False
    runner.config["extra_streams"] = [REVENUE]

    done = runner.sync("revenue_by_year")

    assert done.code == 0, done.err
    assert len(done.records("revenue_by_year")) == 24
    assert len(exact.errors_4xx) == 1, "what one call was refused the others must not ask"


def test_item_extra_fields_are_read_plainly_and_by_bookmark(exact: ExactOnline, runner: Runner) -> None:
    path = "read/logistics/ItemExtraField"
    rows = [
        {"ItemID": ITEMS[n % 3], "Number": n, "Value": str(n), "Modified": datetime(2024, 1, 1 + n)}  # noqa: DTZ001
        for n in range(9)
    ]
    exact.function_answers(path, rows)
    runner.config["extra_streams"] = [{"name": "item_extra_fields", "path": path, "bookmark": "Modified"}]

    first = runner.sync("item_extra_fields")
    assert first.code == 0, first.err
    assert {(r["item_id"], r["number"], r["value"]) for r in first.records("item_extra_fields")} == {
        (row["ItemID"], row["Number"], row["Value"]) for row in rows
    }
    rows.append({"ItemID": ITEMS[0], "Number": 9, "Value": "new", "Modified": datetime(2024, 2, 1)})  # noqa: DTZ001
    second = runner.sync("item_extra_fields", state=first.state)
    assert {r["value"] for r in second.records("item_extra_fields")} == {"8", "new"}


def test_item_extra_fields_of_one_item_as_documented(exact: ExactOnline, runner: Runner) -> None:
    exact.switches.plain_functions = False
    path = "read/logistics/ItemExtraField"
    parameters = {"itemId": ITEMS[:2], "modified": "start_date"}
    runner.config["extra_streams"] = [{"name": "item_extra_fields", "path": path, "parameters": parameters}]
    runner.config["start_date"] = "2020-01-01"

    done = runner.sync("item_extra_fields")

    assert done.code == 0, done.err
    assert {r["parameter_item_id"] for r in done.records("item_extra_fields")} == set(ITEMS[:2])
    assert [q["modified"] for q in asked(exact, path)] == ["datetime'2020-01-01T00:00:00'"] * 2
    assert not exact.errors_4xx


def test_a_parameter_column_can_be_named_as_exact_writes_it(exact: ExactOnline, runner: Runner) -> None:
    runner.config |= {"extra_streams": [REVENUE], "column_names": "exact"}
    rows = runner.sync("revenue_by_year").records("revenue_by_year")
    assert {tuple(row) for row in rows} == {("division", "parameter_year", "Period", "Year", "Amount")}


def test_streams_go_the_slow_way_too(exact: ExactOnline, runner: Runner) -> None:
    runner.config |= {
        "extra_streams": [REVENUE],
        "stream_maps": {"revenue_by_year": {"label": "str(parameter_year) + '/' + str(period)"}},
    }
    rows = runner.sync("revenue_by_year").records("revenue_by_year")
    assert {row["label"] for row in rows} == {f"{year}/{period}" for year, period in YEARS if year > 2022}


# -- filters


def test_a_filter_of_ones_own_beside_the_full_stream(exact: ExactOnline, runner: Runner) -> None:
    rows = exact.table(101, "crm_accounts").rows()
    for number, row in enumerate(rows):
        exact.table(101, "crm_accounts").update(row["ID"], Status="C" if number % 2 else "S")
    runner.config["extra_streams"] = [
        {"name": "customers", "path": "crm/Accounts", "filter": "Status eq 'C' or Status eq 'P'"}
    ]

    done = runner.sync("customers", "crm_accounts")
    assert done.code == 0, done.err
    assert len(done.records("customers")) == 65
    assert {r["status"] for r in done.records("customers")} == {"C"}
    assert len(done.records("crm_accounts")) == 130

    second = runner.sync("customers", state=done.state)
    assert second.code == 0, second.err
    last = asked(exact, "crm/Accounts")[-1]["$filter"]
    assert last.startswith("(Status eq 'C' or Status eq 'P') and Modified ge datetime'")


def test_a_changed_filter_starts_over(exact: ExactOnline, runner: Runner) -> None:
    first = {"name": "some", "path": "crm/Accounts", "filter": "Blocked eq true"}
    runner.config["extra_streams"] = [first]
    done = runner.sync("some")
    blocked = len(done.records("some"))
    assert 0 < blocked < 130

    runner.config["extra_streams"] = [{**first, "filter": "Blocked eq false"}]
    second = runner.sync("some", state=done.state)

    assert second.code == 0, second.err
    assert "defined in another way" in second.err
    expected = [r for r in exact.expected(101, "crm_accounts") if r["Blocked"] is False]
    assert len(second.records("some")) == len(expected)
    third = runner.sync("some", state=second.state)
    assert "defined in another way" not in third.err


def test_reporting_balance_by_year(exact: ExactOnline, runner: Runner) -> None:
    table = exact.table(101, "financial_reporting_balance")
    for number, key in enumerate(table.keys()):
        table.update(key, ReportingYear=2023 + number)
    runner.config["extra_streams"] = [
        {
            "name": "reporting_balance",
            "path": "financial/ReportingBalance",
            "filter": "ReportingYear eq {year}",
            "parameters": {"year": {"from": 2024, "to": 2025}},
        }
    ]
    done = runner.sync("reporting_balance")
    assert done.code == 0, done.err
    found = [(r["parameter_year"], r["reporting_year"]) for r in done.records("reporting_balance")]
    assert sorted(found) == [(2024, 2024), (2025, 2025)]
    assert {q["$filter"] for q in asked(exact, "ReportingBalance")} == {
        "ReportingYear eq 2024",
        "ReportingYear eq 2025",
    }


def test_a_mandatory_filter_joins_the_users_own(exact: ExactOnline, runner: Runner) -> None:
    exact.require_filter("crm_accounts", ["Modified"])
    runner.config["extra_streams"] = [
        {"name": "some", "path": "crm/Accounts", "filter": "Blocked eq false", "bookmark": None}
    ]
    done = runner.sync("some")
    assert done.code == 0, done.err
    expected = [r for r in exact.expected(101, "crm_accounts") if r["Blocked"] is False]
    assert len(done.records("some")) == len(expected) > 0


def test_a_filter_that_exact_refuses_is_told_with_its_words(exact: ExactOnline, runner: Runner) -> None:
    exact.refuse_filter("crm_accounts", "Blocked")
    runner.config["extra_streams"] = [{"name": "some", "path": "crm/Accounts", "filter": "Blocked eq false"}]
    done = runner.sync("some")
    assert done.code == 1
    assert "Filtering on these fields is not supported: Blocked" in done.errors[-1]
    assert len(exact.errors_4xx) == 1
    assert "Traceback" not in done.err


# -- endpoints that the tap does not know


def test_columns_can_be_written(exact: ExactOnline, runner: Runner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [
        {
            "name": "things",
            "path": "crm/Things",
            "key": ["ID"],
            "columns": {"ID": "guid", "Name": "string", "Modified": "datetime"},
            "bookmark": "Modified",
        }
    ]
    first = runner.sync("things")
    assert first.code == 0, first.err
    assert first.records("things")[0] == {
        "division": 101, "id": ITEMS[0], "name": "thing 0", "modified": "2024-01-01T00:00:00",
    }  # fmt: skip
    second = runner.sync("things", state=first.state)
    assert [r["name"] for r in second.records("things")] == ["thing 2"], "only the overlap is read again"
    assert not asked(exact, "$metadata")


def test_columns_can_be_asked(exact: ExactOnline, runner: Runner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [{**THINGS, "bookmark": "Modified"}]

    found = runner.discover()["things"]
    done = runner.sync("things")

    assert found["key_properties"] == ["division", "id"]
    assert list(found["schema"]["properties"]) == ["division", "id", "name", "modified", "amount"]
    assert done.code == 0, done.err
    assert [(r["name"], r["amount"]) for r in done.records("things")] == [
        ("thing 0", 0.0), ("thing 1", 0.25), ("thing 2", 0.5),
    ]  # fmt: skip
    assert len(asked(exact, "crm/$metadata")) == 3, "one call for each time that the columns are needed"


def test_one_call_serves_all_streams_of_a_service(exact: ExactOnline, runner: Runner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [THINGS, {**THINGS, "name": "accounts", "path": "crm/Accounts"}]
    assert {"things", "accounts"} <= set(runner.discover())
    assert len(asked(exact, "crm/$metadata")) == 1


def test_a_new_sync_endpoint_is_read_by_timestamp(exact: ExactOnline, runner: Runner) -> None:
    fields = {"Timestamp": "int64", "ID": "guid", "Name": "string"}
    rows = [{"Timestamp": 5000 + n, "ID": ITEMS[n], "Name": str(n)} for n in range(2)]
    exact.add_endpoint("sync/CRM/Things", fields, ["ID"], rows, kind="sync", page_size=1000)
    runner.config["extra_streams"] = [{"name": "new_sync", "path": "sync/CRM/Things", "columns": "metadata"}]

    first = runner.sync("new_sync")
    assert first.code == 0, first.err
    assert [r["timestamp"] for r in first.records("new_sync")] == [5000, 5001]
    rows.append({"Timestamp": 5002, "ID": ITEMS[2], "Name": "later"})
    second = runner.sync("new_sync", state=first.state)
    assert [r["name"] for r in second.records("new_sync")] == ["later"]


def test_a_field_that_the_tap_does_not_know_yet(exact: ExactOnline, runner: Runner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [THINGS | {"columns": {"ID": "guid", "Nothing": "string"}, "key": "ID"}]
    done = runner.sync("things")
    assert done.code == 0, done.err
    assert "refuses the field Nothing" in done.err
    assert {r["nothing"] for r in done.records("things")} == {None}


def test_a_wrong_path_is_a_mistake_and_not_a_missing_licence(exact: ExactOnline, runner: Runner) -> None:
    runner.config["extra_streams"] = [THINGS | {"columns": {"ID": "guid"}, "key": "ID"}]
    done = runner.sync("things")
    assert done.code == 1
    assert "Check the path of things in extra_streams" in done.errors[-1]


def test_discovery_without_a_login_leaves_out_what_must_be_asked(exact: ExactOnline, tmp_path: Path) -> None:
    runner = Runner(exact, tmp_path)
    runner.config = {"extra_streams": [THINGS, REVENUE]}

    done = runner.tap("--discover")

    assert done.code == 0
    streams = {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}
    assert "revenue_by_year" in streams
    assert "things" not in streams
    warning = next(line for line in done.err.split("\n") if "extra_streams[0] (things)" in line)
    assert "client_id" in warning
    assert not exact.log


def test_a_run_without_a_catalog_says_what_could_not_be_described(exact: ExactOnline, runner: Runner) -> None:
    exact.no_metadata.add("crm")
    runner.config |= {"extra_streams": [THINGS], "divisions": [101]}
    done = runner.tap()
    assert done.code == 1
    assert "extra_streams[0] (things): its columns have to be asked" in done.errors[-1]


def test_metadata_that_does_not_know_the_path(exact: ExactOnline, runner: Runner) -> None:
    runner.config["extra_streams"] = [{**THINGS, "path": "crm/Thinks"}]
    done = runner.tap("--discover")
    assert "does not know Thinks" in done.err
    assert "things" not in {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}


def test_a_key_that_metadata_does_not_have(exact: ExactOnline, runner: Runner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [{**THINGS, "key": "IDD"}]
    done = runner.tap("--discover")
    assert (done.code, done.out) == (1, "")
    assert len(done.errors) == 1
    assert "extra_streams[0].key" in done.errors[0]
    assert "Traceback" not in done.err


# -- settings and state


@pytest.mark.parametrize("arguments", [["--discover"], [], ["check"]], ids=["discover", "run", "check"])
def test_a_mistake_is_one_line_before_anything_is_asked(
    exact: ExactOnline, runner: Runner, arguments: list[str]
) -> None:
    runner.config["extra_streams"] = [REVENUE, {**REVENUE, "name": "x", "parameters": {"year": "last"}}]
    done = runner.tap(*arguments)
    assert done.code == 1
    said = [line for line in (done.err + done.out).split("\n") if "extra_streams[1].parameters.year" in line]
    assert len(said) == 1
    assert "'last' is no int32" in said[0]
    assert "Traceback" not in done.err
    assert not exact.log


def test_the_setting_can_come_from_the_environment(exact: ExactOnline, runner: Runner) -> None:
    for text in (json.dumps([REVENUE]), json.dumps(REVENUE)):
        done = runner.tap("--discover", env={"TAP_EXACTONLINE_EXTRA_STREAMS": text})
        assert "revenue_by_year" in {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}
    done = runner.tap("--discover", env={"TAP_EXACTONLINE_EXTRA_STREAMS": "[{"})
    assert done.code == 1
    assert "extra_streams" in done.errors[-1]
    assert "Traceback" not in done.err


def test_json_text_in_the_configuration(exact: ExactOnline, runner: Runner) -> None:
    runner.config["extra_streams"] = json.dumps([REVENUE])
    done = runner.sync("revenue_by_year")
    assert done.code == 0, done.err
    assert len(done.records("revenue_by_year")) == 24


def test_a_stream_that_was_taken_out_again(exact: ExactOnline, runner: Runner) -> None:
    runner.config["extra_streams"] = [{"name": "some", "path": "crm/Accounts", "filter": "Blocked eq true"}]
    state = runner.sync("some").state
    del runner.config["extra_streams"]

    done = runner.tap("--catalog", str(runner.folder / "catalog.json"))
    assert done.code == 1
    assert "'some' is unknown" in done.errors[-1]
    again = runner.sync("crm_accounts", state=state)
    assert again.code == 0, again.err
    assert "stream some is unknown to this version; its bookmarks are kept" in again.err


def test_without_the_setting_nothing_is_loaded_for_it() -> None:
    import subprocess
    import sys

    program = (
        "import sys, tap_exactonline.tap as t; t.TapExactOnline(config={}, validate_config=False, setup_mapper=False)"
        ".catalog_dict; print([m for m in sys.modules if m.endswith(('.definitions', '.asking', '.edmx', 'drift'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def free_fields(schema: dict[str, Any]) -> int:
    return sum(name.startswith(("free_", "custom_field")) for name in schema["properties"])


def test_free_and_custom_fields_are_columns(exact: ExactOnline, runner: Runner) -> None:
    found = runner.discover()
    counts = {
        name: free_fields(found[name]["schema"]) for name in ("sync_logistics_items", "sync_crm_addresses")
    }
    assert counts == {"sync_logistics_items": 29, "sync_crm_addresses": 21}
    for name in counts:
        for entry in found[name]["metadata"]:
            if entry["breadcrumb"] and entry["breadcrumb"][1].startswith(("free_", "custom_field")):
                assert entry["metadata"]["inclusion"] == "available"
