"""A token store in PostgreSQL whose connections break, and whose holders live on without lock."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from scripts.postgres import Postgres
from tap_exactonline.exact.auth import refresh as one_refresh
from tap_exactonline.exact.auth.renewal import LONGEST_RENEWAL
from tap_exactonline.exact.auth.store.database import TokenDatabase
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import LoginSuperseded, TemporaryError, TokenStoreError
from tests.e2e.token_torture import POSTGRES, Make, survives, wait_until
from tests.exact_online import Call, faults
from tests.support.token_stores import bypass, opened
from tests.support.tokens import TokenFixture, lives

ELSEWHERE = "1.4711@another-machine"


def cut_all(database: Postgres) -> None:
    """End every connection to the database but this one, as a server that starts again does."""
    with database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# -- a holder that goes on without its lock --------------------------------------------------------


def test_renewal_whose_lock_is_cut_is_not_repeated_by_the_next_run(make: Make, database: Postgres) -> None:
    """The first still waits for Exact's answer when the second gets the lock."""
    torture = make(POSTGRES, old_refresh_token="refused")
    torture.log_in()
    others: list[Any] = []

    def drop(call: Call) -> None:
        if call.stream == "token" and call.status == 200 and not others:
            cut_all(database)
            others.append(torture.start())

    torture.exact.on_page(drop)
    first = torture.run(place="answered", disturb="slow", extra={"seconds": 1.5})
    (second,) = [child.end() for child in others]
    assert (first.get("error"), second.get("error")) == (None, None)
    assert torture.statuses == [200]
    assert first["works"]
    assert second["works"]
    assert second["token"] == first["token"]
    survives(torture)


def attempt(lab: TokenFixture, by: str, ago: float) -> None:
    """Somebody has begun to renew the stored login, and no answer is saved."""
    with lab.store().lock() as held:
        stored = held.load()
        assert stored is not None
        held.save(replace(stored, attempted_by=by, attempted_at=lab.now() - ago, attempt_of=stored.chain))


@pytest.mark.parametrize("ago", [0.0, 30.0, 120.0, -120.0])
def test_attempt_on_another_machine_is_waited_for_as_long_as_it_can_last(
    strict: TokenFixture, ago: float
) -> None:
    """Also if its clock differs by two minutes."""
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    attempt(lab, ELSEWHERE, ago)
    assert lab.works(lab.credentials().access_token())
    assert sum(lab.naps) == LONGEST_RENEWAL
    assert lab.token_statuses == [200, 200]


def test_attempt_that_has_long_ended_is_not_waited_for(strict: TokenFixture) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    attempt(lab, ELSEWHERE, 400)
    assert lab.works(lab.credentials().access_token())
    assert lab.naps == []


def test_attempt_of_a_dead_process_of_this_machine_is_not_waited_for(make: Make) -> None:
    torture = make(POSTGRES)
    torture.log_in()
    assert torture.run(place="before request", signal=signal.SIGKILL)["exit"] == -signal.SIGKILL
    stored = torture.store.load()
    assert stored is not None
    assert stored.attempted_by
    assert torture.run()["works"]
    assert torture.statuses == [200]


