"""The connections of an app: what their store knows of each, and what can be done with them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from tap_exactonline.config import Config
from tap_exactonline.exact.auth.store import (
    Snapshot,
    StoredConnection,
    check_name,
    list_connections,
    move,
    read_connections,
)
from tap_exactonline.exact.auth.tokens import REFRESH_LIFETIME, Tokens
from tap_exactonline.exact.errors import ConnectionMissing, SettingsError, TokenStoreError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.notes import Notes, RunNote
from tap_exactonline.exact.urls import address_of

WEEK = 7 * 86_400.0
Standing = Literal["good", "trouble", "ending", "paused"]


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection as it is shown. Moments are in UTC, None where unknown.

    Attributes:
        connection: Its name.
        user: Name of the user at Exact; "" if nobody knows yet.
        country: Two letters; "" for an address of its own.
        host: Of Exact Online.
        divisions: The administrations that runs read; None for all.
        active: Whether runs read.
        made_at: When it was made.
        renewed_at: When Exact last gave tokens.
        tested_at: When `check`, or the page, last found all well.
        login_ends_at: When the login ends if no run uses it before.
        last_run: What the last run brought: ``at``, ``rows``, ``calls``, ``complete`` and ``said``.
        trouble: What is wrong with the login or the record, "" if nothing is known to be.
        remedy: What to do about it.
    """

    connection: str
    user: str
    country: str
    host: str
    divisions: list[int] | None
    active: bool
    made_at: str | None
    renewed_at: str | None
    tested_at: str | None
    login_ends_at: str | None
    last_run: dict[str, Any] | None
    trouble: str
    remedy: str = ""

    @property
    def seconds_left(self) -> float | None:
        """How long the login lives if no run uses it."""
        if self.login_ends_at is None:
            return None
        return datetime.fromisoformat(self.login_ends_at).timestamp() - time.time()

    @property
    def warning(self) -> str:
        """What is wrong and what to do about it, in one line; "" if nothing is known to be."""
        return ". ".join(part.rstrip(". ") for part in (self.trouble, self.remedy) if part)

    @property
    def state(self) -> Standing:
        """Whether somebody should look at it. Paused ones stand still on purpose."""
        left = self.seconds_left
        if not self.active:
            return "paused"
        if (
            self.trouble
            or (self.last_run and not self.last_run["complete"])
            or (left is not None and left <= 0)
        ):
            return "trouble"
        return "ending" if left is not None and left < WEEK else "good"


def snapshots(config: Config) -> Iterator[Snapshot]:
    """All connections of the app.

    Raises:
        SettingsError: The app is unknown.
        TokenStoreError: The store can't be read.
    """
    _require_client_id(config)
    yield from read_connections(
        config.token_store, client_id=config.client_id, passphrase=config.token_store_passphrase
    )


def row_of(snapshot: Snapshot) -> ConnectionRow:
    """What the store knows of a connection."""
    one = snapshot.one
    address = address_of(one.host)
    country = address[0] if address and address[1].startswith("https") else ""
    trouble, remedy, stored = "", "", None
    try:
        stored = snapshot.load()
    except TokenStoreError as exc:
        trouble, remedy = exc.what, exc.remedy
    tokens = stored.standing() if stored else Tokens(access_token="")
    about = tokens.about
    if about.moving_to:
        trouble = f"its renaming to {about.moving_to} was cut off; do it again"
    elif not trouble:
        trouble, remedy = _refused(tokens, snapshot.notes) or (tokens.trouble, "")
    run = snapshot.notes.last_run
    return ConnectionRow(
        connection=one.connection,
        user=about.user_name,
        country=country,
        host=one.host,
        divisions=None if about.divisions is None else list(about.divisions),
        active=not about.paused,
        made_at=moment(about.made_at or tokens.logged_in_at),
        renewed_at=moment(tokens.obtained_at),
        tested_at=moment(about.tested_at),
        login_ends_at=moment(tokens.obtained_at + REFRESH_LIFETIME) if tokens.obtained_at else None,
        last_run=shown(run) if run else None,
        trouble=clean_text(trouble, most=300),
        remedy=clean_text(remedy, most=300),
    )  # fmt: skip


def _refused(tokens: Tokens, notes: Notes) -> tuple[str, str] | None:
    """What Exact said if it refused this very login for good: what, and remedy."""
    refused = notes.login
    return (refused.what, refused.remedy) if refused and refused.token == tokens.chain else None


def named(config: Config, name: str, host: str = "") -> StoredConnection:
    """The connection of that name.

    Args:
        config: Says which app and which store.
        name: The connection's.
        host: Of Exact's country; "" for that of the settings, or the only one.

    Raises:
        SettingsError: It is unclear which one is meant.
        ConnectionMissing: There is none of that name.
        TokenStoreError: The store can't be read.
    """
    _require_client_id(config)
    every = list_connections(
        config.token_store, client_id=config.client_id, passphrase=config.token_store_passphrase
    )
    found = [one for one in every if one.connection == name and host in {"", one.host}]
    if config.address_given and len(found) > 1:
        found = [one for one in found if one.host in config.api_url]
    if len(found) > 1:
        raise SettingsError("country", f"the connection {name} exists in several countries", "Say which one")
    if not found:
        known = ", ".join(one.connection for one in every) or "none"
        raise ConnectionMissing(f"There is no connection {name}", f"The store holds: {known}")
    return found[0]


def pause(one: StoredConnection, *, paused: bool) -> None:
    """Let its runs read nothing, or read again."""
    one.store.change(lambda about: replace(about, paused=paused))


def rename(config: Config, one: StoredConnection, name: str) -> None:
    """Give it another name, and the notes of its runs with it.

    Raises:
        SettingsError: The name is none.
        NameTaken: Another connection has that name.
        TokenStoreError: The store can't be used.
    """
    move(
        one, check_name(name), config.token_store, client_id=config.client_id,
        passphrase=config.token_store_passphrase,
    )  # fmt: skip
    if name != one.connection:
        old, new = one.store.notes(), named(config, name, one.host).store.notes()
        for run in reversed(old.runs):
            new.add_run(run)
        new.flush()
        old.forget()


def remove(one: StoredConnection) -> None:
    """Forget it, and the notes of its runs: another customer may get its name."""
    one.store.delete()
    one.store.notes().forget()


def choice(words: Sequence[str]) -> list[int] | None:
    """The administrations that a person typed: ``all``, or their numbers.

    Raises:
        SettingsError: That is neither.
    """
    numbers = [part for word in words for part in word.split(",") if part]
    if numbers == ["all"]:
        return None
    if not numbers or not all(part.isascii() and part.isdigit() and int(part) for part in numbers):
        raise SettingsError(
            "divisions",
            "these are not numbers of administrations",
            "Name them like 101 102, or write 'all'; `tap-exactonline divisions` lists them",
        )
    return list(dict.fromkeys(map(int, numbers)))


def shown(run: RunNote) -> dict[str, Any]:
    """What a run brought, for JSON."""
    return {**msgspec.structs.asdict(run), "at": moment(run.at)}


def moment(seconds: float) -> str | None:
    """A moment in UTC as text; None for 0."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _require_client_id(config: Config) -> None:
    if not config.client_id:
        raise SettingsError("client_id", "it is missing", "It tells which app's connections are meant")
