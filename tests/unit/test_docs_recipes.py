"""The SQL of the recipes, run in PostgreSQL and in DuckDB on rows that the tap read and the targets loaded.

Two administrations: a small one whose numbers are written down here, and a company with years of closed books, where the
company's own ledger says what is right. The tap reads twice; between the reads something is deleted in both.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from scripts.meltano_project import ROOT
from scripts.postgres import embedded
from tests.exact_online import ExactOnline
from tests.exact_online.company import Company, Publisher, chart
from tests.exact_online.company.corrections import correct
from tests.exact_online.company.ids import account_code
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, plain, read, selected, singer

pytestmark = pytest.mark.process

RECIPES = ROOT / "docs/recipes"
STREAMS = (
    "sync_cashflow_payment_terms",
    "sync_crm_accounts",
    "sync_deleted",
    "sync_financial_gl_accounts",
    "sync_financial_transaction_lines",
    "system_divisions",
)
_BLOCK = re.compile(r'^```sql title="([^"]+)"\n(.*?)^```', re.DOTALL | re.MULTILINE)
_SOURCE = re.compile(r"\{\{ source\('exact_online', '(\w+)'\) \}\}")
_REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")
_VAR = re.compile(r"\{\{ var\('\w+', (-?\w+)\) \}\}")
TODAY = date.today()  # noqa: DTZ011 -- as current_date
TRADER = Company(4).live_until(TODAY)
REVENUE = {account.code for account in chart.GL_ACCOUNTS if account.type == 110}


def blocks(page: str) -> dict[str, str]:
    """The titled SQL blocks of a page."""
    return dict(_BLOCK.findall((RECIPES / page).read_text(encoding="utf-8")))


def models() -> dict[str, str]:
    """The dbt models as plain SQL, in the order of the page, which is that of their dependencies."""
    found = {}
    for title, text in blocks("dbt.md").items():
        rendered = _VAR.sub(r"\1", _REF.sub(r"analytics.\1", _SOURCE.sub(r"exact_online.\1", text)))
        assert "{{" not in rendered, f"{title} has Jinja that this test does not know"
        found[Path(title).stem] = rendered
    return found


def ago(days: int) -> datetime:
    return datetime.combine(TODAY, datetime.min.time()) - timedelta(days=days)


def company(exact: ExactOnline) -> Callable[[], None]:
    """An administration whose numbers are known: two customers, their revenue and what they owe.

    Returns:
        What deletes the rows that are not right.
    """
    exact.add_division(101, description="Kaas & Zonen B.V.", rows=dict.fromkeys(STREAMS, 0))
    accounts = exact.table(101, "sync_crm_accounts")
    # One such character would stop the load of everything into PostgreSQL.
    loyal = accounts.insert(
        Code="              1001", Name="Loyal Ltd", Status="C", Remarks="pasted \0 somehow"
    )["ID"]
    silent = accounts.insert(Code="              1002", Name="Silent Ltd", Status="C")["ID"]
    gone = accounts.insert(Code="              1003", Name="Gone Ltd", Status="C")["ID"]
    ledger = exact.table(101, "sync_financial_gl_accounts")
    revenue = ledger.insert(Code="     8000", Description="Revenue", Type=110)["ID"]
    debtors = ledger.insert(Code="     1300", Description="Debtors", Type=20)["ID"]
    result = ledger.insert(Code="     0999", Description="Result", Type=90)["ID"]
    lines = exact.table(101, "sync_financial_transaction_lines")
    number = 0
    # Every 30 days until today, and every 20 days until 200 days ago.
    for account, days in ((loyal, range(0, 181, 30)), (silent, range(200, 301, 20))):
        for day in days:
            number += 1
            entry = str(UUID(int=number))
            common = {
                "Account": account,
                "AccountCode": "              1001" if account == loyal else "              1002",
                "AccountName": "Loyal Ltd" if account == loyal else "Silent Ltd",
                "Date": ago(day),
                "EntryID": entry,
                "FinancialYear": 2026,
            }
            lines.insert(**common, GLAccount=revenue, AmountDC=-100.25, Type=20)
            lines.insert(**common, GLAccount=debtors, AmountDC=100.25, Type=20)
    # The close of a month turns its revenue back, as Exact books it.
    closing = {"Date": ago(45), "EntryID": str(UUID(int=998)), "FinancialYear": 2026}
    lines.insert(**closing, Account=silent, GLAccount=revenue, AmountDC=400.0, Type=310)
    lines.insert(**closing, GLAccount=result, AmountDC=-400.0, Type=320)
    mistake = {"Account": loyal, "Date": ago(1), "EntryID": str(UUID(int=999)), "FinancialYear": 2026}
    wrong = [
        lines.insert(**mistake, GLAccount=revenue, AmountDC=-5000.0),
        lines.insert(**mistake, GLAccount=debtors, AmountDC=5000.0),
    ]
    owed = exact.table(101, "sync_cashflow_payment_terms")
    receivable = {"LineType": 20, "Status": 20, "EndDate": None, "GLAccount": debtors}
    owed.insert(**receivable, Account=loyal, AmountDC=10.5, DueDate=ago(-5))
    owed.insert(**receivable, Account=silent, AmountDC=20.5, DueDate=ago(10))
    owed.insert(**receivable, Account=silent, AmountDC=30.5, DueDate=ago(120))
    paid = receivable | {"Status": 50, "EndDate": ago(40)}
    owed.insert(**paid, Account=silent, AmountDC=77.0, DueDate=ago(50))
    owed.insert(**receivable | {"LineType": 22}, Account=silent, AmountDC=-500.0, DueDate=ago(5))
    mistaken = owed.insert(**receivable, Account=loyal, AmountDC=5000.0, DueDate=ago(-29))

    def clean() -> None:
        for line in wrong:
            lines.delete(line["ID"])
        owed.delete(mistaken["ID"])
        accounts.delete(gone)

    return clean


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """Both databases, filled by `meltano run`, with the dbt models as views."""
    home = tmp_path_factory.mktemp("recipes")
    exact = ExactOnline(seed=11)
    exact.limits(minute=1000)
    clean = company(exact)
    exact.add_division(102, description="Kaas Logistiek B.V.")
    shown = Publisher(exact, 102, TRADER)
    shown.publish()
    with exact.serve(), embedded() as postgres:
        config = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(home / "login.json"),
        }
        schema = {"default_target_schema": "exact_online"}
        targets = {
            "target-postgres": schema | {"sqlalchemy_url": postgres.sqlalchemy_url},
            "target-duckdb": schema | {"path": str(home / "warehouse.duckdb")},
        }
        # Without Meltano, which other tests have: the tap once, its messages into both targets.
        discovered = singer("tap-exactonline", {}, home, "--discover").stdout
        (home / "catalog.json").write_text(
            json.dumps(selected(json.loads(discovered), STREAMS)), encoding="utf-8"
        )
        read(config, targets, home)
        clean()
        correct(TRADER)
        shown.publish()
        read(config, targets, home)
        duck = DuckDatabase(home / "warehouse.duckdb")
        with postgres.connect() as connection:
            databases: dict[str, Database] = {"postgres": PostgresDatabase(connection), "duckdb": duck}
            for database in databases.values():
                database.query("create schema analytics")
                for name, text in models().items():
                    database.query(f"create view analytics.{name} as {text}")
            yield databases
        duck.close()


both = pytest.mark.parametrize("name", ["postgres", "duckdb"])


@both
def test_staging_trims_codes_and_leaves_out_what_was_deleted(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query(
        "select * from analytics.stg_exact__accounts where division = 101 order by account_code"
    )
    assert [row["account_code"] for row in rows] == ["1001", "1002"]
    assert all(row["is_customer"] for row in rows)
    (count,) = loaded[name].query(
        "select count(*) as n from analytics.stg_exact__transaction_lines where division = 101"
    )
    assert count["n"] == 2 * (7 + 6) + 2
    (raw,) = loaded[name].query(
        "select count(*) as n from exact_online.sync_financial_transaction_lines where division = 101"
    )
    assert raw["n"] == count["n"] + 2, "the deleted lines are in the table"


@both
def test_receivables_by_age(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query(
        "select * from analytics.receivables_by_age where division = 101 order by account_code"
    )
    shown = [{key: plain(value) for key, value in row.items()} for row in rows]
    ages = ("not_due", "days_1_30", "days_31_60", "days_61_90", "over_90", "total")
    assert [[row[age] for age in ages] for row in shown] == [
        [10.5, 0.0, 0.0, 0.0, 0.0, 10.5],
        [0.0, 20.5, 0.0, 0.0, 30.5, 51.0],
    ]


@both
def test_what_each_customer_owes_is_what_the_books_say(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query("select * from analytics.receivables_by_age where division = 102")
    owed: dict[str, int] = defaultdict(int)
    for term in TRADER.ledger.terms.values():
        if term.receivable and term.ended is None:
            owed[account_code(term.party).strip()] += term.amount
    assert {row["account_code"]: plain(row["total"]) for row in rows} == {
        code: pytest.approx(cents / 100) for code, cents in owed.items() if cents
    }


@both
def test_open_items_equal_the_ledger(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query("select * from analytics.open_items_against_ledger where division = 102")
    found = {row["gl_account_code"]: row for row in rows}
    assert found.keys() == {chart.RECEIVABLE, chart.PAYABLE}
    for code, row in found.items():
        assert plain(row["difference"]) == pytest.approx(0, abs=0.005)
        assert plain(row["open_items"]) == pytest.approx(TRADER.ledger.balance(code, date.max) / 100)


@both
def test_revenue_by_month(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query("select * from analytics.revenue_by_month where division = 101")
    assert sum(plain(row["revenue"]) for row in rows) == pytest.approx(13 * 100.25)
    assert sum(row["entries"] for row in rows) == 13
    assert {str(row["month"])[8:10] for row in rows} == {"01"}


@both
def test_the_revenue_of_closed_years_is_what_was_sold(loaded: dict[str, Database], name: str) -> None:
    rows = loaded[name].query("select * from analytics.revenue_by_month where division = 102")
    found: dict[int, float] = defaultdict(float)
    for row in rows:
        found[int(str(row["month"])[:4])] += plain(row["revenue"])
    sold: dict[int, int] = defaultdict(int)
    closed = set()
    for entry in TRADER.ledger.entries.values():
        for posting in entry.postings:
            if posting.gl in REVENUE and entry.type < chart.PERIOD_CLOSED:
                sold[entry.day.year] -= posting.amount
            elif posting.gl in REVENUE:
                closed.add(entry.day.year)
    assert found == {year: pytest.approx(cents / 100) for year, cents in sold.items()}
    assert len(closed) >= 2


@both
def test_customers_at_risk(loaded: dict[str, Database], name: str) -> None:
    (row,) = loaded[name].query("select * from analytics.customers_at_risk where division = 101")
    shown = {key: plain(value) for key, value in row.items()}
    assert shown["account_name"] == "Silent Ltd"
    assert (shown["purchases"], shown["days_silent"], shown["usual_days"]) == (6, 200, 20.0)
    assert shown["this_year"] == pytest.approx(601.5)


def test_the_statements_for_postgres(loaded: dict[str, Database]) -> None:
    found = {title: loaded["postgres"].query(text) for title, text in blocks("postgres.md").items()}
    small = [row["name"] for row in found["accounts that exist"] if row["division"] == 101]
    assert sorted(small) == ["Loyal Ltd", "Silent Ltd"]
    assert [row["accounts"] > 0 for row in found["rows by administration"]] == [True, True]
    balances: dict[int, dict[str, float]] = defaultdict(dict)
    for row in found["trial balance"]:
        balances[row["division"]][row["description"]] = plain(row["balance"])
    assert balances[101] == {
        "Revenue": pytest.approx(400 - 13 * 100.25),
        "Result": pytest.approx(-400),
        "Debtors": pytest.approx(13 * 100.25),
    }
    assert sum(balances[102].values()) == pytest.approx(0, abs=0.01)


def test_the_statements_for_duckdb(loaded: dict[str, Database]) -> None:
    found = {title: loaded["duckdb"].query(text) for title, text in blocks("duckdb.md").items()}
    best = [row for row in found["the ten largest customers of a year"] if row["division"] == 101]
    revenue = {row["name"]: plain(row["revenue"]) for row in best}
    assert revenue.get("Loyal Ltd", 7 * 100.25) == pytest.approx(7 * 100.25), "without what was deleted"
    (copied,) = loaded["duckdb"].query("select count(*) as n from 'accounts.parquet'")
    assert copied["n"] > 2


def test_every_titled_statement_is_run() -> None:
    pages = {page.name for page in RECIPES.glob("*.md") if blocks(page.name)}
    assert pages == {"postgres.md", "duckdb.md", "dbt.md"}
