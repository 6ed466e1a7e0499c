"""The tap only reads: no function that may change something is called, whatever extra_streams says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.exact_online import ExactOnline, faults
from tests.support.extra_streams import ITEMS, REVENUE, UNLINK, add_things, asked, revenue_of_three_years
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process

WRITTEN = {"name": "unlink", "path": "users/UnlinkAllRoles", "key": ["ID"], "columns": {"ID": "guid"}}


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101)
    exact.edit_metadata("users", "</EntityContainer>", f"{UNLINK}</EntityContainer>")


@pytest.mark.parametrize(
    "definition",
    [
        {**WRITTEN, "parameters": {"userId": "01234567-89ab-cdef-0123-456789abcdef"}},
        {**WRITTEN, "parameters": {"userId": {"type": "string", "value": "x"}}},
        {
            "name": "unlink",
            "path": "users/UnlinkAllRoles",
            "columns": "metadata",
            "parameters": {"userId": "x"},
        },
    ],
)
def test_a_call_with_parameters_is_a_wrong_setting(
    exact: ExactOnline, runner: TapRunner, definition: dict[str, Any]
) -> None:
    runner.config["extra_streams"] = [definition]
    done = runner.tap("--discover")
    assert done.code == 1
    assert "extra_streams[0].parameters.userId" in done.err
    assert "users/UnlinkAllRoles is not a function that Exact's reference documents for reading" in done.err
    assert exact.log == []


@pytest.mark.parametrize(
    "path", ["users/UnlinkAllRoles", "users/unlinkallroles", "/api/v1/101/Users/UnlinkAllRoles"]
)
@pytest.mark.parametrize("columns", [{"ID": "guid"}, "metadata"], ids=["written", "asked"])
def test_a_function_without_parameters_is_found_out_before_it_is_called(
    exact: ExactOnline, runner: TapRunner, path: str, columns: Any
) -> None:
    revenue_of_three_years(exact)
    runner.config["extra_streams"] = [{**WRITTEN, "path": path, "columns": columns}, REVENUE]
    names = ["unlink", "revenue_by_year"] if columns != "metadata" else ["revenue_by_year"]
    done = runner.sync(*names)
    if columns == "metadata":
        done = runner.tap()
    assert done.code == 1
    assert "documents for reading" in done.err
    assert not asked(exact, "users/UnlinkAllRoles")
    assert len(done.records("revenue_by_year")) == 24, "the others are read"


def test_where_there_is_no_metadata_the_definition_is_believed(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    exact.no_metadata.add("crm")
    runner.config["extra_streams"] = [
        {"name": "things", "path": "crm/Things", "key": ["ID"], "columns": {"ID": "guid"}}
    ]
    done = runner.sync("things")
    assert done.code == 0, done.err
    assert [row["id"] for row in done.records("things")] == ITEMS
    assert "Exact shows no $metadata of crm" in done.err


def test_a_change_that_is_known_is_not_called_even_so(exact: ExactOnline, runner: TapRunner) -> None:
    exact.no_metadata.add("users")
    runner.config["extra_streams"] = [{**WRITTEN, "path": "users/unlinkAllRoles"}]
    done = runner.sync("unlink", "system_divisions")
    assert done.code == 1
    assert "documents for reading" in done.err
    assert not asked(exact, "users/UnlinkAllRoles")
    assert done.counts["system_divisions"] == 1, "the others are read"


def test_what_can_not_be_looked_up_is_not_read(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    exact.faults.add("$metadata", faults.status(200, "<feed/>"), times=None)
    runner.config["extra_streams"] = [
        {"name": "things", "path": "crm/Things", "key": ["ID"], "columns": {"ID": "guid"}}
    ]
    done = runner.sync("things", "financial_journals")
    assert done.code == 1
    assert "it can't be asked whether crm/Things only reads" in done.err
    assert not asked(exact, "crm/Things")
