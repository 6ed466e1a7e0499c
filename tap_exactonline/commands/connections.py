"""``tap-exactonline connections``: the logins that a token store holds, one for each customer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from tap_exactonline.config import parse
from tap_exactonline.console import confirm, interactive, table
from tap_exactonline.exact.auth.store import StoredConnection
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.kept_connections import (
    ConnectionRow,
    choice,
    named,
    pause,
    remove,
    rename,
    row_of,
    snapshots,
)

_TAKES = {"rename": (2, "two names"), "choose": (2, "a name and administrations")}
_MANY = 4
_SHORT = 60


def show(raw: Mapping[str, Any], style: str) -> None:
    """Print the connections of the app.

    Args:
        raw: The settings; they say which app and which store.
        style: ``text`` or ``json``.

    Raises:
        SettingsError: The app is unknown.
        TokenStoreError: The store can't be read.
    """
    rows = [row_of(snapshot) for snapshot in snapshots(parse(raw))]
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
            click.echo(f"{row.connection}: {row.warning}", err=True)


def act(raw: Mapping[str, Any], action: str, names: Sequence[str], *, sure: bool) -> None:
    """Pause, resume, rename or remove a connection, or choose its administrations.

    Raises:
        SettingsError: It is unclear which one is meant.
        ExactError: There is none of that name, or nobody to ask.
        TokenStoreError: The store can't be changed.
        click.Abort: The answer was no.
    """
    wanted, words = _TAKES.get(action, (1, "one name"))
    if len(names) < wanted or (len(names) > wanted and action != "choose"):
        raise ExactError(
            f"'connections {action}' takes {words}", "tap-exactonline connections --help tells which"
        )
    config = parse(raw)
    chosen = choice(names[1:]) if action == "choose" else None
    one = named(config, names[0])
    if action == "choose":
        one.store.choose(chosen)
        what = "all administrations, also those to come" if chosen is None else _shorten(chosen)
        click.echo(f"The runs of the connection {one.connection} read {what}.")
    elif action == "rename":
        rename(config, one, names[1])
        click.echo(
            f"The connection {one.connection} is called {names[1]} now. Change the setting 'connection' of its runs, too."
        )
    elif action == "remove":
        _remove(one, sure=sure)
    else:
        paused = action == "pause"
        pause(one, paused=paused)
        what = "paused: its runs read nothing" if paused else "active: its runs read again"
        click.echo(f"The connection {one.connection} is {what}.")


def _remove(one: StoredConnection, *, sure: bool) -> None:
    if not sure:
        if not interactive():
            raise ExactError("There is no terminal to ask on", "Add --yes to remove the login")
        if not confirm(f"Forget the connection {one.connection} in {one.store.describe()}?"):
            raise click.Abort
    remove(one)
    click.echo(f"The connection {one.connection} is gone from {one.store.describe()}.")


def _cells(row: ConnectionRow) -> tuple[str, ...]:
    chosen = "all" if row.divisions is None else _shorten(row.divisions)
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


def _shorten(divisions: Sequence[int]) -> str:
    more = f" and {len(divisions) - _MANY} more" if len(divisions) > _MANY else ""
    return ", ".join(map(str, divisions[:_MANY])) + more


def _ends(row: ConnectionRow) -> str:
    left = row.seconds_left
    if left is None or row.login_ends_at is None:
        return ""
    return f"{row.login_ends_at[:10]} (in {left / 86_400:.0f} days)" if left > 0 else "has ended"
