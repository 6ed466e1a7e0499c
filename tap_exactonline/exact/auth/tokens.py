"""The tokens of one login, and the places that can keep them.

A *store* keeps one record for each pair of client id and host. Everything that changes a record happens
under the store's lock, which holds across threads, processes and (for SQL) machines, and which a dead
holder gives up by dying. Reading needs no lock: a record is replaced as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec
import platformdirs

from tap_exactonline.exact.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: Seconds that an access token lives when the answer does not say (Exact, OAuth step 3).
LIFETIME = 600.0
#: Seconds that a refresh token lives unused: 30 days (Exact, OAuth step 4).
REFRESH_LIFETIME = 30 * 86400.0
#: Seconds after which nobody can still be waiting for the answer to a renewal, or saving it: above the 40 s that a
#: token request may take at most.
LONGEST_RENEWAL = 55.0
#: Seconds to wait for a lock.
LOCK_TIMEOUT = 60.0
_KEPT_SEEDS = 32


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """One login as the store keeps it. Times are epoch seconds of the local clock; 0 means never.

    Attributes:
        access_token: What goes into the Authorization header; "" before the first refresh.
        refresh_token: Good for one refresh; None where only an access token is known.
        obtained_at: When the answer with these tokens came.
        expires_in: Life of the access token in seconds from ``obtained_at``.
        seed: Fingerprint of the configured refresh token that this chain began from, or "".
        logged_in_at: When a person logged in, or when the seed was first used.
        version: Counts the saves of this record.
        old_seeds: Fingerprints of configured refresh tokens that have had their turn.
        attempted_at: When a refresh was begun whose answer was never saved; 0 if none is open.
        attempt_of: Fingerprint of the refresh token that this open attempt spent.
        attempted_by: Who waits for the answer of that attempt (`token_holder.new_mark`); "" once nobody does.
        not_before: No token call may be made before this time.
        tries: Token calls that failed since the last success.
        early: The last failure was that Exact called it too early.
        trouble: Why the last token call failed, for people; "" if it did not.
    """

    access_token: str
    refresh_token: str | None = None
    obtained_at: float = 0.0
    expires_in: float = LIFETIME
    seed: str = ""
    logged_in_at: float = 0.0
    version: int = 0
    old_seeds: tuple[str, ...] = ()
    attempted_at: float = 0.0
    attempt_of: str = ""
    attempted_by: str = ""
    not_before: float = 0.0
    tries: int = 0
    early: bool = False
    trouble: str = ""

    @property
    def chain(self) -> str:
        """Fingerprint of the refresh token: what compare-and-swap compares."""
        return fingerprint(self.refresh_token)

    @property
    def expires_at(self) -> float:
        """When the access token ends, by the local clock."""
        return self.obtained_at + self.expires_in

    def knows_seed(self, seed: str) -> bool:
        """Whether the configured refresh token with this fingerprint has had its turn in this record."""
        return seed in {self.seed, self.chain, *self.old_seeds}

    def with_old_seeds(self, *seeds: str) -> Tokens:
        """A copy that remembers more fingerprints (the newest few are kept)."""
        merged = dict.fromkeys([*self.old_seeds, *(s for s in seeds if s)])
        return msgspec.structs.replace(self, old_seeds=tuple(merged)[-_KEPT_SEEDS:])

    def is_other_than(self, loaded: Tokens | None) -> bool:
        """Whether this record is not the one that was loaded."""
        return loaded is None or loaded.version != self.version

    def supersedes(self, tokens: Tokens, loaded: Tokens | None) -> bool:
        """Whether this record, found in the store, should stand although ``tokens`` are to be saved.

        Args:
            tokens: About to be saved.
            loaded: What the store held when its lock was taken.
        """
        if loaded is not None and loaded.chain == self.chain:
            return False
        return (self.logged_in_at, self.obtained_at) > (tokens.logged_in_at, tokens.obtained_at)

    def __repr__(self) -> str:
        """Everything but the secrets."""
        return (
            f"Tokens(version={self.version}, obtained_at={self.obtained_at:.0f}, "
            f"expires_in={self.expires_in:.0f}, access_token={_veil(self.access_token)}, "
            f"refresh_token={_veil(self.refresh_token)})"
        )

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What pretty printers show; msgspec's own would show the secrets."""
        return [("version", self.version), ("obtained_at", self.obtained_at)]


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

    @abstractmethod
    def describe(self) -> str:
        """Where the tokens are, for people; holds no password."""

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

    def delete(self) -> None:
        """Lock, remove the record, release."""
        with self.lock() as held:
            held.delete()


