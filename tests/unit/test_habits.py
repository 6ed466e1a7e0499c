"""The habits of these tests: those that start programs say so, none measures time, and the short run leaves out no kind of stream."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench import profile
from tap_exactonline.endpoints import load
from tests.support.chosen_streams import ALL_STREAMS, chosen, one_of_each, traits

TESTS = Path(__file__).resolve().parents[1]
WATCH = TESTS / "support/programs.py"
PROGRAMS = """
import os, subprocess, sys, threading, pytest

def popen():
    subprocess.run([sys.executable, "-c", ""], check=True)

@pytest.fixture(scope="module")
def server():
    popen()

def test_quiet(): pass
def test_popen(): popen()
def test_in_a_thread():
    thread = threading.Thread(target=popen)
    thread.start()
    thread.join()
def test_fork():
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
def test_in_a_fixture(server): pass
@pytest.mark.process
def test_that_says_so(): raise AssertionError("left out")
"""


@pytest.mark.process
def test_a_test_that_starts_a_program_must_say_so(tmp_path: Path) -> None:
    shutil.copy(WATCH, tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = process: here too\n")
    (tmp_path / "test_programs.py").write_text(PROGRAMS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "not process", "-q", "-rA", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    words = (line.split()[:2] for line in done.stdout.splitlines() if "test_programs.py::" in line)
    outcomes = {name.partition("::")[2]: outcome for outcome, name in words}
    assert outcomes == {
        "test_quiet": "PASSED",
        "test_popen": "FAILED",
        "test_in_a_thread": "FAILED",
        "test_fork": "FAILED",
        "test_in_a_fixture": "ERROR",
    }, done.stdout + done.stderr
    assert "pytestmark = pytest.mark.process" in done.stdout


def test_nothing_is_asserted_about_the_time_that_something_took() -> None:
    """It depends on the machine. Count calls, waits or events instead, or look at their order."""
    clock = re.compile(
        r"\b(monotonic|perf_counter|process_time|time)(_ns)?\(\) - |\b(took|elapsed|duration)\b"
    )
    asserted = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in TESTS.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("assert ") and clock.search(line.partition(', "')[0])
    ]
    assert asserted == []


def test_the_chosen_streams_show_every_trait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALL_STREAMS, raising=False)
    few = chosen()

    every = frozenset[str]().union(*map(traits, load()))
    assert frozenset[str]().union(*map(traits, few)) == every
    assert {f"{kind}, key of 1" for kind in ("sync", "bulk", "single", "read")} <= every
    # Few enough to be read on every run.
    assert len(few) <= 40
    assert len(set(few)) == len(few)


def test_the_choice_is_the_same_each_time_and_all_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_of_each() == one_of_each()
    monkeypatch.setenv(ALL_STREAMS, "1")
    assert chosen() == load()


def test_the_profile_of_the_benchmark_names_what_there_is() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (TESTS.parent / "tap_exactonline").rglob("*.py")
    )
    wanted = [mark.split(".") for mark, _ in profile._PARTS]
    absent = [
        (owner, name)
        for owner, *rest in wanted
        for name in rest or [""]
        if not re.search(rf"^(class|def) {owner}\b", source, re.MULTILINE) or f"def {name}" not in source
    ]
    assert absent == []
