"""Streams of the setting extra_streams with a filter of their own."""

from __future__ import annotations

import pytest

from tests.exact_online import ExactOnline
from tests.support.extra_streams import asked
from tests.support.tap_runs import TapRunner

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101, rows={"crm_accounts": 130, "financial_reporting_balance": 4})


def test_a_filter_of_ones_own_beside_the_full_stream(exact: ExactOnline, runner: TapRunner) -> None:
    rows = exact.table(101, "crm_accounts").rows()
    for number, row in enumerate(rows):
        exact.table(101, "crm_accounts").update(row["ID"], Status="C" if number % 2 else "S")
    runner.config["extra_streams"] = [
        {"name": "customers", "path": "crm/Accounts", "filter": "Status eq 'C' or Status eq 'P'"}
    ]

    done = runner.sync("customers", "crm_accounts")
    assert done.code == 0, done.err
    assert len(done.records("customers")) == 65
    assert {r["status"] for r in done.records("customers")} == {"C"}
    assert len(done.records("crm_accounts")) == 130

    second = runner.sync("customers", state=done.state)
    assert second.code == 0, second.err
    last = asked(exact, "crm/Accounts")[-1]["$filter"]
    assert last.startswith("(Status eq 'C' or Status eq 'P') and Modified ge datetime'")


def test_a_changed_filter_starts_over(exact: ExactOnline, runner: TapRunner) -> None:
    first = {"name": "some", "path": "crm/Accounts", "filter": "Blocked eq true"}
    runner.config["extra_streams"] = [first]
    done = runner.sync("some")
    blocked = len(done.records("some"))
    assert 0 < blocked < 130

    runner.config["extra_streams"] = [{**first, "filter": "Blocked eq false"}]
    second = runner.sync("some", state=done.state)

    assert second.code == 0, second.err
    assert "defined in another way" in second.err
    expected = [r for r in exact.expected(101, "crm_accounts") if r["Blocked"] is False]
    assert len(second.records("some")) == len(expected)
    third = runner.sync("some", state=second.state)
    assert "defined in another way" not in third.err


def test_reporting_balance_by_year(exact: ExactOnline, runner: TapRunner) -> None:
    table = exact.table(101, "financial_reporting_balance")
    for number, key in enumerate(table.keys()):
        table.update(key, ReportingYear=2023 + number)
    runner.config["extra_streams"] = [
        {
            "name": "reporting_balance",
            "path": "financial/ReportingBalance",
            "filter": "ReportingYear eq {year}",
            "parameters": {"year": {"from": 2024, "to": 2025}},
        }
    ]
    done = runner.sync("reporting_balance")
    assert done.code == 0, done.err
    found = [(r["parameter_year"], r["reporting_year"]) for r in done.records("reporting_balance")]
    assert sorted(found) == [(2024, 2024), (2025, 2025)]
    assert {q["$filter"] for q in asked(exact, "ReportingBalance")} == {
        "ReportingYear eq 2024",
        "ReportingYear eq 2025",
    }


def test_a_mandatory_filter_joins_the_users_own(exact: ExactOnline, runner: TapRunner) -> None:
    exact.require_filter("crm_accounts", ["Modified"])
    runner.config["extra_streams"] = [
        {"name": "some", "path": "crm/Accounts", "filter": "Blocked eq false", "bookmark": None}
    ]
    done = runner.sync("some")
    assert done.code == 0, done.err
    expected = [r for r in exact.expected(101, "crm_accounts") if r["Blocked"] is False]
    assert len(done.records("some")) == len(expected) > 0


def test_a_filter_that_exact_refuses_is_told_with_its_words(exact: ExactOnline, runner: TapRunner) -> None:
    exact.refuse_filter("crm_accounts", "Blocked")
    runner.config["extra_streams"] = [{"name": "some", "path": "crm/Accounts", "filter": "Blocked eq false"}]
    done = runner.sync("some")
    assert done.code == 1
    assert "Filtering on these fields is not supported: Blocked" in done.errors[-1]
    assert len(exact.errors_4xx) == 1
    assert "Traceback" not in done.err
