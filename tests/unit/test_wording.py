"""Messages: plain English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build_docs import DOCS, README, ROOT

PACKAGE = ROOT / "tap_exactonline"
PLACES = sorted(PACKAGE.rglob("*.py"))
# "is no list" for "is not a list"; "there is no …" and "no longer" are good.
INVERTED = re.compile(r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b)\w+", re.IGNORECASE)
ARCHAIC = re.compile(r"\b(?:needless(?:ly)?|anew|worthless|bears?|1 calls)\b", re.IGNORECASE)


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that are not its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


@pytest.mark.parametrize("file", PLACES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_message_says_is_not_a_instead_of_is_no(file: Path) -> None:
    found = [(line, text) for line, text in texts(file) if INVERTED.search(text) or ARCHAIC.search(text)]
    assert found == []


@pytest.mark.parametrize(
    "page", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_pages_use_present_day_words(page: Path) -> None:
    assert ARCHAIC.findall(page.read_text(encoding="utf-8")) == []
