"""docs/connecting.md says what the code says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tap_exactonline.endpoints import load

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "connecting.md").read_text(encoding="utf-8")


def test_the_scopes_of_the_default_selection_are_listed() -> None:
    needed = Counter(e.scope for e in load() if e.selected and e.scope not in ("", "-"))
    listed = dict(re.findall(r"^\| (.+?) \| (\d+) \|$", PAGE, flags=re.MULTILINE))
    assert listed == {scope: str(count) for scope, count in needed.items()}


def test_every_picture_is_there_and_small() -> None:
    customers = (DOCS / "many-customers.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", PAGE + customers)
    assert len(pictures) > 10
    for picture in pictures:
        assert (DOCS / picture).stat().st_size < 150_000, picture
