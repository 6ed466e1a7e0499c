"""Runs of the installed tap against the stand-in, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from scripts.meltano_project import TAP
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import ExactOnline

FEW = [
    "system_divisions",
    "sync_crm_accounts",
    "crm_contacts",
    "bulk_cashflow_payments",
    "financial_journals",
]


class TapRun:
    """What a process left.

    Attributes:
        code: Its exit code.
        out: Standard output.
        err: Standard error.
    """

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.split("\n") if line]  # U+2028 is in the data

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]

    @property
    def counts(self) -> Counter[str]:
        """The number of records of each stream."""
        return Counter(m["stream"] for m in self.messages if m["type"] == "RECORD")

    @property
    def state(self) -> dict[str, Any] | None:
        """The last state, if there was one."""
        return next((m["value"] for m in reversed(self.messages) if m["type"] == "STATE"), None)

    @property
    def errors(self) -> list[str]:
        """What the log and the command line call an error."""
        return [line for line in self.err.split("\n") if "| ERROR" in line or line.startswith("Error")]


class TapRunner:
    """The tap with a configuration that may be altered from run to run."""

    def __init__(self, exact: ExactOnline, folder: Path, **settings: Any) -> None:
        self.exact = exact
        self.folder = folder
        self.config: dict[str, Any] = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(folder / "tokens.json"),
            **settings,
        }

    def tap(self, *arguments: str, env: dict[str, str] | None = None) -> TapRun:
        """Run it with these arguments, the configuration in front."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(self.config))
        source = ["--config=ENV"] if env is not None else []
        done = subprocess.run(
            [TAP, "--config", str(path), *source, *arguments],
            capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **(env or {})},
        )  # fmt: skip
        return TapRun(done.returncode, done.stdout, done.stderr)

    def discover(self) -> dict[str, dict[str, Any]]:
        """The catalog's streams by name."""
        done = self.tap("--discover")
        assert done.code == 0, done.err
        return {one["tap_stream_id"]: one for one in json.loads(done.out)["streams"]}

    def sync(self, *streams: str, state: dict[str, Any] | None = None) -> TapRun:
        """Select these streams with all columns, and read them."""
        entries = TapExactOnline(config=self.config, setup_mapper=False).catalog_dict["streams"]
        found = {one["tap_stream_id"]: one for one in entries}
        for name in streams:
            for entry in found[name]["metadata"]:
                entry["metadata"]["selected"] = True
        chosen = {"streams": [found[name] for name in streams]}
        (self.folder / "catalog.json").write_text(json.dumps(chosen))
        arguments = ["--catalog", str(self.folder / "catalog.json")]
        if state is not None:
            (self.folder / "state.json").write_text(json.dumps(state))
            arguments += ["--state", str(self.folder / "state.json")]
        return self.tap(*arguments)

    def command(self, streams: list[str] | None = FEW, state: dict[str, Any] | None = None) -> list[str]:
        """The command of a sync, its files written; without streams there is no catalog."""
        (self.folder / "config.json").write_text(json.dumps(self.config))
        command = [str(TAP), "--config", str(self.folder / "config.json")]
        if streams is not None:
            (self.folder / "catalog.json").write_text(json.dumps(catalog(streams)))
            command += ["--catalog", str(self.folder / "catalog.json")]
        if state is not None:
            (self.folder / "state.json").write_text(json.dumps(state))
            command += ["--state", str(self.folder / "state.json")]
        return command

    def run(self, streams: list[str] | None = FEW, state: dict[str, Any] | None = None) -> TapRun:
        """Read these streams as the tap describes them without any configuration, which may be wrong."""
        done = subprocess.run(
            self.command(streams, state), capture_output=True, text=True, timeout=120, check=False
        )
        return TapRun(done.returncode, done.stdout, done.stderr)


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
