"""``tap-exactonline logout``: forget the stored login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tap_exactonline.console import confirm, connect, interactive
from tap_exactonline.exact.auth.store import TokenStore
from tap_exactonline.exact.errors import ExactError, SettingsError, TokenStoreError


def forget(raw: Mapping[str, Any], *, sure: bool) -> None:
    """Remove the stored tokens.

    Args:
        raw: The settings; they say which app's login is meant.
        sure: Do not ask.

    Raises:
        SettingsError: It is unclear which login is meant.
        ExactError: Nobody is there to ask.
        TokenStoreError: The store can't be changed.
        click.Abort: The answer was no.
    """
    connection = connect(raw)
    config = connection.config
    if not config.client_id:
        raise SettingsError("client_id", "it is missing", "It tells which app's login to forget")
    store = connection.store
    if not sure:
        if not interactive():
            raise ExactError("There is no terminal to ask on", "Add --yes to remove the login")
        if not confirm(f"Forget the login in {store.describe()}?"):
            raise click.Abort
    existed = _exists(store)
    store.delete()
    if not existed:
        click.echo(f"There was no login in {store.describe()}.")
        return
    click.echo(f"The login is gone from {store.describe()}.")
    if config.refresh_token:
        click.echo(
            "Take refresh_token out of your settings, too: it has been used and is worth nothing any more."
        )
    click.echo(
        "The app keeps its permission at Exact Online until you withdraw it: My Exact Online > Security centre > "
        "App permissions."
    )


def _exists(store: TokenStore) -> bool:
    """Whether something is stored, readable or not."""
    try:
        return store.load() is not None
    except TokenStoreError:
        return True
