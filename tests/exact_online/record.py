"""What was asked of the stand-in, by whom and how much at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Call:
    """One request as it was seen, without secrets.

    Attributes:
        stream: Name of the endpoint, ``token`` or ``authorize`` for OAuth, None if unknown.
        time: Epoch seconds by the stand-in's clock.
        rows: Rows in the answer.
        number: How many calls of this division and stream there were, this one included.
    """

    method: str
    path: str
    division: int | None = None
    stream: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    status: int = 0
    time: float = 0.0
    rows: int = 0
    number: int = 0
    size: int = 0
    user_agent: str = ""


class Record:
    """The log of requests and its summaries.

    Attributes:
        log: Every request of the API and of OAuth, in order of arrival.
        start_pages: How often the start page was asked for: it needs no login and counts for no limit.
        most_at_once: The most requests that were open at the same time, see `max_concurrency`.
        lock: Held while a request is answered; hold it for changes that must be seen as one.
    """

    def __init__(self) -> None:
        self.start_pages = 0
        self.lock = threading.RLock()
        self.log: list[Call] = []
        self._hooks: list[Callable[[Call], None]] = []
        self._open: dict[int | None, int] = {}
        self._most: dict[int | None, int] = {}
        self.most_at_once = 0
        self._numbers: dict[tuple[int | None, str | None], int] = {}

    def note(self, call: Call) -> None:
        """Enter a request in the log and number it."""
        with self.lock:
            slot = (call.division, call.stream)
            call.number = self._numbers[slot] = self._numbers.get(slot, 0) + 1
            self.log.append(call)

    def on_page(self, hook: Callable[[Call], None]) -> Callable[[], None]:
        """Call ``hook`` when an answer is ready and not yet sent; returns a function that ends it."""
        self._hooks.append(hook)
        return lambda: self._hooks.remove(hook)

    before_response = on_page

    def ready(self, call: Call) -> None:
        for hook in list(self._hooks):
            hook(call)

    def enter(self, division: int | None) -> None:
        with self.lock:
            self._open[division] = self._open.get(division, 0) + 1
            self._most[division] = max(self._most.get(division, 0), self._open[division])
            self.most_at_once = max(self.most_at_once, sum(self._open.values()))

    def leave(self, division: int | None) -> None:
        with self.lock:
            self._open[division] -= 1

    def max_concurrency(self, division: int | None) -> int:
        """The most requests of one administration that were open at the same time.

        Set the switch ``latency`` to see it: an answer that takes no time overlaps with nothing.
        """
        return self._most.get(division, 0)

    def calls(self, division: int | None = None, stream: str | None = None) -> int:
        """How many API requests were seen."""
        return sum(
            1
            for c in self.log
            if c.path.lower().startswith("/api/v1/")
            and (division is None or c.division == division)
            and (stream is None or c.stream == stream)
        )

    @property
    def token_calls(self) -> int:
        return sum(1 for c in self.log if c.stream == "token")

    @property
    def errors_4xx(self) -> list[Call]:
        return [c for c in self.log if 400 <= c.status < 500]

    def clear_log(self) -> None:
        with self.lock:
            self.log.clear()
            self._most.clear()
            self.most_at_once = 0
            self._numbers.clear()
