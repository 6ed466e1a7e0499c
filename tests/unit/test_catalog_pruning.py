"""A catalog loses its deselected streams while it is still text, by the same rule as afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.catalog import prune, selected_only

marks = st.fixed_dictionaries(
    {},
    optional={
        "selected": st.sampled_from([True, False, None]),
        "selected-by-default": st.booleans(),
        "inclusion": st.sampled_from(["available", "automatic"]),
        "table-key-properties": st.just(["division", "id"]),
    },
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "tap_stream_id": draw(st.sampled_from(["sync_crm_accounts", 'é/\\"', ""])),
        "schema": {"properties": {"id": {"type": ["string"]}}},
        "metadata": [{"breadcrumb": ["properties", "id"], "metadata": {"selected": draw(st.booleans())}}],
    }
    if draw(st.booleans()):
        entry["metadata"].insert(draw(st.integers(0, 1)), {"breadcrumb": [], "metadata": draw(marks)})
    if draw(st.booleans()):
        entry["selected"] = draw(st.sampled_from([True, False, None]))
    return entry


@given(st.lists(entries(), max_size=4), st.sampled_from([None, 2]))
def test_text_and_objects_lose_the_same_streams(streams: list[dict[str, Any]], indent: int | None) -> None:
    catalog = {"streams": streams}
    assert json.loads(prune(json.dumps(catalog, indent=indent))) == selected_only(catalog)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"streams": 1}',
        '{"streams": [{"metadata": 7}]}',
        '{"other": []}',
        "\ufeff{}",
        '"\udc80"',
    ],
)
def test_what_is_no_catalog_stays_as_it_is(text: str) -> None:
    assert prune(text) == text


def test_selected_false_wins_over_the_default() -> None:
    root = {"breadcrumb": [], "metadata": {"selected": False, "selected-by-default": True}}
    kept = {"breadcrumb": [], "metadata": {"selected-by-default": True}}
    text = json.dumps(
        {"streams": [{"tap_stream_id": "a", "metadata": [root]}, {"tap_stream_id": "b", "metadata": [kept]}]}
    )
    assert [entry["tap_stream_id"] for entry in json.loads(prune(text))["streams"]] == ["b"]
