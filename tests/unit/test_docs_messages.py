"""Whatever the tap can say when it fails stands on the page about troubleshooting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build_docs import ROOT
from tap_exactonline.exact import answers, errors, responses

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
FAILURES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ExactError)
}
# These name their setting, or say that the run was asked to stop; the page explains them as a group.
GROUPED = {"SettingsError", "Stopped"}
# Of the client, and what runs on it. Commands for a person print theirs to that person.
ROOMS = ("exact", "sync")


def _text(node: ast.expr | None) -> str | None:
    """The constant text of a literal or an f-string; … where it differs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def said(path: Path) -> Iterator[tuple[str, str, int]]:
    """Class, first sentence and line of each failure that a file raises."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {*FAILURES, "damaged"}
        ):
            position = 1 if node.func.id == "damaged" else 0
            text = _text(node.args[position]) if len(node.args) > position else None
            if text:
                yield node.func.id, text, node.lineno


def sentences() -> list[tuple[str, str]]:
    """Where each sentence is said, and the sentence."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / "tap_exactonline" / room).rglob("*.py")):
            found += [(f"{path.name}:{line}", text) for name, text, line in said(path) if name not in GROUPED]
    for table in (responses._DIVISION_REASONS, answers.USER_REASONS):
        found += [("responses.py", text) for text in table.values()]
    return found


def known(sentence: str) -> bool:
    """Whether the page has the longest part of a sentence that never differs."""
    longest = max(re.split(r"[…(){}]", sentence), key=len).strip(" :.,;()'")
    return longest.lower() in PAGE.lower()


def test_there_is_something_to_look_for() -> None:
    assert len(sentences()) > 50
    assert len({name for name in FAILURES if issubclass(FAILURES[name], errors.LoginError)}) > 4


@pytest.mark.parametrize("place_and_sentence", sentences(), ids=lambda pair: pair[0])
def test_every_sentence_is_explained(place_and_sentence: tuple[str, str]) -> None:
    place, sentence = place_and_sentence
    assert known(sentence), f"docs/troubleshooting.md does not know what {place} says: {sentence}"


def test_a_sentence_that_nobody_says_is_missed() -> None:
    assert not known("the moon is made of … cheese")
