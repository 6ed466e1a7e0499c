"""What is learnt from Exact's words about a refused query, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.query_refusals import demanded_fields, refused_field, unsupported_filter
from tap_exactonline.exact.refused_fields import RefusedFields
from tests.exact_online.wordings import SAYS_NOTHING, UNKNOWN_FIELD

ACCOUNTS = (
    "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter parameter with "
    "one of the following fields in the url:Accountant,AccountManager,AddressLine1,Blocked,Created,ID,Modified,VATNumber."
)


def type_names(endpoint: Endpoint) -> list[str]:
    """Names of the endpoint's type as Exact builds them, and some that are built of its fields."""
    fields = [field.name for field in endpoint.fields]
    path = endpoint.path.replace("/", ".")
    return [
        f"Exact.Web.Api.Models.{path}",
        f"Exact.Web.Api.Models.{path}Sync",
        f"Exact.Web.Api.Models.{'.'.join(fields[:4])}",
        f"{fields[-1]}.{fields[0]}",
        fields[0],
        fields[len(fields) // 2],
    ]


@pytest.mark.parametrize("wording", UNKNOWN_FIELD)
def test_exactly_the_field_that_is_named_is_taken_on_every_endpoint(wording: str) -> None:
    sentence = UNKNOWN_FIELD[wording]
    for endpoint in load():
        asked = [field.name for field in endpoint.fields]
        for position, name in enumerate(asked):
            kinds = type_names(endpoint)
            kind = kinds[position % len(kinds)]
            assert refused_field(sentence.format(field=name, type=kind), asked) == name, (endpoint.name, kind)


@given(
    wording=st.sampled_from(sorted(UNKNOWN_FIELD)),
    endpoint=st.sampled_from(load()),
    which=st.integers(0, 400),
    kind=st.integers(0, 400),
    parts=st.integers(1, 3),
)
def test_whatever_the_type_is_called(
    wording: str, endpoint: Endpoint, which: int, kind: int, parts: int
) -> None:
    asked = [field.name for field in endpoint.fields]
    name = asked[which % len(asked)]
    type_name = ".".join(asked[(kind + n) % len(asked)] for n in range(parts))
    sentence = UNKNOWN_FIELD[wording].format(field=name, type=type_name)
    assert refused_field(sentence, asked) == name


@pytest.mark.parametrize("wording", UNKNOWN_FIELD)
def test_a_field_that_was_not_asked_for_teaches_nothing(wording: str) -> None:
    for endpoint in load():
        asked = [field.name for field in endpoint.fields]
        for kind in type_names(endpoint):
            assert refused_field(UNKNOWN_FIELD[wording].format(field="Nobody", type=kind), asked) is None


@pytest.mark.parametrize("sentence", SAYS_NOTHING)
def test_words_that_are_names_of_fields_teach_nothing(sentence: str) -> None:
    for endpoint in load():
        asked = [field.name for field in endpoint.fields]
        for kind in type_names(endpoint):
            text = sentence.format(field=asked[-1], other=asked[0], type=kind)
            if len(asked) > 1:
                assert refused_field(text, asked) is None, (endpoint.name, text)


def test_of_several_names_none_is_taken() -> None:
    text = "The property 'Name' does not exist. The property 'City' does not exist."
    assert refused_field(text, ["City", "Name"]) is None
    assert refused_field(text, ["City", "ID"]) == "City"


def test_a_list_of_demanded_fields_is_read_to_its_end() -> None:
    assert demanded_fields(ACCOUNTS) == (
        "Accountant", "AccountManager", "AddressLine1", "Blocked", "Created", "ID", "Modified", "VATNumber",
    )  # fmt: skip
    assert demanded_fields("Mandatory filter missing") == ("Mandatory", "filter", "missing")
    assert demanded_fields("Could not find a property named 'ID' on type 'X'.") is None


def test_filters_that_are_not_supported() -> None:
    assert unsupported_filter("Filtering on these fields is not supported: Modified, Code") == (
        "Modified",
        "Code",
    )
    assert unsupported_filter("This $filter parameter is not supported for this resource") == ()
    assert unsupported_filter(ACCOUNTS) is None
    assert unsupported_filter("Error in query syntax.") is None


@given(
    gone=st.sets(st.sampled_from("ABCDEFGH")),
    back=st.sets(st.sampled_from("ABCDEFGH")),
    runs=st.integers(8, 12),
)
def test_a_memory_ends_with_what_exact_refuses(gone: set[str], back: set[str], runs: int) -> None:
    memory: dict[str, str] = {}
    everything = set("ABCDEFGH")
    for run in range(runs * 2):
        refused = gone if run < runs else gone - back
        if run == runs:
            memory = dict.fromkeys(memory, (datetime.now(UTC) - timedelta(days=8)).isoformat())
        fields = RefusedFields()
        fields.recall(memory, everything)
        spent = 0
        while wrong := sorted(refused - fields.names):
            fields.refuse(wrong[0])
            spent += 1
        assert spent - len(fields.new) <= 2, "what was known before costs two errors at most"
        assert fields.new.isdisjoint(memory)
        fields.answered(everything - fields.names)
        memory = fields.stored()
        assert set(memory) >= refused
    assert set(memory) == gone - back, "each was tried in the end"
