"""Damage to bytes, texts and JSON documents."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

_SPICE = [
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b'"', b"'", b"[", b"]", b"{", b"}", b",", b":",
    b"<", b">", b"<html>", b"<!DOCTYPE x>", b"&#0;", b"\r\n", b"\n\n", b" " * 50, b"null", b"true", b"NaN", b"-Infinity",
    b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000, b"0." + b"0" * 400 + b"1", b"[" * 600, b'{"d":' * 600, b"/Date(0)/",
    b"/Date(99999999999999999999)/", b"/Date(-62135596800000)/", b"9999-12-31T23:59:59", b"__next", b'"d"', b"%00",
    b"%2e%2e", b"..", b"//", b"\\", b"@", b"#", b"?", "é€\u202e".encode(),
]  # fmt: skip

_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**63, 10**30, -(10**30), "", "x", "0", "null", "\x00", "\u202e\u2028", "\ud800",
    "9" * 400, "2024-01-01", "9999-12-31T23:59:59-14:00", "/Date(0)/", "nan", [], {}, [[]], {"": None}, [None] * 5,
    ["a", 1, None], {"a": {"b": []}}, "x" * 10_000, "guid'x'", "https://evil.example/",
]  # fmt: skip


def damage(data: bytes, chance: Random) -> bytes:
    """The bytes with one to four changes."""
    for _ in range(chance.choice([1, 1, 1, 2, 3, 4])):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice([0, 1, 1, 2, 8, 40]))
        match chance.randrange(7):
            case 0:
                data = data[:at] + chance.choice(_SPICE) + data[at:]
            case 1:
                data = data[:at] + chance.choice(_SPICE) + data[end:]
            case 2:
                data = data[:at]
            case 3:
                data = data[:at] + data[end:]
            case 4:
                data = data[:end] + data[at:]
            case 5 if data:
                at = min(at, len(data) - 1)
                data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            case _:
                data = data[:at] + bytes(chance.randrange(256) for _ in range(3)) + data[at:]
    return data


def damaged_text(text: str, chance: Random) -> str:
    """As `damage`, of a text: what is no UTF-8 afterwards becomes other letters."""
    return damage(text.encode("utf-8", "surrogatepass"), chance).decode(
        "utf-8", chance.choice(["replace", "surrogateescape", "ignore"])
    )


def disturb(document: Any, chance: Random) -> Any:
    """A copy of a JSON document in which up to three members are changed, added, gone or moved."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice([1, 1, 2, 3])):
        holders = [document] if isinstance(document, dict | list) else []
        for holder in holders:
            inside = holder.values() if isinstance(holder, dict) else holder
            holders += [one for one in inside if isinstance(one, dict | list)]
        if not any(holders):
            return chance.choice(_VALUES)
        holder = chance.choice([one for one in holders if one])
        place = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(5):
            case 0:
                del holder[place]
            case 1 if isinstance(holder, dict):
                holder[damaged_text(str(place), chance)] = holder.pop(place)
            case 2:
                holder[place] = copy.deepcopy(chance.choice(holders))
            case 3 if isinstance(holder[place], str):
                holder[place] = damaged_text(holder[place], chance)
            case _:
                holder[place] = copy.deepcopy(chance.choice(_VALUES))
    return document


def written(document: Any, chance: Random) -> bytes:
    """A disturbed document as a file holds it; now and then the file is damaged, too."""
    try:
        data = json.dumps(disturb(document, chance)).encode()
    except ValueError:  # half a character that JSON can not hold
        data = b"{}"
    return damage(data, chance) if chance.random() < 0.2 else data


def damaged(data: bytes, chance: Random) -> bytes:
    """Either damaged bytes, or a disturbed document where the bytes are one."""
    try:
        document = json.loads(data) if chance.random() < 0.5 else None
    except ValueError:
        document = None
    return damage(data, chance) if document is None else written(document, chance)
