"""The fast path and the SDK's own: the same messages, on every stream, with values that hurt careless readers."""

from __future__ import annotations

import json
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import TAP
from tap_exactonline.endpoints import load
from tap_exactonline.sync.row_counts import ROW_COUNTS
from tap_exactonline.sync.run_log import RUN_LOG
from tests.exact_online import Clock, ExactOnline

# It changes no value, but with it the SDK's mapper sees each record.
SDK_PATH = {"stream_map_config": {"anything": True}}
# The longest pool of generated values has sixteen: each column has had them all.
ROWS = 17


@pytest.fixture(scope="module")
def exact() -> Any:
    # Its clock stands still: system/Me tells the time.
    stand_in = ExactOnline(Clock.manual(time.time()), seed=5)
    stand_in.limits(minute=1_000_000, day=1_000_000)
    stand_in.add_division(101, rows=ROWS)
    accounts = stand_in.table(101, "sync_crm_accounts")
    accounts.delete(accounts.keys()[0])
    with stand_in.serve():
        yield stand_in


def read(exact: ExactOnline, home: Path, **settings: Any) -> dict[str, list[dict[str, Any]]]:
    """The messages of a run over all streams: by stream, in order, without what a clock writes into them."""
    config, catalog = home / "config.json", home / "catalog.json"
    login = {"api_url": exact.url, "access_token": exact.issue_access_token()}
    config.write_text(json.dumps({**login, "token_store": str(home / "login.json"), **settings}))
    found = subprocess.run(
        [TAP, "--config", config, "--discover"], capture_output=True, check=True, timeout=60
    )
    streams = json.loads(found.stdout)
    for entry in streams["streams"]:
        for item in entry["metadata"]:
            item["metadata"]["selected"] = entry["tap_stream_id"] not in {RUN_LOG, ROW_COUNTS}
    catalog.write_text(json.dumps(streams))
    done = subprocess.run(
        [TAP, "--config", config, "--catalog", catalog],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Numbers by their digits: 1e-07 and 0.0000001 are one value, 0.1 and 0.10000000000000001 are not.
    messages = [json.loads(line, parse_float=Decimal) for line in done.stdout.split("\n") if line]
    by_stream: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        message.pop("time_extracted", None)
        message.pop("version", None)
        if message["type"] != "STATE":
            by_stream.setdefault(message["stream"], []).append(message)
    return by_stream


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "hidden_fields": True, "column_names": "exact", "timestamps": "utc", "deletions": "tombstones",
            "emit_activate_version_messages": True,
        },
    ],
    ids=["defaults", "everything on"],
)  # fmt: skip
def test_both_paths_write_the_same_messages_on_every_stream(
    exact: ExactOnline, tmp_path: Path, settings: dict[str, Any]
) -> None:
    fast = read(exact, tmp_path, **settings)
    slow = read(exact, tmp_path, **settings, **SDK_PATH)

    assert set(fast) == set(slow) == {endpoint.name for endpoint in load()}
    assert sum(len(messages) for messages in fast.values()) > ROWS * 250
    for stream, messages in fast.items():
        for ours, sdks in zip(messages, slow[stream], strict=True):
            assert ours == sdks
            assert list(ours.get("record", ())) == list(sdks.get("record", ())), "columns in another order"
