"""docs/performance.md: tables between marks that this program owns, and pictures; the words around them are a person's."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scripts.bench.model import Goal, Section, goal_table, markdown
from scripts.bench.process import BenchmarkError
from scripts.meltano_project import ROOT

DOCUMENT = ROOT / "docs/performance.md"
PYTHON = ROOT / ".venvs/bench/bin/python"


def _filled(block: str, marks: re.Match[str]) -> str:
    return f"{marks[1]}\n{block}\n\n{marks[2]}"


def write(about: Mapping[str, str], sections: Sequence[Section], document: Path = DOCUMENT) -> None:
    """Replace the tables of the scenarios that ran. The numbers of the others stay, in a JSON file beside the document.

    So does what is said about the machine, to which the date and the load of this run are added.
    """
    numbers = document.with_suffix(".json")
    held = json.loads(numbers.read_text(encoding="utf-8")) if numbers.exists() else {"sections": []}
    known = {one["name"]: one for one in held["sections"]} | {one.name: one.as_dict() for one in sections}
    machine = _machine(held, about, sections)
    everything = [_section(one) for one in known.values()]
    text = document.read_text(encoding="utf-8")
    blocks = {section.name: markdown(section.head, section.rows) for section in everything}
    blocks["goals"] = goal_table(everything)
    blocks["machine"] = markdown(("what", "value"), list(machine.items()))
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(partial(_filled, block), text)
    document.write_text(text, encoding="utf-8")
    numbers.write_text(
        json.dumps({"machine": machine, "sections": list(known.values())}, indent=1) + "\n", encoding="utf-8"
    )


def _machine(
    held: Mapping[str, Any], about: Mapping[str, str], sections: Sequence[Section]
) -> Mapping[str, str]:
    """Where the numbers come from, if some of them are older than this run."""
    names = [one.name for one in sections]
    if {one["name"] for one in held["sections"]} <= set(names):
        return about
    load = "/".join(about.get(name, "?").split(" ")[0] for name in ("load before", "load after"))
    kept = {
        name: value
        for name, value in held.get("machine", {}).items()
        if not set(name.split(", ")) <= set(names)
    }
    return {**kept, ", ".join(names): f"{about['date']}, load {load}"}


def draw(document: Path = DOCUMENT) -> None:
    """Renew the pictures from the numbers beside the document.

    Raises:
        BenchmarkError: matplotlib's environment is missing or fails.
    """
    if not PYTHON.exists():
        raise BenchmarkError(f"{PYTHON.relative_to(ROOT)} is missing: `make bench` prepares it")
    words = [PYTHON, "-m", "scripts.bench.charts", document.with_suffix(".json"), document.parent / "images"]
    done = subprocess.run(list(map(str, words)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"no pictures: {done.stderr[-1000:]}")


def _section(one: Mapping[str, object]) -> Section:
    made = Section(**one)  # type: ignore[arg-type]
    made.goals = [Goal(**goal) for goal in made.goals]  # type: ignore[arg-type]
    return made
