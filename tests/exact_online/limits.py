"""The budgets of an administration: calls a minute and a day, and wrong calls an hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .wire import JSON, Reply, error

if TYPE_CHECKING:
    from .clock import Clock
    from .switches import Switches

DAY = 86_400


@dataclass(slots=True)
class Window:
    """A budget that fills up again at fixed moments of the clock, as Exact's minute and day do."""

    limit: int
    seconds: float
    used: int = 0
    until: float = 0.0

    def at(self, now: float) -> Window:
        if now >= self.until:
            self.used = 0
            self.until = (now // self.seconds + 1) * self.seconds
        return self

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def reset_ms(self) -> int:
        return round(self.until * 1000)


@dataclass(slots=True)
class Block:
    """Wrong calls of one endpoint: how many in this hour, and until when the key is blocked."""

    since: float = 0.0
    count: int = 0
    until: float = 0.0
    hours: int = 1


@dataclass(slots=True)
class Limits:
    """All budgets of one administration."""

    clock: Clock
    switches: Switches
    minute: Window = field(default_factory=lambda: Window(60, 60))
    day: Window = field(default_factory=lambda: Window(5000, DAY))
    blocks: dict[str, Block] = field(default_factory=dict)
    refused: int = 0

    def headers(self, which: str = "full") -> dict[str, str]:
        """The rate headers; ``which`` is full, minute, day or none. Resets in epoch milliseconds."""
        now = self.clock.now()
        out: dict[str, str] = {}
        for name, prefix, window in (("day", "", self.day), ("minute", "Minutely-", self.minute)):
            if which in ("full", name):
                window.at(now)
                out[f"X-RateLimit-{prefix}Limit"] = str(window.limit)
                out[f"X-RateLimit-{prefix}Remaining"] = str(window.left)
                out[f"X-RateLimit-{prefix}Reset"] = str(window.reset_ms)
        return out

    def admit(self, endpoint: str) -> Reply | None:
        """Count a call; a Reply says that it is refused."""
        now = self.clock.now()
        block = self.block_of(endpoint)
        if block is not None:
            return block
        for name, window in (("day", self.day.at(now)), ("minute", self.minute.at(now))):
            if window.left <= 0:
                self.refused += 1
                return self.too_many(name)
        self.day.used += 1
        self.minute.used += 1
        return None

    def block_of(self, endpoint: str) -> Reply | None:
        """A Reply if the key is blocked for this endpoint."""
        block = self.blocks.get(endpoint)
        if block is None or self.clock.now() >= block.until:
            return None
        self.refused += 1
        return self.blocked()

    def too_many(self, exceeded: str, headers: str | None = None) -> Reply:
        """A 429 because of the minute or the day."""
        how = headers or self.switches.headers_429
        sent = self.headers(exceeded if how == "own" else how)
        if self.switches.retry_after:
            window = self.day if exceeded == "day" else self.minute
            sent["Retry-After"] = str(max(1, round(window.until - self.clock.now())))
        if not self.switches.body_429:
            return Reply(429, b"", sent)
        reply = error(429, "Too many requests. The rate limit has been exceeded.")
        return Reply(429, reply.body, sent | {"Content-Type": JSON})

    def blocked(self) -> Reply:
        """The answer while the key is blocked for too many errors: no rate headers at all."""
        return error(
            self.switches.error_block_status, "API rate limit exceeded: too many erroneous requests."
        )

    def failed(self, endpoint: str) -> None:
        """Note a 400, 401, 403 or 404; more than ten in an hour block the key, longer each time."""
        now = self.clock.now()
        block = self.blocks.setdefault(endpoint, Block())
        if now - block.since >= 3600:
            block.since, block.count = now, 0
        block.count += 1
        if block.count > self.switches.error_limit:
            block.until = now + 3600 * block.hours
            block.hours *= 2
            block.count = 0
