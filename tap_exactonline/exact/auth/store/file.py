"""Tokens in a local file.

A save writes ``<file>.new``, forces it to the disk, renames it over the file and forces the folder. A process
that dies before the rename leaves a ``.new`` that is either incomplete, and then it is thrown away, or complete,
and then the next holder of the lock finishes the rename: the tokens in it are the newest there are.

What another user can have put there is refused (`file_owner`): a store, a lock, the rest of a save.

One file may hold the logins of several apps and countries, each under its own name. For several machines use
a SQL token store: locks and renames on network file systems are not to be trusted with a login.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT, LockedStore, TokenStore, to_save
from tap_exactonline.exact.auth.store.file_lock import file_lock
from tap_exactonline.exact.auth.store.file_owner import check_links, check_owner, open_to_all
from tap_exactonline.exact.auth.store.notes_file import FileNotes
from tap_exactonline.exact.auth.store.record import Record, RecordCipher, damaged
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import TokenStoreError
from tap_exactonline.exact.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("tap-exactonline.tokens")

_FORMAT = 1
_MAX_BYTES = 4 * 2**20
_RESERVE = 64 * 2**10
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class _Document(msgspec.Struct, kw_only=True):
    format: int = _FORMAT
    about: str = "Login of tap-exactonline to Exact Online. Secret: do not copy, edit or commit this file."
    serial: int = 0
    logins: dict[str, Record] = {}


class FileStore(TokenStore):
    """Keeps tokens in a file of mode 0600.

    Args:
        path: The file. Symbolic links are followed once, now, so that a rename never replaces the link.
        cipher: Names the record and encrypts it.
    """

    def __init__(self, path: Path, cipher: RecordCipher) -> None:
        self._configured = path
        self.path = Path(os.path.realpath(path))
        self.cipher = cipher
        self._warned_mode = False
        self._warned_folder = False

    @property
    def place(self) -> str:
        """The path."""
        return str(self.path)

    def describe(self) -> str:
        """``file /home/me/.local/state/…``."""
        return f"file {self.path}"

    def names(self) -> list[str]:
        """Names of all records of the file."""
        document = self.read(self.path)
        return list(document.logins) if document else []

    def notes(self) -> Notes:
        """A file beside the tokens'."""
        return FileNotes(self.sibling(".notes"), self.cipher.name)

    def load(
        self,
        timeout: float = LOCK_TIMEOUT,  # noqa: ARG002 - a file is read at once
        *,
        cancelled: Callable[[], bool] | None = None,  # noqa: ARG002
    ) -> Tokens | None:
        """Read the record; None if the file is missing, empty or holds other logins only."""
        return self.pick(self.read(self.path))

    @contextmanager
    def lock(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> Iterator[LockedStore]:
        """Hold ``<file>.lock``; see ``TokenStore.lock``."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self.trouble(error, "make the folder of") from None
        self._look_at_folder()
        guard = file_lock(self.sibling(".lock"), timeout, where=self.describe(), cancelled=cancelled)
        try:
            check_links(self._configured)
            guard.__enter__()
        except OSError as error:
            raise self.trouble(error, "lock") from None
        held = _LockedFile(self)
        try:
            yield held
        finally:
            held.close()
            guard.__exit__(None, None, None)

    def _look_at_folder(self) -> None:
        if self._warned_folder:
            return
        with contextlib.suppress(OSError):
            if open_to_all(self.path.parent):
                self._warned_folder = True
                log.warning(
                    "Every user of this computer can write into the folder of the token store, %s: they could remove the "
                    "login. Run: chmod o-w %s",
                    self.path.parent,
                    self.path.parent,
                )

    def sibling(self, ending: str) -> Path:
        """A file beside the store's."""
        return self.path.with_name(self.path.name + ending)

    def pick(self, document: _Document | None) -> Tokens | None:
        """The own record of a document."""
        record = document.logins.get(self.cipher.name) if document else None
        return self.cipher.decode(record, self.describe()) if record else None

    def read(self, path: Path) -> _Document | None:
        """Read and check a whole file; None if it is missing or empty."""
        try:
            check_links(self._configured)
            body = self.read_bytes(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.trouble(error, "read") from None
        return self.parse(body)

    def parse(self, body: bytes) -> _Document | None:
        """The document of a file; None if that is empty."""
        if not body.strip():
            return None
        try:
            document = msgspec.json.decode(body, type=_Document)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise damaged(self.describe(), "is damaged or is not a token store") from None
        if document.format != _FORMAT:
            raise damaged(self.describe(), f"has format {document.format}: a newer version wrote it")
        return document

    def read_bytes(self, path: Path) -> bytes:
        """The content of a file that nobody else can have put there.

        Raises:
            OSError: It can't be read.
            TokenStoreError: It is not to be trusted.
        """
        # Without O_NONBLOCK a named pipe would make this wait for somebody who writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            self._check(path, descriptor)
            body = b""
            while len(body) < _MAX_BYTES and (part := os.read(descriptor, _MAX_BYTES)):
                body += part
            return body
        finally:
            os.close(descriptor)

    def trouble(self, error: OSError, doing: str) -> TokenStoreError:
        """The error for a failed system call, with what to do about it."""
        if error.errno in _FULL:
            remedy = "Free some space, or point 'token_store' to another place"
        elif error.errno in _FORBIDDEN:
            remedy = (
                "Give the user that runs the tap the right to read and write the file and its folder, "
                "or point 'token_store' to another place"
            )
        elif error.errno == errno.ELOOP:
            remedy = "Remove the symbolic link that took the place of the file or of the lock beside it"
        elif error.errno == errno.EBUSY:
            remedy = "If the file is mounted into a container by itself, mount its folder instead"
        else:
            remedy = "Check the setting 'token_store'"
        reason = error.strerror or type(error).__name__
        return TokenStoreError(f"Can't {doing} the token store, {self.describe()}: {reason}", remedy)

    def _check(self, path: Path, descriptor: int) -> None:
        status = os.fstat(descriptor)
        check_owner(path, status, f"The token store, file {path},")
        # Not of a hard link: it may be another name of a file that others have to read.
        if status.st_mode & 0o077 and status.st_nlink == 1 and not self._warned_mode:
            self._warned_mode = True
            log.warning(
                "The token store, %s, was open to other users; its mode is set to 0600", self.describe()
            )
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, 0o600)


class _LockedFile(LockedStore):
    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._new = store.sibling(".new")
        self._reserved: int | None = None
        self._loaded: Tokens | None = None

    def load(self) -> Tokens | None:
        self._finish_interrupted_save()
        self._loaded = self._store.load()
        return self._loaded

    def prepare(self) -> None:
        if self._reserved is None:
            try:
                self._reserved = self._create()
                _reserve(self._reserved)
            except OSError as error:
                self.close()
                raise self._store.trouble(error, "write") from None

    def save(self, tokens: Tokens, *, if_unchanged: bool = False) -> Tokens:
        document = self._store.read(self._store.path) or _Document()
        standing = self._store.pick(document)
        fresh = to_save(tokens, standing, self._loaded, self._store.describe(), if_unchanged=if_unchanged)
        if fresh is None:
            return standing or tokens
        document.logins[self._store.cipher.name] = self._store.cipher.encode(fresh)
        self._write(document)
        self._loaded = fresh
        return fresh

    def delete(self) -> None:
        try:
            self._new.unlink(missing_ok=True)
        except OSError as error:
            raise self._store.trouble(error, "remove") from None
        document = self._store.read(self._store.path)
        if document is None or self._store.cipher.name not in document.logins:
            return
        del document.logins[self._store.cipher.name]
        if document.logins:
            self._write(document)
            return
        try:
            self._store.path.unlink(missing_ok=True)
            _sync_folder(self._store.path.parent)
        except OSError as error:
            raise self._store.trouble(error, "remove") from None

    def close(self) -> None:
        """Give back what ``prepare`` reserved."""
        if self._reserved is None:
            return
        descriptor, self._reserved = self._reserved, None
        with contextlib.suppress(OSError):
            os.close(descriptor)
        with contextlib.suppress(OSError):
            self._new.unlink()

    def _write(self, document: _Document) -> None:
        document.serial += 1
        body = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        descriptor, self._reserved = self._reserved, None
        try:
            if descriptor is not None and not self._new.exists():  # somebody removed the whole folder
                os.close(descriptor)
                descriptor = None
            if descriptor is None:
                descriptor = self._create()
            try:
                view = memoryview(body)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.ftruncate(descriptor, len(body))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._new.replace(self._store.path)
            _sync_folder(self._store.path.parent)
        except OSError as error:
            raise self._store.trouble(error, "write") from None

    def _create(self) -> int:
        self._store.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._new, flags, 0o600)
        if os.geteuid() == 0:  # root saves for the owner, who must still be able to read it afterwards
            self._give_to_owner(descriptor)
        return descriptor

    def _give_to_owner(self, descriptor: int) -> None:
        path = self._store.path
        with contextlib.suppress(OSError):
            owner = path.lstat()
            check_owner(path, owner, f"The token store, file {path},")
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _finish_interrupted_save(self) -> None:
        """Complete the rename of somebody who died just before it."""
        if self._reserved is not None:
            return
        try:
            fresh = self._interrupted_save()
        except FileNotFoundError:
            return
        current = self._store.read(self._store.path)
        try:
            if fresh is not None and fresh.serial == (current.serial if current else 0) + 1:
                self._new.replace(self._store.path)
                _sync_folder(self._store.path.parent)
                log.info("Completed a save of the tokens that had been cut off (%s)", self._store.describe())
            else:
                self._new.unlink()
        except OSError as error:
            raise self._store.trouble(error, "write") from None

    def _interrupted_save(self) -> _Document | None:
        """What somebody wrote completely and did not rename.

        Raises:
            FileNotFoundError: There is nothing of that kind.
            TokenStoreError: It can't be read; it may hold the newest tokens.
        """
        try:
            body = self._store.read_bytes(self._new)
        except TokenStoreError as error:
            log.warning("The rest of a save is thrown away: %s", error.what)
            return None
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise self._store.trouble(error, "read") from None
            log.warning("The rest of a save is thrown away: %s is a symbolic link", self._new)
            return None
        try:
            return self._store.parse(body)
        except TokenStoreError:
            return None


def _reserve(descriptor: int) -> None:
    """Claim disk space now, so that a disk that fills up during the request does not cost the login."""
    try:
        os.posix_fallocate(descriptor, 0, _RESERVE)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        os.pwrite(descriptor, bytes(_RESERVE), 0)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:  # some file systems have no such thing
            raise
    finally:
        os.close(descriptor)
