"""What a benchmark finds: samples summed up, goals met or missed, tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from scripts.bench.process import Ours, Pages


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of some numbers, and how many there were."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Sum up."""
        known = list(values)
        return cls(median(known), min(known), max(known), len(known))

    def text(self, style: str = ".2f") -> str:
        """`median (low to high)`."""
        if self.n == 1 or self.low == self.high:
            return f"{self.median:{style}}"
        return f"{self.median:{style}} ({self.low:{style}} to {self.high:{style}})"


@dataclass(frozen=True)
class Goal:
    """One line of what was promised.

    Attributes:
        what: The promise.
        goal: Its number.
        measured: The number found.
        met: Whether it is kept.
        note: Why not, or what the number does not show.
    """

    what: str
    goal: str
    measured: str
    met: bool
    note: str = ""


@dataclass
class Section:
    """What one scenario found.

    Attributes:
        name: Of the scenario, as `--only` takes it.
        title: For a person.
        head: Of its table.
        rows: Of its table.
        goals: What it says about the promises.
        notes: Sentences below the table.
        data: All numbers, for `--json` and the charts.
    """

    name: str
    title: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Bench:
    """What every scenario gets.

    Attributes:
        pages: The page server.
        ours: The tap.
        rivals: Other checkouts of the tap to compare with, by name.
        repeat: How often each variant runs.
        smoke: Sizes that only show that the scenario works.
        say: Tells a person how far it is.
    """

    pages: Pages
    ours: Ours
    rivals: dict[str, Ours]
    repeat: int
    smoke: bool
    say: Callable[[str], None]

    def size(self, full: int, smoke: int) -> int:
        """A number of pages or rows."""
        return smoke if self.smoke else full

    def taps(self) -> dict[str, Ours]:
        """This tap, and other versions of it."""
        return {"this tap": self.ours, **self.rivals}


def ratios(ours: Sequence[float], others: Sequence[float]) -> Spread:
    """Ours to others, round by round: a round's noise hits both."""
    return Spread.of(a / b for a, b in zip(ours, others, strict=True))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that reads well as plain text, too."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def shown(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown(lines[0]), rule, *map(shown, lines[1:])])


def goal_table(sections: Iterable[Section]) -> str:
    """Every promise and what became of it."""
    rows = [
        (goal.what, goal.goal, goal.measured, "yes" if goal.met else "**no**", goal.note)
        for section in sections
        for goal in section.goals
    ]
    return markdown(("what", "goal", "measured", "met", "remark"), rows)
