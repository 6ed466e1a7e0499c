"""A lock between processes that its holder loses by dying.

It is ``flock`` on a file of its own: the kernel gives the lock up when the holder's last descriptor closes,
also on SIGKILL. The holder writes into that file who it is; what a dead holder wrote there means nothing,
since the lock itself is free. The file is never removed, because removing lock files is how two processes
end up with a lock on two different files of one name.

On one host this is exact. On network file systems it is as good as their ``flock``; several machines should
use a SQL token store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_exactonline.exact.auth.store.file_owner import check_owner
from tap_exactonline.exact.auth.store.holder import busy, holder
from tap_exactonline.exact.errors import Stopped, TokenStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL = 0.05


@contextmanager
def file_lock(
    path: Path, timeout: float, *, where: str, cancelled: Callable[[], bool] | None = None
) -> Iterator[None]:
    """Hold the lock of ``path`` inside the ``with`` block.

    Args:
        path: The lock file; made when missing, with mode 0600.
        timeout: Seconds to wait at most.
        where: The store, for the error's text.
        cancelled: Asked while waiting; True ends the wait.

    Raises:
        TokenStoreError: Somebody else held it all the time, the file system can't lock, or the lock file is another
            user's or another name of some other file.
        Stopped: ``cancelled`` said so.
        OSError: The lock file can't be made.
    """
    deadline = time.monotonic() + timeout
    while (descriptor := _try_lock(path, where)) is None:
        if cancelled is not None and cancelled():
            raise Stopped("The run was asked to stop while it waited for the token store")
        if time.monotonic() >= deadline:
            raise busy(where, timeout, _read_holder(path))
        time.sleep(_POLL * (0.5 + random.random()))  # noqa: S311 - spreads the waiters, no secret
    try:
        _write(descriptor, holder())
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        _close(descriptor)


def _try_lock(path: Path, where: str) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    locked = False
    try:
        _check(path, os.fstat(descriptor))
        locked = _lock(descriptor, where) and _is_at(descriptor, path)
    finally:
        if not locked:
            _close(descriptor)
    return descriptor if locked else None


def _check(path: Path, status: os.stat_result) -> None:
    what = f"The lock of the token store, file {path},"
    check_owner(path, status, what)
    if status.st_nlink > 1:  # what is written into it would be written into the other file
        raise TokenStoreError(f"{what} is a hard link to another file", "Remove it: it is made again")


def _lock(descriptor: int, where: str) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        if error.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
            raise TokenStoreError(
                f"The file system of the token store, {where}, can't lock files ({error.strerror})",
                "Point 'token_store' to a local folder or to a database",
            ) from None
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether others who open the path meet this very lock: between the two steps somebody may have replaced the file."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def _close(descriptor: int) -> None:
    # The kernel gives the lock up even if this fails, and what was done under it stands.
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _write(descriptor: int, text: str) -> None:
    # Only a courtesy to those who wait: a full disk must not cost the lock.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _read_holder(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")[:500]
    except OSError:
        return ""
