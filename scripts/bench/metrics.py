"""What METRIC lines cost: the CPU seconds in the call that writes them, as a share of those of the whole run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scripts.bench.model import Bench, Goal, Section, Spread
from scripts.bench.process import run
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from scripts.bench.waits import stand_in
from tap_exactonline.endpoints import load

# Two runs with and without differ by more than a percent for other reasons, so the call itself is measured.
_MEASURED = """
import sys, time
from pathlib import Path
from tap_exactonline.sync import writer
took, log_metrics = 0.0, writer.log_metrics
def measured(*arguments):
    global took
    began = time.thread_time()
    log_metrics(*arguments)
    took += time.thread_time() - began
writer.log_metrics = measured
from tap_exactonline.cli import main
result = sys.argv.pop(1)
try:
    main()
finally:
    Path(result).write_text(str(took))
"""


def metrics(bench: Bench) -> list[Section]:
    """Many rows of one stream, and few rows in each of many streams and administrations: the worst that can be."""
    pages, divisions, count = bench.size(200, 2), bench.size(20, 2), bench.size(30, 3)
    streams = [e.name for e in load() if e.kind == "sync" and e.name != "sync_deleted"][:count]
    bench.say("METRIC lines")
    section = Section(
        "metrics",
        "METRIC lines",
        ("rows", "streams x administrations", "METRIC lines", "CPU seconds", "of these in METRIC lines"),
    )
    many, few = [], []
    with stand_in(dict.fromkeys(streams, 20), divisions) as exact:
        for _ in range(bench.repeat):
            bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
            catalog = bench.ours.catalog({STREAM: [field.column for field in FIELDS]})
            many.append(_measure(bench, bench.ours.sync(bench.ours.config(bench.pages.url), catalog)))
            exact.clear_log()
            config = bench.ours.config(exact.url, access_token=exact.issue_access_token())
            few.append(_measure(bench, bench.ours.sync(config, bench.ours.catalog(dict.fromkeys(streams)))))
    for rows, reads, samples in (
        (pages * PAGE_ROWS, 1, many),
        (20 * len(streams) * divisions, len(streams) * divisions, few),
    ):
        section.rows.append(
            (
                f"{rows:,}",
                str(reads),
                Spread.of(lines for lines, _, _ in samples).text(".0f"),
                Spread.of(cpu for _, cpu, _ in samples).text(),
                Spread.of(took / cpu for _, cpu, took in samples).text(".2%"),
            )
        )
    section.data = {"many": many, "few": few}
    share = Spread.of(took / cpu for _, cpu, took in many)
    section.goals.append(
        Goal("METRIC lines in a run of many rows", "under 1 % of the CPU seconds", share.text(".2%"), share.median < 0.01)
    )  # fmt: skip
    return [section]


def _measure(bench: Bench, command: list[str | Path]) -> tuple[int, float, float]:
    """The number of METRIC lines, the CPU seconds of the run, and of these the seconds for the lines."""
    result = bench.ours.file(0)
    sample = run([sys.executable, "-c", _MEASURED, result, *command[1:]])
    return sample.log.count("METRIC: "), sample.cpu, json.loads(result.read_text())
