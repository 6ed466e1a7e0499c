"""Meltano changes its own line of the tracked meltano.yml and no other, so that a newcomer's tree stays clean."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.build_docs import ROOT
from scripts.meltano_project import Project


def test_meltano_leaves_the_file_as_it_is_committed(tmp_path: Path) -> None:
    committed = (ROOT / "meltano.yml").read_bytes()
    assert b"\nproject_id: " in committed
    project = Project(tmp_path / "project", {})
    project.root.mkdir()
    file = Path(shutil.copy(ROOT / "meltano.yml", project.root))

    def meltano(*arguments: str) -> None:
        done = project.run(*arguments)
        assert done.returncode == 0, done.stdout

    meltano("config", "list", "tap-exactonline")
    assert file.read_bytes() == committed

    meltano("config", "set", "tap-exactonline", "user_agent", "mine")
    added = [line for line in file.read_bytes().splitlines() if line not in committed.splitlines()]
    assert added == [b"      user_agent: mine"]
    meltano("select", "tap-exactonline", "crm_accounts", "*")

    meltano("select", "tap-exactonline", "--remove", "crm_accounts", "*")
    meltano("config", "unset", "tap-exactonline", "user_agent")
    assert file.read_bytes() == committed
