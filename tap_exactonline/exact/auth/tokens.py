"""The tokens of one login: how they look, the record that a store keeps, and what it tells without asking Exact."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from tap_exactonline.exact.clock import DAY
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.foreign_text import clean_text

#: Seconds that an access token lives when the answer does not say (Exact, OAuth step 3).
LIFETIME = 600.0
#: Seconds that a refresh token lives unused: 30 days (Exact, OAuth step 4).
REFRESH_LIFETIME = 30 * DAY
_KEPT_SEEDS = 32
# Letters that people paste with a secret.
_QUOTES = set("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb")
_BREAKS = set("\r\n\v\f\x85\u2028\u2029")


class User(NamedTuple):
    """A user at Exact: ``Me.UserID``, and the name for people."""

    id: str
    name: str


def user_in(rows: Sequence[Mapping[str, Any]]) -> User | None:
    """The user in the rows of ``current/Me``; None if Exact does not say."""
    found = rows[0].get("UserID") if rows else None
    if not isinstance(found, str) or not found.strip("{} "):
        return None
    name = clean_text(str(rows[0].get("FullName") or ""), most=100)
    return User(found.strip("{} ").lower(), name or "a user without name")


class About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a connection is, beside its tokens: whose it is, and what was chosen for it.

    Attributes:
        user: ``Me.UserID`` of the user at Exact that the connection belongs to; "" as long as Exact has not said.
        user_name: That user's name, for people.
        divisions: The administrations to read; None for all, also those to come.
        paused: Runs read nothing.
        made_at: When the connection was made, epoch seconds.
        tested_at: When `check`, or the page, last found all well.
        foreign_seeds: Configured refresh tokens that turned out to be another user's: fingerprint, name of that user.
        moving_to: The name that a renaming, begun and not ended, gives to the connection.
    """

    user: str = ""
    user_name: str = ""
    divisions: tuple[int, ...] | None = None
    paused: bool = False
    made_at: float = 0.0
    tested_at: float = 0.0
    foreign_seeds: tuple[tuple[str, str], ...] = ()
    moving_to: str = ""


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
        attempted_by: Who waits for the answer of that attempt (`store.holder.new_mark`); "" once nobody does.
        not_before: No token call may be made before this time.
        tries: Token calls that failed since the last success.
        early: The last failure was that Exact called it too early.
        trouble: Why the last token call failed, for people; "" if it did not.
        about: Whose login it is, and what was chosen for it.
        before: The login that these tokens are to replace. As long as it is there, nobody knows whether both are of
            the same user, and the access token is given out to nobody.
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
    about: About = About()
    before: Tokens | None = None

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

    def standing(self) -> Tokens:
        """The login of whose user Exact has spoken: this one, or the one that it is to replace."""
        return self.before or self

    def put_off(self, other: str) -> Tokens:
        """The login from before, since the new one is another user's; it remembers the configured token, if that was it.

        Args:
            other: Name of that other user.
        """
        before = self.standing()
        if not self.seed or self.seed == before.seed:
            return before
        foreign = (*before.about.foreign_seeds, (self.seed, other))[-_KEPT_SEEDS:]
        about = msgspec.structs.replace(before.about, foreign_seeds=foreign)
        return msgspec.structs.replace(before, about=about).with_old_seeds(self.seed)

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


class LoginStatus(msgspec.Struct, frozen=True):
    """What `check` shows. Times are epoch seconds, None where unknown.

    Attributes:
        kind: Where the next token comes from: the store, the configured refresh token, the configured access
            token, or nowhere.
        store: Description of the store.
        obtained_at: When the tokens were last renewed.
        expires_at: End of the access token.
        refresh_expires_at: End of the login if it is not used before then.
        logged_in_at: When a person logged in.
        interrupted_at: When a renewal was begun whose answer was never saved.
        trouble: Why the last renewal failed, "" if it did not.
    """

    kind: Literal["stored", "refresh_token", "access_token", "none"]
    store: str
    obtained_at: float | None = None
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    logged_in_at: float | None = None
    interrupted_at: float | None = None
    trouble: str = ""


def status_of(stored: Tokens | None, store: str, *, seed_counts: bool, given: bool) -> LoginStatus:
    """Put the record of the store into words.

    Args:
        stored: The record, if there is one.
        store: Description of the store.
        seed_counts: Whether a configured refresh token will be tried first.
        given: Whether an access token is configured.
    """
    if stored is None:
        return LoginStatus("refresh_token" if seed_counts else "access_token" if given else "none", store)
    renewed = stored.obtained_at or None
    return LoginStatus(
        "refresh_token" if seed_counts else "stored",
        store,
        obtained_at=renewed,
        expires_at=stored.expires_at if renewed else None,
        refresh_expires_at=renewed + REFRESH_LIFETIME if renewed and stored.refresh_token else None,
        logged_in_at=stored.logged_in_at or None,
        interrupted_at=stored.attempted_at or None,
        trouble=stored.trouble,
    )


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


def is_sendable(token: str) -> bool:
    """Whether a token can stand in a header: visible ASCII characters only, as all of Exact's are."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def check_secret(setting: str, text: str | None) -> None:
    """Refuse what can't be a token or a client secret; None passes.

    Raises:
        SettingsError: if it holds a character that none has. The message says of what kind and where, not which.
    """
    for place, letter in enumerate(text or "", start=1):
        if not is_sendable(letter):
            raise SettingsError(
                setting,
                f"its character {place} is {_kind(letter)}, which no token or secret has",
                "Copy it again, in one piece, without line breaks and quotation marks",
            )


def _kind(letter: str) -> str:
    if letter in _BREAKS:
        return "a line break"
    if letter.isspace():
        return "a blank"
    if letter in _QUOTES:
        return "a typographic quotation mark"
    if unicodedata.category(letter) in ("Cf", "Cc", "Cs", "Cn", "Co"):
        return "an invisible one"
    return "not an ASCII one"


def _veil(secret: str | None) -> str:
    return "***" if secret else "none"
