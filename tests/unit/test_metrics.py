"""METRIC lines and JSON logs: what dashboards read of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import ExactOnline, faults
from tests.support.tap_runs import TapRun, TapRunner

pytestmark = pytest.mark.process

ACCOUNTS, JOURNALS, EMPTY = "sync_crm_accounts", "financial_journals", "sync_logistics_items"
METRICS = ["record_count", "sync_duration", "http_request_count", "http_request_duration"]
JSON_LOG = """
version: 1
disable_existing_loggers: false
formatters:
  json: {"()": singer_sdk.logging.StructuredFormatter}
handlers:
  json: {class: logging.StreamHandler, formatter: json, stream: "ext://sys.stderr"}
root: {level: INFO, handlers: [json]}
"""


@pytest.fixture(autouse=True)
def administrations(exact: ExactOnline) -> None:
    exact.add_division(101, rows={ACCOUNTS: 5, JOURNALS: 3})
    exact.add_division(102, rows={ACCOUNTS: 2})


def points(done: TapRun) -> list[dict[str, Any]]:
    """The METRIC lines of a plain log."""
    return [json.loads(line.partition("METRIC: ")[2]) for line in done.err.splitlines() if "METRIC: " in line]


def test_each_stream_and_administration_that_brought_rows_is_measured(runner: TapRunner) -> None:
    done = runner.sync(ACCOUNTS, JOURNALS, EMPTY)
    assert done.code == 0, done.err

    found = points(done)
    told = [(one["tags"]["stream"], one["tags"]["context"]) for one in found[:: len(METRICS)]]
    assert sorted(told, key=str) == [
        (JOURNALS, {"division": 101}),
        (ACCOUNTS, {"division": 101}),
        (ACCOUNTS, {"division": 102}),
    ]
    assert [one["metric"] for one in found] == METRICS * 3
    rows = {(one["tags"]["stream"], one["tags"]["context"]["division"]): one["value"] for one in found[::4]}
    assert rows == {(ACCOUNTS, 101): 5, (ACCOUNTS, 102): 2, (JOURNALS, 101): 3}
    for count, whole, calls, asked in zip(*(iter(found),) * 4, strict=True):
        assert (count["type"], whole["type"], calls["type"], asked["type"]) == ("counter", "timer") * 2
        assert whole["tags"]["status"] == "succeeded"
        assert calls["value"] >= 1
        assert 0 < asked["value"] <= whole["value"]
        assert calls["tags"]["endpoint"] in ("sync/CRM/Accounts", "financial/Journals")


def test_a_stream_that_failed_is_measured_though_it_brought_nothing(
    exact: ExactOnline, runner: TapRunner
) -> None:
    exact.faults.add(faults.Match(stream=JOURNALS, division=102), faults.unauthorized("words"), times=None)
    done = runner.sync(ACCOUNTS, JOURNALS)
    assert done.code == 1
    failed = [one for one in points(done) if one["tags"].get("status") == "failed"]
    assert {(one["tags"]["stream"], one["tags"]["context"]["division"]) for one in failed} == {
        (JOURNALS, 102)
    }


def test_a_json_log_carries_streams_and_metrics(runner: TapRunner, tmp_path: Path) -> None:
    (tmp_path / "logging.yml").write_text(JSON_LOG)
    runner.sync(ACCOUNTS)
    done = runner.tap(
        "--catalog",
        str(runner.folder / "catalog.json"),
        env={"SINGER_SDK_LOG_CONFIG": str(tmp_path / "logging.yml")},
    )
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.err.splitlines()]
    told = [line for line in lines if line["stream_name"]]
    assert {line["stream_name"] for line in told} == {ACCOUNTS}
    assert {line["extra"]["division"] for line in told} == {101, 102}
    assert {line["extra"]["rows"] for line in told} == {5, 2}
    measured = [line["metric_info"] for line in lines if line["message"] == "METRIC"]
    assert [one["metric"] for one in measured] == METRICS * 2


def test_the_log_tells_administrations_and_of_streams_only_what_is_to_be_said(
    exact: ExactOnline, runner: TapRunner
) -> None:
    exact.faults.add(faults.Match(stream=JOURNALS, division=102), faults.unauthorized("words"), times=None)
    done = runner.sync(ACCOUNTS, JOURNALS, EMPTY)
    told = [
        line.rpartition("| ")[2]
        for line in done.err.splitlines()
        if "division 10" in line and "METRIC" not in line
    ]
    first = [line for line in told if "101" in line]
    assert sorted(line.split(", ")[0] for line in first[:-1]) == [JOURNALS, ACCOUNTS]
    assert first[-1].startswith("division 101 (")
    assert "3 streams, 8 rows, " in first[-1]
    assert "left today" in first[-1]
    second = [line for line in told if "102" in line]
    assert any(line.startswith(f"{JOURNALS}, division 102") and "incomplete" in line for line in second)
    assert any("3 streams, 2 rows" in line and "1 problem" in line for line in second)
    assert not [line for line in told if line.startswith(EMPTY)]
