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
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import urllib3

from tap_exactonline.exact.errors import Stopped

LARGE = 2**22
"""Bytes beyond which a body is a large one. Exact's pages of 1,000 rows have one or two million."""

PLACES = 2
"""Large answers at once. Each takes up to four times its size: the body, its rows, its lines, and what lies idle between."""

_AT_ONCE = 2**19
_LOOK_UP = 0.5
_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2
_MOST_MEMBERS = 100
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
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
    body = _Body(most, before_more)
    length = raw.length_remaining
    at_once = length if length and length <= LARGE else _AT_ONCE
    try:
        if raw.headers.get("Content-Encoding", "").strip().lower() in _COMPRESSED:
            _read_compressed(raw, at_once, body)
        elif length is not None and length > most and not cut:
            raise TooLarge
        else:
            while piece := raw.read(at_once, decode_content=False):
                body.add(piece)
    except TooLarge:
        if not cut:
            body.clear()  # the error is kept longer than the body has to be
            raise
    return body.whole()[:most]


def _read_compressed(raw: urllib3.HTTPResponse, at_once: int, body: _Body) -> None:
    inflater = _Inflater()
    compressed = 0
    while piece := raw.read(at_once, decode_content=False):
        compressed += len(piece)
        if compressed > body.most:
            raise TooLarge
        while piece or inflater.has_more:
            plain, piece = inflater.inflate(piece, body.room)
            body.add(plain)


class _Body:
    """What has been read so far.

    Args:
        most: Bytes that it may have.
        before_more: See `read_payload`.
    """

    def __init__(self, most: int, before_more: Callable[[], None]) -> None:
        self.most = most
        self._before_more = before_more
        self._parts: list[bytes] = []
        self._size = 0
        self._large = False

    @property
    def room(self) -> int:
        """Bytes that may be added at once: one more than it may have by then, so that too many are noticed."""
        left = self.most - self._size
        return min(left, LARGE if self._large else LARGE - self._size) + 1

    def add(self, part: bytes) -> None:
        """Take in a part.

        Raises:
            TooLarge: With it, the body has more bytes than it may have.
        """
        self._parts.append(part)
        self._size += len(part)
        if self._size > self.most:
            raise TooLarge
        if self._size > LARGE and not self._large:
            self._large = True
            self._before_more()

    def clear(self) -> None:
        self._parts.clear()

    def whole(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class _Inflater:
    """gzip and deflate, whichever it is. Several members in a row are one body; garbage behind them is left out.

    Attributes:
        has_more: There may be more to give although all input is used up.
    """

    def __init__(self) -> None:
        self.has_more = False
        self._members = 0
        self._object = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._begun = False

    def inflate(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """Decompress up to ``most`` bytes.

        Returns:
            What they are, and the input that is left.

        Raises:
            CannotInflate: if the data are damaged.
        """
        self.has_more = False
        try:
            plain = self._decompress(data, most)
        except zlib.error as exc:
            if self._members:
                return b"", b""
            raise CannotInflate from exc
        if not self._object.eof:
            self.has_more = len(plain) == most
            return plain, self._object.unconsumed_tail
        rest = self._object.unused_data
        self._members += 1
        if rest and self._members >= _MOST_MEMBERS:
            raise CannotInflate
        self._object = zlib.decompressobj(_GZIP_OR_ZLIB)
        return plain, rest

    def _decompress(self, data: bytes, most: int) -> bytes:
        if self._begun:
            return self._object.decompress(data, most)
        self._begun = True
        try:
            return self._object.decompress(data, most)
        except zlib.error:
            # Some servers mean raw deflate when they say "deflate".
            self._object = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._object.decompress(data, most)


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
