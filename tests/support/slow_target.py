"""Targets that read slowly, through a pipe or a socket, and what must be true of all that they got."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from scripts.meltano_project import TAP
from tests.exact_online import ExactOnline
from tests.support.in_process import catalog

Transport = Literal["pipe", "socket"]
SMALL = 4096
"""Bytes that the smallest pipe holds; the kernel takes and hands over whole blocks of this size."""

Place = tuple[str, int]
"""A stream and a division."""


class SlowTarget:
    """A running tap and the other end of its standard output.

    Attributes:
        process: The tap.
        out: What was read so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], reader: int) -> None:
        self.process = process
        self.out = bytearray()
        self._reader = reader

    def read(self, size: int) -> bool:
        """Read at most so many bytes; False at the end of the output."""
        chunk = os.read(self._reader, size)
        self.out += chunk
        return bool(chunk)

    def read_more(self, size: int) -> None:
        """Read so many bytes, or to the end of the output."""
        enough = len(self.out) + size
        while len(self.out) < enough and self.read(min(SMALL, enough - len(self.out))):
            pass

    def wait_until_blocked(self) -> None:
        """Wait until no more bytes fit: the tap is in the middle of a write, or it has ended."""
        waiting, since = -1, time.monotonic()
        while time.monotonic() - since < 0.1:
            now = self._waiting()
            if now != waiting:
                waiting, since = now, time.monotonic()
            time.sleep(0.005)

    def _waiting(self) -> int:
        if not select.select([self._reader], [], [], 20)[0]:
            raise AssertionError("the tap writes nothing")
        held = bytearray(4)
        fcntl.ioctl(self._reader, termios.FIONREAD, held)
        return int.from_bytes(held, "little")

    def interrupt(self, after: int, *numbers: signal.Signals, pause: float = 0.0) -> None:
        """Read so many bytes, let the tap fill what it can, and send signals while it is blocked in its write."""
        self.read_more(after)
        self.wait_until_blocked()
        for number in numbers:
            self.process.send_signal(number)
            time.sleep(pause)

    def finish(self) -> tuple[int, str]:
        """Read the rest; returns exit code and log."""
        while self.read(1 << 16):
            pass
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        return self.process.wait(60), said

    def leave(self) -> tuple[int, str]:
        """Go away without reading the rest; returns exit code and log."""
        os.close(self._reader)
        self._reader = -1
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        return self.process.wait(60), said

    def close(self) -> None:
        """End the tap if it still runs."""
        self.process.kill()
        self.process.wait(20)
        if self._reader != -1:
            os.close(self._reader)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def slow_target(
    exact: ExactOnline,
    folder: Path,
    streams: Sequence[str],
    *,
    transport: Transport = "pipe",
    blocking: bool = True,
    unbuffered: bool = False,
    state: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[SlowTarget]:
    """Start the tap with a small standard output.

    Args:
        exact: A served stand-in.
        folder: For settings, catalog and tokens.
        streams: What to select.
        transport: What standard output is.
        blocking: Whether the tap's end of it is a blocking descriptor.
        unbuffered: Whether ``PYTHONUNBUFFERED`` is set.
        state: The state to begin with.
        settings: More settings.
    """
    command = write_command(exact, folder, streams, state, **settings)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if unbuffered:
        env["PYTHONUNBUFFERED"] = "1"
    reader, writer = _ends(transport)
    os.set_blocking(writer, blocking)
    process = subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, env=env)
    os.close(writer)
    target = SlowTarget(process, reader)
    try:
        yield target
    finally:
        target.close()


def write_command(
    exact: ExactOnline,
    folder: Path,
    streams: Sequence[str],
    state: dict[str, Any] | None = None,
    **settings: Any,
) -> list[str]:
    """The command of a run, its files written."""
    config = {
        "api_url": exact.url,
        "access_token": exact.issue_access_token(),
        "token_store": str(folder / "tokens.json"),
        **settings,
    }
    command = [str(TAP)]
    for name, content in {"config": config, "catalog": catalog(streams), "state": state or {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
        command += [f"--{name}", str(folder / f"{name}.json")]
    return command


def _ends(transport: Transport) -> tuple[int, int]:
    if transport == "pipe":
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALL)
        return reader, writer
    one, other = socket.socketpair()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    return one.detach(), other.detach()


class Source:
    """What Exact holds of a sync stream: its keys in the order of Timestamps."""

    def __init__(self, exact: ExactOnline, stream: str, *divisions: int) -> None:
        self.rows: dict[Place, list[tuple[int, str]]] = {
            (stream, code): [
                (int(row["Timestamp"]), str(row["ID"])) for row in exact.table(code, stream).rows()
            ]
            for code in divisions
        }

    def check(self, out: bytes, *, cut: bool = False) -> Counter[str]:
        """Look whether every line is whole, and whether no STATE claims a row that is not in front of it.

        Args:
            out: All that the tap wrote.
            cut: Whether the process may have ended in the middle of its last line.

        Returns:
            The number of messages of each type.
        """
        *lines, tail = out.split(b"\n")
        assert cut or not tail, f"the last line is broken: …{tail[-100:]!r}"
        arrived: dict[Place, set[str]] = {place: set() for place in self.rows}
        counts: Counter[str] = Counter()
        for number, line in enumerate(lines):
            try:
                message = json.loads(line)
            except ValueError as exc:
                raise AssertionError(f"line {number} of {len(lines)} is broken: {line[:80]!r} …") from exc
            counts[message["type"]] += 1
            if message["type"] == "RECORD":
                record = message["record"]
                arrived[message["stream"], record["division"]].add(record["id"])
            elif message["type"] == "STATE":
                for place in self.rows:
                    missing = self._claimed(message["value"], place) - arrived[place]
                    assert not missing, f"the STATE in line {number} claims {len(missing)} rows too many"
        return counts

    def _claimed(self, state: dict[str, Any], place: Place) -> set[str]:
        stream, division = place
        for partition in state["bookmarks"].get(stream, {}).get("partitions", []):
            if partition["context"]["division"] == division:
                up_to = partition.get("replication_key_value", 0)
                return {key for timestamp, key in self.rows[place] if timestamp <= up_to}
        return set()
