"""Meltano prints the configuration without what must stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.meltano_project import Project

SECRETS = {
    "TAP_EXACTONLINE_TOKEN_STORE": "postgresql://me:hunter2-store@db.example/x",
    "TAP_EXACTONLINE_TOKEN_STORE_PASSPHRASE": "hunter2-passphrase",
    "TAP_EXACTONLINE_CLIENT_SECRET": "hunter2-app",
    "TAP_EXACTONLINE_REFRESH_TOKEN": "hunter2-refresh",
    "TAP_EXACTONLINE_ACCESS_TOKEN": "hunter2-access",
}


@pytest.mark.parametrize(
    "command", [("print",), ("print", "--format", "env"), ("list",)], ids=["print", "env", "list"]
)
def test_meltano_hides_every_secret(tmp_path: Path, command: tuple[str, ...]) -> None:
    project = Project.create(tmp_path / "project", SECRETS)
    action, *options = command

    done = project.run("config", action, "tap-exactonline", *options)

    assert done.returncode == 0, done.stdout
    assert "token_store" in done.stdout.lower()
    assert "hunter2" not in done.stdout
