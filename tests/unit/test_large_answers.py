"""Large answers wait for a place, so that many workers never fill the memory; and nobody waits for ever."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from scripts.meltano_project import ROOT
from tap_exactonline.exact import payload, places
from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.errors import AnswerTooLarge, BrokenAnswer, Stopped
from tap_exactonline.exact.odata import read_rows
from tap_exactonline.exact.places import LargeAnswers
from tap_exactonline.sync import slots
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import Clock, ExactOnline, faults
from tests.support.in_process import Sink, catalog
from tests.support.scripted import Reply, rows, world
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.slow

STREAMS = ["sync_financial_gl_accounts", "financial_journals", "sync_crm_contacts"]
DIVISIONS = range(101, 109)


def test_a_place_is_taken_once_and_given_back_once() -> None:
    large = LargeAnswers(threading.Event(), places=1)
    large.take()
    large.take()
    large.answered()
    large.drop()
    assert can_take(large)
    with large.pages():
        large.take()
        large.answered()
        assert not can_take(large), "the page is still being made"
        (place,) = large.hand_over()
        assert large.hand_over() == []
        large.drop()
    assert not can_take(large), "it belongs to the page now"
    place.release()
    assert can_take(large)
    with large.pages():
        large.take()
    assert can_take(large)


def can_take(large: LargeAnswers) -> bool:
    if not large._free.acquire(blocking=False):
        return False
    large._free.release()
    return True


def test_whoever_waits_for_a_place_ends_when_the_run_does() -> None:
    stop = threading.Event()
    large = LargeAnswers(stop, places=1)
    threading.Thread(target=large.take).start()
    while can_take(large):
        pass
    stop.set()
    with pytest.raises(Stopped):
        large.take()


_THREADS = """
import threading
from tap_exactonline.exact.places import LargeAnswers
LargeAnswers(threading.Event())
turn, ready, kept = threading.Lock(), threading.Barrier(32), []
def read():
    ready.wait()  # all threads are there, and each would have a heap of its own
    with turn:
        pieces = [bytes(2**19) for _ in range(48)]
        kept.append(bytes(50_000))  # what stays above them keeps them from being given back
        del pieces
    ready.wait()
threads = [threading.Thread(target=read) for _ in range(32)]
for thread in threads: thread.start()
for thread in threads: thread.join()
# Not ru_maxrss: that remembers the process which started this one.
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""


@pytest.mark.process
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap")
def test_threads_do_not_each_keep_what_a_large_answer_took() -> None:
    """Two or three times 24 MB, one after the other, instead of 32 times."""
    inherited = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", _THREADS],
        env=inherited,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) / 1024 < 200


def test_the_memory_that_the_documentation_promises() -> None:
    """Its figures, measured with real processes, for the most workers and the largest answers."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert "about 70 MB, up to 5 MB for each worker" in text
    assert "four times the largest answer for each of\nthe two that may be large" in text
    assert places.PLACES == 2
    assert 70 + 5 * 64 + 4 * 64 * places.PLACES < 1024


class Watched(LargeAnswers):
    """Knows how many places were taken at most."""

    def __init__(self, stop: threading.Event, count: int = places.PLACES) -> None:
        super().__init__(stop, count)
        self._free = self.places = Counted(count)


class Counted(threading.Semaphore):
    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.most = self.taken = 0
        self._counting = threading.Lock()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        got = super().acquire(blocking, timeout)
        with self._counting:
            self.taken += got
            self.most = max(self.most, self.taken)
        return got

    def release(self, n: int = 1) -> None:
        with self._counting:
            self.taken -= n
        super().release(n)


@pytest.mark.parametrize("deletions", ["log", "tombstones"])
def test_every_page_arrives_and_no_more_than_the_places_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deletions: str
) -> None:
    monkeypatch.setattr(payload, "LARGE", 100)  # each page is a large one
    monkeypatch.setattr(slots, "LargeAnswers", Watched)
    exact = ExactOnline(clock=Clock.manual(), seed=4, page_rows=5, error_limit=10**6)
    exact.limits(minute=10**6, day=10**7)
    for code in DIVISIONS:
        exact.add_division(code, rows=dict.fromkeys(STREAMS, 12))
    exact.faults.add("sync_crm_contacts", faults.truncated(), times=5)
    sink = Sink()
    with exact.serve():
        tap = TapExactOnline(
            config={
                "api_url": exact.url,
                "access_token": exact.issue_access_token(),
                "token_store": str(tmp_path / "tokens.json"),
                "max_parallel_divisions": 8,
                "deletions": deletions,
            },
            catalog=catalog(STREAMS, deletions=deletions),
            message_writer=sink,
        )
        large = tap.slots.large
        assert isinstance(large, Watched)
        run = threading.Thread(target=tap.sync_all, daemon=True)
        run.start()
        run.join(60)
        assert not run.is_alive()
    assert sum(b'"RECORD"' in line[:200] for line in sink.lines) == 12 * len(STREAMS) * len(DIVISIONS)
    assert large.places.most == places.PLACES
    assert large.places.taken == 0, "all were given back"


def test_a_place_is_given_back_when_the_answer_is_no_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "LARGE", 10)
    with world(max_response=2000) as w:
        large = Watched(threading.Event(), 1)
        w.client = w.new_client(large=large, max_response=2000)
        w.server.default = rows(*[{"ID": str(number)} for number in range(500)])
        for _ in range(3):
            with pytest.raises(
                AnswerTooLarge, match="division 101, stream crm_accounts: the answer has more than"
            ):
                w.get()
        assert len(w.server.requests) == 3, "asking again gives the same"
        w.server.default = rows({"ID": "1"})
        assert len(w.get().rows) == 1
        assert large.places.most == 1
        assert large.places.taken == 0


def test_nothing_of_a_bad_answer_is_kept_while_the_next_try_is_waited_for() -> None:
    """64 workers that each waited with a body of 38 MB and its rows took 4 GB."""
    kept: list[int] = []
    with world() as w:
        body = b'{"d":{"results":[' + b",".join([b'{"ID":"%s"}' % (b"x" * 1000)] * 8000) + b"]}}"

        def decode(page: bytes) -> None:
            rows = read_rows(page).rows
            assert len(rows) == 8000
            raise MalformedPage("the rows of another administration")

        w.client = w.new_client(on_wait=lambda *_: kept.append(tracemalloc.get_traced_memory()[0]))
        w.server.default = Reply(body=body)
        tracemalloc.start()
        try:
            for number in range(3):
                with pytest.raises(BrokenAnswer):
                    w.get(f"crm/Accounts{number}", decode=decode)
                kept.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert len(kept) == 3 * 6
    assert max(kept) < len(body) / 2


@pytest.mark.process
def test_the_setting_says_how_large_an_answer_may_be(exact: ExactOnline, runner: TapRunner) -> None:
    exact.add_division(101, rows={"sync_crm_accounts": 1000})
    runner.config["max_response_mb"] = 1
    refused = runner.sync("sync_crm_accounts")
    assert refused.code == 1
    assert "the answer has more than 1 MB. If rows may be so large, set max_response_mb higher" in refused.err
    assert refused.counts["sync_crm_accounts"] == 0
    runner.config["max_response_mb"] = 20
    read = runner.sync("sync_crm_accounts")
    assert (read.code, read.counts["sync_crm_accounts"]) == (0, 1000)
