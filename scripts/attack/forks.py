"""The tap's command in processes that have imported it already: a run costs tenths of a second instead of seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["scripts.attack.warm", "scripts.attack.forks"])
WORKERS = 2
_STREAMS = ((0, "r"), (1, "w"), (2, "w"))


@dataclass(frozen=True)
class Ended:
    """What a process left.

    Attributes:
        code: Its exit code; None if it did not end by itself.
    """

    code: int | None
    out: str
    err: str

    @property
    def trouble(self) -> str:
        """What is wrong with the way it ended, or nothing."""
        if self.code is None:
            return "hangs or died"
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}"
        if "Traceback (most recent call last)" in self.err + self.out:
            return "traceback"
        return ""


def run(arguments: Iterable[str], folder: Path, timeout: float = 60) -> Ended:
    """The command with these arguments, in a folder of its own."""
    process = FORKS.Process(target=_child, args=(list(arguments), str(folder)), daemon=True)
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join(10)
    # Not `process.exitcode`: threads that wait at the same time take each other's away.
    code = int((folder / "code").read_text()) if (folder / "code").exists() else None
    texts = [
        (folder / name).read_text("utf-8", "replace") if (folder / name).exists() else ""
        for name in ("out", "err")
    ]
    return Ended(code, *texts)


def side_by_side(jobs: Iterable[tuple[list[str], Path]]) -> Iterator[Ended]:
    """Many of them, two at a time, in order."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda job: run(*job), jobs)


def _child(arguments: list[str], folder: str) -> None:
    """Become the command: its own files for output, nothing to read, and its own way to end."""
    os.chdir(folder)
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, "err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(name, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in _STREAMS)
    sys.argv = ["tap-exactonline", *arguments]
    os.environ.update({"NO_COLOR": "1", "HOME": folder, "XDG_STATE_HOME": folder, "LOGLEVEL": "DEBUG"})
    code = 0
    try:
        from tap_exactonline.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would show it
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    Path(folder, "code").write_text(str(code))
    os._exit(code)
