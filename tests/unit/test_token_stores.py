"""Every token store: what it keeps, how it locks, and that a failure never damages what is there."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from tap_exactonline.exact.errors import Stopped, TokenStoreError
from tests.support.token_stores import (
    REFRESH,
    TOKENS,
    bypass,
    damage,
    execute,
    is_file,
    opened,
    raw,
    refresh_token_in,
    remove,
)


def test_store_gives_back_what_it_got(location: str) -> None:
    store = opened(location)
    assert store.load() is None
    saved = store.save(TOKENS)
    assert saved == replace(TOKENS, version=1)
    assert opened(location).load() == saved
    assert store.save(TOKENS).version == 2


def test_store_keeps_logins_apart(location: str) -> None:
    nl, be = opened(location), opened(location, api_url="https://start.exactonline.be")
    nl.save(TOKENS)
    assert be.load() is None
    be.save(replace(TOKENS, access_token="belgian"))
    assert nl.load() == replace(TOKENS, version=1)
    nl.delete()
    assert nl.load() is None
    loaded = be.load()
    assert loaded is not None
    assert loaded.access_token == "belgian"


def test_reading_makes_nothing(location: str, path: Path) -> None:
    assert opened(location).load() is None
    if is_file(location):
        assert not path.parent.exists()
    else:
        assert execute(location, "SELECT * FROM pg_tables WHERE schemaname = 'public'") == []


def test_probe_leaves_no_login_behind(location: str) -> None:
    store = opened(location)
    store.probe()
    assert store.load() is None
    store.save(TOKENS)
    store.probe()
    assert store.load() == replace(TOKENS, version=1)


def test_files_are_for_the_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        opened(path).save(TOKENS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_lock_excludes_others_in_the_process(location: str) -> None:
    inside = 0
    most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        store = opened(location)
        for _ in range(5):
            with store.lock(30) as held:
                with guard:
                    inside += 1
                    most = max(most, inside)
                before = held.load()
                time.sleep(0.002)
                held.save(replace(TOKENS, tries=(before.tries if before else 0) + 1))
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = opened(location).load()
    assert most == 1
    assert loaded is not None
    assert (loaded.tries, loaded.version) == (30, 30)


def test_who_waits_in_vain_learns_who_holds_the_lock(location: str) -> None:
    cancelled = Mock(return_value=False)
    with (
        opened(location).lock(),
        pytest.raises(TokenStoreError, match=rf"process {os.getpid()} on .+ \(since 20\d\d-.+ for the 1 s"),
        opened(location).lock(0.6, cancelled=cancelled),
    ):
        pass
    assert cancelled.call_count > 1, "it tries again until the time is over"
    with opened(location).lock(0.2):  # and it is free again
        pass


def test_stop_ends_the_wait_for_the_lock(location: str) -> None:
    with (
        opened(location).lock(),
        pytest.raises(Stopped),
        opened(location).lock(60, cancelled=lambda: True),
    ):
        pass


def test_failure_inside_frees_the_lock(location: str) -> None:
    with pytest.raises(ZeroDivisionError), opened(location).lock():
        raise ZeroDivisionError
    with opened(location).lock(0.2):
        pass


def test_newer_login_that_bypassed_the_lock_is_kept(location: str) -> None:
    store, other = opened(location), opened(location)
    store.save(TOKENS)
    newer = replace(TOKENS, refresh_token="newer", logged_in_at=TOKENS.logged_in_at + 50)
    with store.lock() as held:
        held.load()
        bypass(other, newer)
        standing = held.save(replace(TOKENS, refresh_token="renewed", obtained_at=TOKENS.obtained_at + 600))
    assert standing.refresh_token == "newer"
    assert refresh_token_in(store) == "newer"


def test_older_login_put_there_meanwhile_is_replaced(location: str) -> None:
    store, other = opened(location), opened(location)
    store.save(TOKENS)
    backup = replace(TOKENS, refresh_token="backup", obtained_at=TOKENS.obtained_at - 6_000)
    with store.lock() as held:
        held.load()
        bypass(other, backup)
        held.save(replace(TOKENS, refresh_token="renewed", obtained_at=TOKENS.obtained_at + 600))
    assert refresh_token_in(store) == "renewed"


def test_login_removed_meanwhile_is_written_again(location: str) -> None:
    store = opened(location)
    store.save(TOKENS)
    with store.lock() as held:
        held.load()
        remove(location)
        held.save(replace(TOKENS, refresh_token="renewed"))
    assert refresh_token_in(store) == "renewed"


def test_damaged_store_is_refused_and_left_alone(location: str) -> None:
    store = opened(location)
    store.save(TOKENS)
    damage(location)
    before = raw(location)
    for action in (store.load, lambda: store.save(TOKENS), store.probe):
        with pytest.raises(TokenStoreError, match="damaged") as caught:
            action()
        assert "token_store" in str(caught.value)
        assert "tap-exactonline login" in str(caught.value)
    assert raw(location) == before


def test_delete_leaves_no_secret(path: Path, location: str) -> None:
    store = opened(location)
    store.save(TOKENS)
    if is_file(location):
        path.with_name("tokens.new").write_bytes(path.read_bytes())
    store.delete()
    assert REFRESH.encode() not in raw(location)
    assert store.load() is None
    store.delete()


def test_note_is_taken_only_of_the_record_that_was_loaded(location: str) -> None:
    """Two who think that they hold the lock must not both begin to renew."""
    store, other = opened(location), opened(location)
    store.save(TOKENS)
    with store.lock() as held:
        loaded = held.load()
        assert loaded is not None
        theirs = replace(loaded, attempted_by="them")
        bypass(other, theirs)
        standing = held.save(replace(loaded, attempted_by="us"), if_unchanged=True)
        assert standing.attempted_by == "them"
        held.load()
        assert held.save(replace(loaded, attempted_by="us"), if_unchanged=True).attempted_by == "us"
    saved = store.load()
    assert saved is not None
    assert saved.attempted_by == "us"
