"""The dbt package on rows that the tap read: every figure of every mart is what the companies' own books say.

Three administrations over four years. Between three runs days pass, and rows are changed and deleted. DuckDB gets the
deletions from Exact's log, PostgreSQL as tombstones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.dbt import PACKAGE, duckdb_output, postgres_output
from scripts.postgres import Postgres
from tests.exact_online import ExactOnline
from tests.exact_online.company import Company, Group, Profile
from tests.exact_online.company.ids import Ids
from tests.exact_online.company.people import ITEMS
from tests.support.books_truth import Facts, Truth
from tests.support.dbt_session import DbtSession
from tests.support.loading import Database, DuckDatabase, PostgresDatabase, loader

LOG = "sync_deleted"
STREAMS = (
    "financial_journals",
    "financial_reporting_balance",
    "row_counts",
    "sync_cashflow_payment_terms",
    "sync_crm_accounts",
    LOG,
    "sync_financial_gl_accounts",
    "sync_financial_transaction_lines",
    "sync_logistics_items",
    "sync_subscription_subscription_lines",
    "sync_subscription_subscriptions",
    "system_divisions",
)
PROFILES = {
    101: Profile(customers=14),
    102: Profile(customers=6, subscriptions=False, trade=0.3),
    103: Profile(customers=9, trade=0.2),
}
DAYS = (date(2026, 11, 26), date(2026, 11, 27), date(2026, 12, 1))
EDGES = (0, 1, 30, 31, 60, 61, 90, 91)
"""Days behind the due date at which an age begins or ends."""
RENAMED = (101, 3)
"""Administration and relation whose name changes without a change of any other row."""

# Mart → columns that identify a row as the truth does, and columns with the figures. `*` marks cents.
SHAPES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "general_ledger": (
        ("division", "entry_number", "line_number"),
        ("entry_date", "financial_year", "financial_period", "transaction_type", "invoice_number", "quantity", "gl_account_code", "*amount", "*debit", "*credit", "*foreign_amount", "account_name", "item_code", "is_closing"),
    ),
    "trial_balance": (
        ("division", "gl_account_code", "financial_year", "financial_period"),
        ("*opening_balance", "*debit", "*credit", "*movement", "*movement_before_closing", "*closing_balance"),
    ),
    "profit_and_loss": (("division", "gl_account_code", "financial_year", "financial_period"), ("*amount",)),
    "balance_sheet": (("division", "gl_account_code", "financial_year", "financial_period"), ("*balance",)),
    "consolidated_trial_balance": (
        ("currency", "gl_account_code", "financial_year", "financial_period"),
        ("*debit", "*credit", "*movement", "*movement_before_closing", "*closing_balance"),
    ),
    "receivables_by_age": (
        ("division", "account_code"),
        ("account_name", "*not_due", "*days_1_30", "*days_31_60", "*days_61_90", "*over_90", "*total", "items", "days_overdue"),
    ),
    "revenue": (("division", "month", "account_code", "item_code"), ("*revenue", "quantity", "entries")),
    "cash": (
        ("division", "gl_account_code", "month"),
        ("*opening_balance", "*received", "*paid", "*closing_balance"),
    ),
    "mrr": (("division", "account_code", "month"), ("*mrr", "*mrr_before", "*change", "movement")),
    "subscriptions": (
        ("division", "subscription_number"),
        ("account_name", "start_date", "end_date", "is_active", "lines", "*contract_amount", "*revenue", "last_invoiced"),
    ),
    "customer_health": (
        ("division", "account_code"),
        ("first_purchase", "last_purchase", "days_silent",
            "usual_days", "purchases_year", "*revenue_year", "*revenue_year_before",
         "*revenue_trend", "is_at_risk", "*outstanding", "*overdue", "days_overdue"),
    ),
}  # fmt: skip
SHAPES["payables_by_age"] = SHAPES["receivables_by_age"]
# Parts of one invoice share its key.
OPEN_ITEMS = """
select division, kind, invoice_number, account_name, due_date, days_overdue,
  count(*) as items, sum(amount) as amount, sum(foreign_amount) as foreign_amount
