"""Whole runs through the command line, against the stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from typing import Any

import pytest

from tests.exact_online import ExactOnline, faults
from tests.support.tap_runs import FEW, TapRun, TapRunner, catalog

pytestmark = pytest.mark.process


def test_reads_every_division_and_goes_on_from_there(runner: TapRunner, exact: ExactOnline) -> None:
    for code in (101, 102, 103):
        exact.add_division(
            code, rows={"sync_crm_accounts": 2500, "crm_contacts": 70, "financial_journals": 5}
        )
    first = runner.run()
    assert first.code == 0, first.err
    assert first.counts["sync_crm_accounts"] == 7500
    assert first.counts["crm_contacts"] == 210
    assert first.counts["system_divisions"] == 3
    for code in (101, 102, 103):
        assert exact.calls(division=code, stream="sync_crm_accounts") == 3
    assert exact.token_calls == 1
    exact.clear_log()
    second = runner.run(state=first.state)
    assert second.code == 0, second.err
    assert second.counts["sync_crm_accounts"] == 0
    for code in (101, 102, 103):
        assert exact.calls(division=code, stream="sync_crm_accounts") == 1
    assert exact.token_calls == 0, "the second process takes the stored access token"
    assert not exact.errors_4xx


SIX = ["sync_crm_addresses", "sync_crm_contacts", "vat_vat_codes", "hrm_costcenters", *FEW[1:3]]


def test_calls_of_a_division_are_serial_and_divisions_side_by_side(
    runner: TapRunner, exact: ExactOnline
) -> None:
    exact.switches.latency = 0.05
    # The first answers wait for each other, however slow the machine is.
    exact.faults.add(SIX[0], faults.together(8), times=8)
    for code in range(101, 109):
        exact.add_division(code, rows=dict.fromkeys(SIX, 2))
    result = runner.run(SIX)
    assert result.code == 0, result.err
    assert all(exact.max_concurrency(code) == 1 for code in range(101, 109))
    assert exact.calls() >= 48
    assert exact.most_at_once >= 8, "a place for each administration"


def test_a_division_that_waits_for_its_minute_gives_its_place_away(
    runner: TapRunner, exact: ExactOnline
) -> None:
    """One place, four divisions: while the first waits for its window, the others are read."""
    exact.limits(minute=2, day=100_000, minute_seconds=2)
    codes = (101, 102, 103, 104)
    for code in codes:
        exact.add_division(code, rows=dict.fromkeys(SIX, 2))
    runner.config["max_parallel_divisions"] = 1
    result = runner.run(SIX)
    assert result.code == 0, result.err
    assert result.counts.total() == 4 * 2 * len(SIX)
    assert not [entry for entry in exact.log if entry.status == 429]
    # Each division needs two windows beyond its first. Who waits for one lets all others begin.
    read = [entry.division for entry in exact.log if entry.stream in SIX]
    last = {code: len(read) - 1 - read[::-1].index(code) for code in codes}
    assert max(map(read.index, codes)) < min(last.values()), read


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"country": "xx"}, "country"),
        ({"start_date": "gisteren"}, "start_date"),
        ({"start_date": "9999-12-31T23:59:59-14:00"}, "start_date"),
        ({"start_date": "0001-01-01T00:00:01+14:00", "timezone": "America/New_York"}, "start_date"),
        ({"user_agent": "tap\0"}, "user_agent"),
        ({"divisions": ["Janssen BV"]}, "divisions"),
        ({"divisions": "101"}, "divisions"),
        ({"max_parallel_divisions": 0}, "max_parallel_divisions"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"deletions": "perhaps"}, "deletions"),
        ({"api_url": "http://exact.example"}, "api_url"),
        ({"client_secret": ""}, "client_secret"),
        ({"token_store": "/proc/nowhere/tokens.json"}, "token_store"),
        ({"token_store": "~nobody-of-that-name/tokens.json"}, "token_store"),
        ({"token_store": "x" * 5000}, "token store"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    runner: TapRunner, exact: ExactOnline, change: dict[str, Any], names: str
) -> None:
    exact.add_division(101, rows=1)
    runner.config |= change
    result = runner.run()
    assert result.code == 1
    assert any(names in line for line in result.errors), result.err
    assert "Traceback" not in result.err
    assert not result.counts


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"bookmarks": []}, "bookmarks"),
        ({"bookmarks": {"sync_crm_accounts": {"partitions": [{"context": {}}]}}}, "names no division"),
        (
            {
                "bookmarks": {
                    "sync_crm_accounts": {
                        "partitions": [{"context": {"division": 101}, "replication_key_value": "soon"}]
                    }
                }
            },
            "sync_crm_accounts, division 101",
        ),
        ({"state_version": 99}, "newer version"),
    ],
)
def test_a_broken_state_is_refused(
    runner: TapRunner, exact: ExactOnline, state: dict[str, Any], says: str
) -> None:
    exact.add_division(101, rows=1)
    result = runner.run(state=state)
    assert result.code == 1
    assert any(says in line for line in result.errors), result.err
    assert "Traceback" not in result.err
    assert exact.calls() == 0


def test_an_unknown_stream_in_the_catalog_is_named(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows=1)
    command = runner.command()
    broken = catalog(FEW)
    broken["streams"][0]["tap_stream_id"] = broken["streams"][0]["stream"] = "crm_acounts"
    (runner.folder / "catalog.json").write_text(json.dumps(broken))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "crm_acounts" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configured_division_without_access_is_an_error_and_the_others_run(
    runner: TapRunner, exact: ExactOnline
) -> None:
    exact.add_division(101, rows=3)
    exact.add_division(102, rows=3, status=2)
    runner.config["divisions"] = [101, 102, 999]
    result = runner.run()
    assert result.code == 1
    assert result.counts["sync_crm_accounts"] == 3
    text = "\n".join(result.errors)
    assert "999" in text
    assert "102" in text
    assert "archived" in text


def test_what_licence_or_scope_do_not_cover_costs_one_call_and_is_no_failure(
    runner: TapRunner, exact: ExactOnline
) -> None:
    exact.add_division(101, rows=3, forbidden={"sync_crm_accounts": "plain", "crm_contacts": "scope"})
    result = runner.run()
    assert result.code == 0, result.err
    assert exact.calls(stream="sync_crm_accounts") == 1
    assert exact.calls(stream="crm_contacts") == 1
    warnings = [line for line in result.err.splitlines() if "| WARNING" in line]
    assert sum("sync_crm_accounts" in line for line in warnings) == 1
    assert sum("crm_contacts" in line for line in warnings) == 1
    assert result.counts["financial_journals"] == 3


def assert_whole(first: TapRun, second: TapRun, stream: str, exact: ExactOnline, division: int) -> None:
    """Two runs brought every row, and at most the page where the first one ended twice."""
    runs = [
        [row["id"] for row in run.records(stream) if row["division"] == division] for run in (first, second)
    ]
    assert {*runs[0], *runs[1]} == set(exact.table(division, stream).keys())
    assert len(runs[0]) + len(runs[1]) <= len(exact.table(division, stream).keys()) + 1000


def test_a_spent_day_ends_one_division_and_the_next_run_goes_on(
    runner: TapRunner, exact: ExactOnline
) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": 5500})
    exact.add_division(102, rows={"sync_crm_accounts": 5500})
    exact.limits(minute=1000, day=4, division=102)
    first = runner.run(["sync_crm_accounts"])
    assert first.code == 1
    assert "102" in first.errors[-1]
    by_division = Counter(m["record"]["division"] for m in first.messages if m["type"] == "RECORD")
    assert by_division[101] == 5500
    assert 0 < by_division[102] < 5500
    assert not [entry for entry in exact.log if entry.status == 429]
    exact.limits(minute=1000, day=1000, division=102)
    second = runner.run(["sync_crm_accounts"], state=first.state)
    assert second.code == 0, second.err
    assert_whole(first, second, "sync_crm_accounts", exact, 102)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_with_its_state(
    runner: TapRunner, exact: ExactOnline, number: signal.Signals, code: int
) -> None:
    exact.switches.latency = 0.3
    exact.add_division(101, rows={"sync_crm_contacts": 30_000})
    command = runner.command(["sync_crm_contacts"])
    out = runner.folder / "out.jsonl"
    with out.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while out.stat().st_size < 1_000_000 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    result = TapRun(process.returncode, out.read_text(), err)
    assert 0 < result.counts["sync_crm_contacts"] < 30_000
    exact.switches.latency = 0
    rest = runner.run(["sync_crm_contacts"], state=result.state)
    assert rest.code == 0
    assert_whole(result, rest, "sync_crm_contacts", exact, 101)


def test_a_target_that_stops_reading_ends_the_run_calmly(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": 20_000})
    process = subprocess.Popen(
        runner.command(["sync_crm_accounts"]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=30) == 1
    assert "the target stopped reading" in err
    assert "Traceback" not in err


def test_connection_test_is_quick_and_cheap(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows=2)
    command = [*runner.command(None), "--test"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert exact.calls() <= 4
    assert any(json.loads(line)["type"] == "RECORD" for line in done.stdout.split("\n") if line)
