"""However many administrations are open: the pages that wait for a slow target are bounded by the places."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tap_exactonline.exact.errors import Stopped
from tap_exactonline.sync.slots import OPEN_DIVISIONS, WorkerSlots
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import Call, ExactOnline
from tests.support.in_process import Sink, catalog

pytestmark = pytest.mark.slow

STREAM = "sync_financial_gl_accounts"
PLACES = 3
DIVISIONS = range(101, 101 + PLACES * OPEN_DIVISIONS)
QUIET = 2.5
"""Seconds without a page after which none comes any more: a minute of the stand-in, and the margin that the tap adds."""


class Blocked(Sink):
    """A target that takes SCHEMA messages and then nothing, until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, lines: bytes) -> None:
        if b'"RECORD"' in lines[:200]:
            assert self.go_on.wait(60)
        super().write(lines)


def test_who_waits_for_its_minute_holds_no_page_that_counts_extra(tmp_path: Path) -> None:
    exact = ExactOnline(seed=4, page_rows=5)
    exact.limits(minute=1, day=10**6, minute_seconds=0.3)
    for code in DIVISIONS:
        exact.add_division(code, rows={STREAM: 20})
    pages: list[float] = []

    def count(call: Call) -> None:
        if call.stream == STREAM and call.status == 200:
            pages.append(time.monotonic())

    sink = Blocked()
    with exact.serve():
        exact.on_page(count)
        tap = TapExactOnline(
            config={
                "api_url": exact.url,
                "access_token": exact.issue_access_token(),
                "token_store": str(tmp_path / "tokens.json"),
                "max_parallel_divisions": PLACES,
            },
            catalog=catalog([STREAM]),
            message_writer=sink,
        )
        run = threading.Thread(target=tap.sync_all, daemon=True)
        run.start()
        while not pages or time.monotonic() - pages[-1] < QUIET:
            time.sleep(0.05)
            assert run.is_alive()
        in_flight = len(pages)
        exact.limits(minute=10**6)
        sink.go_on.set()
        run.join(60)
        assert not run.is_alive()
    assert PLACES <= in_flight <= 2 * PLACES, "as many finished as places, as many in work"
    assert sum(b'"RECORD"' in line[:200] for line in sink.lines) == 20 * len(DIVISIONS), "and nobody is stuck"


def test_whoever_waits_for_room_ends_when_the_run_does() -> None:
    stop = threading.Event()
    slots = WorkerSlots(1, stop)
    (room,) = slots.hand_over()
    stop.set()
    with pytest.raises(Stopped):
        slots.hand_over()
    room.release()
    slots.hand_over()
