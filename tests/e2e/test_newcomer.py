"""Somebody who has nothing but the wheel, the Hub's definition and Meltano gets the tables by the documented commands."""

from __future__ import annotations

from pathlib import Path

from scripts.build_docs import ROOT
from scripts.newcomer import build_wheel, commands, differences, hub, play, stand_in
from scripts.postgres import Postgres


def test_the_first_page_leads_to_tables(tmp_path: Path, database: Postgres) -> None:
    for name in ("dist", "hub", "home"):
        (tmp_path / name).mkdir()
    exact = stand_in()
    with exact.serve(), hub(tmp_path / "hub") as root:
        wheel = build_wheel(tmp_path / "dist")
        steps = list(play(tmp_path / "home", wheel, exact, database, hub_root=root))
        assert differences(exact, database) == {}

    said = {step.command: step.output for step in steps}
    # Everything that begins with `meltano` was run, the login included.
    assert [step.command for step in steps] == [line for line in commands() if line.startswith("meltano ")]
    assert "Logged in" in said["meltano invoke tap-exactonline:login"]
    assert "A run would succeed" in said["meltano invoke tap-exactonline:check"]

    # It was the installed package, and nothing of the project knows where this repository is.
    project = tmp_path / "home/exact"
    assert list(
        project.glob(".meltano/extractors/tap-exactonline/venv/lib/*/site-packages/tap_exactonline/tap.py")
    )
    assert str(ROOT) not in (project / "meltano.yml").read_text(encoding="utf-8")
    # No secret lies where it would be committed.
    assert exact.client_secret not in (project / "meltano.yml").read_text(encoding="utf-8")
