"""`make demo` on a server of the user's own."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts.demo import COMPANIES
from scripts.meltano_project import ROOT
from scripts.postgres import Postgres

CHARTS = ("revenue", "ages", "cash", "mrr", "health", "best")


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
    (lines,) = re.findall(r"sync_financial_transaction_lines +(\d.*)", done.stdout)
    live, arrived, deleted, first_calls, first, _, second = (
        int(cell.replace(",", "")) for cell in lines.split()[:7]
    )
    added, changed, gone = (int(number) for number in re.findall(r"(\d+) (?:added|changed|deleted)", lines))
    assert live == arrived
    assert deleted == gone > 0
    assert first == live - added + gone, "the first run brought what there was before the day passed"
    assert 0 < added + changed <= second < first / 10, "the second run brought more than the changes"
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
    assert_page_shows(tmp_path / ".demo/report.html", done.stdout)


def assert_page_shows(page: Path, said: str) -> None:
    """The page has its charts, the amounts that the screen has, and needs nothing from elsewhere."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"'](?!data:)|@import|<script", text)
    charts = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert len(charts) == len(CHARTS)
    for code in charts:
        drawn = ET.fromstring(base64.b64decode(code))
        assert len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) > 10
    amounts = {
        amount.lstrip("-") for amount in re.findall(r"-?[\d,]+\.\d\d\b", said.partition("Trial balance")[2])
    }
    assert len(amounts) > 50
    assert {
        amount for amount in amounts if f">{amount}<" not in text and f">&minus;{amount}<" not in text
    } == set()
    shown = _in_chromium(page)
    if shown is not None:
        assert shown == [True] * len(CHARTS), "a chart is empty, or the page is wider than the window"


def _in_chromium(page: Path) -> list[bool] | None:
    """Whether Chromium shows each chart, in a window without a network; None where there is no Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    chromium = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))),
        None,
    )
    if chromium is None:
        return None
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_context(offline=True, viewport={"width": 390, "height": 800}).new_page()
        tab.goto(page.as_uri())
        narrow = tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shown = tab.evaluate("[...document.images].map(one => one.complete && one.naturalWidth > 100)")
        browser.close()
    return [one and narrow for one in shown]


def test_demo_names_a_server_that_does_not_answer_without_its_password(tmp_path: Path) -> None:
    done = demo(tmp_path, "postgresql://me:hush-hush@127.0.0.1:1/nowhere")

    assert done.returncode == 1
    assert "no connection to" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stdout + done.stderr