def test_answer_of_the_other_ends_the_wait(strict: TokenFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    attempt(lab, ELSEWHERE, 0)
    stored = lab.stored()
    answered = replace(stored, access_token="theirs", refresh_token="theirs", attempted_by="")

    def sleep(seconds: float) -> None:
        lab.sleep(seconds)
        if sum(lab.naps) > 10:
            bypass(lab.store(), replace(answered, obtained_at=lab.now()))

    assert lab.credentials(sleep=sleep).access_token() == "theirs"
    assert lab.token_statuses == [200]


@pytest.mark.parametrize(
    "fault", [faults.status(503), faults.status(429), faults.reset(), faults.empty()], ids=lambda f: f.name
)
def test_attempt_that_has_failed_is_not_waited_for(strict: TokenFixture, fault: faults.Action) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    lab.exact.faults.add("token", fault)
    with pytest.raises(TemporaryError):
        lab.credentials(token_timeout=0.0).access_token()
    assert lab.stored().attempt_of
    assert lab.stored().attempted_by == ""
    lab.naps.clear()
    with contextlib.suppress(LoginSuperseded):  # where Exact forgives nothing, a lost answer costs the login
        lab.credentials().access_token()
    assert sum(lab.naps) < 5


def test_attempt_that_was_refused_is_not_waited_for(strict: TokenFixture) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    lab.exact.oauth.revoke()
    for _ in range(2):
        with pytest.raises(LoginSuperseded):
            lab.credentials().access_token()
        assert lab.stored().attempted_by == ""
    assert lab.naps == []


def test_person_who_waits_hears_why(strict: TokenFixture) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    attempt(lab, ELSEWHERE, 0)
    with pytest.raises(TemporaryError, match="Another run is renewing the login"):
        lab.credentials(token_timeout=15.0).access_token()
    assert lab.token_statuses == [200]


def test_two_that_think_they_hold_the_lock_ask_once(
    strict: TokenFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is cut before the note of the attempt; meanwhile another run has made its own note."""
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    noted: list[Tokens] = []
    real = one_refresh.refresh

    def refresh(held: Any, *others: Any) -> Any:
        if not noted:
            stored = lab.stored()
            noted.append(stored)
            bypass(
                lab.store(),
                replace(stored, attempted_by=ELSEWHERE, attempted_at=lab.now(), attempt_of=stored.chain),
            )
        return real(held, *others)

    monkeypatch.setattr("tap_exactonline.exact.auth.credentials.refresh", refresh)
    run = lab.credentials(token_timeout=15.0)
    with pytest.raises(TemporaryError, match="Another run is renewing the login"):
        run.access_token()
    assert noted
    assert lab.token_statuses == [200]
    assert lab.stored().attempted_by == ELSEWHERE


def test_server_that_ends_idle_transactions_does_not_end_the_lock(make: Make, database: Postgres) -> None:
    with database.connect() as connection:
        for name in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            with contextlib.suppress(psycopg.errors.UndefinedObject):
                connection.execute(f"ALTER DATABASE {connection.info.dbname} SET {name} = '300ms'")
    torture = make(POSTGRES, old_refresh_token="refused")
    torture.log_in()
    first = torture.start(place="answered", disturb="slow", extra={"seconds": 1.5})
    wait_until(lambda: 200 in torture.statuses)
    waiting = torture.run(lock_timeout=0.5)
    assert waiting["kind"] == "TokenStoreError"
    assert f"process {first.pid}" in waiting["error"]
    assert first.end()["works"]
    assert torture.statuses == [200]


# -- cut connections -------------------------------------------------------------------------------


class Cutter:
    """Counts the connections of the store, and has one of them ended from outside.

    Attributes:
        made: How many there were.
        which: The one to be ended, from 0; -1 for none.
        when: "begun", "before commit" or "after commit".
    """

    def __init__(self, database: Postgres, which: int = -1, when: str = "") -> None:
        self.database = database
        self.which = which
        self.when = when
        self.made = 0
        self.cut = False

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        number, self.made = self.made, self.made + 1
        if number != self.which:
            return
        if self.when == "begun":
            self._end(connection)
            return
        commit: Callable[[], None] = connection.commit

        def ended() -> None:
            if self.when == "before commit":
                self._end(connection)
                commit()
            else:
                commit()
                self._end(connection)
                raise psycopg.OperationalError("the connection is lost")

        connection.commit = ended  # type: ignore[method-assign]

    def _end(self, connection: psycopg.Connection[Any]) -> None:
        self.cut = True
        with self.database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        with contextlib.suppress(psycopg.Error):  # the driver learns of it here
            connection.pgconn.exec_(b"SELECT 1")
            connection.pgconn.consume_input()


@pytest.mark.parametrize("when", ["begun", "before commit", "after commit"])
def test_no_cut_connection_costs_the_login_or_ends_the_run(
    strict: TokenFixture, database: Postgres, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    lab = strict
    real = TokenDatabase.connect
    cutter = Cutter(database)

    def connect(store: TokenDatabase) -> Any:
        made = real(store)
        cutter(made)
        return made

    monkeypatch.setattr("tap_exactonline.exact.auth.store.database._AGAIN", (0.01, 0.01, 0.01))
    monkeypatch.setattr(TokenDatabase, "connect", connect)

    def renew() -> str:
        return lab.credentials().access_token()

    lab.logged_in()
    lab.advance(1_000)
    cutter.made = 0
    assert lab.works(renew())
    number = cutter.made
    assert number > 6
    for which in range(number):
        lab.advance(1_000)
        cutter = Cutter(database, which, when)
        assert lab.works(renew()), which
        assert cutter.cut or when != "begun"
        cutter = Cutter(database)
        assert lives(lab)
    assert set(lab.token_statuses) == {200}


def test_database_that_can_not_be_reached_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(TokenStoreError, match=r"Can't read the token store.*127\.0\.0\.1"):
        opened("postgresql://me:hunter2@127.0.0.1:1/x").load()
    assert pauses == []
