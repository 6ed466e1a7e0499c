"""How `make test-targets` compares: a difference that nobody knows of a target is found, whatever it is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from scripts.build_docs import DOCS
from scripts.targets.compare import EMPTY, ESCAPED, OTHER, compare
from scripts.targets.known import TARGETS
from scripts.targets.probes import PROBES

KEY = "11111111-1111-4111-8111-111111111111"
SOURCE = {"division": 101, "id": KEY, "value": "x"}


def kinds(wanted: Any, found: Any) -> Counter[str]:
    return compare(
        [{**SOURCE, "value": found, "_sdc_batched_at": 1}], [{**SOURCE, "value": wanted}], ["division", "id"]
    )[0]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("x", "x"),
        (None, None),
        (KEY, UUID(KEY)),
        ("2024-01-31T09:00:00", datetime(2024, 1, 31, 9, tzinfo=UTC).replace(tzinfo=None)),
        ("2024-01-31T09:00:00.500000", "2024-01-31 09:00:00.5"),
        (0.1, 0.1),
        (1, 1.0),
    ],
)
def test_the_same_value_in_another_dress_is_no_difference(wanted: Any, found: Any) -> None:
    assert kinds(wanted, found) == Counter()


@pytest.mark.parametrize(
    ("wanted", "found", "kind"),
    [
        ("", None, EMPTY),
        ("a\nb", "a\\nb", ESCAPED),
        ("a", None, OTHER),
        (None, "", OTHER),
        (True, 1, OTHER),
        (0.1, 0.1000001, OTHER),
        ("2024-01-31T09:00:00", "2024-01-31T08:00:00", OTHER),
    ],
)
def test_a_difference_has_a_kind(wanted: Any, found: Any, kind: str) -> None:
    assert kinds(wanted, found) == Counter({kind: 1})


def test_rows_that_are_missing_or_too_many_are_differences() -> None:
    other = {**SOURCE, "division": 102}
    for found, wanted in (([SOURCE], [SOURCE, other]), ([SOURCE, other], [SOURCE])):
        assert compare(found, wanted, ["division", "id"])[0] == Counter({OTHER: 1})


def test_the_page_tells_of_every_target() -> None:
    text = (DOCS / "targets.md").read_text(encoding="utf-8")
    for one in (*TARGETS, *PROBES):
        assert f"| {one.label}" in text, "run `make test-targets TARGETS=--write-docs`"
