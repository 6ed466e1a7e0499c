"""What the Makefile installs is pinned to the last dependency of a dependency, and names no place to fetch it from."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.meltano_project import ROOT

FILES = sorted((ROOT / "constraints").glob("*.txt"))


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(line.split("==")[0]): line.split("==")[1]
        for line in lines
        if not line.startswith("#")
    }


def closure(requirements: list[str]) -> dict[str, str]:
    """Every distribution that these requirements bring into this environment, with its installed version."""
    found: dict[str, str] = {}
    queue = [(Requirement(text), "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # wanted on another platform only, or a marker that packaging reads differently
        found[name] = installed.version
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                queue += [(Requirement(text), wanted) for text in installed.requires or ()]
    return found


def test_everything_in_the_tap_s_environment_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    needed = closure(
        [
            *project["project"]["dependencies"],
            *groups["test"],
            *groups["lint"],
            *project["build-system"]["requires"],
        ]
    )
    assert len(needed) > 40
    wrong = {name: version for name, version in needed.items() if pins("dev").get(name) != version}
    assert not wrong, "constraints/dev.txt lacks these versions, or `make setup` did not run since it changed"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_constraints_are_exact_versions_and_name_no_host(path: object) -> None:
    lines = [
        line
        for line in (ROOT / "constraints" / str(path)).read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert len(lines) > 5
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line), line


def test_duckdb_stays_below_the_version_that_loses_rows() -> None:
    """With 1.3 and newer, target-duckdb 0.8.0 loses the first row of every batch."""
    major, minor = pins("target-duckdb")["duckdb"].split(".")[:2]
    assert (int(major), int(minor)) < (1, 3)
