"""Streams of every kind can be read: each record fits its schema, has its key, and comes once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.odata import MAX_URL, modified_filter, select_query, timestamp_filter
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.records.values import moment
from tests.exact_online import ExactOnline
from tests.support.chosen_streams import chosen
from tests.support.in_process import InProcessRun, run_tap

# The longest pool of generated values has sixteen: each column has had them all.
ROWS = 17
FORMATS = FormatChecker(["uuid"])


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    # Naive, as Exact shows it: the targets make a timestamp without time zone of it.
    return not isinstance(value, str) or ("T" in value and bool(datetime.fromisoformat(value)))


LONGEST_HOST = "https://start.exactonline.co.uk"
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "all": {"hidden_fields": True, "timestamps": "utc", "deletions": "tombstones", "column_names": "exact"},
}


@pytest.fixture(scope="module", params=SETTINGS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> InProcessRun:
    exact = ExactOnline(page_rows=10)
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(101, rows=ROWS)
    accounts = exact.table(101, "sync_crm_accounts")
    accounts.delete(accounts.keys()[0])
    with exact.serve():
        done = run_tap(
            exact,
            [endpoint.name for endpoint in chosen()],
            home=tmp_path_factory.mktemp("home"),
            settings=SETTINGS[request.param],
            talk=False,
        )
    assert done.complete, done.error
    assert not exact.errors_4xx
    return done


@pytest.mark.slow
def test_each_record_of_each_stream_is_what_its_schema_says(run: InProcessRun) -> None:
    schemas = {m["stream"]: m for m in run.messages if m["type"] == "SCHEMA"}
    assert schemas.keys() == {endpoint.name for endpoint in chosen()}
    wrong: list[str] = []
    keys: Counter[tuple[str, Any]] = Counter()
    for stream, message in schemas.items():
        schema = {**message["schema"], "additionalProperties": False}
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema, format_checker=FORMATS)
        assert message["key_properties"], stream
        for record in run.records(stream):
            wrong += [f"{stream}: {error.message}" for error in validator.iter_errors(record)]
            key = tuple(record[column] for column in message["key_properties"])
            if None in key:
                wrong.append(f"{stream}: an incomplete key {key}")
            if not record.get("_sdc_deleted_at"):
                keys[stream, key] += 1
    wrong += [f"{place}: {count} times" for place, count in keys.items() if count > 1]
    assert wrong == []


def test_no_stream_is_empty_and_no_column_always(run: InProcessRun) -> None:
    """A column that is null in all rows would hide that it can't be read."""
    schemas = {m["stream"]: m["schema"]["properties"] for m in run.messages if m["type"] == "SCHEMA"}
    collections = {
        (endpoint.name, field.column)
        for endpoint in load()
        for field in endpoint.fields
        if field.type == "collection"
    }
    silent = []
    for stream, columns in schemas.items():
        records = run.records(stream)
        assert records, stream
        if len(records) == ROWS:
            filled = {name for record in records for name, value in record.items() if value is not None}
            silent += [(stream, name) for name in columns.keys() - filled - {"_sdc_deleted_at"}]
    assert [place for place in silent if place not in collections] == []


@pytest.mark.parametrize("hidden", [False, True])
def test_the_longest_address_of_every_stream_is_short_enough(hidden: bool) -> None:
    addresses = {endpoint.name: longest_address(endpoint, hidden=hidden) for endpoint in load()}
    # Exact's own link to the next page holds the same query and a $skiptoken.
    too_long = {
        name: f"{len(address)} of {MAX_URL} characters"
        for name, address in addresses.items()
        if len(address + "&$skiptoken=" + "9" * 200) > MAX_URL
    }
    assert too_long == {}


def longest_address(endpoint: Endpoint, *, hidden: bool) -> str:
    fields = Naming(hidden=hidden).fields(endpoint)
    if endpoint.kind == "sync":
        chosen = timestamp_filter(2**63 - 1)
    elif endpoint.bookmark:
        moment_ = moment("/Date(1706659200123)/")
        assert moment_ is not None
        chosen = modified_filter(moment_, endpoint.bookmark)
    else:
        chosen = None
    expand = [field.name for field in fields if field.type == "collection"]
    query = select_query([field.name for field in fields], chosen, expand)
    return f"{LONGEST_HOST}/api/v1/{'beta/' if endpoint.beta else ''}{10**9}/{endpoint.path}?{query}"
