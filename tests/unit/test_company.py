"""The companies of the stand-in: books that balance, references that resolve, lists that agree with the lines."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tap_exactonline.endpoints import load
from tests.exact_online import Clock, ExactOnline
from tests.exact_online.company import Company, Profile, Publisher, chart
from tests.exact_online.company.corrections import correct

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 27)
DIVISIONS = (101, 102)
SHARED = {"Creator", "Modifier"}
INSIDE = {"EntryID", "TransactionEntryID", "OrderID", "InvoiceID", "PurchaseOrderID", "QuotationID"}
"""Fields that hold rows of one document together; what they name is that document, not a row of another stream."""


@cache
def published() -> tuple[ExactOnline, dict[int, Publisher]]:
    """Two companies, a night later and with corrections made."""
    clock = Clock.manual(datetime(2026, 11, 27, 18, tzinfo=ZoneInfo("Europe/Amsterdam")))
    exact = ExactOnline(clock=clock)
    shown = {}
    for seed, code in enumerate(DIVISIONS, start=1):
        exact.add_division(code)
        shown[code] = Publisher(exact, code, Company(seed, Profile(customers=14)).live_until(TODAY))
        shown[code].publish()
    clock.advance(3 * 86400)
    for one in shown.values():
        one.company.live_until(date(2026, 11, 30))
        correct(one.company)
        one.publish()
    return exact, shown


def rows(code: int, stream: str) -> list[dict[str, Any]]:
    return published()[0].table(code, stream).rows()


def total(values: Any) -> float:
    return round(sum(values), 2)


@pytest.mark.parametrize("code", DIVISIONS)
def test_every_entry_balances(code: int) -> None:
    sums: dict[str, float] = defaultdict(float)
    for line in rows(code, "sync_financial_transaction_lines"):
        sums[line["EntryID"]] += line["AmountDC"]
    assert len(sums) > 1500
    assert {round(value, 2) for value in sums.values()} == {0}


@pytest.mark.parametrize("code", DIVISIONS)
def test_every_reference_resolves(code: int) -> None:
    exact, shown = published()
    streams = shown[code].rows()
    known = {
        row[key]
        for endpoint in load()
        if endpoint.name in streams
        for row in exact.table(code, endpoint.name).rows()
        for key in endpoint.key
    }
    dangling = set()
    for stream in streams:
        table = exact.table(code, stream)
        for row in table.rows():
            for name, value in row.items():
                refers = table.fields[name].type == "guid" and name not in SHARED | INSIDE
                if refers and value is not None and value not in known:
                    dangling.add((stream, name))
    assert dangling == set()


def test_all_that_a_trading_company_has_is_there() -> None:
    """Without rows are the default streams of those who make things, and of serial numbers, shelves and price lists."""
    empty = {
        endpoint.name for endpoint in load() if endpoint.selected and not endpoint.login_wide and not rows(101, endpoint.name)
    } - {"system_divisions"}  # fmt: skip
    allowed = (
        "sync_manufacturing_",
        "sync_inventory_",
        "sync_project_project_planning",
        "sync_sales_sales_price_list",
    )
    assert {name for name in empty if not name.startswith(allowed)} == set()


@pytest.mark.parametrize("code", DIVISIONS)
def test_derived_lists_agree_with_the_lines(code: int) -> None:
    lines = rows(code, "sync_financial_transaction_lines")
    control = {
        account: total(line["AmountDC"] for line in lines if line["GLAccountCode"].strip() == account)
        for account in (chart.RECEIVABLE, chart.PAYABLE)
    }
    terms = [term for term in rows(code, "sync_cashflow_payment_terms") if term["EndDate"] is None]
    assert total(t["AmountDC"] for t in terms if t["LineType"] == 20) == control[chart.RECEIVABLE] > 0
    assert total(t["AmountDC"] for t in terms if t["LineType"] == 22) == control[chart.PAYABLE] < 0
    ageing = total(a["TotalAmount"] for a in rows(code, "read_financial_aging_receivables_list"))
    assert ageing == control[chart.RECEIVABLE]
    assert len(rows(code, "read_financial_receivables_list")) == sum(t["LineType"] == 20 for t in terms)
    balances: dict[Any, float] = defaultdict(float)
    for line in lines:
        place = line["GLAccount"], line["FinancialYear"], line["FinancialPeriod"], line["Type"]
        balances[place] += line["AmountDC"]
    reported = {
        (row["GLAccount"], row["ReportingYear"], row["ReportingPeriod"], row["Type"]): row["Amount"]
        for row in rows(code, "financial_reporting_balance")
    }
    assert reported == {place: pytest.approx(value, abs=0.005) for place, value in balances.items()}


@pytest.mark.parametrize("code", DIVISIONS)
def test_closings_turn_results_back(code: int) -> None:
    """With Exact's types 310 and 320 every closed year's result is zero; without them it is what was earned."""
    results = {row["ID"] for row in rows(code, "sync_financial_gl_accounts") if row["BalanceType"] == "W"}
    lines = [x for x in rows(code, "sync_financial_transaction_lines") if x["GLAccount"] in results]
    for year in (2023, 2024, 2025):
        mine = [line for line in lines if line["FinancialYear"] == year]
        assert total(line["AmountDC"] for line in mine) == 0
        assert abs(total(line["AmountDC"] for line in mine if line["Type"] < chart.PERIOD_CLOSED)) > 1000


@pytest.mark.parametrize("code", DIVISIONS)
def test_sync_and_single_show_an_invoice_in_their_own_form(code: int) -> None:
    merged: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(code, "sync_sales_invoice_sales_invoices"):
        merged[row["InvoiceID"]].append(row)
    single = {row["InvoiceID"]: row for row in rows(code, "salesinvoice_sales_invoices")}
    assert merged.keys() == single.keys()
    for invoice, parts in merged.items():
        head = next(part for part in parts if part["LineNumber"] == 0)
        vat = [part for part in parts if part["LineNumber"] > 9000]
        assert head["AmountDC"] == single[invoice]["AmountDC"]
        assert total(part["AmountDC"] for part in parts) == 0
        assert total(-part["AmountDC"] for part in vat) == single[invoice]["VATAmountDC"]
    lines = [row for parts in merged.values() for row in parts if 0 < row["LineNumber"] < 9000]
    assert len(lines) == len(rows(code, "salesinvoice_sales_invoice_lines"))


def test_a_day_changes_rows_and_logs_deletions() -> None:
    deleted = rows(101, "sync_deleted")
    assert {row["EntityType"] for row in deleted} >= {1, 10, 13}
    late = [row for row in rows(101, "sync_financial_transaction_lines") if row["Date"].date() > TODAY]
    assert late


def test_the_seed_decides_everything() -> None:
    first, again, other = (Company(seed).live_until(date(2023, 6, 30)) for seed in (5, 5, 6))
    assert first.ledger.entries == again.ledger.entries
    assert first.ledger.entries != other.ledger.entries


def test_open_items_equal_the_control_accounts_on_any_day() -> None:
    ledger = Company(3).live_until(date(2024, 12, 31)).ledger
    for day in (date(2023, 3, 31), date(2023, 12, 31), date(2024, 5, 17), date(2024, 12, 31)):
        for receivable, account in ((True, chart.RECEIVABLE), (False, chart.PAYABLE)):
            items = sum(
                t.amount for t in ledger.terms.values() if t.receivable == receivable and t.open_on(day)
            )
            assert items == ledger.balance(account, day)
