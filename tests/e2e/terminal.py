"""A program on a terminal, as a person sits at it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.meltano_project import TAP
from tests.support.cli import CliFixture, clean_environment


class Terminal:
    """A program on a terminal of its own, as its controlling one."""

    def __init__(self, command: Sequence[object], folder: Path, env: Mapping[str, str]) -> None:
        self._tty, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder, env=dict(env), stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
        )  # fmt: skip
        os.close(theirs)
        self.shown, self._place = "", 0

    @classmethod
    def of(cls, here: CliFixture, *arguments: str, **env: str) -> Terminal:
        """``tap-exactonline`` on a terminal."""
        return cls([TAP, *arguments], here.folder, clean_environment(**env))

    def until(self, pattern: str, seconds: float = 40) -> re.Match[str]:
        """Read until the pattern is on the screen, after what was found last."""
        end = time.monotonic() + seconds
        while not (found := re.compile(pattern).search(self.shown, self._place)):
            assert time.monotonic() < end, f"{self.shown}\n-- still waiting for {pattern}"
            self.shown += self._read()
        self._place = found.end()
        return found

    def _read(self) -> str:
        """What is there within a moment; "" also when the other side has closed."""
        if not select.select([self._tty], [], [], 0.2)[0]:
            return ""
        with contextlib.suppress(OSError):
            return os.read(self._tty, 65_536).decode(errors="replace").replace("\r", "")
        time.sleep(0.05)
        return ""

    def type(self, text: str) -> None:
        os.write(self._tty, f"{text}\n".encode())

    def end(self) -> int:
        """Read until the program ends; its exit code."""
        limit = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < limit:
            self.shown += self._read()
        while more := self._read():
            self.shown += more
        os.close(self._tty)
        return self.process.wait(timeout=1)
