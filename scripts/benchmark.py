"""`make bench`: how fast the tap is, next to a stock SDK tap and to the floor under both.

Everything runs on this machine, against a page server or the stand-in for Exact Online; nothing leaves it. Variants
take turns, and each runs at least five times. A benchmark is no test: a missed goal is shown, and the exit code is 0.

    python -m scripts.benchmark                      all scenarios, about half an hour
    python -m scripts.benchmark --only rate,start-up
    python -m scripts.benchmark --against ../other   also measures the tap in another checkout
    python -m scripts.benchmark --json found.json --write-docs
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.bench import metrics, pipeline, profile, rates, report, waits
from scripts.bench.model import Bench, Section, goal_table, markdown
from scripts.bench.process import BenchmarkError, Ours, page_server

SCENARIOS: dict[str, Callable[[Bench], list[Section]]] = {
    "rate": rates.rate,
    "slow-path": rates.slow_path,
    "memory": rates.memory,
    "first-record": rates.first_record,
    "start-up": rates.start_up,
    "lanes": waits.lanes,
    "one-division": waits.one_division,
    "calls": waits.calls,
    "budget": waits.budget,
    "metrics": metrics.metrics,
    "pipeline": pipeline.pipeline,
    "scaling": waits.scaling,
    "profile": profile.profile,
}


def say(text: str) -> None:
    """Tell a person how far it is; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, str]:
    """Where the numbers come from."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    packages = {name: version(name) for name in ("singer-sdk", "msgspec", "requests", "urllib3")}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{model}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {number}" for name, number in packages.items()),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def arguments(words: list[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="scripts.benchmark", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", help=f"some scenarios, with commas: {', '.join(SCENARIOS)}")
    parser.add_argument("--repeat", type=int, default=5, help="how often each variant runs (default 5)")
    parser.add_argument(
        "--against", type=Path, action="append", default=[], help="another checkout of this repository"
    )
    parser.add_argument("--json", type=Path, help="write all numbers into this file")
    parser.add_argument(
        "--write-docs", action="store_true", help="put tables and pictures into docs/performance.md"
    )
    parser.add_argument("--smoke", action="store_true", help="sizes that only show that everything works")
    asked = parser.parse_args(words)
    asked.names = asked.only.split(",") if asked.only else list(SCENARIOS)
    unknown = [name for name in asked.names if name not in SCENARIOS]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    return asked


def main(words: list[str] | None = None) -> int:
    """Measure and tell."""
    asked = arguments(words)
    about = machine()
    sections: list[Section] = []
    with page_server() as pages, tempfile.TemporaryDirectory(prefix="bench-") as home:
        rivals = {}
        for path in asked.against:
            Path(home, path.resolve().name).mkdir()
            rivals[path.resolve().name] = Ours(Path(home, path.resolve().name), path.resolve())
        bench = Bench(pages, Ours(Path(home)), rivals, max(1, asked.repeat), asked.smoke, say)
        try:
            for name in asked.names:
                sections += SCENARIOS[name](bench)
        except BenchmarkError as error:
            say(f"benchmark: {error}")
            return 1
    about["load after"] = " ".join(f"{load:.2f}" for load in os.getloadavg())
    if asked.json:
        found = {
            "machine": about,
            "repeat": asked.repeat,
            "sections": [section.as_dict() for section in sections],
        }
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for section in sections:
        print(f"\n## {section.title}\n\n{markdown(section.head, section.rows)}")
    print(f"\n## Goals\n\n{goal_table(sections)}\n\n" + "\n".join(f"{k}: {v}" for k, v in about.items()))
    if asked.write_docs:
        report.write(about, sections)
        report.draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
