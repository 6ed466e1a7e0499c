"""The tables of docs/performance.md, between marks that this program owns; the words around them are a person's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench.model import Section, goal_table, markdown

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/performance.md"


def write(about: Mapping[str, str], sections: Sequence[Section], document: Path = DOCUMENT) -> None:
    """Replace the blocks whose scenarios ran."""
    text = document.read_text(encoding="utf-8")
    blocks = {section.name: markdown(section.head, section.rows) for section in sections}
    blocks["goals"] = goal_table(sections)
    blocks["machine"] = markdown(("what", "value"), list(about.items()))
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, block=block: f"{found[1]}\n{block}\n{found[2]}", text)
    document.write_text(text, encoding="utf-8")
