"""Run a program with its output in a pipe, and tell what it cost.

    python -I -S launch.py REPORT LOG DRAIN PROGRAM ARGUMENT…

The kernel remembers the peak memory of whoever started a program as the program's own, so this launcher imports
nothing and stays small. REPORT gets seconds (wall, user, system), peak KiB, exit code, page faults and context
switches; DRAIN (a path, or several words) reads the pipe; LOG gets stderr.
"""

from __future__ import annotations

import os
import sys
import time


def main(report: str, log: str, drain: str, command: list[str]) -> None:
    """Run the program and the drain, and wait for both."""
    read, write = os.pipe()
    drained = os.fork()
    if drained == 0:
        os.dup2(read, 0)
        os.close(write)
        words = drain.split(" ")
        os.execvp(words[0], words)  # noqa: S606
    os.close(read)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        os.execvp(command[0], command)  # noqa: S606
    os.close(write)
    _, status, used = os.wait4(child, 0)
    wall = time.monotonic() - began
    os.waitpid(drained, 0)
    numbers = (wall, used.ru_utime, used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status), began)
    with open(report, "w") as file:  # noqa: PTH123 - pathlib is an import, too
        file.write(" ".join(map(str, numbers)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
