"""Notes in a file beside the tokens': one JSON object a line, appended, so that no process overwrites another's."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Unpack

import msgspec

from tap_exactonline.exact.notes import Entry, Notes, What, lasting

_TIDY_BEYOND = 256 * 2**10
_MOST_BYTES = 4 * 2**20
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileNotes(Notes):
    """Notes that last, and that processes share while they run.

    Args:
        path: The file. It is made when there is something to note.
        name: Of the record that the notes are about.
        clock: Epoch seconds, to tell what is too old to be kept.
    """

    def __init__(self, path: Path, name: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._path = path
        self._name = name
        self._clock = clock
        self._seen = 0

    def _read(self) -> None:
        with contextlib.suppress(OSError, FileNotFoundError):
            size = self._path.lstat().st_size
            if size == self._seen:
                return
            if size < self._seen:
                self._seen = 0  # somebody tidied it up: what is read twice does no harm but caution
            for entry in self._entries(self._seen):
                if entry.name == self._name:
                    self._take_in(entry)
            if self._seen > _TIDY_BEYOND:
                self._tidy()

    def _entries(self, begin: int) -> Iterator[Entry]:
        """The whole lines from a place on; moves the mark of what was seen."""
        descriptor = os.open(self._path, os.O_RDONLY | _SAFE)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not _is_ours(status):
                self._seen = status.st_size
                return
            file.seek(max(begin, status.st_size - _MOST_BYTES))
            body = file.read(_MOST_BYTES)
        whole = body[: body.rfind(b"\n") + 1]
        self._seen = max(begin, status.st_size - _MOST_BYTES) + len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                yield msgspec.json.decode(line, type=Entry)

    def _write(self, place: str, **what: Unpack[What]) -> None:
        entry = self._entry(self._name, place, **what)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _SAFE
            descriptor = os.open(self._path, flags, 0o600)
            try:
                if _is_ours(os.fstat(descriptor)):
                    os.write(descriptor, msgspec.json.encode(entry) + b"\n")
            finally:
                os.close(descriptor)

    def _tidy(self) -> None:
        """Drop what is old, if that is most of it."""
        entries = list(self._entries(0))
        kept = lasting(entries, self._clock())
        if len(kept) <= len(entries) // 2:
            self._replace(kept)

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            self._replace([entry for entry in self._entries(0) if entry.name != self._name])

    def _replace(self, kept: list[Entry]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{self._writer}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(msgspec.json.encode(entry) + b"\n" for entry in kept)
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have put the file there, and it is no other name of another file."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in {0, os.geteuid()}
