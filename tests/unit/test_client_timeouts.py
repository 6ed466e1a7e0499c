"""An answer that hangs or trickles ends in time, and a stop ends every kind of waiting."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from tap_exactonline.exact.errors import Stopped, Unreachable
from tests.support.client_pages import PAGE, after_a_good_answer
from tests.support.scripted import Reply, Request, StopSpy, half, silence, trickle, world


@pytest.fixture
def w():
    with after_a_good_answer() as made:
        yield made


@pytest.mark.parametrize("before", [True, False], ids=["before the answer", "inside the body"])
def test_a_hanging_answer_ends(before):
    with world(read_timeout=0.1, max_tries=1) as w:
        hang = Reply(status=0, deliver=silence) if before else Reply(body=PAGE.body, deliver=half(silence))
        w.server.default = hang
        with pytest.raises(Unreachable, match=r"0\.1 s"):
            w.get()
        assert len(w.server.requests) == 1


@pytest.mark.slow
def test_a_slow_but_steady_answer_is_good():
    with world(read_timeout=1) as w:
        w.say(
            Reply(body=PAGE.body, headers={"Content-Length": "", "Connection": "close"}, deliver=trickle(1.5))
        )
        assert len(w.get().rows) == 200
        assert len(w.server.requests) == 1


def test_a_stop_ends_an_answer_that_trickles():
    with world() as w:
        # In time it would end as `Unreachable`.
        w.client = w.new_client(stop=(stop := threading.Event()))

        def stopped_on_the_way(handler, body):
            stop.set()
            trickle()(handler, body)

        w.server.default = Reply(
            body=PAGE.body, headers={"Content-Length": "100000"}, deliver=stopped_on_the_way
        )
        with pytest.raises(Stopped):
            w.get()


def test_a_stop_ends_the_waiting(w):
    w.server.default = Reply(503)
    w.stop.on_wait = w.stop.set
    with pytest.raises(Stopped):
        w.get()
    assert len(w.server.requests) == 1
    with pytest.raises(Stopped):
        w.get(division=202)
    assert len(w.server.requests) == 1


def test_no_wait_is_told_once_the_run_has_ended(w):
    def ended_meanwhile(_: Request) -> Reply:
        w.stop.set()
        return Reply(503)

    w.server.rule = ended_meanwhile
    with pytest.raises(Stopped):
        w.get()
    assert w.told == []


def test_a_real_stop_signal_ends_a_real_wait():
    with world() as w:
        stop = StopSpy()
        w.client = w.new_client(stop=stop, clock=time.time, retry_base=30)
        w.server.default = Reply(503)
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Stopped):
            w.get()
        assert True in stop.ended, "no wait was ended by the signal"


def test_a_stop_ends_the_queue_for_a_division():
    with world() as w:
        stop = threading.Event()
        w.client = w.new_client(stop=stop)
        w.server.delay = 1.0

        def read() -> None:
            with contextlib.suppress(Stopped):
                w.get()

        busy = threading.Thread(target=read, daemon=True)
        busy.start()
        while not w.server.requests:
            time.sleep(0.01)
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Stopped):
            w.get()
        assert len(w.server.requests) == 1
        busy.join()
