"""Standard output that is written to the last byte, or fails with one sentence.

Python's own does neither in every mode. Unbuffered (``PYTHONUNBUFFERED=1``), it drops the rest of a write that a signal
interrupted. On a non-blocking descriptor it drops bytes or raises in the middle. What a full disk has refused is
written again when the interpreter ends. The program starts with this module, so it imports next to nothing.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CLOSED = "standard output is closed. Connect it to a target, a file or a terminal"
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN})
_LOOK_AGAIN = 0.01
"""Seconds between two tries where the system can't tell when there is room again (Windows)."""


class OutputError(Exception):
    """Standard output takes no more. The message says why, in one sentence for a person."""


def write_fully(descriptor: int, data: ReadableBuffer) -> None:
    """Write all bytes, however often the system takes only some of them.

    If a signal comes in between, its handler runs and then the rest is written. If the descriptor is non-blocking, this
    waits until it takes more.

    Args:
        descriptor: An open file descriptor: a pipe, socket, file or terminal.
        data: The bytes.

    Raises:
        OutputError: If the reader is gone, the disk is full or the descriptor is closed. Some bytes may have been
            written by then.
    """
    rest = memoryview(data).cast("B")
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            _wait_for_room(descriptor)
        except OSError as exc:
            raise OutputError(_sentence(exc)) from exc


def _wait_for_room(descriptor: int) -> None:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        poll.poll()
    else:
        time.sleep(_LOOK_AGAIN)


def _sentence(exc: OSError) -> str:
    if exc.errno in _GONE:
        return "the target stopped reading; its own messages say why"
    if exc.errno == errno.EBADF:
        return CLOSED
    return f"standard output can't be written: {exc.strerror or type(exc).__name__}"


class CompleteOutput(io.FileIO):
    """Standard output for text: what a command tells a person or a program.

    After a failure, which is told once, everything else is dropped. So nothing follows a broken line, and the
    interpreter, which flushes when it ends, has nothing to complain about.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._whole = True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all bytes.

        Raises:
            OutputError: As :func:`write_fully`, but only the first time.
        """
        if self._whole:
            self._whole = False
            write_fully(self.fileno(), data)
            self._whole = True
        return memoryview(data).nbytes


def take_over() -> None:
    """Put a :class:`CompleteOutput` in the place of the interpreter's standard output.

    Raises:
        OutputError: If there is none, because it was closed when the program started.
    """
    stdout = sys.stdout
    # The interpreter's is None where the descriptor is closed, whatever the stubs say.
    if not stdout:
        raise OutputError(CLOSED)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(CompleteOutput(stdout.fileno())),
        encoding=stdout.encoding,
        errors=stdout.errors,
        line_buffering=stdout.isatty(),
    )
