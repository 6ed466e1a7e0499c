"""Memory of whole runs: many workers with large pages, a gzip bomb, a body without end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.attack.model import Effort, Figure
from scripts.bench.process import LAUNCH, Ours
from scripts.bench.rows import FIELDS, STREAM
from scripts.meltano_project import FOREIGN, ROOT

_BOUND = 1024
_FEW = 10


def attack(effort: Effort) -> list[Figure]:
    """Peak resident memory, against a bound of 1 GB."""
    workers, megabytes = (64, 38) if effort.scale >= 1 else (4, 6)
    cases = [
        (f"a run with {workers} workers and pages of {megabytes} MB, in gzip", "gzip", megabytes, workers),
        (f"a run with {workers} workers and pages of {megabytes} MB, plain", "plain", megabytes, workers),
        (f"a run with {workers} workers whose every page is a gzip bomb of 2 GB", "bomb", 1, workers),
        (f"a run with {workers} workers whose every page has no end", "endless", 1, workers),
        (f"a run with {workers} workers whose every error has no end", "endless error", 1, workers),
    ]
    return [_measured(*case) for case in (cases if effort.scale >= 1 else cases[:2]) if not effort.late]


def _measured(what: str, kind: str, megabytes: int, workers: int) -> Figure:
    with _server(kind, megabytes, workers) as url, tempfile.TemporaryDirectory() as home:
        tap = Ours(Path(home))
        config = tap.config(url, max_parallel_divisions=workers)
        command = tap.sync(config, tap.catalog({STREAM: [field.column for field in FIELDS[:_FEW]]}))
        report, log = Path(home, "report"), Path(home, "log")
        words = [sys.executable, "-I", "-S", str(LAUNCH), str(report), str(log), "wc -l", *map(str, command)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        environment = inherited | {"NO_COLOR": "1"}
        done = subprocess.run(
            words, cwd=home, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        peak = float(report.read_text().split()[3]) / 1024
        traceback = "Traceback" in log.read_text(encoding="utf-8", errors="replace")
        lines = int(done.stdout.split()[-1])
    rows = lines > workers * 1000
    wrong = peak > _BOUND or traceback or (kind in ("gzip", "plain")) != rows
    return Figure(
        what,
        1,
        int(wrong),
        f"{peak:.0f} MB at most" + (f", {lines:,} lines" if rows else ", refused in one line each"),
    )


@contextmanager
def _server(kind: str, megabytes: int, divisions: int) -> Iterator[str]:
    words = ["--kind", kind, "--megabytes", str(megabytes), "--divisions", str(divisions)]
    server = subprocess.Popen(
        [sys.executable, "-m", "scripts.attack.large_pages", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None  # noqa: S101
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()
