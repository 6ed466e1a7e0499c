"""Runs of the tap inside the test's process: quick, and they can be cut at any message."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from signal import SIGTERM
from typing import Any, Literal

from tap_exactonline.exact.errors import ExactError
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.run import RunIncomplete
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import ExactOnline

Cut = Literal["kill", "term", "pipe"]


class Killed(BaseException):
    """What a SIGKILL is to the code that it strikes: nothing runs any more."""


class Sink(LineWriter):
    """Keeps what the tap writes, and ends the run at a given message if asked to.

    Attributes:
        lines: Whole messages written so far.
    """

    def __init__(self, after: int | None = None, cut: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.holds_log = False
        self.lines: list[bytes] = []
        self._after = after
        self._cut = cut

    def write(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            if self._after is not None and len(self.lines) >= self._after and self._cut is not None:
                cut, self._after = self._cut, None
                cut()
            self.lines.append(line)
        self.written += len(lines)


@dataclass
class InProcessRun:
    """What came of a run.

    Attributes:
        lines: The messages, in order.
        error: What the run ended with, if not well.
        log: What a person could read, one sentence a line.
    """

    lines: list[bytes]
    error: BaseException | None = None
    log: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.error is None

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream, in order."""
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]

    def activated(self) -> list[str]:
        """The streams whose older rows were declared gone."""
        return [m["stream"] for m in self.messages if m["type"] == "ACTIVATE_VERSION"]

    @property
    def state(self) -> dict[str, Any] | None:
        """The last state, if there was one."""
        return next((m["value"] for m in reversed(self.messages) if m["type"] == "STATE"), None)

    def said(self, *words: str) -> bool:
        """Whether one line of the log has all these words."""
        return any(all(word in line for word in words) for line in self.log)


class _Ears(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@cache
def _catalog(settings: str) -> dict[str, dict[str, Any]]:
    tap = TapExactOnline(config=json.loads(settings))
    return {entry["tap_stream_id"]: entry for entry in tap.catalog_dict["streams"]}


Columns = frozenset[tuple[str, str]]

_SHAPING = ("deletions", "column_names", "hidden_fields", "extra_streams")
"""What decides about streams and columns decides about the catalog."""


@cache
def _selection(settings: str, streams: frozenset[str], without: Columns) -> str:
    known = _catalog(settings)
    entries = []
    for name in sorted(streams):
        entry = json.loads(json.dumps(known[name]))
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = True
            elif (name, item["breadcrumb"][1]) in without:
                item["metadata"]["selected"] = False
        entries.append(entry)
    return json.dumps({"streams": entries})


def catalog(streams: Collection[str], without: Columns = frozenset(), **settings: Any) -> dict[str, Any]:
    """A catalog with these streams selected, all their columns but some (stream, column)."""
    text = _selection(json.dumps(settings, sort_keys=True), frozenset(streams), without)
    return dict(json.loads(text))


def run_tap(
    exact: ExactOnline,
    streams: Collection[str],
    state: Mapping[str, Any] | None = None,
    *,
    home: Path,
    settings: Mapping[str, Any] | None = None,
    without: Columns = frozenset(),
    after: int | None = None,
    cut: Cut = "kill",
    talk: bool = True,
) -> InProcessRun:
    """Run the tap against a served stand-in.

    Args:
        exact: The stand-in.
        streams: What to select.
        state: The state to begin with.
        home: A directory for the token store.
        settings: More settings. With the client_id of an app, its login is used and not an access token of the run.
        without: Columns that are not selected, as (stream, column).
        after: So many messages are written; then comes ``cut``.
        talk: Keep what is logged. Thousands of runs would drown the report.
        cut: ``kill`` ends at once, ``term`` is a signal that asks to end, ``pipe`` a target that has gone.
    """
    given = dict(settings or {})
    shaping = {name: given[name] for name in _SHAPING if name in given}
    sink = Sink()
    tap = TapExactOnline(
        config={
            "api_url": exact.url,
            **({} if "client_id" in given else {"access_token": exact.issue_access_token()}),
            "token_store": str(home / "tokens.json"),
            **given,
        },
        catalog=catalog(streams, without, **shaping),
        state=json.loads(json.dumps(state)) if state else None,
        message_writer=sink,
    )
    tap._end_anyway = lambda signum: None  # type: ignore[method-assign]
    tap.connection.client._retry_base = 0.0005
    if after is not None:
        sink._after, sink._cut = after, _cutter(tap, cut)
    error: BaseException | None = None
    ears = _Ears()
    tap.logger.addHandler(ears)
    tap.logger.setLevel(logging.INFO if talk else logging.CRITICAL + 1)
    try:
        tap.sync_all()
    except (RunIncomplete, ExactError, Killed) as exc:
        error = exc
    finally:
        tap.logger.removeHandler(ears)
        tap.connection.client.close()
    for thread in threading.enumerate():
        if thread.name.startswith("worker-"):
            thread.join(10)
            assert not thread.is_alive(), "a worker outlives its run"
    return InProcessRun(sink.lines, error, ears.heard)


def _cutter(tap: TapExactOnline, cut: Cut) -> Callable[[], None]:
    def kill() -> None:
        raise Killed

    def term() -> None:
        tap._handle_termination(SIGTERM, None)

    def pipe() -> None:
        raise OutputError("the target stopped reading")

    return {"kill": kill, "term": term, "pipe": pipe}[cut]
