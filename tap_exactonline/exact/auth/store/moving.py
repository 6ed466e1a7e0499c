"""Giving a connection another name.

The record is bound to its name, so it is written under the new one and removed under the old one. In between, both would
hold the same refresh token, and whoever used one would end the other. So the old record says first where it is moving
to: nobody uses it from then on, and doing the same again ends what was cut off.
"""

from __future__ import annotations

from msgspec.structs import replace

from tap_exactonline.exact.auth.store.base import TokenStore
from tap_exactonline.exact.auth.store.factory import check_name, open_store
from tap_exactonline.exact.auth.store.listing import StoredConnection
from tap_exactonline.exact.auth.tokens import About, Tokens
from tap_exactonline.exact.errors import NameTaken, NotLoggedIn, TokenStoreError


def move(
    old: StoredConnection, name: str, location: str | None, *, client_id: str, passphrase: str | None
) -> None:
    """Give a connection another name.

    Args:
        old: The connection.
        name: Its new name.
        location: Of the store.
        client_id: Of the app.
        passphrase: Of the store.

    Raises:
        SettingsError: The name is none.
        NameTaken: Another connection has that name, or a renaming to another name was cut off.
        TokenStoreError: The store can't be used.
    """
    if check_name(name) == old.connection:
        return
    scheme = "http" if ":" in old.host else "https"

    def store_of(connection: str) -> TokenStore:
        return open_store(
            location,
            client_id=client_id,
            api_url=f"{scheme}://{old.host}",
            passphrase=passphrase,
            connection=connection,
        )

    new = store_of(name)
    with old.store.lock() as held:
        stored = held.load()
        if stored is None:
            raise NotLoggedIn(f"There is no login in {old.store.describe()}", "Run 'tap-exactonline login'")
        standing = new.load()
        if standing is not None and not _same(standing, stored, name):
            raise NameTaken(f"There is a connection {name} already", "Choose another name, or remove it")
        begun = stored.about.moving_to
        if begun not in {"", name} and _same(store_of(begun).load(), stored, begun):
            # A third record of one refresh token: whoever used one would end the others.
            raise NameTaken(
                f"The connection {old.connection} has the name {begun} already: its renaming was cut off",
                f"Run 'tap-exactonline connections rename {old.connection} {begun}' again; then give {begun} another name",
            )
        if standing is None:
            held.save(replace(stored, about=replace(stored.about, moving_to=name)))
            new.save(replace(stored, about=replace(stored.about, moving_to="")))
        held.delete()


def refuse_moving(connection: str, about: About) -> None:
    """Refuse to use a record whose renaming was cut off.

    Raises:
        TokenStoreError: It was.
    """
    if about.moving_to:
        raise TokenStoreError(
            f"The connection {connection} was being renamed to {about.moving_to} when that was cut off",
            f"Run 'tap-exactonline connections rename {connection} {about.moving_to}' again",
        )


def _same(new: Tokens | None, old: Tokens, name: str) -> bool:
    """Whether the new record comes from a renaming of the old one that was cut off."""
    return (
        new is not None
        and old.about.moving_to == name
        and new.logged_in_at == old.logged_in_at
        and new.about.user == old.about.user
    )
