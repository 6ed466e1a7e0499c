"""``tap-exactonline connections``: the logins that a token store holds, one for each customer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from tap_exactonline.config import Config, parse
from tap_exactonline.console import confirm, interactive, table
from tap_exactonline.exact.auth.store import StoredConnection, check_name, list_connections, move
from tap_exactonline.exact.auth.tokens import REFRESH_LIFETIME, Tokens
from tap_exactonline.exact.errors import ExactError, SettingsError, TokenStoreError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.notes import RunNote
from tap_exactonline.exact.urls import address_of

_MANY = 4
_SHORT = 60


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
        login_ends_at: When the login ends if no run uses it before.
        last_run: What the last run brought: ``at``, ``rows``, ``calls``, ``complete`` and ``said``.
        trouble: What is wrong with the login or the record, "" if nothing is known to be.
    """

    connection: str
    user: str
    country: str
    host: str
    divisions: list[int] | None
    active: bool
    made_at: str | None
    renewed_at: str | None
    login_ends_at: str | None
    last_run: dict[str, Any] | None
    trouble: str


def show(raw: Mapping[str, Any], style: str) -> None:
    """Print the connections of the app.

    Args:
        raw: The settings; they say which app and which store.
        style: ``text`` or ``json``.

    Raises:
        SettingsError: The app is unknown.
        TokenStoreError: The store can't be read.
    """
    rows = [listed(one) for one in _of_app(parse(raw))]
    if style == "json":
        click.echo(json.dumps({"connections": [asdict(row) for row in rows]}, indent=1, ensure_ascii=False))
        return
    if not rows:
        click.echo("There is no connection yet: run 'tap-exactonline login'.")
        return
    head = ("connection", "user", "country", "administrations", "active", "login ends", "last run")
    for line in table(head, [_cells(row) for row in rows]):
        click.echo(line)
    for row in rows:
        if row.trouble:
            click.echo(f"{row.connection}: {row.trouble}", err=True)


def listed(one: StoredConnection) -> ConnectionRow:
    """What the store knows of a connection."""
    address = address_of(one.host)
    country = address[0] if address and address[1].startswith("https") else ""
    trouble, stored = "", None
    try:
        stored = one.store.load()
    except TokenStoreError as exc:
        trouble = str(exc)
    tokens = stored.standing() if stored else Tokens(access_token="")
    about = tokens.about
    run = one.store.notes().last_run
    if about.moving_to:
        trouble = f"its renaming to {about.moving_to} was cut off; do it again"
    return ConnectionRow(
        connection=one.connection,
        user=about.user_name,
        country=country,
        host=one.host,
        divisions=None if about.divisions is None else list(about.divisions),
        active=not about.paused,
        made_at=_moment(about.made_at or tokens.logged_in_at),
        renewed_at=_moment(tokens.obtained_at),
        login_ends_at=_moment(tokens.obtained_at + REFRESH_LIFETIME) if tokens.obtained_at else None,
        last_run=_shown(run) if run else None,
        trouble=trouble or clean_text(tokens.trouble, most=200),
    )  # fmt: skip


def act(raw: Mapping[str, Any], action: str, names: Sequence[str], *, sure: bool) -> None:
    """Pause, resume, rename or remove a connection.

    Raises:
        SettingsError: It is unclear which one is meant.
        ExactError: There is none of that name, or nobody to ask.
        TokenStoreError: The store can't be changed.
        click.Abort: The answer was no.
    """
    if len(names) != (2 if action == "rename" else 1):
        raise ExactError(
            f"'connections {action}' takes {'two names' if action == 'rename' else 'one name'}",
            "tap-exactonline connections --help tells which",
        )
    config = parse(raw)
    one = _named(config, names[0])
    if action == "rename":
        move(
            one, check_name(names[1]), config.token_store, client_id=config.client_id,
            passphrase=config.token_store_passphrase,
        )  # fmt: skip
        click.echo(
            f"The connection {one.connection} is called {names[1]} now. Change the setting 'connection' of its runs, too."
        )
    elif action == "remove":
        _remove(one, sure=sure)
    else:
        paused = action == "pause"
        one.store.change(lambda about: replace(about, paused=paused))
        what = "paused: its runs read nothing" if paused else "active: its runs read again"
        click.echo(f"The connection {one.connection} is {what}.")


def _remove(one: StoredConnection, *, sure: bool) -> None:
    if not sure:
        if not interactive():
            raise ExactError("There is no terminal to ask on", "Add --yes to remove the login")
        if not confirm(f"Forget the connection {one.connection} in {one.store.describe()}?"):
            raise click.Abort
    one.store.delete()
    click.echo(f"The connection {one.connection} is gone from {one.store.describe()}.")


def _of_app(config: Config) -> list[StoredConnection]:
    if not config.client_id:
        raise SettingsError("client_id", "it is missing", "It tells which app's connections are meant")
    return list_connections(
        config.token_store, client_id=config.client_id, passphrase=config.token_store_passphrase
    )


def _named(config: Config, name: str) -> StoredConnection:
    every = _of_app(config)
    found = [one for one in every if one.connection == name]
    if config.address_given and len(found) > 1:
        found = [one for one in found if one.host in config.api_url]
    if len(found) > 1:
        raise SettingsError("country", f"the connection {name} exists in several countries", "Say which one")
    if not found:
        known = ", ".join(one.connection for one in every) or "none"
        raise ExactError(f"There is no connection {name}", f"The store holds: {known}")
    return found[0]


def _cells(row: ConnectionRow) -> tuple[str, ...]:
    if row.divisions is None:
        chosen = "all"
    else:
        more = f" and {len(row.divisions) - _MANY} more" if len(row.divisions) > _MANY else ""
        chosen = ", ".join(map(str, row.divisions[:_MANY])) + more
    last = "-"
    if row.last_run:
        state = "complete" if row.last_run["complete"] else "incomplete"
        last = f"{row.last_run['at']}: {state}, {row.last_run['rows']:,} rows"
    return (
        row.connection,
        clean_text(row.user, most=30) or "-",
        row.country or clean_text(row.host, most=_SHORT),
        chosen,
        "yes" if row.active else "paused",
        _ends(row) or "-",
        last,
    )


def _ends(row: ConnectionRow) -> str:
    if row.login_ends_at is None:
        return ""
    left = datetime.fromisoformat(row.login_ends_at).timestamp() - time.time()
    return f"{row.login_ends_at[:10]} (in {left / 86_400:.0f} days)" if left > 0 else "has ended"


def _shown(run: RunNote) -> dict[str, Any]:
    return {**msgspec.structs.asdict(run), "at": _moment(run.at)}


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None
