"""Somebody who has nothing but the Hub's definition and Meltano gets the tables by the documented commands."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.build_docs import ROOT
from scripts.build_hub import PIP_URL
from scripts.meltano_project import MELTANO
from scripts.newcomer import (
    DIVISIONS,
    PASSWORD,
    commands,
    differences,
    hub,
    offer,
    play,
    read_along,
    stand_in,
    surroundings,
)
from scripts.postgres import embedded


def test_the_first_page_leads_to_tables(tmp_path: Path) -> None:
    for name in ("offered", "hub", "home"):
        (tmp_path / name).mkdir()
    exact = stand_in()
    with exact.serve(), hub(tmp_path / "hub") as root, embedded(tcp=True) as database:
        offered = offer(tmp_path / "offered")
        steps = list(play(tmp_path / "home", exact, database, hub_root=root, offered=offered))
        assert differences(exact, database) == {}

        # What the shell says wins over `.env`.
        home, project = tmp_path / "home", tmp_path / "home/exact"
        shell = surroundings(home, exact, hub_root=root, offered=offered)
        with (project / ".env").open("a", encoding="utf-8") as file:
            file.write(f"TAP_EXACTONLINE_DIVISIONS='[{DIVISIONS[0]}]'\n")
        listing = [str(MELTANO), "invoke", "tap-exactonline:divisions", "--format=json"]
        code, output = read_along(
            listing, project, shell | {"TAP_EXACTONLINE_DIVISIONS": f"[{DIVISIONS[1]}]"}
        )
        assert code == 0, output
        listed = json.loads(output[output.index("{\n") :])["divisions"]
        assert [one["division"] for one in listed if one["selected"]] == [DIVISIONS[1]]

    said = {step.command: step.output for step in steps}
    # Everything that begins with `meltano` was run, the login included.
    assert [step.command for step in steps] == [line for line in commands() if line.startswith("meltano ")]
    assert "Logged in" in said["meltano invoke tap-exactonline:login"]
    assert "A run would succeed" in said["meltano invoke tap-exactonline:check"]

    # It was the package that the definition names, and nothing of the project knows where this repository is.
    assert list(
        project.glob(".meltano/extractors/tap-exactonline/venv/lib/*/site-packages/tap_exactonline/tap.py")
    )
    written = (project / "meltano.yml").read_text(encoding="utf-8")
    assert PIP_URL in written
    assert str(ROOT) not in written
    # No secret lies where it would be committed, or was shown.
    for secret in (exact.client_secret, exact.client_id, database.url.password or PASSWORD):
        assert secret not in written
        assert secret in (project / ".env").read_text(encoding="utf-8")
    assert not [
        command for command, output in said.items() if exact.client_secret in output or PASSWORD in output
    ]
