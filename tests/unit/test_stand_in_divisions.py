"""The stand-in's administrations: lists of them, moves, links, and set-up that is checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.exact_online import Clock, ExactOnline
from tests.exact_online.client import Client


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    made = ExactOnline(Clock.manual())
    with made.serve():
        yield made


def test_moving_to_another_database(exact: ExactOnline) -> None:
    division = exact.add_division(101, rows=20)
    client = Client(exact)
    before = client.rows("101/sync/CRM/Accounts", select="ID,Timestamp")
    highest = max(int(r["Timestamp"]) for r in before)
    exact.clock.advance(60)
    exact.move_division(101)
    assert client.rows("101/sync/CRM/Accounts", select="ID", filter=f"Timestamp gt {highest}") == []
    after = client.rows("101/sync/CRM/Accounts", select="ID,Timestamp")
    assert [r["ID"] for r in after] == [r["ID"] for r in before]
    assert division.move_date == exact.now()
    row = client.rows("101/system/Divisions", select="Code,DivisionMoveDate,Hid")[0]
    shown = timedelta(milliseconds=int(row["DivisionMoveDate"].strip("/Date()")))
    assert datetime(1970, 1, 1) + shown == exact.now()  # noqa: DTZ001  (a wall clock)


def test_linking_hr_touches_only_hr(exact: ExactOnline) -> None:
    exact.add_division(101, rows=5)
    old = {
        s: exact.table(101, s).rows()[0]["Timestamp"] for s in ("sync_payroll_employees", "sync_crm_accounts")
    }
    exact.link_hr(101)
    assert exact.table(101, "sync_payroll_employees").rows()[0]["Timestamp"] > old["sync_payroll_employees"]
    assert exact.table(101, "sync_crm_accounts").rows()[0]["Timestamp"] == old["sync_crm_accounts"]


@pytest.mark.slow
def test_lists_of_administrations(exact: ExactOnline) -> None:
    for code in (101, 102, 103):
        exact.add_division(code, Country="BE" if code == 103 else "NL")
    exact.divisions[102].in_scope = False
    exact.divisions[103].same_licence = False
    client = Client(exact)

    def codes(where: str) -> list[int]:
        return [r["Code"] for r in client.rows(f"101/{where}", select="Code")]

    assert codes("system/Divisions") == [101, 103]
    assert codes("hrm/Divisions") == [101]
    assert codes("system/AllDivisions") == [101, 102]
    me = client.get("current/Me", select="CurrentDivision,ServerUtcOffset").json()["d"]["results"][0]
    assert (me["CurrentDivision"], me["ServerUtcOffset"]) == (101, 2.0)
    for number in range(200):
        exact.add_division(1000 + number)
    assert len(client.pages("101/system/Divisions", select="Code")) == 4


def test_set_up_is_checked() -> None:
    exact = ExactOnline()
    with pytest.raises(TypeError, match="licence"):
        exact.add_division(101, licence=False)
    with pytest.raises(KeyError, match="no such stream"):
        exact.add_division(101, rows={"sync_accounts": 1})
    with pytest.raises(TypeError):
        ExactOnline(latancy=1)
    exact.add_division(101, rows=1)
    with pytest.raises(KeyError, match="has no field"):
        exact.table(101, "crm_accounts").insert(Nmae="x")
