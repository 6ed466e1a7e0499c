"""`make demo` on a server of the user's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.demo import COMPANIES, stand_in
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
    exact, _ = stand_in()
    before = sum(len(exact.table(code, "sync_financial_transaction_lines")) for code in COMPANIES)
    cells = [int(cell.replace(",", "") or 0) for cell in rows["sync_financial_transaction_lines"][:7]]
    live, arrived, deleted, first_calls, first, _, second = cells
    assert live == arrived
    assert deleted > 0
    assert first == before
    assert 0 < second < before / 10, "the second run brought more than the changes"
    assert first_calls > len(COMPANIES), "all in one page shows little"
    # The database is the user's: the demo leaves its tables to look at.
    with database.connect() as connection:
        left = connection.execute(
            "SELECT count(*) FROM exact_online_demo.sync_financial_transaction_lines"
        ).fetchone()
        assert left == (live + deleted,)
        balance = connection.execute(
            "SELECT sum(closing_balance) FROM exact_online_demo_models.exact_online__trial_balance"
        ).fetchone()
        assert balance == (0,)
    (balanced,) = [line for line in done.stdout.splitlines() if "debit less credit" in line]
    assert balanced.split()[3:] == ["0.00"] * (len(COMPANIES) + 1)
    for title in ("Trial balance", "Open items by days", "The five best customers"):
        assert title in done.stdout


def test_demo_names_a_server_that_does_not_answer_without_its_password(tmp_path: Path) -> None:
    done = demo(tmp_path, "postgresql://me:hush-hush@127.0.0.1:1/nowhere")

    assert done.returncode == 1
    assert "no connection to" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stdout + done.stderr
