"""Endpoints that the tap does not know: their columns are written in extra_streams, or asked of Exact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.exact_online import ExactOnline
from tests.support.extra_streams import ITEMS, REVENUE, THINGS, add_things, asked
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101)


def test_columns_can_be_written(exact: ExactOnline, runner: TapRunner) -> None:
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
    assert len(asked(exact, "crm/$metadata")) == 2, "a call in each run: is it an endpoint, or a function?"


def test_columns_can_be_asked(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_one_call_serves_all_streams_of_a_service(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [THINGS, {**THINGS, "name": "accounts", "path": "crm/Accounts"}]
    assert {"things", "accounts"} <= set(runner.discover())
    assert len(asked(exact, "crm/$metadata")) == 1


def test_a_new_sync_endpoint_is_read_by_timestamp(exact: ExactOnline, runner: TapRunner) -> None:
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


def test_a_type_that_is_corrected_fills_the_column_in_all_rows(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    columns = {"ID": "guid", "Name": "int32", "Modified": "datetime"}
    things = THINGS | {"columns": columns, "key": "ID", "bookmark": "Modified"}
    runner.config["extra_streams"] = [things]
    first = runner.sync("things")
    assert {record["name"] for record in first.records("things")} == {None}
    assert "3 values of Name are not of the type" in first.err

    runner.config["extra_streams"] = [things | {"columns": columns | {"Name": "string"}}]
    second = runner.sync("things", state=first.state)

    assert second.code == 0, second.err
    assert len(second.records("things")) == 3
    assert None not in {record["name"] for record in second.records("things")}
    assert "things: the rows delivered before lack name (string)" in second.err


def test_a_field_that_the_tap_does_not_know_yet(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [THINGS | {"columns": {"ID": "guid", "Nothing": "string"}, "key": "ID"}]
    done = runner.sync("things")
    assert done.code == 1, done.err
    assert "things in division 101: Exact refuses Nothing (column nothing)" in done.errors[-1]
    assert len(done.records("things")) == 3
    assert all("nothing" not in record for record in done.records("things"))
    second = runner.sync("things", state=done.state)
    assert second.code == 0, second.err
    assert len(second.records("things")) == 3


def test_a_wrong_path_is_a_mistake_and_not_a_missing_licence(exact: ExactOnline, runner: TapRunner) -> None:
    runner.config["extra_streams"] = [THINGS | {"columns": {"ID": "guid"}, "key": "ID"}]
    done = runner.sync("things")
    assert done.code == 1
    assert "Check the path of things in extra_streams" in done.errors[-1]


def test_discovery_without_a_login_leaves_out_what_must_be_asked(exact: ExactOnline, tmp_path: Path) -> None:
    runner = TapRunner(exact, tmp_path)
    runner.config = {"extra_streams": [THINGS, REVENUE]}

    done = runner.tap("--discover")

    assert done.code == 0
    streams = {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}
    assert "revenue_by_year" in streams
    assert "things" not in streams
    warning = next(line for line in done.err.split("\n") if "extra_streams[0] (things)" in line)
    assert "client_id" in warning
    assert not exact.log


def test_a_run_without_a_catalog_says_what_could_not_be_described(
    exact: ExactOnline, runner: TapRunner
) -> None:
    exact.no_metadata.add("crm")
    runner.config |= {"extra_streams": [THINGS], "divisions": [101]}
    done = runner.tap()
    assert done.code == 1
    assert "extra_streams[0] (things): its columns have to be asked" in done.errors[-1]


def test_metadata_that_does_not_know_the_path(exact: ExactOnline, runner: TapRunner) -> None:
    runner.config["extra_streams"] = [{**THINGS, "path": "crm/Thinks"}]
    done = runner.tap("--discover")
    assert "does not know Thinks" in done.err
    assert "things" not in {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}


def test_a_key_that_metadata_does_not_have(exact: ExactOnline, runner: TapRunner) -> None:
    add_things(exact)
    runner.config["extra_streams"] = [{**THINGS, "key": "IDD"}]
    done = runner.tap("--discover")
    assert (done.code, done.out) == (1, "")
    assert len(done.errors) == 1
    assert "extra_streams[0].key" in done.errors[0]
    assert "Traceback" not in done.err