def fingerprint(token: str | None) -> str:
    """Short hash that tells tokens apart and reveals nothing; "" for no token."""
    if not token:
        return ""
    return hashlib.sha256(b"tap-exactonline:" + token.encode()).hexdigest()[:16]


def clean_token(token: str | None) -> str | None:
    """A token as people paste it: blanks stripped and, if it came from an address bar, decoded once."""
    text = (token or "").strip().strip("'\"")
    if "%21" in text:  # Exact's tokens hold a "!", never a "%"
        text = unquote(text)
    return text or None


def login_id(client_id: str, api_url: str) -> str:
    """Name of the record: one for each client id (hashed) and host."""
    client = client_id.strip().strip("{}").lower()
    parts = urlsplit(api_url if "://" in api_url else f"https://{api_url}")
    host = (parts.hostname or "").lower()
    if parts.port is not None and parts.port != {"https": 443, "http": 80}.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return f"{hashlib.sha256(client.encode()).hexdigest()[:16]}@{host}"


def default_path(client_id: str, api_url: str) -> Path:
    """Where tokens are kept unless ``token_store`` says otherwise."""
    name = f"tokens-{login_id(client_id, api_url).replace('@', '-').replace(':', '_')}.json"
    system = os.environ.get("MELTANO_SYS_DIR_ROOT")
    folder = (
        Path(system, "tap-exactonline") if system else Path(platformdirs.user_state_dir("tap-exactonline"))
    )
    return folder / name


def open_store(
    location: str | None, *, client_id: str, api_url: str, passphrase: str | None = None
) -> TokenStore:
    """The store that the setting ``token_store`` means. Opening touches nothing yet.

    Args:
        location: None for the default file; a path (a folder takes the default name); or an SQLAlchemy URL.
        client_id: Of the app at Exact.
        api_url: Address of Exact's country; its host is part of the record's name.
        passphrase: Encrypts the record at rest.

    Raises:
        SettingsError: The location makes no sense.
        TokenStoreError: A package that the URL or the passphrase needs is not installed.
    """
    from tap_exactonline.exact.auth.store.record import Codec  # noqa: PLC0415 - it imports this module

    text = (location or "").strip()
    codec = Codec(login_id(client_id, api_url), passphrase or None)
    if "://" in text and not text.startswith("file://"):
        from tap_exactonline.exact.auth.store.sql import SqlStore  # noqa: PLC0415 - needs an extra

        return SqlStore(text, codec)
    if re.match(r"postgres\w*(\+\w+)?:", text):
        # Not quoted: it holds a password.
        raise SettingsError(
            "token_store",
            "it is not a valid database URL",
            "Write it like postgresql://user:password@host/database",
        )
    from tap_exactonline.exact.auth.store.file import FileStore  # noqa: PLC0415 - it imports this module

    if not text:
        return FileStore(default_path(client_id, api_url), codec)
    if text.startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in {"", "localhost"}:
            raise SettingsError("token_store", "a file:// address can't name a host", "Write the path alone")
        text = unquote(parts.path)
    try:
        path = Path(text).expanduser()
    except RuntimeError as exc:
        raise SettingsError(
            "token_store", "the home directory in it is unknown", "Write the whole path"
        ) from exc
    if text.endswith(os.sep) or os.path.isdir(path):  # noqa: PTH112 - a path that can't be has its own failure later
        path /= default_path(client_id, api_url).name
    return FileStore(path, codec)


def _veil(secret: str | None) -> str:
    return "***" if secret else "none"
