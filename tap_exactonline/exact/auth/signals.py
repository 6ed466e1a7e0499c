"""Signals wait while a refresh is being saved.

Between the moment that Exact spends a refresh token and the moment that its successor is on the disk, the
process should not end. What can be done depends on who refreshes:

- The main thread: for the length of the refresh the handlers of SIGTERM, SIGINT and SIGHUP only note the signal;
  it is delivered again afterwards.
- Another thread: Python runs handlers in the main thread only and lets nobody else install them. So the main
  thread installs them beforehand (`hold_signals`, around the whole run); such a handler waits until the refresh is
  saved and then acts as before. Blocking the signal in the refreshing thread would not help: the kernel would
  deliver it to the next one.
- The end of the program waits too (``atexit``), since a daemon thread would be cut off.

SIGKILL can't be held back. For that there is the note in the store that a refresh was begun.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

log = logging.getLogger("tap-exactonline.tokens")

#: Above what a token request and its save may take.
SETTLE_TIMEOUT = 50.0
_SIGNALS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, n))


class _Section:
    """Counts the refreshes under way in this process. Only for threads; a fork starts afresh."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.busy: dict[int, int] = {}  # thread -> depth

    def enter(self) -> None:
        with self.condition:
            me = threading.get_ident()
            self.busy[me] = self.busy.get(me, 0) + 1

    def leave(self) -> None:
        with self.condition:
            me = threading.get_ident()
            self.busy[me] -= 1
            if not self.busy[me]:
                del self.busy[me]
                self.condition.notify_all()

    def wait(self, timeout: float) -> bool:
        with self.condition:
            return self.condition.wait_for(lambda: not self.busy, timeout)


_section = _Section()


def _after_fork() -> None:
    global _section  # noqa: PLW0603 - the child has none of the parent's threads
    _section = _Section()


os.register_at_fork(after_in_child=_after_fork)


def settle(timeout: float = SETTLE_TIMEOUT) -> bool:
    """Wait until no refresh is under way in this process; False if ``timeout`` seconds were not enough.

    Not for use inside a signal handler of the main thread, which may have interrupted the refresh itself.
    """
    return _section.wait(timeout)


atexit.register(settle)


@contextmanager
def unbroken() -> Iterator[None]:
    """Around one refresh: signals of the main thread are held back, `settle` waits."""
    section = _section
    if threading.current_thread() is not threading.main_thread():
        section.enter()
        try:
            yield
        finally:
            section.leave()
        return
    came: list[int] = []
    before = _install(lambda number, _frame: came.append(number))
    section.enter()
    try:
        yield
    finally:
        section.leave()
        _restore(before)
        for number in dict.fromkeys(came):
            log.debug("%s came during a refresh and acts now that it is saved", signal.Signals(number).name)
            signal.raise_signal(number)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Around a whole run, in the main thread: signals wait for refreshes that other threads do.

    Handlers that are installed inside the block replace these; they should only set a flag, and the program
    should call ``Credentials.settle()`` before it ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Handler] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        # `unbroken` in the main thread has handlers of its own, so this can't wait for itself.
        settle()
        former = before.get(number)
        if callable(former):
            former(number, frame)
        elif former != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    before.update(_install(handle))
    try:
        yield
    finally:
        _restore({n: h for n, h in before.items() if signal.getsignal(n) is handle})


def _install(handler: Callable[[int, FrameType | None], object]) -> dict[int, Handler]:
    before: dict[int, Handler] = {}
    for number in _SIGNALS:
        former = signal.getsignal(number)
        if former in {None, signal.SIG_IGN}:  # None: installed by C code, leave it alone
            continue
        before[number] = former
        signal.signal(number, handler)
    return before


def _restore(before: dict[int, Handler]) -> None:
    for number, former in before.items():
        signal.signal(number, former)
