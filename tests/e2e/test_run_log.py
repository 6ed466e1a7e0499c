"""The run log of `meltano run` with a failing administration, in a real PostgreSQL."""

from __future__ import annotations

from scripts.postgres import Postgres
from tests.exact_online import ExactOnline, faults

from .conftest import ProjectFactory

ACCOUNTS = "sync_crm_accounts"


def test_a_failing_run_leaves_its_log_and_the_next_one_is_not_taken_for_killed(
    new_project: ProjectFactory, exact: ExactOnline, database: Postgres
) -> None:
    project = new_project(
        [f"{ACCOUNTS}.*", "run_log.*"], {"TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url}
    )
    exact.faults.add(ACCOUNTS, faults.firewall(), division=102, times=None)
    for _ in range(2):
        done = project.run("run", "tap-exactonline", "target-postgres")
        assert done.returncode != 0
        assert "Run again: " in done.stdout

    with database.connect() as connection:
        rows = connection.execute(
            b"SELECT division, stream, status, again FROM exact_online.run_log ORDER BY started, division"
        ).fetchall()
    # Meltano merges the states of failed runs: the first one must not be taken for killed.
    wholes = [row[2] for row in rows if row[:2] == (0, "*")]
    assert wholes == ["incomplete", "incomplete"]
    failing = [row for row in rows if row[0] == 102 and row[2] == "incomplete"]
    assert {row[1] for row in failing} == {ACCOUNTS}
    assert failing[0][3] == "soon"
    assert {row[2] for row in rows if row[0] == 101} == {"ok"}
