"""Dagster, which needs no daemon for a run: all parts, twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.cluster.processes import processes
from scripts.cluster.world import ClusterError, World
from scripts.meltano_project import FOREIGN, ROOT, MissingEnvironmentError

PROGRAM = ROOT / ".venvs/dagster/bin/dagster"
FILES = (ROOT / "deploy/exact_parts.py", ROOT / "deploy/dagster/exact_online.py")
RUN_SECONDS = 600


def show_dagster(made: World, parts: int) -> None:
    """Load everything, change the source, and load the changes.

    Raises:
        ClusterError: A run fails, or something differs.
    """
    if not PROGRAM.exists():
        raise MissingEnvironmentError(f"{PROGRAM} is missing: run `make .venvs/dagster/.ready` in {ROOT}")
    home = made.home / "dagster"
    home.mkdir()
    for file in FILES:
        shutil.copy(file, home)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    settings = made.project("dagster") | {"EXACT_PARTS": str(parts), "DAGSTER_HOME": str(home)}
    for run in ("run-1", "run-2"):
        _run(run, made.home, settings)
        rows = made.compare()
        made.say(
            f"{run} is complete. Compared: {rows:,} rows in PostgreSQL equal their source in every column."
        )
        made.change()
    print(made.limits())


def _run(name: str, home: Path, settings: dict[str, str]) -> None:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "EXACT_"))
    }
    with processes(home) as running:
        running.start(
            name,
            [PROGRAM, "job", "execute", "-f", home / "dagster" / FILES[1].name, "-j", "exact_online"],
            inherited | settings,
        )
        code = running.wait(name, RUN_SECONDS)
        if code:
            end = running.log(name).read_text(errors="replace").splitlines()[-25:]
            raise ClusterError(
                f"{name} ended with {code}. The end of {running.log(name)}:\n" + "\n".join(end)
            )
