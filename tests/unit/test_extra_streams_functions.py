"""Functions of Exact as streams of the setting extra_streams: one call for each value of a parameter."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tests.exact_online import ExactOnline
from tests.support.extra_streams import ITEMS, REVENUE, YEARS, asked, revenue_of_three_years
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101)
    revenue_of_three_years(exact)


def test_a_function_is_read_once_for_each_value(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_check_counts_a_call_for_each_value(runner: TapRunner) -> None:
    runner.config["extra_streams"] = [{**REVENUE, "parameters": {"year": {"from": 2023, "to": 2042}}}]
    done = runner.sync("revenue_by_year")
    assert "revenue_by_year  101         24     20  ok" in done.err
    checked = runner.tap("check", "--catalog", str(runner.folder / "catalog.json"), "--format", "json")
    assert checked.code == 0, checked.out
    assert json.loads(checked.out)["next_run"]["calls_at_least"] == 21  # and the list of administrations


def test_parameters_go_along_from_page_to_page(exact: ExactOnline, runner: TapRunner) -> None:
    rows = [{"ID": f"{n:08}-89ab-cdef-0123-456789abcdef", "ProjectId": ITEMS[n % 2]} for n in range(150)]
    exact.function_answers("read/project/ProjectWBSByProject", rows)
    path = "read/project/ProjectWBSByProject"
    runner.config["extra_streams"] = [{"name": "wbs", "path": path, "parameters": {"projectId": ITEMS[:2]}}]

    done = runner.sync("wbs")

    assert done.code == 0, done.err
    found = {(r["parameter_project_id"], r["id"]) for r in done.records("wbs")}
    assert found == {(row["ProjectId"], row["ID"]) for row in rows}
    assert len(asked(exact, path)) == 4


def test_a_function_of_one_value_is_one_row(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_select_is_left_out_where_a_function_refuses_it(exact: ExactOnline, runner: TapRunner) -> None:
    exact.switches.select_on_functions = False
    runner.config["extra_streams"] = [REVENUE]

    done = runner.sync("revenue_by_year")

    assert done.code == 0, done.err
    assert len(done.records("revenue_by_year")) == 24
    assert len(exact.errors_4xx) == 1, "what one call was refused the others must not ask"


def test_item_extra_fields_are_read_plainly_and_by_bookmark(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_item_extra_fields_of_one_item_as_documented(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_a_parameter_that_is_null_is_left_out_of_the_call(exact: ExactOnline, runner: TapRunner) -> None:
    path = "read/logistics/ItemExtraField"
    exact.function_answers(
        path,
        [
            {"ItemID": ITEMS[n], "Number": n, "Value": str(n), "Modified": datetime(2024, 1, 1 + n)}  # noqa: DTZ001
            for n in range(3)
        ],
    )
    runner.config["extra_streams"] = [
        {"name": "item_extra_fields", "path": path, "parameters": {"itemid": None, "modified": "2024-01-02"}}
    ]

    done = runner.sync("item_extra_fields")

    assert done.code == 0, done.err
    rows = done.records("item_extra_fields")
    assert [row["item_id"] for row in rows] == ITEMS[1:3], "of all items, and none that changed before"
    assert all("parameter_item_id" not in row for row in rows)
    (query,) = asked(exact, path)
    assert {name: value for name, value in query.items() if not name.startswith("$")} == {
        "modified": "datetime'2024-01-02T00:00:00'"
    }


def test_null_in_a_list_is_no_value(runner: TapRunner) -> None:
    parameters = {"itemId": [ITEMS[0], None], "modified": "start_date"}
    runner.config["extra_streams"] = [
        {"name": "f", "path": "read/logistics/ItemExtraField", "parameters": parameters}
    ]
    with pytest.raises(ConfigValidationError, match=r"extra_streams\[0\]\.parameters\.itemId\[1\]"):
        runner.sync("f")


def test_a_function_that_never_answers_is_told_before_it_is_asked(
    exact: ExactOnline, runner: TapRunner
) -> None:
    runner.config["extra_streams"] = [
        {
            "name": "by_age",
            "path": "read/financial/AgingReceivablesListByAgeGroup",
            "parameters": {"ageGroup": 1},
        }
    ]
    done = runner.sync("by_age")
    (line,) = [line for line in done.err.splitlines() if "reported to answer HTTP 400 always" in line]
    assert "extra_streams[0]" in line
    assert "AgingReceivablesListByAgeGroup" in line


def test_a_parameter_column_can_be_named_as_exact_writes_it(exact: ExactOnline, runner: TapRunner) -> None:
    runner.config |= {"extra_streams": [REVENUE], "column_names": "exact"}
    rows = runner.sync("revenue_by_year").records("revenue_by_year")
    assert {tuple(row) for row in rows} == {("division", "parameter_year", "Period", "Year", "Amount")}


def test_streams_go_the_slow_way_too(exact: ExactOnline, runner: TapRunner) -> None:
    runner.config |= {
        "extra_streams": [REVENUE],
        "stream_maps": {"revenue_by_year": {"label": "str(parameter_year) + '/' + str(period)"}},
    }
    rows = runner.sync("revenue_by_year").records("revenue_by_year")
    assert {row["label"] for row in rows} == {f"{year}/{period}" for year, period in YEARS if year > 2022}