from analytics.exact_online__open_items
group by division, kind, invoice_number, account_name, due_date, days_overdue
"""
MOVEMENTS = {"new", "expansion", "contraction", "churn", "reactivation", "unchanged"}
DATED = ("open_items", "receivables_by_age", "payables_by_age", "customer_health", "subscriptions")
"""Marts that depend on `exact_online_as_of` alone, so that they can be asked for a day that is long over."""
SELECT_DATED = ("--select", *(f"exact_online__{mart}" for mart in DATED))
FULL = ("--full-refresh", "--select", "exact_online__general_ledger")
# Test of the package → what makes it fail. Written for DuckDB.
ONE_LINE = (
    "where line_id = (select min(line_id) from analytics.exact_online__general_ledger where amount > 0)"
)
DAMAGE = {
    "balance_sheet_sums_to_zero": "update analytics.exact_online__balance_sheet set balance = balance + 1 where gl_account_id = 'result'",
    "counts_equal_row_counts": "delete from exact_online.sync_logistics_items where code = 'KAAS-01' and division = 102",
    "entries_balance": f"update analytics.exact_online__general_ledger set amount = amount + 0.01 {ONE_LINE}",
    "ledger_equals_reporting_balance": f"update analytics.exact_online__general_ledger set amount = amount + 0.01 {ONE_LINE}",
    "open_items_equal_control_accounts": "delete from analytics.exact_online__open_items "
    "where payment_term_id = (select min(payment_term_id) from analytics.exact_online__open_items)",
    "references_resolve": f"update analytics.exact_online__general_ledger set gl_account_code = null {ONE_LINE}",
}  # fmt: skip
# The lines that each transaction wrote last.
WRITTEN = """
select xmin::text as build, count(*) as lines
from analytics.exact_online__general_ledger
group by 1
order by 2 desc
"""
EMPTY = "delete from exact_online.financial_reporting_balance"
"""Before a run without versions: rows of an earlier read that Exact no longer has would stay."""
OPEN_ITEMS_SHAPE = (
    ("division", "kind", "invoice_number", "account_name", "due_date", "days_overdue"),
    ("items", "*amount", "*foreign_amount"),
)


class World:
    """Three companies and the stand-in that shows them, day after day."""

    def __init__(self) -> None:
        self.exact = ExactOnline(seed=5)
        self.exact.limits(minute=100_000)
        self.names: dict[tuple[int, int], str] = {}
        self.group = Group(
            self.exact, {code: (f"Kaas {code} B.V.", profile) for code, profile in PROFILES.items()}
        )

    def live_until(self, day: date) -> Truth:
        """Let days pass, with corrections after the first time; the truth of that day."""
        first = day == DAYS[0]
        if first:
            self._arrange(self.group.companies[101], day)
        self.group.live_until(day, corrected=not first)
        if not first:
            self._rename()
        return Truth(self.group.companies, day, self.names)

    def _arrange(self, company: Company, day: date) -> None:
        """What may not be left to chance: items at each edge of an age, one paid in part, subscriptions that begin, shrink, end."""
        company.live_until(day.replace(month=day.month - 1, day=31))
        shrinking, ending, *_ = (one for one in company.subscriptions.values() if one.ended is None)
        shrinking.quantity += 2
        company.live_until(day)
        shrinking.quantity -= 1
        ending.ended = day
        number = len(company.subscriptions) + 1
        company.subscriptions[number] = replace(ending, number=number, started=day, ended=None, touched=day)
        party = next(one for one in company.customers_on(day) if one.currency == "EUR")
        for days in EDGES:
            entry = company.invoice(day - timedelta(days=days + party.payment_days), party, [(ITEMS[0], 1)])
            term = next(one for one in company.ledger.terms.values() if one.entry == entry.number)
            if days == 1:
                company.pay(day, company.ledger.split(term, 0.5, day))

    def long_ago(self) -> Truth:
        """The truth of that past day on which the most edges are met: items made, settled or just due, subscriptions taken and ended."""
        edges: dict[date, set[object]] = defaultdict(set)
        for company in self.group.companies.values():
            for term in company.ledger.terms.values():
                edges[term.day].add("made")
                edges[term.ended or date.max].add("settled")
                for days in (0, 30, 60, 90):
                    day = term.due + timedelta(days=days)
                    if term.open_on(day):
                        edges[day].add(days)
            for one in company.subscriptions.values():
                edges[one.started].add("subscribed")
                edges[one.ended or date.max].add("cancelled")
        return Truth(
            self.group.companies,
            max((day for day in edges if day < DAYS[0]), key=lambda day: (len(edges[day]), day)),
            self.names,
        )

    def _rename(self) -> None:
        division, party = RENAMED
        self.names[RENAMED] = "Another Name B.V."
        key = Ids(self.exact.seed, division).of("account", party)
        self.exact.table(division, "sync_crm_accounts").update(key, Name=self.names[RENAMED])


def cell(column: str, value: Any) -> Any:
    """A value of either database in the truth's form: cents, dates as text, codes of relations as numbers."""
    if value is None:
        return None
    if column.startswith("*"):
        return round(float(value) * 100)
    if column in ("quantity", "usual_days"):
        return float(value)
    if column == "account_code":
        return int(value)
    return str(value)[:10] if isinstance(value, date) else value


