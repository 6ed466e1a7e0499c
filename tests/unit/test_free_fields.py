"""The free and custom fields that Exact's users define are columns like others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRunner


def free_fields(schema: dict[str, Any]) -> int:
    return sum(name.startswith(("free_", "custom_field")) for name in schema["properties"])


@pytest.mark.process
def test_free_and_custom_fields_are_columns(exact: ExactOnline, runner: TapRunner) -> None:
    found = runner.discover()
    counts = {
        name: free_fields(found[name]["schema"]) for name in ("sync_logistics_items", "sync_crm_addresses")
    }
    assert counts == {"sync_logistics_items": 29, "sync_crm_addresses": 21}
    for name in counts:
        for entry in found[name]["metadata"]:
            if entry["breadcrumb"] and entry["breadcrumb"][1].startswith(("free_", "custom_field")):
                assert entry["metadata"]["inclusion"] == "available"
