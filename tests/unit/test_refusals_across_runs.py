"""What Exact has refused is not asked for in every run: errors are counted across runs, too."""

from __future__ import annotations

import pytest

from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process


def test_a_frequent_schedule_does_not_add_up_to_a_block(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows=2, forbidden={"sync_crm_accounts": "plain"})
    streams = ["sync_crm_accounts", "financial_journals"]
    state = None
    for _ in range(7):
        result = runner.run(streams, state=state)
        assert result.code == 0, result.err
        state = result.state
    assert exact.calls(stream="sync_crm_accounts") == 4
    assert "not asked again before" in result.err
    assert result.counts["financial_journals"] == 2, "the other streams go on"


def test_a_right_that_was_given_is_noticed_at_once(runner: TapRunner, exact: ExactOnline) -> None:
    division = exact.add_division(101, rows=2, forbidden={"sync_crm_accounts": "plain"})
    first = runner.run(["sync_crm_accounts"])
    division.forbidden.clear()
    second = runner.run(["sync_crm_accounts"], state=first.state)
    assert second.counts["sync_crm_accounts"] == 2
    assert "refused" not in str(second.state)


def test_a_refused_field_ends_the_first_run_with_1_and_is_not_asked_for_again(
    runner: TapRunner, exact: ExactOnline
) -> None:
    exact.add_division(101, rows=2)
    exact.refuse_field("sync_crm_accounts", "City")
    first = runner.run(["sync_crm_accounts"])
    assert first.code == 1, first.err
    assert first.counts["sync_crm_accounts"] == 2
    assert "sync_crm_accounts in division 101: Exact refuses City (column city)" in first.errors[-1]
    assert all("city" not in m["record"] for m in first.messages if m["type"] == "RECORD")
    errors = len(exact.errors_4xx)
    assert errors == 1
    second = runner.run(["sync_crm_accounts"], state=first.state)
    assert second.code == 0, second.err
    assert [line for line in second.err.splitlines() if "WARNING" in line and "City (column city)" in line]
    assert len(exact.errors_4xx) == errors


def test_a_mandatory_filter_is_found_out_once(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows={"salesinvoice_sales_invoice_lines": 3, "crm_accounts": 3})
    exact.require_filter("salesinvoice_sales_invoice_lines", ["ID", "InvoiceID"])
    exact.require_filter("crm_accounts", ["Modified", "Created"])
    streams = ["salesinvoice_sales_invoice_lines", "crm_accounts"]
    first = runner.run(streams)
    assert first.code == 0, first.err
    assert first.counts == dict.fromkeys(streams, 3)
    assert len(exact.errors_4xx) == 2
    second = runner.run(streams, state=first.state)
    assert second.code == 0, second.err
    assert len(exact.errors_4xx) == 2
