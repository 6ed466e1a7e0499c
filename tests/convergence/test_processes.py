"""The same with real processes: killed, terminated, and left alone by their target."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.meltano_project import TAP
from tests.exact_online import ExactOnline
from tests.support.in_process import catalog

from .target import Target

pytestmark = pytest.mark.process

STREAMS = (
    "bulk_documents_document_attachments",
    "hrm_costunits",
    "sync_deleted",
    "sync_financial_gl_classifications",
    "sync_sales_order_goods_deliveries",
)
# Streams whose deletions Exact tells.
TOLD = STREAMS[3:]
DIVISIONS = (101, 102)
ROWS = 23


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    # Slow enough that a run is still going on when it is killed.
    stand_in = ExactOnline(page_rows=3, latency=0.01)
    stand_in.limits(minute=10**6, day=10**7)
    for code in DIVISIONS:
        stand_in.add_division(code, rows={name: ROWS for name in STREAMS if name != "sync_deleted"})
    with stand_in.serve():
        yield stand_in


@dataclass
class Process:
    """Runs of the command, one after the other, with a target that applies whole lines."""

    exact: ExactOnline
    home: Path
    target: Target
    state: dict[str, Any] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        config = {
            "api_url": self.exact.url,
            "access_token": self.exact.issue_access_token(),
            "token_store": str(self.home / "tokens.json"),
            "deletions": "tombstones",
            "max_parallel_divisions": 2,
        }
        files = {"config": config, "catalog": catalog(STREAMS, deletions="tombstones")}
        if self.state:
            files["state"] = self.state
        command = [str(TAP)]
        for name, content in files.items():
            (self.home / f"{name}.json").write_text(json.dumps(content))
            command += [f"--{name}", str(self.home / f"{name}.json")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def load(self, lines: list[bytes]) -> None:
        self.state = self.target.load([line for line in lines if line.endswith(b"\n")]) or self.state

    def run(self) -> None:
        process = self.start()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()[-3000:]
        self.load(out.splitlines(keepends=True))

    def equal(self) -> None:
        for stream in STREAMS:
            for code in DIVISIONS:
                wanted = set(self.exact.table(code, stream).keys())
                assert {key for _, key in self.target.tables[stream].live(code)} == wanted, (stream, code)


@pytest.fixture
def process(exact: ExactOnline, tmp_path: Path) -> Process:
    return Process(exact, tmp_path, Target(hard_delete=False))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_at_any_line_loses_nothing(process: Process, how: signal.Signals) -> None:
    held = []
    for after in (1, 12, 70, 130):
        for stream in (name for name in STREAMS if name != "sync_deleted"):
            for code in DIVISIONS:
                table = process.exact.table(code, stream)
                table.update(table.keys()[after % ROWS])
                table.insert()
                if stream in TOLD:
                    table.delete(table.keys()[0])
        tap = process.start()
        assert tap.stdout is not None
        lines = []
        for line in tap.stdout:
            lines.append(line)
            if len(lines) == after:
                tap.send_signal(how)
        held.append(sum(len(table.rows) for table in process.target.tables.values()))
        code = tap.wait(30)
        assert tap.stderr is not None
        tap.stderr.close()
        assert code == (-how if how == signal.SIGKILL else 128 + how)
        process.load(lines)

    assert len(set(held)) > 2, "each run should have come further than the one before"
    process.run()

    process.equal()


def test_a_target_that_has_gone_ends_the_run_soon(process: Process) -> None:
    # Far more than a pipe holds.
    table = process.exact.table(DIVISIONS[0], STREAMS[0])
    for _ in range(600):
        table.insert()
    tap = process.start()
    assert tap.stdout is not None
    assert tap.stderr is not None
    lines = [tap.stdout.readline() for _ in range(10)]
    tap.stdout.close()
    said = tap.stderr.read().decode()
    assert tap.wait(30) == 1
    assert "the target stopped reading" in said
    process.load(lines)
    calls = process.exact.calls()
    process.exact.clear_log()

    process.run()

    process.equal()
    assert calls < process.exact.calls() / 2, "nothing is read for a target that has gone"
