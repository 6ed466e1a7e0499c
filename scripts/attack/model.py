"""What an attack gives: figures, and how much of it there is time for."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        what: What was tried.
        tried: How often.
        bad: How often it went wrong.
        result: What was seen, in words.
    """

    what: str
    tried: int
    bad: int
    result: str


@dataclass
class Effort:
    """How much is tried, and until when.

    Attributes:
        seed: Repeats the same random choices.
        scale: 1 for the whole attack; a test takes a part of it.
        deadline: By `time.monotonic`; what is not tried by then is left out, and the table says so.
    """

    seed: int = 1
    scale: float = 1.0
    deadline: float = float("inf")
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311

    def count(self, whole: int) -> int:
        """How many of so many are tried."""
        return max(1, round(whole * self.scale))

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


@dataclass
class Tally:
    """Counts tries, and keeps a sample of each way to go wrong."""

    tried: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    samples: dict[str, str] = field(default_factory=dict)

    def went_wrong(self, kind: str, sample: object = "") -> None:
        """Note a failure of this kind."""
        self.bad[kind] += 1
        self.samples.setdefault(kind, str(sample)[:2000])

    def figure(self, what: str, good: str) -> Figure:
        """The line of the table; ``good`` says what it means that nothing went wrong."""
        count = sum(self.bad.values())
        kinds = ", ".join(f"{times} x {kind}" for kind, times in self.bad.most_common(5))
        return Figure(what, self.tried, count, f"{count}: {kinds}" if count else f"0 {good}")
