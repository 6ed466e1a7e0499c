"""Programs measured from outside: what they cost, and what the servers saw meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.meltano_project import FOREIGN, ROOT, executable

LAUNCH = Path(__file__).with_name("launch.py")
COUNT = "wc -lc"
"""Reads the pipe as fast as `cat` does, and counts the lines."""


class BenchmarkError(RuntimeError):
    """A measured program failed, so its numbers mean nothing."""


@dataclass(frozen=True)
class Sample:
    """One run of one program.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all its threads, user and system.
        peak_mb: Peak resident memory in MB (2**20 bytes).
        lines: Lines written to the pipe.
        bytes: Bytes written to the pipe.
        began: When it started, by the machine's monotonic clock.
        log: What it wrote to stderr.
    """

    wall: float
    cpu: float
    peak_mb: float
    lines: int
    bytes: int
    began: float
    log: str


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 900,
    drain: str = COUNT,
) -> Sample:
    """Run a program to its end with its output in a pipe.

    Raises:
        BenchmarkError: It ended with a failure; the text is the end of its log.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # What is installed has its bytecode; to compile a package at each start would count as its own work.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    # Rich draws progress for people; a log in a file is what production sees.
    environment = inherited | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)} | dict(env or {})
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        report, log = Path(home, "report"), Path(home, "log")
        words = [sys.executable, "-I", "-S", str(LAUNCH), str(report), str(log), drain, *map(str, command)]
        done = subprocess.run(
            words, cwd=home, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if not report.exists():
            raise BenchmarkError(f"{command[0]} could not be measured: {done.stderr[-2000:]}")
        wall, user, system, peak, code, began = map(float, report.read_text().split())
        if code:
            raise BenchmarkError(
                f"{' '.join(map(str, command))[:200]} ended with {code:.0f}:\n{said[-3000:]}"
            )
        counted = (
            [int(word) for word in done.stdout.split()[-2:] if word.isdigit()] if drain == COUNT else [0, 0]
        )
        return Sample(wall, user + system, peak / 1024, counted[0], counted[1], began, said)


@dataclass(frozen=True)
class Pages:
    """The page server, running."""

    url: str

    def reset(self, **numbers: float) -> None:
        """Forget what was asked, and serve other numbers from now on: pages, divisions, latency_ms."""
        self._get("_reset?" + "&".join(f"{name}={value}" for name, value in numbers.items()))

    def stats(self) -> dict[str, Any]:
        """What was asked since the last reset."""
        return dict(json.loads(self._get("_stats")))

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=10) as answer:  # noqa: S310 - our own server
            return bytes(answer.read())


@contextlib.contextmanager
def page_server() -> Iterator[Pages]:
    """Start the page server in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-m", "scripts.bench.pages"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None  # noqa: S101
        url = server.stdout.readline().strip()
        if not url:
            raise BenchmarkError("the page server does not start")
        yield Pages(url)
    finally:
        server.terminate()
        server.wait()


def discovered(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The catalog that a tap offers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    done = subprocess.run([*command, "--discover"], check=True, capture_output=True, env=environment)
    return dict(json.loads(done.stdout))


class Ours:
    """The tap as it is installed, with a directory for its settings.

    Args:
        home: Where settings, catalogs and the login are kept.
        source: Another checkout whose code is to run instead, to compare two versions.
    """

    def __init__(self, home: Path, source: Path | None = None) -> None:
        self.home = home
        self.env = {"PYTHONPATH": str(source)} if source else {}
        self.program = executable("tap-exactonline")
        self._number = 0

    def file(self, content: Any) -> Path:
        """Write a JSON file."""
        self._number += 1
        path = self.home / f"{self._number}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def config(self, api_url: str, **settings: Any) -> Path:
        """A settings file; the access token is used alone unless there is a login."""
        login = {} if "refresh_token" in settings else {"access_token": "benchmark"}
        store = {"token_store": str(self.home / "login.json")}
        return self.file({"api_url": api_url, **login, **store, **settings})

    def catalog(self, selected: Mapping[str, Sequence[str] | None]) -> Path:
        """A catalog as `--discover` gives it, with these streams and columns selected (None: all columns)."""
        streams = []
        for entry in discovered([self.program], self.env)["streams"]:
            name = entry["tap_stream_id"]
            columns = selected.get(name)
            for item in entry["metadata"]:
                crumb = item["breadcrumb"]
                wanted = name in selected and (not crumb or columns is None or crumb[1] in columns)
                item["metadata"]["selected"] = wanted
            streams.append(entry)
        return self.file({"streams": streams})

    def sync(self, config: Path, catalog: Path, state: Path | None = None) -> list[str | Path]:
        """The command line of a run."""
        return [
            self.program,
            "--config",
            config,
            "--catalog",
            catalog,
            *(("--state", state) if state else ()),
        ]