def same(value: Any) -> Any:
    """A value of the truth as it is compared: numbers that are not money have six digits in the models."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-5)
    return value.isoformat() if isinstance(value, date) else value


def facts(rows: Sequence[dict[str, Any]], shape: tuple[Sequence[str], Sequence[str]]) -> Facts:
    keys, values = shape
    found = {
        tuple(cell(name, row[name]) for name in keys): tuple(
            cell(name, row[name.lstrip("*")]) for name in values
        )
        for row in rows
    }
    assert len(found) == len(rows), "two rows with one key"
    return found


def assert_true(database: Database, truth: Truth, only: Collection[str] = ()) -> None:
    """Every row and every figure of every mart, or only of some."""
    for mart, expected in truth.marts().items():
        if only and mart not in only:
            continue
        if mart == "open_items":
            found = facts(database.query(OPEN_ITEMS), OPEN_ITEMS_SHAPE)
        else:
            found = facts(database.query(f"select * from analytics.exact_online__{mart}"), SHAPES[mart])
        wanted = {tuple(map(same, key)): tuple(map(same, values)) for key, values in expected.items()}
        wrong = {
            key: (found.get(key), wanted.get(key))
            for key in found.keys() | wanted.keys()
            if found.get(key) != wanted.get(key)
        }
        assert wanted, f"{mart}: the companies have nothing to show"
        assert not wrong, (
            f"{mart}: {len(wrong)} of {len(wanted)} rows differ, such as {next(iter(wrong.items()))}"
        )


def assert_columns_are_described(database: Database) -> None:
    query = "select table_name, column_name from information_schema.columns where table_schema = 'analytics'"
    built = {(row["table_name"], row["column_name"]) for row in database.query(query)}
    names = {name for name, _ in built}
    assert names >= {model["name"] for model in described("marts")}
    assert built == {
        (model["name"], column["name"])
        for model in described()
        if model["name"] in names
        for column in model["columns"]
    }


def ledger(database: Database) -> list[dict[str, Any]]:
    return database.query("select * from analytics.exact_online__general_ledger order by division, line_id")


def assert_own_tests_can_fail(database: Database, session: DbtSession) -> None:
    """Each of the package's tests passes on these books, and fails once something is wrong with them."""
    assert DAMAGE.keys() == {path.stem for path in (PACKAGE / "tests").glob("*.sql")}
    for name, damage in DAMAGE.items():
        assert database.query(session.compiled(name)) == []
        database.query("begin transaction")
        database.query(damage)
        assert database.query(session.compiled(name)), f"{name} passes whatever happens"
        database.query("rollback")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.exact.serve():
        yield made


def as_of(truth: Truth) -> dict[str, str]:
    return {"exact_online_as_of": truth.as_of.isoformat()}


def test_every_figure_is_that_of_the_books_in_duckdb(world: World, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    truth = world.live_until(DAYS[0])
    load = loader(world.exact, tmp_path, "target-duckdb", {"path": str(path)}, STREAMS)
    variables = {"exact_online_streams": STREAMS}
    with closing(DbtSession(duckdb_output(path, "analytics"), variables, tmp_path / "dbt")) as session:
        for day in DAYS:
            if day != DAYS[0]:
                truth = world.live_until(day)
                with closing(DuckDatabase(path)) as database:
                    database.query(EMPTY)
            load()
            session.run("build", **as_of(truth))
            with closing(DuckDatabase(path)) as database:
                assert_true(database, truth)
        with closing(DuckDatabase(path)) as database:
            assert_columns_are_described(database)
            grown = ledger(database)
            movements = database.query("select distinct movement from analytics.exact_online__mrr")
            assert {row["movement"] for row in movements} == MOVEMENTS
            assert_own_tests_can_fail(database, session)
        session.run("run", *FULL, **as_of(truth))
        long_ago = world.long_ago()
        session.run("run", *SELECT_DATED, **as_of(long_ago))
    with closing(DuckDatabase(path)) as database:
        assert ledger(database) == grown
        assert_true(database, long_ago, DATED)


def test_every_figure_is_that_of_the_books_in_postgres(
    world: World, tmp_path: Path, database: Postgres
) -> None:
    """Here the deleted rows have `_sdc_deleted_at`, and the log is not loaded. Versions clean what is read whole."""
    streams = [name for name in STREAMS if name != LOG]
    target = {"sqlalchemy_url": database.sqlalchemy_url, "use_copy": True, "validate_records": False}
    settings = {"deletions": "tombstones", "emit_activate_version_messages": True}
    truth = world.live_until(DAYS[0])
    load = loader(world.exact, tmp_path, "target-postgres", target, streams, **settings)
    variables = {"exact_online_streams": streams}
    output = postgres_output(database.url, "analytics")
    with (
        closing(DbtSession(output, variables, tmp_path / "dbt")) as session,
        database.connect() as connection,
    ):
        books = PostgresDatabase(connection)
        for day in DAYS:
            if day != DAYS[0]:
                truth = world.live_until(day)
            load()
            session.run("build", **as_of(truth))
            assert_true(books, truth)
        grown, written = ledger(books), books.query(WRITTEN)
        session.run("run", *FULL, **as_of(truth))
        long_ago = world.long_ago()
        session.run("run", *SELECT_DATED, **as_of(long_ago))
        assert ledger(books) == grown
        assert_true(books, long_ago, DATED)
    assert len(written) == len(DAYS), "a build wrote no row"
    assert written[0]["lines"] > 0.8 * len(grown), "rows that had not changed were written again"


def described(folder: str = "**") -> list[dict[str, Any]]:
    """What the package says of its models."""
    return [
        model
        for path in (PACKAGE / "models").glob(f"{folder}/_*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
    ]


def test_every_model_is_described() -> None:
    models = described()
    assert sorted(model["name"] for model in models) == sorted(
        path.stem for path in (PACKAGE / "models").rglob("*.sql")
    )
    for model in models:
        assert model["description"]
        assert all(column["description"] for column in model["columns"])
