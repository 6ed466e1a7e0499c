"""What a dashboard that reads Meltano's JSON log learns of the tap."""

from __future__ import annotations

import json

from tests.e2e.conftest import DIVISIONS, ROWS, ProjectFactory

STREAM = "vat_vat_codes"


def test_the_json_log_of_meltano_run_holds_the_metrics_of_the_tap(new_project: ProjectFactory) -> None:
    done = new_project(select=[f"{STREAM}.*"]).run(
        "--log-format=json", "run", "tap-exactonline", "target-jsonl"
    )
    assert done.returncode == 0, done.stdout
    entries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    metrics = [
        entry["metric_info"]
        for entry in entries
        if entry.get("string_id") == "tap-exactonline" and entry.get("metric_info")
    ]
    assert {one["tags"]["stream"] for one in metrics} == {STREAM}
    by_name = {
        name: {one["tags"]["context"]["division"]: one["value"] for one in metrics if one["metric"] == name}
        for name in ("record_count", "sync_duration", "http_request_count", "http_request_duration")
    }
    assert by_name["record_count"] == {
        code: -(-ROWS[STREAM] // number) for number, code in enumerate(DIVISIONS, start=1)
    }
    # 60 rows a page.
    assert by_name["http_request_count"] == {DIVISIONS[0]: 2, DIVISIONS[1]: 1}
    for code in DIVISIONS:
        assert 0 < by_name["http_request_duration"][code] <= by_name["sync_duration"][code]
