"""The figures as a table, for the terminal and for docs/security.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from scripts.attack.model import Figure
from scripts.meltano_project import ROOT

DOCUMENT = ROOT / "docs/security.md"
_BEGIN, _END = "<!-- figures -->", "<!-- figures: end -->"


def table(figures: Sequence[Figure]) -> list[str]:
    """Lines for a terminal."""
    rows = [("what", "tried", "result"), *((one.what, f"{one.tried:,}", one.result) for one in figures)]
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    return [f"{what.ljust(first)}  {tried.rjust(second)}  {result}" for what, tried, result in rows]


def markdown(figures: Sequence[Figure], about: str) -> str:
    """The same for the documentation."""
    lines = ["| what | tried | result |", "|---|---:|---|"]
    lines += [f"| {one.what} | {one.tried:,} | {one.result} |" for one in figures]
    return "\n".join([about, "", *lines])


def write(figures: Sequence[Figure], about: str, document: Path = DOCUMENT) -> None:
    """Put the figures where the document has its old ones.

    Raises:
        ValueError: If the document has no place for them.
    """
    text = document.read_text(encoding="utf-8")
    whole = re.compile(f"{_BEGIN}.*{_END}", re.DOTALL)
    if not whole.search(text):
        raise ValueError(f"{document} has no {_BEGIN} … {_END}")
    document.write_text(
        whole.sub(lambda _: f"{_BEGIN}\n\n{markdown(figures, about)}\n\n{_END}", text), encoding="utf-8"
    )
