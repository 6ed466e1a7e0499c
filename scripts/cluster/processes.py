"""Programs that run in the background and leave nothing behind, however the demo ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
# None of them has anything to keep.
_STOP_SECONDS = 5


class Processes:
    """Programs in the background, each with its output in a file.

    Args:
        logs: The directory of these files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._foreign = set(_children()[os.getpid()])

    def start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Start a program in a session of its own: Ctrl-C is for the demo, which then ends them all."""
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, env=dict(env), cwd=self._logs, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        """The output of a program."""
        return self._logs / f"{name}.log"

    def ended(self) -> dict[str, int]:
        """The programs that have ended by themselves, with their exit codes."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def wait(self, name: str, seconds: float) -> int:
        """Wait for the end of a program; returns its exit code. Raises `subprocess.TimeoutExpired`."""
        return self._running[name].wait(seconds)

    def kill(self, name: str) -> int:
        """`kill -9` for a program and everything that it has started; returns how many processes that were."""
        process = self._running.pop(name)
        victims: set[int] = set()
        while more := {process.pid, *descendants(process.pid)} - victims:
            # Stopped first, so that none of them starts another one meanwhile.
            _signal(more, signal.SIGSTOP)
            victims |= more
        _signal(victims, signal.SIGKILL)
        process.wait()
        return len(victims)

    def stop(self) -> None:
        """End all of them: politely, and what is left after some seconds with `kill -9`."""
        _signal([process.pid for process in self._running.values()], signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        while left := self._left():
            _signal(left, signal.SIGKILL)
            time.sleep(0.1)
        for process in self._running.values():
            process.wait()
        self._running = {}
        # Adopted ones, of which the first process of a container would never hear.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _left(self) -> set[int]:
        """What was started since the beginning and still runs; what has lost its parent belongs to this process."""
        children = _children()
        mine = set(children[os.getpid()]) - self._foreign
        return {pid for one in mine for pid in (one, *_below(one, children))}


@contextlib.contextmanager
def processes(logs: Path) -> Iterator[Processes]:
    """Programs that are ended when the block is left, also by an error, Ctrl-C or SIGTERM."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    _adopt_orphans()
    started = Processes(logs)
    try:
        yield started
    finally:
        # A second Ctrl-C would leave half of them running.
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        started.stop()
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, before)


def descendants(root: int) -> list[int]:
    """All processes below one."""
    return _below(root, _children())


def _below(root: int, children: Mapping[int, list[int]]) -> list[int]:
    found: list[int] = []
    queue = list(children.get(root, ()))
    while queue:
        found.append(one := queue.pop())
        queue += children.get(one, ())
    return found


def _children() -> Mapping[int, list[int]]:
    """Each process with its children. Those that have ended and wait to be noticed are left out."""
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,stat="], stdout=subprocess.PIPE, text=True) as ps:
        lines = ps.communicate()[0].splitlines()
    children: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        pid, parent, state = line.split(None, 2)
        if not state.startswith("Z") and int(pid) != ps.pid:
            children[int(parent)].append(int(pid))
    return children


def _signal(pids: Sequence[int] | set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _adopt_orphans() -> None:
    """Become the parent of what loses its own, so that nothing can slip away (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
