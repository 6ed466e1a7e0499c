"""A part of `make attack`, with a fixed seed; and the attack itself, which must see what it looks for."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scripts.attack import __main__ as command
from scripts.attack import damage, files, forks, links, memory, mutate, report, secrets, wire
from scripts.attack.model import Effort, Figure, Tally
from tap_exactonline.exact import odata
from tap_exactonline.exact.urls import Link

QUICK: dict[ModuleType, float] = {damage: 0.1, links: 0.2}
PROGRAMS: dict[ModuleType, float] = {secrets: 0.2, files: 0.02, memory: 0.1}


def wrong(figures: list[Figure]) -> list[str]:
    assert all(one.tried for one in figures)
    return [f"{one.what}: {one.result}" for one in figures if one.bad]


@pytest.mark.slow
@pytest.mark.parametrize("theme", QUICK, ids=lambda theme: theme.__name__.rpartition(".")[2])
def test_nothing_goes_wrong(theme: ModuleType) -> None:
    assert wrong(theme.attack(Effort(seed=20261128, scale=QUICK[theme]))) == []


@pytest.mark.slow
def test_nothing_goes_wrong_on_the_line() -> None:
    assert wrong(wire.attack(Effort(seed=20261128, scale=0.1))) == []


@pytest.mark.process
@pytest.mark.parametrize("theme", PROGRAMS, ids=lambda theme: theme.__name__.rpartition(".")[2])
def test_nothing_goes_wrong_with_the_command(theme: ModuleType) -> None:
    assert wrong(theme.attack(Effort(seed=20261128, scale=PROGRAMS[theme]))) == []


# -- the attack sees what it looks for ---------------------------------------------------------------


def test_an_exception_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(body: bytes) -> Any:
        return json.loads(body)

    monkeypatch.setattr(odata, "decode_json", fragile)
    figures = damage.attack(Effort(seed=1, scale=0.03))
    assert any("JSONDecodeError" in one.result for one in figures)


def test_a_link_that_leaves_the_endpoint_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Link, "is_of", lambda *_args, **_named: True)
    (figure,) = links.attack(Effort(seed=1, scale=0.2))
    assert "left the endpoint" in figure.result


@pytest.mark.process
def test_a_traceback_and_an_odd_end_of_the_command_are_seen(tmp_path: Path) -> None:
    ended = forks.run(["--version"], tmp_path)
    assert (ended.code, ended.trouble) == (0, "")
    assert "tap-exactonline" in ended.out
    for name, trouble in (("Traceback (most recent call last)", "traceback"), ("fine", "")):
        assert forks.Ended(1, "", name).trouble == trouble
    assert forks.Ended(None, "", "").trouble
    assert forks.Ended(255, "", "").trouble


def test_time_that_is_up_leaves_out_the_rest() -> None:
    figures = damage.attack(Effort(seed=1, deadline=0.0))
    assert [one.tried for one in figures] == [0] * len(figures)


def test_a_disturbed_document_is_still_one_that_ends() -> None:
    effort = Effort(seed=5)
    for _ in range(2_000):
        json.dumps(mutate.disturb({"a": [{"b": 1}, "x"], "c": {}}, effort.chance))


# -- the report --------------------------------------------------------------------------------------


def figures() -> list[Figure]:
    tally = Tally(tried=1234)
    good = tally.figure("doors", "open")
    tally.went_wrong("window", "open")
    return [good, tally.figure("windows", "open")]


def test_the_table_tells_how_often_what_went_wrong() -> None:
    lines = report.table(figures())
    assert lines[0].split() == ["what", "tried", "result"]
    assert lines[1].split() == ["doors", "1,234", "0", "open"]
    assert lines[2].split() == ["windows", "1,234", "1:", "1", "x", "window"]


def test_the_document_gets_new_figures_and_keeps_the_rest(tmp_path: Path) -> None:
    document = tmp_path / "security.md"
    document.write_text("# A\n\n<!-- figures -->\nold\n<!-- figures: end -->\n\nB\n")
    report.write(figures(), "Measured today.", document)
    text = document.read_text()
    assert text.startswith("# A\n\n<!-- figures -->\n\nMeasured today.\n\n| what | tried | result |\n")
    assert text.endswith("| windows | 1,234 | 1: 1 x window |\n\n<!-- figures: end -->\n\nB\n")
    assert "old" not in text
    document.write_text("nothing")
    with pytest.raises(ValueError, match="has no"):
        report.write(figures(), "", document)


def test_the_figures_in_the_documentation_are_of_a_whole_attack_in_which_nothing_went_wrong() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    rows = [
        line.split("|")
        for line in text[text.index("<!-- figures -->") :].splitlines()
        if line.startswith("| ")
    ]
    told = {row[1].strip(): (row[2].strip(), row[3].strip()) for row in rows[1:]}
    assert len(told) == 25
    assert told["damaged pages of rows, seven streams"] == ("12,000", "0 exceptions, 0 broken lines")
    assert all(result.startswith("0 ") or "MB at most" in result for _, result in told.values())


def test_figures_of_a_part_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(command, "write", lambda *given: written.append(given))
    monkeypatch.setattr(command, "THEMES", {"damage": -1})
    monkeypatch.setattr("signal.alarm", lambda _seconds: None)
    monkeypatch.setattr("sys.argv", ["attack", "--write-docs"])
    assert command.main() == 1
    assert written == []


def test_the_attack_ends_by_itself() -> None:
    assert sum(command.THEMES.values()) <= command._HARD_LIMIT
    assert command._HARD_LIMIT == 600
