"""Connections are looked after in the terminal: chosen, renamed, removed; and a renaming that is cut off costs no login."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tap_exactonline.commands.connections import act
from tap_exactonline.config import parse
from tap_exactonline.connection import Connection
from tap_exactonline.exact.auth.store import TokenStore, list_connections, move, open_store
from tap_exactonline.exact.auth.store.file import _LockedFile
from tap_exactonline.exact.auth.store.sql import _LockedRow
from tap_exactonline.exact.errors import (
    ConnectionMissing,
    ExactError,
    NameTaken,
    SettingsError,
    TokenStoreError,
)
from tap_exactonline.exact.notes import RunNote
from tests.support.in_process import Killed
from tests.support.token_stores import API, CLIENT, TOKENS

STEPS = [
    "save",
    "save",
    "delete",
]  # the old record says where it moves to, the new one is written, the old one goes
SAVED = RunNote(1.0, 5, 2, complete=True, said="Complete: 5 rows.")


def opened(location: str, name: str) -> TokenStore:
    return open_store(location, client_id=CLIENT, api_url=API, connection=name)


def keep(location: str, name: str) -> TokenStore:
    store = opened(location, name)
    store.save(TOKENS)
    return store


def settings(location: str) -> dict[str, Any]:
    return {"client_id": CLIENT, "token_store": location, "api_url": API}


def do(location: str, action: str, *names: str) -> None:
    act(settings(location), action, names, sure=True)


def names(location: str) -> list[str]:
    return [one.connection for one in list_connections(location, client_id=CLIENT)]


@pytest.mark.parametrize(
    ("typed", "chosen"), [(["all"], None), (["101"], (101,)), (["102,101", "102"], (102, 101))]
)
def test_administrations_are_chosen(path: Path, typed: list[str], chosen: tuple[int, ...] | None) -> None:
    store = keep(str(path), "a")
    store.choose([5])
    do(str(path), "choose", "a", *typed)
    stored = store.load()
    assert stored is not None
    assert stored.about.divisions == chosen
    assert stored.refresh_token == TOKENS.refresh_token


@pytest.mark.parametrize(
    "typed", [["everything"], ["101", "all"], ["-1"], ["0"], [","], ["1.5"], ["٣"], [""]]
)
def test_what_is_no_choice_changes_nothing(path: Path, typed: list[str]) -> None:
    store = keep(str(path), "a")
    before = store.load()
    with pytest.raises(SettingsError, match="not numbers of administrations"):
        do(str(path), "choose", "a", *typed)
    assert store.load() == before


@pytest.mark.parametrize(
    ("action", "given"), [("choose", ["a"]), ("rename", ["a"]), ("pause", []), ("pause", ["a", "b"]), ("rename", ["a", "b", "c"])]
)  # fmt: skip
def test_too_few_and_too_many_words_are_refused(path: Path, action: str, given: list[str]) -> None:
    keep(str(path), "a")
    with pytest.raises(ExactError, match=f"'connections {action}' takes"):
        do(str(path), action, *given)


def test_a_connection_that_is_not_there_is_told_with_those_that_are(path: Path) -> None:
    keep(str(path), "a")
    with pytest.raises(ConnectionMissing, match="There is no connection b") as told:
        do(str(path), "choose", "b", "all")
    assert "The store holds: a" in told.value.remedy


def test_notes_of_runs_go_with_the_name_and_end_with_the_connection(location: str) -> None:
    notes = keep(location, "a").notes()
    notes.add_run(SAVED)
    notes.flush()
    keep(location, "other").notes().add_run(SAVED)
    do(location, "rename", "a", "b")
    assert opened(location, "b").notes().runs == [SAVED]
    assert opened(location, "a").notes().runs == []
    do(location, "remove", "b")
    assert keep(location, "b").notes().runs == [], "another customer may have that name now"


# -- a renaming that is cut off ------------------------------------------------------------------------


def cut(monkeypatch: pytest.MonkeyPatch, step: int, *, before: bool) -> Callable[[], None]:
    """Let the process die right before or after a step of the renaming; returns what lets it live again."""
    count = [0]

    def dying(method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            count[0] += 1
            mine = count[0] - 1
            if mine == step and before:
                raise Killed
            done = method(*args, **kwargs)
            if mine == step:
                raise Killed
            return done

        return wrapped

    for kind in (_LockedFile, _LockedRow):
        for name in set(STEPS):
            monkeypatch.setattr(kind, name, dying(getattr(kind, name)))
    return monkeypatch.undo


def die_in_renaming(monkeypatch: pytest.MonkeyPatch, location: str, step: int, *, before: bool) -> None:
    """Make the connection ``a``, and die at this step of giving it the name ``b``."""
    keep(location, "a")
    live_again = cut(monkeypatch, step, before=before)
    with pytest.raises(Killed):
        do(location, "rename", "a", "b")
    live_again()


def usable(location: str) -> list[str]:
    """The connections that a run would read with."""
    found = []
    for name in names(location):
        with contextlib.suppress(TokenStoreError):
            _ = Connection(parse({**settings(location), "connection": name}), threading.Event()).about
            found.append(name)
    return found


def holders(location: str) -> list[str]:
    """The connections that hold the refresh token."""
    held = []
    for name in names(location):
        stored = opened(location, name).load()
        if stored is not None and stored.refresh_token == TOKENS.refresh_token:
            held.append(name)
    return held


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_renaming_that_dies_loses_no_login_and_ends_when_it_is_done_again(
    location: str, monkeypatch: pytest.MonkeyPatch, step: int, before: bool
) -> None:
    die_in_renaming(monkeypatch, location, step, before=before)
    assert holders(location), "the login is still there"
    assert len(usable(location)) <= 1, "no two runs can spend one refresh token"
    if "a" in names(location):
        do(location, "rename", "a", "b")
    assert (names(location), usable(location), holders(location)) == (["b"], ["b"], ["b"])


def test_a_run_may_renew_the_new_one_before_the_renaming_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = str(path)
    die_in_renaming(monkeypatch, location, 2, before=True)
    renewed = opened(location, "b").load()
    assert renewed is not None
    opened(location, "b").save(replace(renewed, refresh_token="newer", obtained_at=TOKENS.obtained_at + 600))
    do(location, "rename", "a", "b")
    stored = opened(location, "b").load()
    assert stored is not None
    assert (names(location), stored.refresh_token) == (["b"], "newer")


def test_a_renaming_that_was_cut_off_can_not_make_a_third_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = str(path)
    die_in_renaming(monkeypatch, location, 2, before=True)
    with pytest.raises(NameTaken, match="has the name b already"):
        do(location, "rename", "a", "c")
    assert names(location) == ["a", "b"]


def test_a_renaming_that_wrote_nothing_may_go_elsewhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = str(path)
    die_in_renaming(monkeypatch, location, 1, before=True)
    do(location, "rename", "a", "c")
    assert (names(location), usable(location)) == (["c"], ["c"])


def test_a_name_that_another_customer_has_is_refused(path: Path) -> None:
    keep(str(path), "a")
    keep(str(path), "b")
    one = next(one for one in list_connections(str(path), client_id=CLIENT) if one.connection == "a")
    with pytest.raises(NameTaken, match="There is a connection b already"):
        move(one, "b", str(path), client_id=CLIENT, passphrase=None)
