"""The body of an answer: read and decompressed up to a limit, and no further.

A usual page is read in one go and decompressed in one go, which is as fast as Python can be. What is larger comes in
pieces, so that neither a body without end nor a megabyte of gzip that unfolds to gigabytes fills the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import urllib3

LARGE = 2**22
"""Bytes beyond which a body is a large one. Exact's pages of 1,000 rows have one or two million."""

_AT_ONCE = 2**19
_STEP = 2**20
_MOST_MEMBERS = 100
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# How gzip, and how zlib begins. Some servers mean deflate without a head when they say "deflate".
_GZIP, _DEFLATE = 0x1F, 8
_COMPRESSED = {"gzip", "x-gzip", "deflate"}


class TooLarge(Exception):
    """The body has more bytes than it may have."""


class CannotInflate(Exception):
    """The body is not compressed as its header says."""


def read_payload(
    raw: urllib3.HTTPResponse, most: int, before_more: Callable[[], None] = lambda: None, *, cut: bool = False
) -> bytes:
    """The body, decompressed.

    Args:
        raw: The answer, of which only the headers have been read.
        most: Bytes that the body may have.
        before_more: Called once, before more than `LARGE` bytes of the body get into memory.
        cut: Return the first ``most`` bytes of a body that has more.

    Raises:
        TooLarge: if there is more. Nothing more is read then.
        CannotInflate: if it can't be decompressed.
        urllib3.exceptions.HTTPError, OSError: if the connection fails.
    """
    length = raw.length_remaining
    compressed = raw.headers.get("Content-Encoding", "").strip().lower() in _COMPRESSED
    if length is not None and length > most and not (compressed or cut):
        raise TooLarge
    at_once = length if length and length <= LARGE else _AT_ONCE
    pieces = iter(partial(raw.read, at_once, decode_content=False), b"")
    parts: list[bytes] = []
    size = 0
    try:
        for part in _inflated(pieces, most) if compressed else pieces:
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLarge
            if size - len(part) <= LARGE < size:
                before_more()
    except TooLarge:
        if not cut:
            parts.clear()  # the error is kept longer than the body has to be
            raise
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    return body[:most]


def _inflated(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """What was compressed by gzip or deflate, whichever it is: up to `LARGE` bytes in one go, more in steps.

    Several members in a row are one body; garbage behind them is left out.

    Raises:
        TooLarge: Even compressed it has more than ``most`` bytes.
        CannotInflate: The data are damaged.
    """
    inflater: Any = None
    taken = given = members = 0
    for piece in pieces:
        taken += len(piece)
        if taken > most:
            raise TooLarge
        rest, more = piece, False
        while rest or more:
            if inflater is None:
                raw = not members and rest[0] & 15 != _DEFLATE and rest[0] != _GZIP
                inflater = zlib.decompressobj(-zlib.MAX_WBITS if raw else _GZIP_OR_ZLIB)
            step = min(most, max(LARGE, given + _STEP)) - given + 1  # one more, so that too many are noticed
            try:
                plain = inflater.decompress(rest, step)
            except zlib.error as exc:
                if members:
                    break
                raise CannotInflate from exc
            given += len(plain)
            yield plain
            rest, more = inflater.unconsumed_tail, len(plain) == step
            if inflater.eof:
                rest, more = inflater.unused_data, False
                inflater = None
                members += 1
                if rest and members >= _MOST_MEMBERS:
                    raise CannotInflate
