"""The body of an answer: read and decompressed up to a limit, and no further.

A usual page is read in one go and decompressed in one go, which is as fast as Python can be. What is larger comes in
pieces, so that neither a body without end nor a megabyte of gzip that unfolds to gigabytes fills the memory.

With 64 workers, pages of 38 MB would fill gigabytes, too. So a body that turns out to be a large one waits for a place
before it is read on (`LargeAnswers`), and holds it until its page is written; the server waits meanwhile, and the others work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import urllib3

from tap_exactonline.exact.errors import Stopped

LARGE = 2**22
"""Bytes beyond which a body is a large one. Exact's pages of 1,000 rows have one or two million."""

PLACES = 2
"""Large answers at once. Each takes up to four times its size: the body, its rows, its lines, and what lies idle between."""

_AT_ONCE = 2**19
_STEP = 2**20
_LOOK_UP = 0.5
_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2
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


class _Mine(threading.local):
    held = False
    makes_pages = False


class Places:
    """Places of which a thread has at most one.

    Args:
        count: How many there are.
        stop: When set, waiting for a place ends.
    """

    def __init__(self, count: int, stop: threading.Event) -> None:
        self._free = threading.Semaphore(count)
        self._stop = stop
        self._mine = _Mine()

    @property
    def held(self) -> bool:
        """Whether this thread has one."""
        return self._mine.held

    def take(self) -> None:
        """Wait for a place; does nothing if this thread has one.

        Raises:
            Stopped: If the run is asked to stop meanwhile.
        """
        if not self._mine.held:
            acquire(self._free, self._stop)
            self._mine.held = True

    def drop(self) -> None:
        """Give this thread's place back. Does nothing without one."""
        if self._mine.held:
            self._mine.held = False
            self._free.release()


class LargeAnswers(Places):
    """Places for large answers. Each belongs to a thread during its call, or to a page that is made of the answer.

    Nobody who holds a place waits for another one, and the writer needs none, so all of them become free again.

    Args:
        stop: When set, waiting for a place ends.
        places: How many there are.
    """

    def __init__(self, stop: threading.Event, places: int = PLACES) -> None:
        share_heaps()
        super().__init__(places, stop)

    def answered(self) -> None:
        """A call is over, and with it what it read, unless this thread makes pages."""
        if not self._mine.makes_pages:
            self.drop()

    @contextmanager
    def pages(self) -> Iterator[None]:
        """In this thread a place outlives its call, until the page is handed over or the next call begins."""
        self._mine.makes_pages = True
        try:
            yield
        finally:
            self._mine.makes_pages = False
            self.drop()

    def hand_over(self) -> list[threading.Semaphore]:
        """Let this thread's place, if it has one, belong to a page.

        Returns:
            What is to be released, by whichever thread, once the page is written.
        """
        if not self._mine.held:
            return []
        self._mine.held = False
        return [self._free]


def acquire(semaphore: threading.Semaphore, stop: threading.Event) -> None:
    """Wait for one of the places that a semaphore counts.

    Raises:
        Stopped: If the run is asked to stop meanwhile.
    """
    while not semaphore.acquire(timeout=_LOOK_UP):
        if stop.is_set():
            raise Stopped("the run was asked to stop")


def share_heaps() -> None:
    """Let all threads of this process share two heaps of the C library, before most of them begin.

    glibc gives each thread one of its own, and each keeps what a large answer once took: 64 workers whose every page has
    no end came to 1.3 GB, and come to 0.5. Other C libraries need nothing of the kind. A variable of the user's wins.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc; TypeError: Windows
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
