"""What the tests of refused fields share: both paths through the tap, and what became of a column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.in_process import InProcessRun
from tests.support.sync import HOME, SyncFixture

SDK_PATH = {"stream_map_config": {"anything": True}}
PATHS = pytest.mark.parametrize("settings", [{}, SDK_PATH], ids=["short path", "SDK's path"])


def schemas(run: InProcessRun, stream: str) -> list[set[str]]:
    """The columns of each SCHEMA of a stream, in order."""
    return [
        set(m["schema"]["properties"])
        for m in run.messages
        if m["type"] == "SCHEMA" and m["stream"] == stream
    ]


def column(home: SyncFixture, stream: str, name: str) -> dict[Any, Any]:
    """Key → value of a column in the target."""
    return {key[1]: row.get(name) for key, row in home.target.tables[stream].live(HOME).items()}


def a_week_later(home: SyncFixture, stream: str) -> None:
    """What was refused is tried again."""
    assert home.state is not None
    learnt = home.state["bookmarks"][stream]["learnt"] or {}
    then = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    learnt.get("fields", {}).update(dict.fromkeys(learnt.get("fields", {}), then))
    learnt.get("filter", {})["at"] = then


def errors(home: SyncFixture) -> int:
    """Answers 4xx since this was asked last."""
    count = len(home.exact.errors_4xx)
    home.exact.clear_log()
    return count
