"""The door to the target: standard output, written a page at a time."""

from __future__ import annotations

import sys
from typing import IO, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes Singer messages as JSON lines.

    Attributes:
        written: Bytes written so far.
    """

    def __init__(self) -> None:
        self.written = 0

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

    def write(self, lines: bytes) -> None:
        """Write whole lines and flush them, so that a target sees a page as soon as it is there."""
        binary: IO[bytes] | None = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(lines.decode())
        else:
            binary.write(lines)
        sys.stdout.flush()
        self.written += len(lines)
