"""Signals while the program starts: it ends at once, with the exit code of a program that a signal ended.

A run installs handlers of its own (:class:`tap_exactonline.tap.TapExactOnline`), and so does a renewal of the login
(:mod:`tap_exactonline.exact.auth.signals`). Before that there is nothing to finish, and Python's way, an exception
in the middle of an import, ends in a traceback.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

EXIT_BASE = 128
"""A shell reports a program that signal n ended as this plus n."""

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals by which a person, a terminal or a container asks a program to end."""


def handled(number: int) -> bool:
    """Whether a signal may get a handler. One that the caller told this process to ignore stays ignored (nohup)."""
    return signal.getsignal(number) not in {signal.SIG_IGN, None}


def end_at_once() -> None:
    """From now on a signal ends the process, without a word and without cleaning up."""
    for number in ENDING:
        if handled(number):
            signal.signal(number, _end)


def restore() -> None:
    """Give the signals back to Python, for commands that wait for a person: they end by KeyboardInterrupt."""
    for number in ENDING:
        if signal.getsignal(number) is _end:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_BASE + number)
