"""From bytes to lines: the same bytes give the same page, one page at a time, and the lock is given back whatever happens."""

from __future__ import annotations

import gc
import json
import logging
import threading
from typing import Any

import pytest

from tap_exactonline.endpoints import by_name
from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.reader import Batch, Reader
from tap_exactonline.sync.records.codec import Codec
from tap_exactonline.sync.records.page import PageLines, PageMaker
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.stream_read import StreamRead
from tests.support.reading import context_of

KEY = "11111111-1111-4111-8111-11111111111%d"


def stream_read() -> StreamRead:
    endpoint = by_name("sync_crm_accounts")
    fields = [endpoint.field(name) for name in ("Timestamp", "ID", "Name", "Modified")]
    codec = Codec(endpoint, fields, Naming(), selected={"timestamp", "id", "name", "modified"})
    return StreamRead(
        endpoint, codec, AdaptiveQuery(endpoint, fields, logging.getLogger("test")), "timestamp"
    )


def maker(lock: threading.Lock | None = None, **options: Any) -> PageMaker:
    return PageMaker(stream_read(), 101, lock or threading.Lock(), fast=False, **options)


def body(*rows: dict[str, Any], next_url: str | None = None) -> bytes:
    return json.dumps({"d": {"results": rows, "__next": next_url}}).encode()


def row(number: int, stamp: int, **more: Any) -> dict[str, Any]:
    return {
        "ID": KEY % number,
        "Timestamp": stamp,
        "Name": f"n{stamp}",
        "Modified": "/Date(1706691600000)/",
        **more,
    }


def records(page: PageLines) -> list[dict[str, Any]]:
    (payload,) = page.payloads
    assert isinstance(payload.content, list)
    return payload.content


def test_the_same_bytes_give_the_same_page() -> None:
    make = maker()
    page = body(
        row(1, 5),
        row(2, 3, Name="a\0b"),
        row(3, 9, ID=None),
        row(4, 8, Modified="never"),
        next_url="https://x/2",
    )
    first, second = make(page), make(page)
    assert first == second
    assert (first.stamps, first.next_url, first.count) == ([5, 3, 9, 8], "https://x/2", 3)
    assert (first.nul, first.keyless, first.unreadable) == (1, 1, {"Modified": 1})


def test_of_two_versions_of_a_row_the_newer_comes_last() -> None:
    assert [record["timestamp"] for record in records(maker()(body(row(1, 7), row(2, 4), row(1, 6))))] == [
        4,
        6,
        7,
    ]


def test_lines_are_made_of_one_page_at_a_time() -> None:
    lock = threading.Lock()
    made = threading.Event()

    def make() -> None:
        maker(lock)(body(row(1, 2)))
        made.set()

    with lock:
        worker = threading.Thread(target=make, daemon=True)
        worker.start()
        assert not made.wait(0.05)
    assert made.wait(5)
    worker.join(5)


def test_a_page_that_can_not_be_read_blocks_nobody() -> None:
    lock = threading.Lock()
    with pytest.raises(MalformedPage):
        maker(lock)(b'{"d":')
    assert not lock.locked()


class Pages:
    """A client with three pages, which looks who keeps the page before when it is asked for the next one."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def now(self) -> float:
        return 0.0

    def get(self, _path: str, **options: Any) -> Any:
        return options["decode"](body(row(1, 2), row(2, 3), next_url="https://x/2"))

    def follow(self, url: str, _path: str, **options: Any) -> Any:
        self.kept += [one for one in gc.get_objects() if isinstance(one, (PageLines, Batch))]
        number = int(url[-1])
        return options["decode"](
            body(row(number + 1, number + 2), next_url=f"https://x/{number + 1}" if number < 3 else None)
        )


def test_while_the_next_page_is_read_nobody_keeps_the_one_before() -> None:
    client = Pages()
    rows = 0
    for batch in Reader(context_of(client), stream_read(), Division(101), Bookmark()).batches():
        rows += batch.count
        del batch
    assert rows == 4
    assert client.kept == []
