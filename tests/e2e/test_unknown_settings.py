"""Under Meltano: what it sets itself passes in silence, what a person misspells does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.meltano_project import Project
from tests.exact_online import ExactOnline


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    exact = ExactOnline()
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(101, rows=2)
    with exact.serve():
        settings = {
            "TAP_EXACTONLINE_API_URL": exact.url,
            "TAP_EXACTONLINE_ACCESS_TOKEN": exact.issue_access_token(),
            "TARGET_JSONL_DESTINATION_PATH": str(tmp_path),
        }
        yield Project.create(tmp_path / "project", settings, select=["financial_journals.*"])


def change(project: Project, **config: object) -> None:
    """Put settings into meltano.yml, and add a plugin that inherits from the tap."""
    path = project.root / "meltano.yml"
    written = yaml.safe_load(path.read_text())
    extractors = written["plugins"]["extractors"]
    extractors[0].setdefault("config", {}).update(config)
    extractors.append({"name": "tap-exactonline-full", "inherit_from": "tap-exactonline"})
    path.write_text(yaml.safe_dump(written))


@pytest.mark.parametrize("plugin", ["tap-exactonline", "tap-exactonline-full"])
def test_what_meltano_sets_is_no_mistake(project: Project, plugin: str) -> None:
    change(project)
    done = project.run(
        "run", plugin, "target-jsonl",
        env={
            "TAP_EXACTONLINE__SELECT": '["financial_journals.*"]',
            "TAP_EXACTONLINE_FULL_RESERVE_CALLS": "5",
            "TAP_EXACTONLINE_LOGLEVEL": "INFO",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Complete" in done.stdout
    assert "no effect" not in done.stdout


def test_what_a_person_misspells_is_told(project: Project) -> None:
    change(project, divisons=[101])
    done = project.run(
        "run", "tap-exactonline", "target-jsonl", env={"TAP_EXACTONLINE_EXCLUDED_DIVISIONS": "[7]"}
    )
    assert done.returncode == 0, done.stdout
    assert (
        done.stdout.count("Setting 'divisons' is unknown and has no effect. Did you mean 'divisions'?") >= 1
    )
    assert "Did you mean TAP_EXACTONLINE_EXCLUDE_DIVISIONS?" in done.stdout
