"""docs/models.md and its picture tell of the dbt package as it is."""

from __future__ import annotations

import re

from scripts import build_dbt_staging
from scripts.build_models import PAGE, PICTURE, behind_marts, page, parents, picture
from scripts.dbt import PACKAGE


def test_the_page_and_the_picture_are_those_of_the_package() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `make models`"
    assert picture(behind_marts()) == PICTURE.read_text(encoding="utf-8"), "run `make models`"


def test_the_generated_models_are_those_of_the_catalogue() -> None:
    files = build_dbt_staging.files()
    alone = {build_dbt_staging.SOURCES, build_dbt_staging.COUNTABLE}
    assert {*build_dbt_staging.FOLDER.iterdir()} | alone == files.keys()
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make models`"


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
