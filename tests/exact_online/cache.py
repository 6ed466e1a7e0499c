"""Pages that were made before: a benchmark that reads a table again does not wait for them twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .wire import Renderer, Reply

if TYPE_CHECKING:
    from tap_exactonline.endpoints import Endpoint

    from .switches import Switches

MOST_BYTES = 256 * 2**20
MOST_RENDERERS = 64


class PageCache:
    """Answers by everything that they depend on, within a bound of bytes."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Hashable, Reply] = OrderedDict()
        self._bytes = 0
        self._renderers: dict[Hashable, Renderer] = {}

    def get(self, slot: Hashable) -> Reply | None:
        """A copy that may be altered, or None."""
        held = self._pages.get(slot)
        return None if held is None else replace(held)

    def put(self, slot: Hashable, reply: Reply) -> None:
        if len(reply.body) > MOST_BYTES // 4:
            return
        self._pages[slot] = reply
        self._bytes += len(reply.body)
        while self._bytes > MOST_BYTES:
            _, gone = self._pages.popitem(last=False)
            self._bytes -= len(gone.body)

    def renderer(
        self, table: Any, endpoint: Endpoint, columns: Sequence[str], switches: Switches
    ) -> Renderer:
        """Renderers hold encoded templates, which is what makes new pages cheap."""
        if table.version < 0:
            return Renderer(table, endpoint, columns, switches)
        slot = (table, endpoint.name, tuple(columns), switches.int64_as, switches.date_suffix)
        if slot not in self._renderers:
            if len(self._renderers) >= MOST_RENDERERS:
                self._renderers.clear()
            self._renderers[slot] = Renderer(table, endpoint, columns, switches)
        return self._renderers[slot]

    def clear(self) -> None:
        self._pages.clear()
        self._renderers.clear()
        self._bytes = 0
