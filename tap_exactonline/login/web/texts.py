"""The page in English and Dutch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "nl")


@cache
def texts() -> dict[str, dict[str, Any]]:
    """Language → name → text."""
    found: dict[str, dict[str, Any]] = json.loads(
        files("tap_exactonline.login").joinpath("page", "texts.json").read_bytes()
    )
    return found


def language(accepted: str | None) -> str:
    """The language that a browser likes best, of those that there are (RFC 9110, Accept-Language)."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in (accepted or "").split(","):
        name, _, parameters = part.strip().partition(";")
        weight = 1.0
        if parameters.strip().startswith("q="):
            try:
                weight = float(parameters.strip()[2:])
            except ValueError:
                weight = 0.0
        short = name.strip().lower().partition("-")[0]
        if short in LANGUAGES and weight > best_weight:
            best, best_weight = short, weight
    return best


def fill(page: str, lang: str, message: str, more: Mapping[str, str]) -> str:
    """Put the language, and a message with its title, into a page."""
    values = {
        "lang": lang,
        "title": "",
        "text": "",
        "detail": "",
        "noscript": texts()[lang]["noscript"],
        **more,
    }
    if message:
        values["title"] = texts()[lang]["stop"][message][0]
        values["text"] = texts()[lang]["stop"][message][1]
    for name, value in values.items():
        page = page.replace("{{" + name + "}}", escape(value))
    return page
