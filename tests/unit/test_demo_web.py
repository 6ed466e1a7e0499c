"""`make demo-web` shows a connection in every state."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.demo_web import BAKERY, CAFE, CUSTOMERS, FLORIST, GARAGE, OFFICE, stage
from tap_exactonline.config import parse
from tap_exactonline.login.web.board import Board

pytestmark = pytest.mark.slow


def test_five_customers_of_which_one_is_in_trouble(tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        told = {one["connection"]: one for one in Board(parse(made.settings)).connections()["connections"]}
    states = {customer.connection: told[customer.connection]["state"] for customer in CUSTOMERS}
    assert states == {
        BAKERY.connection: "good",
        GARAGE.connection: "trouble",
        FLORIST.connection: "ending",
        CAFE.connection: "paused",
        OFFICE.connection: "good",
    }
    assert {customer.connection: customer.user for customer in CUSTOMERS} == {
        name: one["user"] for name, one in told.items()
    }
    assert "1310977" in told[GARAGE.connection]["last_run"]["said"]
    assert all(one["last_run"]["rows"] for one in told.values())
