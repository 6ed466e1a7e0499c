"""Where the CPU time of a run goes, by py-spy, which looks at the tap from outside two hundred times a second."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from scripts.bench.model import Bench, Section
from scripts.bench.process import BenchmarkError
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from scripts.meltano_project import ROOT

PY_SPY = ROOT / ".venvs/bench/bin/py-spy"
_RATE = 200

# The first of these that a stack holds says what it is about. Freeing shows as the line that lets go.
_PARTS = (
    ("Transport.get", "HTTP: requests, urllib3, the socket"),
    ("Codec.decode", "decode: JSON to typed rows"),
    ("Codec.records", "convert: names, division, dates"),
    ("record_lines", "encode: RECORD lines"),
    ("LineWriter.write", "write to the pipe"),
    ("Writer._write_state", "STATE"),
    ("PageMaker.", "cursor, keys, freeing of rows"),
    ("ReadOrder.", "cursor, keys, freeing of rows"),
    ("DivisionWorker.", "workers, budget, token"),
    ("Writer.", "the writer, mostly waiting"),
)
_START = "start-up"
_LEAST = 0.005


def part_of(stack: str) -> str:
    """What a stack (frames from outermost to innermost, with semicolons) is about."""
    for mark, part in _PARTS:
        if mark in stack:
            return part
    return _START


def profile(bench: Bench) -> list[Section]:
    """Profile one run of the simplest kind.

    Raises:
        BenchmarkError: py-spy is missing or saw nothing.
    """
    if not PY_SPY.exists():
        raise BenchmarkError(f"{PY_SPY.relative_to(ROOT)} is missing: `make bench` prepares it")
    pages = bench.size(200, 2)
    bench.say(f"Profile of {pages * PAGE_ROWS:,} rows")
    bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
    command = bench.ours.sync(
        bench.ours.config(bench.pages.url), bench.ours.catalog({STREAM: [field.column for field in FIELDS]})
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        stacks = Path(home, "stacks")
        spy = [PY_SPY, "record", "--rate", str(_RATE), "--format", "raw", "--output", stacks, "--", *command]
        done = subprocess.run(
            list(map(str, spy)), cwd=home, env={**os.environ, **bench.ours.env, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode or not stacks.exists():
            raise BenchmarkError(f"py-spy: {done.stderr[-1000:]}")
        found: Counter[str] = Counter()
        for line in stacks.read_text(encoding="utf-8").splitlines():
            stack, _, count = line.rpartition(" ")
            found[part_of(stack)] += int(count)
    # py-spy itself slows imports down, whose stacks are deep; how long they take stands under start-up.
    found.pop(_START, None)
    everything = sum(found.values())
    if not everything:
        raise BenchmarkError("py-spy saw nothing but the start")
    head = ("part", "share after start-up")
    section = Section("profile", f"Where the CPU goes: {pages * PAGE_ROWS:,} rows", head)
    shares = [
        (part, count / everything) for part, count in found.most_common() if count / everything >= _LEAST
    ]
    section.rows = [(part, f"{share:.0%}") for part, share in shares]
    section.data = dict(shares)
    return [section]
