"""The door to the target: standard output, written a page at a time and never in part."""

from __future__ import annotations

import os
import sys
from typing import IO, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

from tap_exactonline.stdout import CLOSED, OutputError, write_fully

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes Singer messages as JSON lines.

    It writes to the descriptor itself. Python's layers above it lose bytes in some modes (see
    :mod:`tap_exactonline.stdout`), and a bookmark that moves past a row that was not written loses the row for good.

    Attributes:
        written: Bytes written so far; those of a write that failed do not count.
        holds_log: The log goes to the same place, such as a terminal: no target reads that.
    """

    def __init__(self) -> None:
        self.written = 0
        self.holds_log = _holds_log()
        self._whole = True

    def serialize_message(self, message: Message) -> bytes:
        """One message as a line."""
        return _encoder.encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write one message at once."""
        self.write(self.serialize_message(message))

    def write_object(self, message: dict[str, Any]) -> int:
        """Write a message given as a dictionary; returns its size in bytes."""
        line = _encoder.encode(message) + b"\n"
        self.write(line)
        return len(line)

    def shut(self) -> None:
        """Write nothing any more: it would follow rows that are lost."""
        self._whole = False

    def write(self, lines: bytes) -> None:
        """Write whole lines at once, so that a target sees a page as soon as it is there.

        Returns only when the last byte is written. After a write that ended earlier, by a failure or by an exception
        from a signal handler, nothing is written any more: it would follow a broken line.

        Raises:
            OutputError: If the target is gone, the disk is full, an earlier write was cut short, or nothing may be written any
                more (`shut`).
        """
        if not self._whole:
            raise OutputError("an earlier line was written in part or not at all, and nothing may follow it")
        self._whole = False
        stdout: IO[str] | None = sys.stdout
        if stdout is None:
            raise OutputError(CLOSED)
        stdout.flush()
        try:
            descriptor = stdout.fileno()
        except (AttributeError, OSError, ValueError):
            _write_into_memory(stdout, lines)
        else:
            write_fully(descriptor, lines)
        self._whole = True
        self.written += len(lines)


def _holds_log() -> bool:
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def _write_into_memory(stdout: IO[str], lines: bytes) -> None:
    """Where a test or a program that embeds the tap has put a buffer in the place of standard output."""
    binary: IO[bytes] | None = getattr(stdout, "buffer", None)
    if binary is None:
        stdout.write(lines.decode())
    else:
        binary.write(lines)
    stdout.flush()
