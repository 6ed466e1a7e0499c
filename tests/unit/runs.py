"""Runs of the real command against the stand-in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.exact_online import ExactOnline

TAP = str(Path(sys.executable).with_name("tap-exactonline"))
FEW = [
    "system_divisions",
    "sync_crm_accounts",
    "crm_contacts",
    "bulk_cashflow_payments",
    "financial_journals",
]


class Runner:
    """Runs the tap in a folder of its own."""

    def __init__(self, exact: ExactOnline, folder: Path) -> None:
        self.exact = exact
        self.folder = folder
        self.config: dict[str, Any] = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(folder / "tokens.json"),
        }

    def command(self, streams: list[str] | None = FEW, state: dict[str, Any] | None = None) -> list[str]:
        (self.folder / "config.json").write_text(json.dumps(self.config))
        command = [TAP, "--config", str(self.folder / "config.json")]
        if streams is not None:
            (self.folder / "catalog.json").write_text(json.dumps(catalog(streams)))
            command += ["--catalog", str(self.folder / "catalog.json")]
        if state is not None:
            (self.folder / "state.json").write_text(json.dumps(state))
            command += ["--state", str(self.folder / "state.json")]
        return command

    def run(self, streams: list[str] | None = FEW, state: dict[str, Any] | None = None) -> Result:
        done = subprocess.run(
            self.command(streams, state), capture_output=True, text=True, timeout=120, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.err = err
        self.messages = [json.loads(line) for line in out.split("\n") if line]
        self.records = Counter(m["stream"] for m in self.messages if m["type"] == "RECORD")
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        self.state = states[-1] if states else None

    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if "| ERROR" in line]


def catalog(streams: list[str]) -> dict[str, Any]:
    found = json.loads(
        subprocess.run([TAP, "--discover"], capture_output=True, text=True, timeout=60, check=True).stdout
    )
    entries = [entry for entry in found["streams"] if entry["tap_stream_id"] in streams]
    for entry in entries:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = True
    return {"streams": entries}
