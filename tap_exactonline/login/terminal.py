"""Logging in with a terminal, or over a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from tap_exactonline.config import Config, parse
from tap_exactonline.console import ask, confirm, interactive, name_of, next_steps
from tap_exactonline.exact.counted import counted
from tap_exactonline.exact.errors import ExactError, NotLoggedIn, OtherUser, SettingsError
from tap_exactonline.login.browser import open_browser
from tap_exactonline.login.redirect import RedirectError, check_redirect_uri
from tap_exactonline.login.session import LoginSession
from tap_exactonline.login.settings_block import environment_block

_SHOWN = 20
# Each refused code is an error that Exact counts.
_TRIES = 4


def log_in(raw: Mapping[str, Any], *, browser: bool, replace_user: bool = False) -> None:
    """Lead a person through the login and keep it.

    Args:
        raw: The settings.
        browser: Open Exact's page where there is a graphical browser.
        replace_user: Without asking, let the login replace that of another user.

    Raises:
        ExactError: The login failed; nothing was kept.
    """
    given = parse(raw)
    config, redirect_uri = _complete(given, str(raw.get("redirect_uri") or ""))
    session = LoginSession(config, redirect_uri)
    # Before the person has done their part: a store that can't be written would waste the code.
    session.connection.store.probe()
    click.echo("1. Log in at Exact Online and allow access, at this address:\n")
    click.echo(f"   {session.address}\n")
    if browser and interactive() and open_browser(session.address):
        click.echo("   (It has been opened in your browser.)\n")
    click.echo(
        "   A user whose One Exact Identity spans several environments cannot allow access there: log in as"
    )
    click.echo("   a user of this environment alone.\n")
    click.echo("2. Your browser lands on the redirect address. If it shows an error page there, never mind:")
    click.echo("   copy the whole address out of the address bar and paste it here within three minutes.\n")
    _finish(session, replace_user=replace_user)
    session.note_choices(config.divisions)
    _tell(session, asked=config != given or not raw.get("redirect_uri"))


def _complete(config: Config, redirect_uri: str) -> tuple[Config, str]:
    """Ask for what is missing, if there is somebody to ask."""
    person = interactive()
    if person and not (config.client_id and config.client_secret and redirect_uri):
        click.echo("These stand with the app's registration at apps.exactonline.com.\n")
    if person and not config.client_id:
        config = replace(config, client_id=ask("Client id"))
    if person and not config.client_secret:
        config = replace(config, client_secret=ask("Client secret (not shown while you type)", hidden=True))
    while person and not redirect_uri:
        try:
            redirect_uri = check_redirect_uri(ask("Redirect address"))
        except SettingsError as exc:
            click.echo(f"{exc}\n", err=True)
    if not redirect_uri:
        raise SettingsError(
            "redirect_uri",
            "it is missing",
            "Add --redirect-uri with the address exactly as the app is registered with it",
        )
    return config, redirect_uri


def _finish(session: LoginSession, *, replace_user: bool) -> None:
    """Read the pasted line; on a terminal, a slip may be corrected."""
    person = interactive()
    for attempt in range(1, _TRIES + 1):
        pasted = ask("Address (or code)") if person else sys.stdin.readline()
        try:
            session.finish(pasted, bare=True, replace_user=replace_user)
        except OtherUser as exc:
            if not person:
                raise
            click.echo(f"\n{exc.what}.")
            if not confirm("Shall it belong to this user from now on?"):
                raise
            session.replace_user()
            return
        except (RedirectError, NotLoggedIn) as exc:
            final = isinstance(exc, RedirectError) and exc.kind in ("denied", "refused")
            if not person or final or attempt == _TRIES:
                raise
            click.echo(f"\n{exc}\n", err=True)
        else:
            return


def _tell(session: LoginSession, *, asked: bool) -> None:
    connection = session.connection
    user = session.user()
    click.echo(
        f"\nLogged in{f' as {user}' if user else ''}. The login is kept in {connection.store.describe()}"
    )
    for other in session.same_user():
        click.echo(
            f"The connection {other} is of the same user, and Exact keeps one login for each app and user: it has ended. Use one "
            "connection for both, or another user at Exact for one of them.",
            err=True,
        )
    try:
        open_ones = connection.chosen.selected
        every = connection.accessible
    except ExactError as exc:
        raise ExactError(
            f"The login itself succeeded and is kept, but the administrations can't be listed: {exc.what}",
            exc.remedy,
        ) from exc
    number = len(open_ones)
    closed = f" (of {len(every)})" if len(every) != number else ""
    click.echo(f"{counted(number, 'administration')}{closed} can be read:")
    for division in open_ones[:_SHOWN]:
        click.echo(f"  {division.code}  {name_of(division)}")
    if number > _SHOWN:
        click.echo(f"  … and {number - _SHOWN} more")
    for problem in connection.chosen.problems:
        click.echo(f"  {problem}", err=True)
    if asked:
        click.echo("\nPut these into .env (or your settings), so that runs find them:\n")
        click.echo(environment_block(connection.config, session.redirect_uri))
    click.echo("\n" + "\n".join(next_steps()))
