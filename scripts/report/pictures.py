"""Photograph the demo's page for README.md, and take three charts for docs/models.md: ``python -m scripts.report.pictures``.

`make demo` comes first: the page is the one that it leaves in .demo.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from scripts.demo_books import PAGE
from scripts.meltano_project import ROOT

from .build import PYTHON

IMAGES = ROOT / "docs/images"
PICTURE = IMAGES / "report.png"
CHARTS = {
    "Revenue by month": "models-revenue",
    "Open items by age": "models-ages",
    "Monthly recurring revenue": "models-mrr",
}
_SIZE = ViewportSize(width=1180, height=1082)
_IMAGE = re.compile(r'<img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)">')
# A page of few colours needs no more than 128; Pillow is in the environment of the charts.
_SHRINK = """
import sys
from PIL import Image
with Image.open(sys.argv[1]) as picture:
    small = picture.convert("RGB").quantize(128, method=Image.Quantize.MAXCOVERAGE)
small.save(sys.argv[1], optimize=True)
"""


def photograph(page: Path, picture: Path) -> None:
    """The upper part of the page, as Chromium shows it."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport=_SIZE)
        shown.goto(page.resolve().as_uri())
        shown.screenshot(path=picture)
        browser.close()
    subprocess.run([PYTHON, "-c", _SHRINK, picture], check=True)


def main() -> None:
    """Write all pictures."""
    page = ROOT / ".demo" / PAGE
    photograph(page, PICTURE)
    written = [PICTURE]
    for title, code in _IMAGE.findall(page.read_text(encoding="utf-8")):
        if title in CHARTS:
            written.append(IMAGES / f"{CHARTS[title]}.svg")
            written[-1].write_bytes(base64.b64decode(code))
    for path in written:
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
