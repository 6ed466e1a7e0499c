"""`meltano run tap-exactonline target-postgres` into a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping

from psycopg import sql

from scripts.meltano_project import MELTANO, Project
from scripts.warehouse import Stream, Warehouse
from tests.exact_online import ExactOnline, faults

from .conftest import DIVISIONS, ROWS, assert_equal, run

FIRST, SECOND = DIVISIONS


def loaded(warehouse: Warehouse, catalogue: Mapping[str, Stream]) -> dict[str, list[Mapping[str, object]]]:
    return {name: warehouse.rows(catalogue[name]) for name in ROWS}


def latest_load(warehouse: Warehouse, stream: str) -> int:
    """How many rows of a table came with its latest load."""
    query = sql.SQL(
        "SELECT count(*) FROM {table} WHERE _sdc_sync_started_at = (SELECT max(_sdc_sync_started_at) FROM {table})"
    ).format(table=sql.Identifier(warehouse.schema, stream))
    found = warehouse.connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def test_every_column_of_every_row_arrives(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    gone = exact.table(FIRST, "sync_logistics_items").keys()[0]
    exact.table(FIRST, "sync_logistics_items").delete(gone)

    run(postgres_project, "target-postgres")

    found = loaded(warehouse, catalogue)
    assert all(found.values()), "a stream of this test has no rows, so it shows nothing"
    assert_equal(found, exact, catalogue)
    # Types that a warehouse can work with, not just text that looks alike.
    types = dict(
        warehouse.connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'sync_crm_accounts'"
        ).fetchall()
    )
    assert types["id"] == "uuid"
    assert types["timestamp"] == "bigint"
    assert types["modified"] == "timestamp without time zone"
    assert types["blocked"] == "boolean"
    assert types["credit_line_sales"] == "numeric"


def test_second_run_brings_only_the_changes(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    run(postgres_project, "target-postgres")
    accounts = exact.table(FIRST, "sync_crm_accounts")
    keys = accounts.keys()
    for key in keys[:3]:
        accounts.update(key, Name="Renamed between two runs")
    accounts.insert(Name="Added between two runs")
    for key in keys[3:5]:
        accounts.delete(key)
    exact.table(SECOND, "financial_journals").insert()
    exact.clear_log()

    run(postgres_project, "target-postgres")

    assert_equal(loaded(warehouse, catalogue), exact, catalogue)
    assert warehouse.count(catalogue["sync_crm_accounts"]) == len(accounts) + len(keys[3:5]) + len(
        exact.table(SECOND, "sync_crm_accounts")
    ), "deletions=log keeps the rows that were deleted in Exact"
    assert latest_load(warehouse, "sync_crm_accounts") == 4
    assert {str(row["entity_key"]) for row in warehouse.rows(catalogue["sync_deleted"])} == {
        str(key) for key in keys[3:5]
    }
    for stream in ("sync_crm_accounts", "sync_financial_transaction_lines", "sync_logistics_items"):
        assert [exact.calls(code, stream) for code in DIVISIONS] == [1, 1], (
            f"{stream}: more than a look for news"
        )
    assert exact.token_calls == 0, "the second run asked for a token although the stored one was good"


def test_a_spent_day_costs_one_administration_and_the_next_run_completes_it(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    exact.limits(day=6, division=SECOND)

    first = postgres_project.run("run", "tap-exactonline", "target-postgres")

    assert first.returncode != 0, "something is missing, so Meltano must say that the run failed"
    assert str(SECOND) in first.stdout
    arrived = {row["id"] for row in warehouse.rows(catalogue["sync_financial_transaction_lines"])}
    assert arrived >= set(map(str, exact.table(FIRST, "sync_financial_transaction_lines").keys()))
    assert exact.limits_of(SECOND).refused == 0, "the tap sent calls that could only be refused"

    exact.limits(day=100_000, division=SECOND)
    run(postgres_project, "target-postgres")
    assert_equal(loaded(warehouse, catalogue), exact, catalogue)


def test_a_run_that_is_cut_short_goes_on_behind_the_page_that_is_known_whole(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    stream = "sync_financial_gl_accounts"
    for _ in range(2001 - len(exact.table(FIRST, stream))):
        exact.table(FIRST, stream).insert()
    # The third page of the larger administration is refused, which is not tried again in the same run.
    exact.faults.add(
        faults.Match(stream=stream, division=FIRST, when=lambda call: call.number > 2),
        faults.status(400),
        times=None,
    )
    first = postgres_project.run("run", "tap-exactonline", "target-postgres")
    assert first.returncode != 0
    arrived = len(warehouse.rows(catalogue[stream]))

    exact.faults.clear()
    exact.clear_log()
    run(postgres_project, "target-postgres")

    assert arrived >= 2000
    # Only the beginning of a page shows that the one before was whole, so the second page comes once more.
    assert exact.calls(FIRST, stream) == 2, "a page behind the bookmark was read again"
    assert_equal(loaded(warehouse, catalogue), exact, catalogue)


def test_sigterm_ends_the_run_as_failed_and_the_next_one_completes_it(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    reading = threading.Event()
    exact.before_response(lambda call: reading.set() if call.stream == "sync_financial_gl_accounts" else None)
    exact.switches.latency = 0.05
    with (postgres_project.root / "log").open("w") as log:
        meltano = subprocess.Popen(
            [str(MELTANO), "run", "tap-exactonline", "target-postgres"],
            cwd=postgres_project.root,
            env=postgres_project.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            assert reading.wait(120)
            meltano.send_signal(signal.SIGTERM)
            try:
                assert meltano.wait(30) != 0
            except subprocess.TimeoutExpired:
                # The SDK of the target leaves by an exception, which Python drops if the signal comes within a callback; then
                # the target waits for its input, and Meltano for the target.
                os.killpg(meltano.pid, signal.SIGTERM)
                assert meltano.wait(90) != 0
        finally:
            meltano.kill()
            meltano.wait()

    run(postgres_project, "target-postgres")
    assert_equal(loaded(warehouse, catalogue), exact, catalogue)
    assert exact.token_calls == 1, "the login was lost or renewed without need"


def test_full_refresh_starts_over_and_changes_nothing(
    postgres_project: Project, exact: ExactOnline, warehouse: Warehouse, catalogue: Mapping[str, Stream]
) -> None:
    run(postgres_project, "target-postgres")
    exact.clear_log()

    run(postgres_project, "target-postgres", "--full-refresh")

    assert exact.calls(FIRST, "sync_financial_gl_accounts") == 2
    assert latest_load(warehouse, "sync_financial_gl_accounts") == sum(
        len(exact.table(code, "sync_financial_gl_accounts")) for code in DIVISIONS
    )
    assert_equal(loaded(warehouse, catalogue), exact, catalogue)
