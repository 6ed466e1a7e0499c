"""Damages what a person or a program may damage: catalogs, states, settings, stores."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 10**30, 2**63, 1e308,
    "", "x", "null", "\x00", "é\u2028", "²", "a" * 10_000, "2024-01-01", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "/Date(-62135596800000)/",
    [], [[]], [None], [1, 2], ["a"], {}, {"a": 1}, {"": {}},
)  # fmt: skip
Path = tuple[Any, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths to everything inside a value, itself included."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from places(inner, (*path, position))


def mutated(choose: Random, value: Any) -> Any:
    """A copy of a JSON value with one to three changes, at any depth alike."""
    value = copy.deepcopy(value)
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        everywhere = list(places(value))
        depth = choose.randint(0, max(map(len, everywhere)))
        path = choose.choice([one for one in everywhere if len(one) == depth])
        if not path:
            if choose.random() < 0.1:
                return copy.deepcopy(choose.choice(VALUES))
            continue
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        _change(choose, holder, path[-1])
    return value


def _change(choose: Random, holder: Any, step: Any) -> None:
    match choose.choice(("value", "value", "take away", "rename", "twice", "into a list", "into an object")):
        case "value":
            holder[step] = copy.deepcopy(choose.choice(VALUES))
        case "take away":
            del holder[step]
        case "rename" if isinstance(holder, dict):
            holder[choose.choice(("x", "", f"{step}_"))] = holder.pop(step)
        case "rename":
            holder.reverse()
        case "twice" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[step]))
        case "twice":
            holder[f"{step}2"] = copy.deepcopy(holder[step])
        case "into a list":
            holder[step] = [holder[step]]
        case "into an object":
            holder[step] = {"x": holder[step]}


def bitten(choose: Random, text: bytes) -> bytes:
    """A text with a few bytes changed, cut out or put in."""
    raw = bytearray(text)
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(raw) + 1)
        match choose.choice(("change", "cut", "insert", "end")):
            case "change" if at < len(raw):
                raw[at] = choose.randrange(256)
            case "cut":
                del raw[at : at + choose.randint(1, 30)]
            case "insert":
                raw[at:at] = choose.choice((b"\x00", b"\xff", b"{", b'"', b"[" * 5000, b"9" * 5000))
            case "end":
                del raw[at:]
    return bytes(raw)
