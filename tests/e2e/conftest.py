"""What the end-to-end tests share: a stand-in Exact Online, a real PostgreSQL, and real Meltano projects.

Nothing is skipped when an environment is missing: the fixture fails and names the command to run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.compare import Row, differences, source_rows
from scripts.meltano_project import ROOT, Project
from scripts.postgres import Postgres
from scripts.warehouse import Stream, Warehouse, streams
from tests.e2e.token_torture import FILE, POSTGRES, SEALED, Make, Torture, stand_in
from tests.exact_online import ExactOnline
from tests.support.cli import REDIRECT, CliFixture, lab
from tests.support.login_page import Page, served
from tests.support.tokens import TokenFixture, laboratory

DIVISIONS = (101, 102)

# Streams of each kind: several pages and one, with a bookmark and without, one key and several, beta, login-wide.
ROWS = {
    "sync_financial_gl_accounts": 1100,
    "sync_crm_accounts": 60,
    "sync_financial_transaction_lines": 130,
    "sync_logistics_items": 70,
    "sync_deleted": 0,
    "bulk_documents_document_attachments": 1005,
    "bulk_cashflow_payments": 40,
    "bulk_sales_order_goods_deliveries": 12,
    "financial_journals": 130,
    "vat_vat_codes": 61,
    "crm_lead_sources": 7,
    "openingbalance_current_year_processed": 65,
    "manufacturing_manufacturing_settings": 1,
    "budget_budget_scenarios": 5,
    "read_financial_aging_receivables_list": 20,
    "read_financial_journal_status_list": 9,
    "system_divisions": 0,
    "system_me": 0,
}

ProjectFactory = Callable[..., Project]


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    """Two administrations whose budgets never make a test wait; the second is smaller."""
    stand_in = ExactOnline(seed=7)
    stand_in.limits(minute=100_000, day=1_000_000)
    for number, code in enumerate(DIVISIONS, start=1):
        stand_in.add_division(code, rows={name: -(-rows // number) for name, rows in ROWS.items()})
    with stand_in.serve():
        yield stand_in


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    """The installed program, and a stand-in with three administrations."""
    with lab(tmp_path) as made:
        yield made


@pytest.fixture
def page(here: CliFixture) -> Iterator[Page]:
    """The login page, served by the program."""
    with served(here, redirect_uri=REDIRECT) as running:
        yield running


@pytest.fixture
def strict(tmp_path: Path, database: Postgres) -> Iterator[TokenFixture]:
    """Exact at its worst: a refresh token is dead as soon as its successor is issued."""
    with laboratory(tmp_path, old_refresh_token="refused") as lab:
        lab.location = database.sqlalchemy_url
        yield lab


@pytest.fixture(scope="session")
def catalogue() -> dict[str, Stream]:
    """The tap's streams, as `--discover` tells."""
    return streams()


@pytest.fixture
def warehouse(database: Postgres) -> Iterator[Warehouse]:
    """The schema that target-postgres fills."""
    with database.connect() as connection:
        yield Warehouse(connection, "exact_online")


def settings(exact: ExactOnline, **more: str) -> dict[str, str]:
    """The tap's settings as variables; each call is a new login, so the older one's tokens are dead."""
    return {
        "TAP_EXACTONLINE_API_URL": exact.url,
        "TAP_EXACTONLINE_CLIENT_ID": exact.client_id,
        "TAP_EXACTONLINE_CLIENT_SECRET": exact.client_secret,
        "TAP_EXACTONLINE_REFRESH_TOKEN": exact.issue_login(),
        **more,
    }


@pytest.fixture
def new_project(tmp_path: Path, exact: ExactOnline) -> ProjectFactory:
    """Make a Meltano project: meltano.yml of the repository, the programs of .venv and .venvs, the stand-in's login."""

    def make(select: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> Project:
        return Project.create(tmp_path / "project", settings(exact, **(env or {})), select=select)

    return make


@pytest.fixture
def postgres_project(new_project: ProjectFactory, database: Postgres) -> Project:
    """A project that loads the streams of `ROWS` into this test's database."""
    return new_project(
        [f"{name}.*" for name in ROWS], {"TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url}
    )


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make a login in a store; afterwards no log of any process may hold a secret."""
    made: list[Torture] = []
    stack = []

    def build(kind: str = FILE, **switches: Any) -> Torture:
        context = stand_in(**switches)
        exact = context.__enter__()
        stack.append(context)
        location = str(tmp_path / "tokens.json")
        if kind == POSTGRES:
            location = request.getfixturevalue("database").sqlalchemy_url
        made.append(Torture(exact, location, tmp_path, "correct horse" if kind == SEALED else None))
        return made[-1]

    yield build
    for torture in made:
        assert torture.leaked() == set()
    for context in stack:
        context.__exit__(None, None, None)


def run(project: Project, target: str, *options: str) -> str:
    """`meltano run tap-exactonline TARGET`, which must succeed; returns the log."""
    done = project.run("run", *options, "tap-exactonline", target)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def assert_equal(
    found: Mapping[str, Sequence[Row]],
    exact: ExactOnline,
    catalogue: Mapping[str, Stream],
    *,
    empty_text_is_null: bool = False,
) -> None:
    """Compare every column of every row of some streams with the source.

    Args:
        found: Rows of the target in the comparison's form, by stream.
        exact: The source.
        catalogue: Where the keys stand.
        empty_text_is_null: The target cannot tell one from the other.
    """
    wrong = {}
    for name, rows in found.items():
        changes: Row = (
            {"server_time": None} if name == "system_me" else {}
        )  # the server's clock went on since
        here, there = ([{**row, **changes} for row in side] for side in (rows, source_rows(exact, name)))
        if empty_text_is_null:
            here, there = ([_without_empty_text(row) for row in side] for side in (here, there))
        if said := differences(here, there, key=catalogue[name].key):
            wrong[name] = said
    assert not wrong, json.dumps(wrong, indent=1)


def _without_empty_text(row: Row) -> dict[str, Any]:
    return {key: None if value == "" else value for key, value in row.items()}


def duckdb_rows(path: Path, schema: str = "exact_online") -> dict[str, list[dict[str, Any]]]:
    """All tables of a DuckDB file, read by the DuckDB that wrote them."""
    program = """
import datetime, json, sys, duckdb
base = duckdb.connect(sys.argv[1], read_only=True)
names = [r[0] for r in base.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = ?", [sys.argv[2]]).fetchall()]
def shown(value):
    return {"moment": value.isoformat()} if isinstance(value, datetime.datetime) else value
out = {}
for name in names:
    found = base.execute(f'SELECT * FROM "{sys.argv[2]}"."{name}"')
    columns = [c[0] for c in found.description]
    out[name] = [{c: shown(v) for c, v in zip(columns, row)} for row in found.fetchall()]
json.dump(out, sys.stdout)
"""
    python = ROOT / ".venvs/target-duckdb/bin/python"
    done = subprocess.run([python, "-c", program, path, schema], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; each test opens a context of its own in it."""
    from playwright.sync_api import sync_playwright

    from .browser import CHROMIUM

    with sync_playwright() as driver:
        # The sandbox needs rights that containers do not give, and the only page it shows is ours.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
