"""Each system call on the store fails once, in the middle of a renewal, and no login is lost."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tap_exactonline.exact.auth.store.record import Record, RecordCipher
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import TokenStoreError
from tests.support.tokens import TokenFixture, laboratory, lives

BY_PATH = ("open", "stat", "lstat", "mkdir", "unlink", "replace")
BY_DESCRIPTOR = (
    "close",
    "read",
    "write",
    "pwrite",
    "ftruncate",
    "fsync",
    "fstat",
    "fchmod",
    "fchown",
    "posix_fallocate",
)


class Disk:
    """Counts the system calls on files below a folder, and lets one of them fail.

    Attributes:
        calls: Names, in order.
        fail: Number of the call that fails, from 0; -1 for none.
        after: Whether it has had its effect when it fails.
    """

    def __init__(self, folder: Path, fail: int = -1, code: int = 0, *, after: bool = False) -> None:
        self.folder = str(folder)
        self.calls: list[str] = []
        self.fail = fail
        self.code = code
        self.after = after
        self._descriptors: set[int] = set()

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *others: Any, **named: Any) -> Any:
            ours = (
                first in self._descriptors if isinstance(first, int) else str(first).startswith(self.folder)
            )
            if not ours:
                return real(first, *others, **named)
            number = len(self.calls)
            self.calls.append(name)
            if name == "close":
                self._descriptors.discard(first)
            fails = number == self.fail
            # The descriptor is gone also after a close that fails.
            if fails and not (self.after or name == "close"):
                raise OSError(self.code, os.strerror(self.code))
            result = real(first, *others, **named)
            if fails:
                if name == "open":
                    os_close(result)
                raise OSError(self.code, os.strerror(self.code))
            if name == "open":
                self._descriptors.add(result)
            return result

        return call


os_close = os.close


@contextmanager
def watched(disk: Disk) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in (*BY_PATH, *BY_DESCRIPTOR):
            patch.setattr(os, name, disk.wrap(name, getattr(os, name)))
        patch.setattr(fcntl, "flock", disk.wrap("flock", fcntl.flock))
        yield


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here, and forcing a thousand saves to the disk takes long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenFixture]:
    """Exact as it may be at its worst: a refresh token is dead as soon as its successor is issued."""
    with laboratory(tmp_path_factory.mktemp("calls"), old_refresh_token="refused") as lab:
        yield lab


def renew(lab: TokenFixture, disk: Disk) -> str:
    """Renew a login with this disk under it; what became of the run: "token" or "refused"."""
    folder = Path(disk.folder)
    lab.location = str(folder / "tokens.json")
    lab.logged_in()
    lab.advance(600)
    run = lab.credentials()
    try:
        with watched(disk):
            token = run.access_token()
    except TokenStoreError:
        return "refused"
    assert lab.works(token)
    return "token"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "after"),
    [(errno.EIO, False), (errno.ENOSPC, False), (errno.EACCES, False), (errno.EIO, True)],
    ids=["EIO", "ENOSPC", "EACCES", "EIO after the effect"],
)
def test_no_failing_call_costs_the_login(
    strict: TokenFixture, tmp_path: Path, code: int, after: bool
) -> None:
    whole = Disk(tmp_path / "whole")
    assert renew(strict, whole) == "token"
    assert {"open", "flock", "fstat", "read", "write", "fsync", "replace", "close"} <= set(whole.calls)
    assert len(whole.calls) > 55

    for point, name in enumerate(whole.calls):
        disk = Disk(tmp_path / uuid4().hex, point, code, after=after)
        ended = renew(strict, disk)
        assert name == disk.calls[point]
        assert lives(strict), f"call {point}, {name}: {ended}"
    assert 401 not in strict.token_statuses


@pytest.mark.parametrize("first", ["login", "renewal"])
def test_a_fault_of_ours_between_answer_and_save_does_not_cost_the_login(
    strict: TokenFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    strict.location = str(tmp_path / "tokens.json")
    failed: list[Tokens] = []

    def fail_once(cipher: RecordCipher, tokens: Tokens) -> Record:
        if tokens.attempted_at == 0 and not failed:
            failed.append(tokens)
            raise RuntimeError("a fault of ours")
        return encode(cipher, tokens)

    encode = RecordCipher.encode
    with monkeypatch.context() as patch:
        if first == "login":
            patch.setattr(RecordCipher, "encode", fail_once)
        run = strict.logged_in()
        strict.advance(600)
        if first == "renewal":
            patch.setattr(RecordCipher, "encode", fail_once)
        assert strict.works(run.access_token())
        assert failed
    assert lives(strict)


def test_tokens_that_can_not_be_saved_for_a_while_are_kept_and_not_used(
    strict: TokenFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used tokens that are not saved would be the end of the login, should the process die."""
    strict.location = str(tmp_path / "tokens.json")
    strict.logged_in()
    strict.advance(600)
    run = strict.credentials()
    granted = strict.token_statuses.count(200)
    full: list[Tokens] = []

    def fail(_: RecordCipher, tokens: Tokens) -> Record:
        if tokens.attempted_at:
            return encode(_, tokens)
        full.append(tokens)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    encode = RecordCipher.encode
    with monkeypatch.context() as patch:
        patch.setattr(RecordCipher, "encode", fail)
        for _ in range(2):
            with pytest.raises(TokenStoreError):
                run.access_token()
    assert len(full) > 4
    assert strict.token_statuses.count(200) == granted + 1
    assert run.access_token() == full[0].access_token
    assert strict.stored().refresh_token == full[0].refresh_token
    assert strict.token_statuses.count(200) == granted + 1
    assert lives(strict)
