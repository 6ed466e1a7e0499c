"""The benchmark itself: that it measures what it says. How fast anything is, no test asks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.bench import report
from scripts.bench.model import Goal, Section
from scripts.bench.process import LAUNCH, BenchmarkError, run
from scripts.meltano_project import ROOT


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    numbers = tmp_path_factory.mktemp("bench") / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmark", "--smoke", "--repeat=1", "--json", numbers,
         "--only=rate,memory,first-record,one-division,calls"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    read: dict[str, Any] = json.loads(numbers.read_text())
    read["text"] = done.stdout
    return read


def section(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["sections"] if one["name"] == name)


def test_every_variant_reads_every_row(found: dict[str, Any]) -> None:
    # A variant that misses rows ends the benchmark with an error, so numbers mean that all were read.
    for name, rows in (("rate", 4000), ("rate-partitions", 8000)):
        data = section(found, name)["data"]
        assert set(data) == {"stock SDK tap", "this tap", "floor"}
        assert all(one["rows"] == rows and one["wall"][0] > 0 and one["cpu"][0] > 0 for one in data.values())
        assert all(10 < one["peak_mb"][0] < 2000 for one in data.values())


def test_calls_are_counted_not_estimated(found: dict[str, Any]) -> None:
    data = section(found, "calls")["data"]
    assert data["nothing_new"] == data["needed"] == 2 * 3
    assert data["sync_financial_transaction_lines"] == {"calls": 3, "rows": 2500}


def test_the_first_record_comes_after_the_first_byte(found: dict[str, Any]) -> None:
    data = section(found, "first-record")["data"]
    assert 0 < data["after_first_byte"][0] < data["after_start"][0]


def test_each_goal_is_told_with_its_number_and_whether_it_is_met(found: dict[str, Any]) -> None:
    goals = [goal for one in found["sections"] for goal in one["goals"]]
    assert len(goals) >= 10
    for goal in goals:
        assert goal["measured"] in found["text"]
        assert isinstance(goal["met"], bool)
    assert {"processor", "system", "packages", "load before"} <= set(found["machine"])


def test_a_program_that_fails_ends_the_benchmark_with_its_own_words() -> None:
    with pytest.raises(BenchmarkError, match="cannot go on"):
        run([sys.executable, "-c", "raise SystemExit('cannot go on')"])


def test_peak_memory_is_that_of_the_program_and_not_of_who_started_it() -> None:
    here = bytearray(200 * 2**20)
    sample = run([sys.executable, "-I", "-S", "-c", "print('x' * 1000)"])
    assert len(here) == 200 * 2**20
    assert sample.peak_mb < 60, f"{LAUNCH.name} hands on the memory of its caller"
    assert (sample.lines, sample.bytes) == (1, 1001)


def test_only_the_blocks_of_scenarios_that_ran_are_replaced(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(
        "a\n<!-- rate -->\nold\n<!-- end -->\nb\n<!-- memory -->\nkept\n<!-- end -->\n<!-- goals -->\n<!-- end -->\n"
        "<!-- machine -->\n<!-- end -->\n"
    )
    one = Section(
        "rate",
        "t",
        ("variant", "rows/s"),
        rows=[("this tap", r"\1 1,000")],
        goals=[Goal("w", "7", "8", met=True)],
    )
    report.write({"date": "2026-01-01"}, [one], document)
    text = document.read_text()
    assert re.search(r"this tap \| \\1 1,000", text)
    assert "old" not in text
    assert "kept" in text

    two = Section(
        "memory", "t", ("what", "MB"), rows=[("20,000 rows", "64")], goals=[Goal("m", "9", "9", met=False)]
    )
    report.write({"date": "2026-01-02"}, [two], document)
    text = document.read_text()
    assert "20,000 rows" in text
    assert "| w " in text, "the goals of a scenario that did not run again are gone"
    assert "| m " in text
    assert "2026-01-01" in text, "the date of the older numbers is gone"
    assert "2026-01-02" in text


def test_the_document_has_a_place_for_every_table() -> None:
    from scripts.benchmark import SCENARIOS

    text = report.DOCUMENT.read_text(encoding="utf-8")
    for name in {*SCENARIOS, "rate-partitions", "pipeline-small", "nothing-new", "goals", "machine"}:
        assert f"<!-- {name} -->" in text, name
