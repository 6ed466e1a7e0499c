"""A state is taken in whatever Meltano or Singer wraps around it, or refused; never ignored."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import ROOT
from tap_exactonline.sync.state.envelope import unwrap
from tap_exactonline.sync.state.state import StateError
from tests.exact_online import ExactOnline
from tests.support.slow_target import write_command
from tests.support.tap_runs import TapRun

STREAM = "sync_financial_gl_accounts"
OWN: dict[str, Any] = {
    "bookmarks": {
        STREAM: {
            "partitions": [
                {
                    "context": {"division": 101},
                    "replication_key": "timestamp",
                    "replication_key_value": 10**12,
                }
            ]
        }
    },
    "state_version": 1,
}
ENVELOPES: dict[str, dict[str, Any]] = {
    "as it is": OWN,
    "meltano state get": {"singer_state": OWN},
    "completed": {"completed": {"singer_state": OWN}, "partial": {}},
    "completed alone": {"completed": {"singer_state": OWN}},
    "partial": {"completed": {}, "partial": {"singer_state": OWN}},
    "no partial": {"completed": {"singer_state": OWN}, "partial": None},
    "message": {"type": "STATE", "value": OWN},
}
EMPTY: list[dict[str, Any]] = [
    {},
    {"singer_state": {}},
    {"singer_state": None},
    {"completed": {}, "partial": {}},
    {"bookmarks": {}},
]


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=9)
    stand_in.limits(minute=10**6, day=10**7)
    division = stand_in.add_division(101, rows={STREAM: 5})
    # A bookmark higher than every Timestamp would be one in the future.
    division.rowversion = 10**12
    stand_in.table(101, STREAM).insert()
    with stand_in.serve():
        yield stand_in


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_wrapped_state_is_the_state(name: str) -> None:
    assert unwrap(ENVELOPES[name]) == OWN


@pytest.mark.parametrize("value", EMPTY, ids=json.dumps)
def test_nothing_is_nothing(value: dict[str, Any]) -> None:
    assert not unwrap(value).get("bookmarks")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"bookmark": {}}, "'bookmark'"),
        ({"currently_syncing": "x"}, "'currently_syncing'"),
        ({"singer_state": OWN, "bookmarks": {}}, "two"),
        ({"singer_state": OWN, "other": 1}, "'other', 'singer_state'"),
        ({"singer_state": []}, "not an object"),
        ({"singer_state": {"foo": 1}}, "'foo'"),
        ({"singer_state": {"singer_state": {"singer_state": OWN}}}, "'singer_state'"),
        ({"completed": {"singer_state": OWN}, "partial": {"singer_state": OWN}}, "meltano state get"),
        ({"completed": 5}, "not an object"),
        ({"type": "RECORD", "value": OWN}, "'type', 'value'"),
        ({"dev:tap-to-target": {"singer_state": OWN}}, "'dev:tap-to-target'"),
    ],
)
def test_what_holds_no_state_is_refused(value: dict[str, Any], says: str) -> None:
    with pytest.raises(StateError, match="state: ") as caught:
        unwrap(value)
    assert says in str(caught.value)


def run(exact: ExactOnline, folder: Path, state: object, *, command: str | None = None) -> TapRun:
    words = write_command(exact, folder, [STREAM])
    (folder / "state.json").write_text(json.dumps(state))
    if command:
        words = [words[0], command, "--format=json", *words[1:]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return TapRun(done.returncode, done.stdout, done.stderr)


@pytest.mark.process
@pytest.mark.parametrize("name", ["as it is", "meltano state get", "completed", "message"])
def test_a_run_goes_on_from_a_wrapped_state(exact: ExactOnline, tmp_path: Path, name: str) -> None:
    done = run(exact, tmp_path, ENVELOPES[name])
    assert [call.query.get("$filter") for call in exact.log if call.stream == STREAM] == [
        f"Timestamp gt {10**12}L"
    ], done.err
    assert done.state is not None
    assert set(done.state) == {"bookmarks", "state_version", "login"}


@pytest.mark.process
@pytest.mark.parametrize("command", [None, "check"])
def test_a_state_that_is_none_is_one_line_and_asks_nobody(
    exact: ExactOnline, tmp_path: Path, command: str | None
) -> None:
    done = run(exact, tmp_path, {"bookmark": {}}, command=command)
    assert done.code == 1
    assert "it has no 'bookmarks'" in done.out + done.err
    assert "Traceback" not in done.err
    assert not exact.calls()


@pytest.mark.process
def test_what_meltano_prints_is_understood(tmp_path: Path) -> None:
    """The real program, with a state as a run leaves it."""
    meltano = ROOT / ".venvs/meltano/bin/meltano"
    (tmp_path / "meltano.yml").write_text("version: 1\nsend_anonymous_usage_stats: false\n")
    (tmp_path / "state.json").write_text(json.dumps({"singer_state": OWN}))

    def ask(*words: str) -> str:
        return subprocess.run(
            [meltano, "state", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
        ).stdout

    ask("set", "--force", "dev:tap-to-target", "--input-file", "state.json")
    assert unwrap(json.loads(ask("get", "dev:tap-to-target"))) == OWN
    assert unwrap(json.loads(ask("get", "dev:nothing"))) == {}
