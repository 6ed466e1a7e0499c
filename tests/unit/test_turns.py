"""Turns at making lines of a page: one at a time, and never lost."""

from __future__ import annotations

import threading

import pytest

from tap_exactonline.sync.permits import Permits


@pytest.fixture
def permits() -> Permits:
    return Permits(8, threading.Event())


def test_a_second_lane_begins_its_page_only_when_the_first_has_given_its_turn_back(permits: Permits) -> None:
    first, second = permits.turn(), permits.turn()
    began = threading.Event()

    def read() -> None:
        second.beginning(len)(b"page")
        began.set()
        second.give()

    first.beginning(len)(b"page")
    lane = threading.Thread(target=read, daemon=True)
    lane.start()
    assert not began.wait(0.05)
    first.give()
    assert began.wait(5)
    lane.join(5)


def test_a_page_that_can_not_be_decoded_blocks_nobody(permits: Permits) -> None:
    first, second = permits.turn(), permits.turn()
    with pytest.raises(ValueError, match="invalid literal"):
        first.beginning(int)(b"page")
    assert second.beginning(int)(b"7") == 7
    second.give()
    second.give()  # a lane that ends gives it back once more, to be sure
    first.take()
