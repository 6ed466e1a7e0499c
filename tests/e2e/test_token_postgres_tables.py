"""A token store in PostgreSQL whose tables others lock, or an older version has made."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.meltano_project import FOREIGN, executable
from scripts.postgres import Postgres
from tap_exactonline.exact.errors import Stopped
from tests.e2e.token_torture import POSTGRES, Make, survives, wait_until
from tests.exact_online import Call
from tests.support.token_stores import TOKENS, opened
from tests.support.tokens import TokenFixture, lives

TABLES = ["tap_exactonline_tokens", "tap_exactonline_locks"]


@contextlib.contextmanager
def locked(database: Postgres, table: str) -> Iterator[None]:
    """Somebody changes the table and takes their time."""
    with database.connect() as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("table", TABLES)
def test_table_locked_by_others_is_waited_for_no_longer_than_a_lock(
    make: Make, database: Postgres, table: str
) -> None:
    torture = make(POSTGRES)
    torture.log_in()
    with locked(database, table):
        ended = torture.run(lock_timeout=1.0)
    assert ended["kind"] == "TokenStoreError"
    assert "locked for the 1 s that this run waited" in ended["error"]
    assert table in ended["error"]
    assert "pg_stat_activity" in ended["error"]
    assert torture.statuses == []
    survives(torture)


@pytest.mark.parametrize("table", TABLES)
def test_table_locked_for_a_moment_is_waited_for(make: Make, database: Postgres, table: str) -> None:
    torture = make(POSTGRES)
    torture.log_in()
    with locked(database, table):
        child = torture.start()
        with database.connect() as connection:
            wait_until(
                lambda: bool(
                    connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table]).fetchall()
                )
            )  # fmt: skip
    assert child.end()["works"]
    assert torture.statuses == [200]


@pytest.mark.parametrize("table", TABLES)
def test_stop_is_heard_while_a_table_is_locked(strict: TokenFixture, database: Postgres, table: str) -> None:
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    stop = threading.Event()
    with locked(database, table):
        timer = threading.Timer(0.5, stop.set)
        timer.start()
        with pytest.raises(Stopped):
            lab.credentials(stop=stop).access_token()
        timer.join()
    assert lab.token_statuses == [200]


@pytest.mark.parametrize("table", TABLES)
def test_sigterm_is_heard_while_a_table_is_locked(
    make: Make, database: Postgres, table: str, tmp_path: Path
) -> None:
    torture = make(POSTGRES)
    torture.log_in()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)} | {
        "TAP_EXACTONLINE_API_URL": torture.exact.url,
        "TAP_EXACTONLINE_CLIENT_ID": torture.exact.client_id,
        "TAP_EXACTONLINE_CLIENT_SECRET": torture.exact.client_secret,
        "TAP_EXACTONLINE_TOKEN_STORE": torture.location,
    }
    with locked(database, table), database.connect() as connection:
        run = subprocess.Popen(
            [executable("tap-exactonline"), "--config=ENV"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(
            lambda: bool(
                connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table]).fetchall()
            )
        )  # fmt: skip
        run.send_signal(signal.SIGTERM)
        # Without it the table would be waited for, for a minute.
        _, said = run.communicate(timeout=30)
    assert run.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert torture.statuses == []


def test_save_waits_for_a_table_that_is_locked_in_the_middle_of_a_renewal(
    strict: TokenFixture, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exact has answered: nothing in the world but this process has the new tokens."""
    lab = strict
    lab.logged_in()
    lab.advance(1_000)
    monkeypatch.setattr("tap_exactonline.exact.auth.store.sql._SAVE_TIMEOUT", 0.0)
    other = contextlib.ExitStack()
    naps: list[float] = []

    def lock(call: Call) -> None:
        if call.stream == "token" and call.status == 200 and not naps:
            other.enter_context(locked(database, TABLES[0]))

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        other.close()

    lab.exact.on_page(lock)
    token = lab.credentials(sleep=sleep).access_token()
    assert naps == [0.5]
    assert lab.works(token)
    assert lives(lab)


def test_store_of_an_older_version_is_taken_over(strict: TokenFixture, database: Postgres) -> None:
    """Its tables were made by SQLAlchemy, and its record knows nothing of who attempts."""
    lab = strict
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE tap_exactonline_locks (id VARCHAR(190) NOT NULL, held_by VARCHAR(500) NOT NULL, PRIMARY KEY (id))"
        )
        connection.execute(
            "CREATE TABLE tap_exactonline_tokens (id VARCHAR(190) NOT NULL, version BIGINT NOT NULL, "
            "chain VARCHAR(32) NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (id))"
        )
    store = opened(lab.location or "")
    saved = store.save(TOKENS)
    with database.connect() as connection:
        connection.execute(
            "UPDATE tap_exactonline_tokens SET payload = replace(payload, '\"attempted_by\":\"\",', '')"
        )
        (payload,) = connection.execute("SELECT payload FROM tap_exactonline_tokens").fetchone() or ("",)
    assert "attempted_by" not in payload
    assert opened(lab.location or "").load() == saved
