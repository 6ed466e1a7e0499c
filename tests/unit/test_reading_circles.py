"""A link to the next page that leads back, whether at once or by a detour, ends the read instead of going on for ever."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from tap_exactonline.endpoints import by_name
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import BrokenAnswer
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.records.codec import Codec
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.stream_read import StreamRead
from tests.support.reading import context_of

LOGGER = logging.getLogger("test")


class Circle:
    """A client whose pages lead to each other for ever."""

    def __init__(self, length: int) -> None:
        self.pages = itertools.cycle(range(length))
        self.calls = 0

    def now(self) -> float:
        return 0.0

    def get(self, _path: str, **options: Any) -> Any:
        return self.page(options)

    def follow(self, _url: str, _path: str, **options: Any) -> Any:
        return self.page(options)

    def page(self, options: dict[str, Any]) -> Any:
        self.calls += 1
        return options["decode"](b'{"d":{"results":[],"__next":"https://x/%d"}}' % next(self.pages))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_of_pages_ends(length: int) -> None:
    endpoint = by_name("sync_crm_accounts")
    fields = [endpoint.field(name) for name in ("Timestamp", "ID")]
    codec = Codec(endpoint, fields, Naming(), selected=set())
    read = StreamRead(endpoint, codec, AdaptiveQuery(endpoint, fields, LOGGER), "timestamp")
    client = Circle(length)
    reader = Reader(context_of(client), read, Division(code=101), Bookmark())
    with pytest.raises(BrokenAnswer, match="leads back"):
        list(reader.batches())
    assert client.calls == length + 1
