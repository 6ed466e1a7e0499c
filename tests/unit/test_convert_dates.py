"""Dates on their way through the converter: remembered where they repeat, and counted where they can't be read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import by_name
from tap_exactonline.sync.records.codec import Codec, Rows
from tap_exactonline.sync.records.page import plain_records
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.records.values import wall_clock

ENDPOINT = by_name("sync_financial_transaction_lines")
NAMES = ("ID", "Date", "DueDate", "Modified")


def converted(*rows: dict[str, Any]) -> tuple[Rows, list[dict[str, Any]]]:
    fields = [ENDPOINT.field(name) for name in NAMES]
    codec = Codec(ENDPOINT, fields, Naming(), selected={field.column for field in fields})
    body = msgspec.json.encode(
        {"d": {"results": [{"ID": str(UUID(int=n)), **row} for n, row in enumerate(rows)]}}
    )
    page = codec.decode(body)
    return page, plain_records(codec.records(page, 101))


def test_a_date_reads_the_same_however_often_it_comes() -> None:
    day, other = "/Date(1706659200000)/", "/Date(-1)/"
    _, records = converted(
        {"Date": day, "DueDate": other, "Modified": day}, {"Date": day, "DueDate": day, "Modified": None}, {}
    )
    assert [(r["date"], r["due_date"], r["modified"]) for r in records] == [
        ("2024-01-31T00:00:00", "1969-12-31T23:59:59.999000", "2024-01-31T00:00:00"),
        ("2024-01-31T00:00:00", "2024-01-31T00:00:00", None),
        (None, None, None),
    ]


def test_every_unreadable_date_is_counted_also_when_it_repeats() -> None:
    bad = {"Date": "soon", "DueDate": "soon", "Modified": "/Date(999999999999999999)/"}
    page, records = converted(bad, bad, bad)
    assert page.unreadable == {"Date": 3, "DueDate": 3, "Modified": 3}
    assert {(r["date"], r["due_date"], r["modified"]) for r in records} == {(None, None, None)}


@given(
    st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)).map(  # noqa: DTZ001
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    )
)
def test_no_millisecond_is_lost_between_the_years_1_and_9999(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1)  # noqa: DTZ001
    milliseconds = (since.days * 86400 + since.seconds) * 1000 + since.microseconds // 1000
    assert wall_clock(f"/Date({milliseconds})/") == moment
