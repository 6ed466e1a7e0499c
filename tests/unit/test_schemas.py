"""What the schemas say beyond the types: lengths, ranges and descriptions; and that what is emitted keeps to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.endpoints import load
from tap_exactonline.sync.own_streams import OWN_STREAMS
from tap_exactonline.sync.records.schema import Naming
from tests.unit.test_convert_values import BOUNDS, converted

EVERYTHING = Naming(hidden=True, tombstones=True)
SCHEMAS = {one.name: EVERYTHING.schema(one)["properties"] for one in load()}


def columns(**wanted: Any) -> list[dict[str, Any]]:
    """The columns of all streams of which these members are so."""
    return [
        column
        for properties in SCHEMAS.values()
        for column in properties.values()
        if all(column.get(name) == value for name, value in wanted.items())
    ]


def test_a_uuid_has_a_length_so_that_every_database_can_make_it_a_key() -> None:
    assert len(columns(format="uuid")) > 1000
    assert columns(format="uuid") == columns(format="uuid", maxLength=36)


def test_a_text_in_a_key_has_a_length_too() -> None:
    keys = [(SCHEMAS[one.name], EVERYTHING.key(one)) for one in load()]
    keys += [(kind.schema["properties"], kind.primary_keys) for kind in OWN_STREAMS.values()]
    texts = [
        properties[name] for properties, key in keys for name in key if "string" in properties[name]["type"]
    ]
    assert any("format" not in column for column in texts)
    # SQL Server takes 900 bytes for the whole key, MySQL 3,072, with up to four bytes a character.
    assert all(0 < column["maxLength"] <= 255 for column in texts)


def test_a_whole_number_has_the_range_of_its_type_at_exact() -> None:
    seen = set()
    for one in load():
        for field in one.fields:
            schema = SCHEMAS[one.name][EVERYTHING.column(field)]
            if field.type in BOUNDS:
                assert (schema["minimum"], schema["maximum"]) == BOUNDS[field.type]
                seen.add(field.type)
            else:
                assert "minimum" not in schema
    assert seen == set(BOUNDS)
    divisions = [properties["division"] for properties in SCHEMAS.values() if "division" in properties]
    assert {(one["minimum"], one["maximum"]) for one in divisions} == {BOUNDS["int32"]}


@pytest.mark.parametrize("kind", sorted(BOUNDS))
@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("quoted", [False, True])
@given(data=st.data())
def test_what_is_out_of_range_is_null_and_counted(
    kind: str, lenient: bool, quoted: bool, data: st.DataObject
) -> None:
    lowest, highest = BOUNDS[kind]
    number = data.draw(
        st.sampled_from([lowest, highest, lowest - 1, highest + 1]) | st.integers(-(2**66), 2**66)
    )
    raw = f'"{number}"' if quoted else str(number)
    if lowest <= number <= highest:
        assert converted(kind, raw, lenient=lenient) == (number, 0)
    else:
        assert converted(kind, raw, lenient=lenient) == (None, 1)


def test_every_column_is_described_in_a_sentence() -> None:
    for name, properties in SCHEMAS.items():
        for column, schema in properties.items():
            text = schema["description"]
            assert text.endswith("."), f"{name}.{column}: {text}"
            assert text[0].isupper() or not text[0].isalpha(), f"{name}.{column}: {text}"
    assert SCHEMAS["sync_crm_accounts"]["id"]["description"] == "GUID of the row."
