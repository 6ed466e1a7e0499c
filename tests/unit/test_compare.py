"""The comparison behind the demo and the end-to-end tests must be able to find fault."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from scripts.compare import differences, plain, source_rows
from tests.exact_online import ExactOnline

ROW: dict[str, Any] = {"division": 1, "id": "a", "amount": 1.5, "blocked": True, "name": None}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([ROW], None),
        ([{**ROW, "_sdc_batched_at": "now"}], None),
        ([], "missing in the target"),
        ([ROW, ROW], "twice in the target"),
        ([ROW, {**ROW, "id": "b"}], "not in the source"),
        ([{**ROW, "amount": 1.25}], "amount is 1.25, should be 1.5"),
        ([{**ROW, "name": ""}], "name is '', should be None"),
        ([{**ROW, "blocked": 1}], "blocked is 1, should be True"),
        (
            [{name: value for name, value in ROW.items() if name != "name"}],
            "name is 'no column', should be None",
        ),
        ([{**ROW, "more": 1}], "more is 1, should be 'no column'"),
    ],
)
def test_differences(found: list[dict[str, Any]], said: str | None) -> None:
    told = differences(found, [ROW], ["division", "id"])
    assert len(told) == (said is not None)
    if said is not None:
        assert told[0].endswith(said)


def test_differences_ends_a_long_list() -> None:
    wanted = [{**ROW, "id": str(number)} for number in range(20)]
    told = differences([], wanted, ["division", "id"], limit=3)
    assert len(told) == 4
    assert told[-1] == "and 17 more"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1.10"), 1.1),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),  # noqa: DTZ001 - as databases give them
        (datetime(2024, 1, 2, 3, 4, 5, 500), "2024-01-02T03:04:05.000500"),  # noqa: DTZ001
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (date(2024, 1, 2), "2024-01-02T00:00:00"),
        (2**60, 2**60),
        (True, True),
        (None, None),
        ({"a": [1, None]}, {"a": [1, None]}),
    ],
)
def test_plain(value: object, shown: object) -> None:
    assert plain(value) == shown
    assert type(plain(value)) is type(shown)


def test_source_rows_know_every_administration_and_the_names_of_deletions() -> None:
    exact = ExactOnline(seed=1)
    for code in (101, 102):
        exact.add_division(code, rows={"sync_crm_accounts": 2})
    gone = exact.table(102, "sync_crm_accounts").keys()[0]
    exact.table(102, "sync_crm_accounts").delete(gone)

    assert [row["division"] for row in source_rows(exact, "sync_crm_accounts")] == [101, 101, 102]
    (deletion,) = source_rows(exact, "sync_deleted")
    assert (deletion["division"], deletion["entity_key"], deletion["stream"]) == (
        102,
        str(gone),
        "sync_crm_accounts",
    )
    assert [row["division"] for row in source_rows(exact, "system_divisions")] == [101, 102]
    assert [row["division"] for row in source_rows(exact, "system_me")] == [None]
