"""The login page says everything in both languages."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, get_args

from tap_exactonline.exact import errors
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.login.redirect import Kind
from tap_exactonline.login.web.texts import texts

PAGE = files("tap_exactonline.login").joinpath("page")


def names(tree: Any, path: str = "") -> dict[str, str]:
    """Path -> text of every leaf."""
    if isinstance(tree, dict):
        return {
            name: text for key, value in tree.items() for name, text in names(value, f"{path}.{key}").items()
        }
    return {path: tree if isinstance(tree, str) else " ".join(tree)}


def test_both_languages_say_the_same_things() -> None:
    english, dutch = (
        names({k: v for k, v in texts()[one].items() if k != "problems"}) for one in ("en", "nl")
    )
    assert english.keys() == dutch.keys()
    for name, text in english.items():
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", dutch[name])), name
    # English problems fall back on the sentence of the error itself; Dutch ones must be there.
    assert texts()["en"]["problems"].keys() <= texts()["nl"]["problems"].keys()


def test_dutch_has_words_for_every_failure() -> None:
    dutch = texts()["nl"]["problems"]
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ExactError)
    }
    assert len(kinds) > 20
    assert (kinds | set(get_args(Kind))) - dutch.keys() == set()


def test_the_page_asks_for_texts_that_exist() -> None:
    known = names(texts()["en"])
    html, script = (
        "".join(one.read_text(encoding="utf-8") for one in PAGE.iterdir() if one.name.endswith(ending))
        for ending in (".html", ".js")
    )
    asked = re.findall(r'data-(?:t|label)="([^"]+)"', html) + re.findall(r'\bt\("([a-z_.]+)"', script)
    assert len(asked) > 120
    assert [name for name in asked if f".{name}" not in known] == []


def test_both_say_who_can_not_consent_at_exact() -> None:
    for one in texts().values():
        assert "Exact Identity" in one["login"]["lead"]


def test_the_page_takes_nothing_from_elsewhere() -> None:
    for asset in PAGE.iterdir():
        text = asset.read_text(encoding="utf-8")
        foreign = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//[^"' )]+""", text)
        assert [one for one in foreign if "apps.exactonline.com" not in one and "w3.org" not in one] == [], (
            asset.name
        )
        assert " style=" not in text, "the content policy forbids it"
        assert not re.search(r"\son[a-z]+=", text), "the content policy forbids it"
