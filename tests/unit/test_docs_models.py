"""docs/models.md and its picture tell of the dbt package as it is."""

from __future__ import annotations

import re

from scripts.build_models import PAGE, PICTURE, page, parents, picture
from scripts.dbt import PACKAGE


def test_the_page_and_the_picture_are_those_of_the_package() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `make models`"
    assert picture(parents()) == PICTURE.read_text(encoding="utf-8"), "run `make models`"


def test_every_model_is_made_of_something() -> None:
    lineage = parents()
    assert len(lineage) > 20
    assert [name for name, mine in lineage.items() if not mine] == []


def test_every_variable_is_on_the_page() -> None:
    declared = set(
        re.findall(
            r"^  (exact_online_\w+):", (PACKAGE / "dbt_project.yml").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    told = set(re.findall(r"^\| `(exact_online_\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == declared
