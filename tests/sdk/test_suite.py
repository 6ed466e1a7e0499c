"""The SDK's own tests of a tap, against the stand-in: streams of every kind, one after the other."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Any

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_exactonline.tap import TapExactOnline
from tests.exact_online import ExactOnline
from tests.support.chosen_streams import chosen

# The SDK builds the tap when the tests are collected, so the server must run by then.
EXACT = ExactOnline(seed=3)
EXACT.limits(minute=100_000, day=1_000_000)
EXACT.add_division(101, rows=3)
EXACT.add_division(102, rows=2)
atexit.register(EXACT.stop)
CONFIG = {
    "api_url": EXACT.start(),
    "client_id": EXACT.client_id,
    "client_secret": EXACT.client_secret,
    "refresh_token": EXACT.issue_login(),
    "token_store": str(Path(tempfile.mkdtemp(prefix="tap-exactonline-")) / "tokens.json"),
}


def catalog() -> dict[str, Any]:
    """The catalog of the streams to test, all of them selected."""
    names = {endpoint.name for endpoint in chosen()}
    found = TapExactOnline(config=CONFIG).catalog_dict["streams"]
    streams = [entry for entry in found if entry["tap_stream_id"] in names]
    for entry in streams:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = True
    return {"streams": streams}


TestTapExactOnline = get_tap_test_class(
    TapExactOnline,
    config=CONFIG,
    catalog=catalog(),
    suite_config=SuiteConfig(max_records_limit=5, ignore_no_records_for_streams=["sync_deleted"]),
)
