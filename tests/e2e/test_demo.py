"""`make demo` on a server of the user's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.demo import CHANGES, DIVISIONS, ROWS
from scripts.meltano_project import ROOT
from scripts.postgres import Postgres


def demo(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=folder,
        env=os.environ | {"DEMO_POSTGRES_URL": url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_demo_loads_twice_and_shows_what_arrived(tmp_path: Path, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE SCHEMA exact_online_demo CREATE TABLE sync_crm_accounts (of_an_older_demo int)"
        )

    done = demo(tmp_path, database.sqlalchemy_url.replace("+psycopg", ""))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("PostgreSQL holds what Exact Online holds.")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    for stream in ROWS:
        assert stream in rows
    changed, added, deleted = CHANGES["sync_crm_accounts"]
    live = (
        sum(1 + ROWS["sync_crm_accounts"] // number for number in range(1, len(DIVISIONS) + 1))
        + added
        - deleted
    )
    cells = [cell.replace(",", "") for cell in rows["sync_crm_accounts"]]
    assert cells[:3] == [str(live), str(live), str(deleted)]
    assert cells[6] == str(changed + added), "the second run brought more than the changes"
    # The database is the user's: the demo leaves its tables to look at.
    with database.connect() as connection:
        left = connection.execute("SELECT count(*) FROM exact_online_demo.sync_crm_accounts").fetchone()
        assert left == (live + deleted,)


def test_demo_names_a_server_that_does_not_answer_without_its_password(tmp_path: Path) -> None:
    done = demo(tmp_path, "postgresql://me:hush-hush@127.0.0.1:1/nowhere")

    assert done.returncode == 1
    assert "no connection to" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stdout + done.stderr
