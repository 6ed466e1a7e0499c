"""Draws the charts and writes the page."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from scripts.meltano_project import ROOT, MissingEnvironmentError

from .figures import Books, Figures, figures
from .page import page

PYTHON = ROOT / ".venvs/report/bin/python"


class ReportError(RuntimeError):
    """The charts cannot be drawn; the text is the end of what was said."""


def draw(found: Figures, folder: Path) -> dict[str, Path]:
    """Draw the charts as SVG.

    Returns:
        Name of the chart → its file in the folder.

    Raises:
        MissingEnvironmentError: matplotlib's environment is missing.
        ReportError: Drawing failed.
    """
    if not PYTHON.exists():
        raise MissingEnvironmentError(f"{PYTHON.relative_to(ROOT)} is missing: run `make setup`")
    done = subprocess.run(
        [PYTHON, "-m", "scripts.report.charts", folder.resolve()],
        cwd=ROOT,
        input=json.dumps(found),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise ReportError(f"no charts: {done.stderr[-1000:]}")
    return {path.stem: path for path in sorted(folder.glob("*.svg"))}


def write(books: Books, path: Path) -> None:
    """Write the page; what :func:`draw` raises passes through."""
    found = figures(books)
    with tempfile.TemporaryDirectory() as folder:
        charts = {name: svg.read_text(encoding="utf-8") for name, svg in draw(found, Path(folder)).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found, charts), encoding="utf-8")
