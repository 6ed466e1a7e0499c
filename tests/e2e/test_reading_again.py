"""The recipes of docs/reading-again.md, typed as they stand there, with Meltano and a real PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from scripts.meltano_project import MELTANO, ROOT, Project
from scripts.postgres import Postgres
from tests.exact_online import ExactOnline

from .conftest import ProjectFactory, run

ACCOUNTS, ITEMS = "sync_crm_accounts", "sync_logistics_items"
BLOCKS = dict(
    re.findall(
        r'^```(?:sh|sql) title="([^"]+)"\n(.*?)^```',
        (ROOT / "docs/reading-again.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.fixture
def project(new_project: ProjectFactory, database: Postgres) -> Project:
    """Two tables of two administrations, read once."""
    made = new_project(
        [f"{ACCOUNTS}.*", f"{ITEMS}.*"], {"TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url}
    )
    run(made, "target-postgres")
    return made


def typed(project: Project, title: str) -> str:
    """Type a recipe in a shell, in the project's folder."""
    variables = project.environment()
    variables["PATH"] = f"{MELTANO.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", BLOCKS[title]],
        cwd=project.root, env=variables, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def stored(project: Project) -> str:
    """The state that Meltano keeps, without its log around it."""
    done = project.run("state", "get", "dev:tap-exactonline-to-target-postgres")
    return next(line for line in done.stdout.splitlines() if line.startswith("{"))


def read(exact: ExactOnline) -> set[tuple[str, int | None]]:
    """What was read from the beginning since the stand-in's log was cleared."""
    return {
        (call.stream, call.division)
        for call in exact.log
        if call.stream in {ACCOUNTS, ITEMS}
        and re.fullmatch(r"Timestamp gt [01]L", call.query.get("$filter", ""))
    }


RESETS = {
    "one table": {(ACCOUNTS, 101), (ACCOUNTS, 102)},
    "one administration": {(ACCOUNTS, 102), (ITEMS, 102)},
    "one table of one administration": {(ACCOUNTS, 102)},
}
"""Recipe → what the next run reads from the beginning. Each lacks something of the one before it: that goes on as ever."""


def test_a_reset_reads_again_what_it_names_and_nothing_else(project: Project, exact: ExactOnline) -> None:
    for title, places in RESETS.items():
        assert "removed." in typed(project, title)
        exact.log.clear()
        run(project, "target-postgres")
        assert read(exact) == places, title


def test_a_backfill_leaves_all_bookmarks_alone(
    project: Project, exact: ExactOnline, database: Postgres
) -> None:
    before = stored(project)
    assert ACCOUNTS in before
    with database.connect() as connection:
        connection.execute(BLOCKS["before one administration is read again"].encode())
        connection.commit()

    exact.log.clear()
    typed(project, "one administration, between two runs")

    assert read(exact) == {(ACCOUNTS, 102), (ITEMS, 102)}
    assert stored(project) == before
    with database.connect() as connection:
        counts = connection.execute(
            f"SELECT division, count(*) FROM exact_online.{ACCOUNTS} GROUP BY 1".encode()
        ).fetchall()
    assert dict(counts) == {code: len(exact.table(code, ACCOUNTS)) for code in (101, 102)}
    exact.log.clear()
    run(project, "target-postgres")
    assert read(exact) == set()
