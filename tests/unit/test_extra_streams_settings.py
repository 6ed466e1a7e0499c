"""The setting extra_streams from end to end: its mistakes, where it can come from, and its state."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.exact_online import ExactOnline
from tests.support.extra_streams import REVENUE, revenue_of_three_years
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101, rows={"crm_accounts": 130})
    revenue_of_three_years(exact)


@pytest.mark.parametrize("arguments", [["--discover"], [], ["check"]], ids=["discover", "run", "check"])
def test_a_mistake_is_one_line_before_anything_is_asked(
    exact: ExactOnline, runner: TapRunner, arguments: list[str]
) -> None:
    runner.config["extra_streams"] = [REVENUE, {**REVENUE, "name": "x", "parameters": {"year": "last"}}]
    done = runner.tap(*arguments)
    assert done.code == 1
    said = [line for line in (done.err + done.out).split("\n") if "extra_streams[1].parameters.year" in line]
    assert len(said) == 1
    assert "'last' is not of type int32" in said[0]
    assert "Traceback" not in done.err
    assert not exact.log


def test_the_setting_can_come_from_the_environment(exact: ExactOnline, runner: TapRunner) -> None:
    for text in (json.dumps([REVENUE]), json.dumps(REVENUE)):
        done = runner.tap("--discover", env={"TAP_EXACTONLINE_EXTRA_STREAMS": text})
        assert "revenue_by_year" in {one["tap_stream_id"] for one in json.loads(done.out)["streams"]}
    done = runner.tap("--discover", env={"TAP_EXACTONLINE_EXTRA_STREAMS": "[{"})
    assert done.code == 1
    assert "extra_streams" in done.errors[-1]
    assert "Traceback" not in done.err


def test_json_text_in_the_configuration(exact: ExactOnline, runner: TapRunner) -> None:
    runner.config["extra_streams"] = json.dumps([REVENUE])
    done = runner.sync("revenue_by_year")
    assert done.code == 0, done.err
    assert len(done.records("revenue_by_year")) == 24


def test_a_stream_that_was_taken_out_again(exact: ExactOnline, runner: TapRunner) -> None:
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
    program = (
        "import sys, tap_exactonline.tap as t; t.TapExactOnline(config={}, validate_config=False, setup_mapper=False)"
        ".catalog_dict; print([m for m in sys.modules if m.endswith(('.definitions', '.discovery', 'exact.metadata', 'drift_report'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
