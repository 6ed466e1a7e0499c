"""What the rows of the run log say, from outcomes alone; test_run_log.py has whole runs."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tap_exactonline.sync.again import PERSON, SOON
from tap_exactonline.sync.report import Outcome, Report, Status
from tap_exactonline.sync.run_log import RunLog
from tap_exactonline.sync.state.state import State
from tests.support.in_process import Sink

ACCOUNTS, ITEMS = "sync_crm_accounts", "sync_logistics_items"
Rows = dict[tuple[int, str], dict[str, Any]]


def end(
    path: Path, *outcomes: Outcome, error: BaseException | None = None, unread: tuple[int, ...] = ()
) -> None:
    """End a run that had these outcomes, with a file for its rows."""
    context = SimpleNamespace(
        output=Sink(),
        logger=logging.getLogger("run_log"),
        config=SimpleNamespace(report=str(path), run_log="short", connection="default"),
        client=SimpleNamespace(budget=lambda _: SimpleNamespace(day_left=17)),
    )
    log = RunLog(cast("Any", context), None, State())
    log.begin()
    report = Report(list(outcomes))
    log.end(report, complete=report.complete and error is None, error=error, unread=unread)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def rows(path: Path) -> Rows:
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["division"], row["stream"]): row for row in found}


def test_quiet_reads_are_summed(path: Path) -> None:
    end(
        path,
        Outcome(ACCOUNTS, 101, calls=2, seconds=1.5, began=1000),
        Outcome(ITEMS, 101, calls=3, seconds=2.0, began=1001),
        Outcome(ITEMS, 102, calls=1),
    )
    shared = rows(path)[101, "*"]
    assert (shared["streams"], shared["calls"], shared["seconds"]) == (2, 5, 3.5)
    assert shared["started"].endswith("00:16:40.000+00:00")
    assert shared["ended"].endswith("00:16:43.000+00:00")
    assert shared["calls_left_today"] == 17
    assert rows(path)[102, "*"]["streams"] == 1


@pytest.mark.parametrize("loud", [{"rows": 1}, {"deletions": 1}, {"note": "told"}], ids=str)
def test_a_read_that_has_something_to_say_is_not_quiet(path: Path, loud: dict[str, Any]) -> None:
    end(path, Outcome(ITEMS, 101, **loud))
    assert set(rows(path)) == {(101, ITEMS), (0, "*")}


def test_the_run_as_a_whole_adds_up(path: Path) -> None:
    end(
        path,
        Outcome(ACCOUNTS, 101, rows=4, deletions=1, calls=2),
        Outcome(ACCOUNTS, 102, rows=3, deletions=2, calls=1),
        Outcome(ITEMS, 101, rows=1, calls=1),
    )
    whole = rows(path)[0, "*"]
    assert [whole[name] for name in ("rows", "deletions", "calls", "streams")] == [8, 3, 4, 2]
    assert whole["calls_left_today"] is None, "a login has no day"


def test_message_and_remedy_do_not_repeat_each_other(path: Path) -> None:
    end(
        path,
        Outcome(
            ITEMS, 101, status=Status.INCOMPLETE, what="Denied.", remedy="Ask", note="Denied. Ask", again=SOON
        ),
    )
    row = rows(path)[101, ITEMS]
    assert (row["message"], row["remedy"], row["again"]) == ("Denied.", "Ask", SOON)


def test_where_more_is_known_than_the_failure_says_all_of_it_is_told(path: Path) -> None:
    end(
        path, Outcome(ITEMS, 101, status=Status.INCOMPLETE, what="Denied", remedy="Ask", note="Rows are lost")
    )
    row = rows(path)[101, ITEMS]
    assert (row["message"], row["remedy"]) == ("Rows are lost", None)
    assert row["again"] == PERSON, "nobody knows of a better time"


def test_what_was_not_begun_has_a_row(path: Path) -> None:
    end(path, Outcome(ITEMS, 101, rows=1), error=SystemExit(143), unread=(101, 102))
    found = rows(path)
    assert set(found) == {(101, ITEMS), (102, "*"), (0, "*")}
    row = found[102, "*"]
    assert (row["status"], row["again"], row["streams"]) == ("not read", SOON, 0)
    assert "before this administration was begun" in row["message"]


@pytest.mark.parametrize(
    ("error", "again"), [(SystemExit(143), SOON), (ZeroDivisionError(), PERSON)], ids=repr
)
def test_a_run_that_ended_otherwise_says_when_to_try_again(
    path: Path, error: BaseException, again: str
) -> None:
    end(path, error=error)
    whole = rows(path)[0, "*"]
    assert (whole["status"], whole["again"]) == ("incomplete", again)
    assert whole["message"]


def test_others_may_read_the_file(path: Path) -> None:
    end(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    end(path)
    assert "can't be written" in caplog.text
    assert list(path.parent.iterdir()) == [path]
