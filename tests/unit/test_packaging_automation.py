"""Workflows, Dependabot, forms and the Dockerfile: valid, pinned, and with no more rights than they need."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build_docs import ROOT
from tests.unit.test_packaging import declared_versions

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
_PINNED = re.compile(r"uses: (?:\./\S+(?: #.*)?|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$")


def program(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name(name)), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )


def load(path: Path) -> dict[str, Any]:
    # BaseLoader: `on` stays a word.
    found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert isinstance(found, dict)
    return found


@pytest.mark.process
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("dependabot", [GITHUB / "dependabot.yml"]),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
        ("meltano", [ROOT / "meltano.yml"]),
    ],
)
def test_files_are_valid(schema: str, files: list[Path]) -> None:
    assert files
    done = program("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.process
def test_zizmor_finds_nothing() -> None:
    done = program("zizmor", "--offline", "--no-progress", GITHUB, ROOT / ".pre-commit-config.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_name_their_version(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines()]
    used = [line for line in lines if line.startswith("uses:")]
    assert used
    assert [line for line in used if not _PINNED.match(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_given_by_job_and_only_publishing_has_more_than_reading(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    more = {
        name: {right for right, level in job["permissions"].items() if level == "write"}
        for name, job in workflow["jobs"].items()
    }
    expected = {
        "release.yml": {"publish": {"id-token"}, "announce": {"contents"}},
        "docs.yml": {"deploy": {"pages", "id-token"}},
    }
    assert {name: rights for name, rights in more.items() if rights} == expected.get(path.name, {})


def test_no_secret_is_used() -> None:
    assert not [path.name for path in WORKFLOWS if "secrets." in path.read_text(encoding="utf-8")]


def test_what_is_published_was_built_once_and_tested() -> None:
    jobs = load(GITHUB / "workflows/release.yml")["jobs"]
    assert jobs["publish"]["needs"] == ["build", "test"]
    builds = [name for name, job in jobs.items() if "hatchling build" in str(job.get("steps"))]
    assert builds == ["build"]
    # The tests install the very artifact that `publish` uploads.
    assert jobs["test"]["needs"] == "build"
    (built,) = steps(jobs["build"], "actions/upload-artifact")
    (published,) = steps(jobs["publish"], "actions/download-artifact")
    assert jobs["test"]["with"]["packages"] == built["with"]["name"] == published["with"]["name"]
    test = load(GITHUB / "workflows/test.yml")["jobs"]["test"]
    (tested,) = steps(test, "actions/download-artifact")
    assert tested["with"] == {"name": "${{ inputs.packages }}", "path": "dist"}
    assert "WHEEL=" in str(test["steps"][-1]["run"])


def steps(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The steps of a job that use an action."""
    return [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]


def test_every_declared_python_is_tested_and_macos_too() -> None:
    matrix = load(GITHUB / "workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == declared_versions()
    assert [one["system"].partition("-")[0] for one in matrix["include"]] == ["macos"]


def test_the_quick_job_comes_first() -> None:
    jobs = load(GITHUB / "workflows/test.yml")["jobs"]
    assert "make quick" in str(jobs["quick"])
    assert {job.get("needs") for name, job in jobs.items() if name != "quick"} == {"quick"}


def test_what_takes_long_runs_every_night() -> None:
    nightly = load(GITHUB / "workflows/nightly.yml")
    assert nightly["on"]["schedule"]
    called = {
        step["run"].split()[1] for job in nightly["jobs"].values() for step in job["steps"] if "run" in step
    }
    assert {"test-all", "prove", "pins", "test", "demo-dagster"} <= called


def test_workflows_call_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = [
        name
        for path in WORKFLOWS
        for name in re.findall(r"run: make ([a-z-]+)", path.read_text(encoding="utf-8"))
    ]
    assert len(called) > 5
    assert set(called) <= targets


def test_the_image_runs_as_somebody_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    orders = [line.split()[0] for line in lines if re.match(r"[A-Z]+ ", line)]
    final = orders[len(orders) - 1 - orders[::-1].index("FROM") :]
    assert "USER" in final
    assert final.index("USER") < final.index("ENTRYPOINT")
    assert "VOLUME /state" in lines
    assert not [line for line in lines if re.search(r"(ARG|ENV).*(SECRET|PASSWORD|REFRESH)", line)]


def test_the_image_is_built_from_nothing_but_the_wheel_and_the_pins() -> None:
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"
    ]
    assert ignored[0] == "*"
    copied = re.findall(
        r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {line.removeprefix("!") for line in ignored[1:]} == set(copied)


def test_hooks_call_programs_that_exist() -> None:
    hooks = load(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    called = {hook["entry"].split()[0] for hook in hooks if hook["language"] == "system"}
    assert called == {".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/pytest"}
    named = [word for hook in hooks for word in hook["entry"].split() if word.startswith("tests/")]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_nothing_asks_for_the_environment_of_make() -> None:
    """The tap under test is the one beside the Python that runs the tests: make's, uv's, tox's or an IDE's."""
    asking = re.compile(r"""["']\.venv[/"']""")
    files = [path for folder in ("tests", "scripts") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    named = {str(path.relative_to(ROOT)) for path in files if asking.search(path.read_text(encoding="utf-8"))}
    # This file names the programs that the hooks call.
    assert named == {str(Path(__file__).resolve().relative_to(ROOT))}
