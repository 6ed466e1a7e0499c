"""Stream maps that can't be used are one line that holds nothing of a row."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exact_online import ExactOnline
from tests.support.slow_target import write_command
from tests.support.tap_runs import TapRun

pytestmark = pytest.mark.process

STREAM = "sync_financial_gl_accounts"
SECRET = "Janssen en Zonen"


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=9)
    stand_in.limits(minute=10**6, day=10**7)
    stand_in.add_division(101)
    stand_in.table(101, STREAM).insert(Description=SECRET)
    with stand_in.serve():
        yield stand_in


def run(exact: ExactOnline, folder: Path, **settings: Any) -> TapRun:
    command = write_command(exact, folder, [STREAM], **settings)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return TapRun(done.returncode, done.stdout, done.stderr)


NONE: list[tuple[Any, str]] = [
    ([1], "'stream_maps': it is not an object"),
    ("x", "'stream_maps': it is not an object"),
    ({STREAM: 5}, f"'stream_maps.{STREAM}': it is neither an object nor null"),
    ({STREAM: {"code": 5}}, f"'stream_maps.{STREAM}.code': it is neither an expression"),
    ({STREAM: {"__else__": "x"}}, f"'stream_maps.{STREAM}.__else__': it can only be null"),
    ({"__else__": {}}, "'stream_maps.__else__': it can only be null"),
    ({STREAM: {"__key_properties__": "id"}}, "__key_properties__': it is not a list"),
    ({STREAM: {"code": "("}}, "'stream_maps': Failed to parse expression ("),
    ({STREAM: {"code": "str("}}, "'stream_maps': Failed to parse expression str("),
    ({STREAM: {"__alias__": "("}}, "'stream_maps': Failed to evaluate"),
    ({STREAM: "drop"}, "'drop'"),
    ({STREAM: {"id": None}}, "'stream_maps': Removing key property"),
]


@pytest.mark.parametrize(("maps", "says"), NONE, ids=[json.dumps(maps) for maps, _ in NONE])
def test_what_is_no_map_is_one_line_before_anything_is_asked(
    exact: ExactOnline, tmp_path: Path, maps: Any, says: str
) -> None:
    done = run(exact, tmp_path, stream_maps=maps)
    assert done.code == 1
    (line,) = done.errors
    assert says in line
    assert "Traceback" not in done.err
    assert not done.out
    assert not exact.calls()


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("nothing_of_that_name", "Failed to evaluate simpleeval expressions nothing_of_that_name"),
        ("int(description)", "an expression fails with ValueError"),
        ("description.no_such_method()", "Failed to evaluate"),
        ("1/0", "an expression fails with ZeroDivisionError"),
    ],
)
def test_a_map_that_fails_on_a_row_ends_the_run_with_one_line(
    exact: ExactOnline, tmp_path: Path, expression: str, says: str
) -> None:
    done = run(exact, tmp_path, stream_maps={STREAM: {"code": expression}})
    assert done.code == 1
    (line,) = done.errors
    assert f"stream_maps or flattening, stream {STREAM}: {says}" in line
    assert "Traceback" not in done.err
    assert SECRET not in done.err
    assert not done.state or not done.state["bookmarks"].get(STREAM, {}).get("partitions"), "it comes again"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("stream_map_config", []), ("faker_config", "nl"), ("flattening_max_depth", "deep")],
)
def test_the_other_settings_of_the_sdk_are_looked_at(
    exact: ExactOnline, tmp_path: Path, setting: str, value: Any
) -> None:
    done = run(exact, tmp_path, **{setting: value})
    assert done.code == 1
    assert any(setting in line for line in done.errors), done.err
    assert "Traceback" not in done.err
