"""What the tests of the page of all connections share: stores with connections in every state."""

from __future__ import annotations

import time
from typing import Any

from tap_exactonline.exact.auth.store import TokenStore, open_store
from tap_exactonline.exact.auth.tokens import REFRESH_LIFETIME, About, Tokens
from tap_exactonline.exact.notes import RunNote

CLIENT = "5a0f3d52-2f7e-4d1b-9f0a-7e6f1c2b3a4d"
API = "https://start.exactonline.nl"
DAY = 86_400.0
HOSTILE = "<img src=x onerror=alert(1)> \"'&\u202e"


def settings(location: str, **more: Any) -> dict[str, Any]:
    return {"client_id": CLIENT, "client_secret": "hunter2-secret", "token_store": location, **more}


def keep(
    location: str,
    name: str,
    *,
    age: float = 0.0,
    passphrase: str | None = None,
    api_url: str = API,
    **about: Any,
) -> TokenStore:
    """A connection whose login was renewed some seconds ago."""
    store = open_store(location, client_id=CLIENT, api_url=api_url, connection=name, passphrase=passphrase)
    tokens = Tokens(
        access_token=f"access-of-{name}",
        refresh_token=f"refresh-of-{name}",
        obtained_at=time.time() - age,
        logged_in_at=1.0,
        about=About(**about),
    )
    store.save(tokens)
    return store


def ran(store: TokenStore, rows: int, *, complete: bool = True, said: str = "", ago: float = 0.0) -> None:
    notes = store.notes()
    notes.add_run(RunNote(time.time() - ago, rows, 7, complete, said or f"Complete: {rows} rows."))
    notes.flush()


def make_five(location: str) -> str:
    """One that is well, one in trouble, one whose login ends soon, one that is paused, one that is new."""
    ran(keep(location, "bakery", user="u1", user_name=HOSTILE, divisions=(101, 102)), 12)
    broken = keep(location, "garage")
    ran(broken, 3, ago=60)
    ran(
        broken,
        0,
        complete=False,
        said="Incomplete: division 222 is archived. Run again: once a person has acted.",
    )
    keep(location, "florist", age=REFRESH_LIFETIME - 2 * DAY)
    keep(location, "cafe", paused=True)
    keep(location, "new", api_url="https://start.exactonline.be")
    return location
