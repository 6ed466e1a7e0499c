"""Each value of a target against the source, and what kind of difference there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.compare import Row, plain

EMPTY = "'' becomes NULL"
ESCAPED = "line breaks and tabs become \\n and \\t"
OTHER = "other"


def compare(found: Iterable[Row], expected: Iterable[Row], key: list[str]) -> tuple[Counter[str], list[str]]:
    """How many values differ, by kind, and some of the differences of the kind :data:`OTHER`.

    Args:
        found: Rows of the target; columns that begin with ``_sdc_`` do not count.
        expected: Rows of the source.
        key: The columns that tell rows apart.
    """
    kinds: Counter[str] = Counter()
    examples: list[str] = []
    there: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in found:
        values = {
            name.lower(): _moment(plain(value)) for name, value in row.items() if not name.startswith("_sdc_")
        }
        there[tuple(values.get(name) for name in key)] = values
    wanted = {tuple(_moment(row[name]) for name in key): row for row in expected}
    for identity in wanted.keys() ^ there.keys():
        kinds[OTHER] += 1
        examples.append(f"{identity}: {'missing' if identity in wanted else 'not in the source'}")
    for identity in wanted.keys() & there.keys():
        for name, value in wanted[identity].items():
            kind = _kind(_moment(value), there[identity].get(name, "no column"))
            if kind:
                kinds[kind] += 1
            if kind == OTHER:
                examples.append(
                    f"{identity}: {name} is {there[identity].get(name, 'no column')!r}, should be {value!r}"
                )
    return kinds, examples[:5]


def _kind(wanted: Any, found: Any) -> str | None:
    if wanted == found and isinstance(wanted, bool) == isinstance(found, bool):
        return None
    if wanted == "" and found is None:
        return EMPTY
    if isinstance(wanted, str) and isinstance(found, str) and found == _escaped(wanted):
        return ESCAPED
    return OTHER


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _moment(value: Any) -> Any:
    """A moment in the one form of `scripts.compare.plain`: drivers that give text put a blank in its middle."""
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == value[7:8] == "-" and value[10] in " T":
        head, _, fraction = f"{value[:10]}T{value[11:]}".partition(".")
        return f"{head}.{fraction.ljust(6, '0')}" if fraction.strip("0") else head
    return value
