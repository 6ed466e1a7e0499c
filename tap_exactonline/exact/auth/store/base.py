"""What every token store can do.

A *store* keeps one record for each client id, host and connection. Everything that changes a record happens
under the store's lock, which holds across threads, processes and (for PostgreSQL) machines, and which a dead
holder gives up by dying. Reading needs no lock: a record is replaced as a whole or not at all.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from tap_exactonline.exact.auth.tokens import About, Tokens
from tap_exactonline.exact.errors import NotLoggedIn
from tap_exactonline.exact.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

log = logging.getLogger("tap-exactonline.tokens")

#: Seconds to wait for a lock: longer than the 40 s that a token request may take at most.
LOCK_TIMEOUT = 60.0


class LockedStore(ABC):
    """A store while its lock is held. Use it only inside the ``with`` block that gave it.

    Attributes:
        certain: Whether all who had the lock before have ended what they did under it. False where a lock can get
            lost, as that of a database does with its connection, while its holder goes on.
    """

    certain = True

    @abstractmethod
    def load(self) -> Tokens | None:
        """Read the record; completes a save that was cut off half-way, where that is possible."""

    @abstractmethod
    def prepare(self) -> None:
        """Make sure, as far as that can be known, that the next ``save`` will succeed."""

    @abstractmethod
    def save(self, tokens: Tokens, *, if_unchanged: bool = False) -> Tokens:
        """Replace the record durably: when this returns, a power failure does not undo it.

        Args:
            tokens: The new record.
            if_unchanged: Leave the record alone if it is not the one that was loaded.

        Returns:
            The record that stands now. That is ``tokens`` with its new version, unless somebody who
            bypassed or lost the lock put another one there that is to stay: then theirs is returned.

        Raises:
            TokenStoreError: Nothing was changed; what stood before still stands.
        """

    @abstractmethod
    def delete(self) -> None:
        """Remove the record."""


def to_save(
    tokens: Tokens, standing: Tokens | None, loaded: Tokens | None, where: str, *, if_unchanged: bool
) -> Tokens | None:
    """The record that `LockedStore.save` has to write, with its new version; None if the one that stands is to stay.

    Args:
        tokens: What is to be saved.
        standing: What the store holds now.
        loaded: What it held when it was loaded.
        where: The store, for the log.
        if_unchanged: See `LockedStore.save`.
    """
    if standing is None:
        if loaded is not None:
            log.warning("The login in the token store, %s, was removed meanwhile; it is written again", where)
    elif if_unchanged and standing.is_other_than(loaded):
        return None
    elif standing.supersedes(tokens, loaded):
        log.warning("The token store, %s, got a newer login meanwhile; that one is used", where)
        return None
    version = max(tokens.version, standing.version if standing else 0) + 1
    return replace(tokens, version=version)


class TokenStore(ABC):
    """Keeps the record of one client id and host."""

    @abstractmethod
    def load(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> Tokens | None:
        """Read the record without the lock; None if there is no login.

        Args:
            timeout: Seconds to wait where the store can't be read at once.
            cancelled: Asked now and then while waiting; True ends the wait.

        Raises:
            Stopped: ``cancelled`` said so.
            TokenStoreError: The store can't be reached, read, understood or decrypted.
        """

    @abstractmethod
    def lock(
        self, timeout: float = LOCK_TIMEOUT, *, cancelled: Callable[[], bool] | None = None
    ) -> AbstractContextManager[LockedStore]:
        """Take the lock, waiting at most ``timeout`` seconds.

        Args:
            timeout: Seconds.
            cancelled: Asked now and then while waiting; True ends the wait.

        Raises:
            TokenStoreError: Not obtained in time (the message names the holder), or not possible.
            Stopped: ``cancelled`` said so.
        """

    @property
    @abstractmethod
    def place(self) -> str:
        """The file or the database alone; holds no password."""

    @abstractmethod
    def describe(self) -> str:
        """Where the tokens are, for people; holds no password."""

    def notes(self) -> Notes:
        """What Exact refused lately, kept beside the record where that is possible."""
        return Notes()

    def shared(self, purpose: str) -> SharedRow | None:  # noqa: ARG002 - for stores that have some
        """A row that the processes of all machines share, beside the record; None: the store has none."""
        return None

    def probe(self) -> None:
        """Lock, read and find out whether a save would succeed; raises TokenStoreError if not."""
        with self.lock() as held:
            held.load()
            held.prepare()

    def save(self, tokens: Tokens) -> Tokens:
        """Lock, replace the record, release."""
        with self.lock() as held:
            held.load()
            return held.save(tokens)

    def change(self, edit: Callable[[About], About]) -> About:
        """Lock, change what is noted about the connection, release.

        Raises:
            NotLoggedIn: There is no record.
            TokenStoreError: It can't be changed.
        """
        with self.lock() as held:
            stored = held.load()
            if stored is None:
                raise NotLoggedIn(f"There is no login in {self.describe()}", "Run 'tap-exactonline login'")
            before = stored.before
            if before is not None:
                before = replace(before, about=edit(before.about))
            return held.save(replace(stored, about=edit(stored.about), before=before)).about

    def choose(self, divisions: Sequence[int] | None) -> None:
        """Keep which administrations runs read that name none themselves; None for all, also those to come.

        Raises:
            NotLoggedIn: There is no record.
            TokenStoreError: It can't be changed.
        """
        chosen = None if divisions is None else tuple(divisions)
        self.change(lambda about: replace(about, divisions=chosen, made_at=about.made_at or time.time()))

    def delete(self) -> None:
        """Lock, remove the record, release."""
        with self.lock() as held:
            held.delete()


class Content(NamedTuple):
    """What the row holds; what its members mean is its user's choice."""

    number: int = 0
    mark: str = ""
    text: str = ""


class SharedRow(ABC):
    """One row of the token store's database."""

    @abstractmethod
    def look(self) -> tuple[Content, int] | None:
        """The content, and the database's clock in seconds since the epoch; None if there is no row.

        Raises:
            TokenStoreError: The database can't be asked.
        """

    @abstractmethod
    def change(self, change: Callable[[Content, int], Content]) -> None:
        """Replace the content, one process at a time.

        Args:
            change: Makes the new content of the old one and the database's clock. May be called twice.

        Raises:
            TokenStoreError: The database can't be written.
        """

    @abstractmethod
    def try_lock(self) -> AbstractContextManager[bool]:
        """Hold the row's lock inside the block, or not: False if another process has it. It ends with its holder.

        Raises:
            TokenStoreError: The database can't be asked.
        """
