"""The generated staging models, docs/models.md and its lineage picture: ``python -m scripts.build_models``.

A test tells when that is due.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import yaml

from scripts import build_dbt_staging
from scripts.dbt import PACKAGE
from scripts.meltano_project import ROOT

PAGE = ROOT / "docs/models.md"
PICTURE = ROOT / "docs/images/models.svg"
_REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")
_SOURCE = re.compile(r"live_rows\('(\w+)'")
_MACRO = re.compile(r"items_by_age\(")
_BEGIN = "<!-- models: begin -->\n"
_END = "<!-- models: end -->\n"
_BOX = (330, 22)
_GAP = 8
_STYLE = (
    "path{fill:none;stroke:#8a94a6}rect{fill:#eef3fb;stroke:#5b7db1}text{font:12px monospace;fill:#1d2736}"
)
_COLUMNS = (10, 440, 870, 1300)


def described(folder: str) -> list[dict[str, Any]]:
    """The models of a folder with their descriptions, in the order of their file."""
    path = PACKAGE / "models" / folder / f"_{folder.rpartition('/')[2]}.yml"
    models: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    return models


def parents() -> dict[str, set[str]]:
    """Model → the models and sources that it is made of."""
    shared = (PACKAGE / "macros/items_by_age.sql").read_text(encoding="utf-8")
    found = {}
    for path in sorted((PACKAGE / "models").rglob("*.sql")):
        text = path.read_text(encoding="utf-8")
        text += shared if _MACRO.search(text) else ""
        found[path.stem] = {*_REF.findall(text), *_SOURCE.findall(text)}
    return found


def behind_marts() -> dict[str, set[str]]:
    """What the marts are made of, directly or not: the staging models that no mart reads are left out."""
    lineage = parents()
    wanted = {model["name"] for model in described("marts")}
    while more := {parent for name in wanted for parent in lineage.get(name, ())} - wanted:
        wanted |= more
    return {name: mine for name, mine in lineage.items() if name in wanted}


def levels(lineage: dict[str, set[str]]) -> list[list[str]]:
    """Sources, staging, the marts made of it, and the marts made of marts."""
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            depth[name] = max((deep(parent) + 1 for parent in lineage.get(name, ())), default=0)
        return depth[name]

    for name in lineage:
        deep(name)
    last = len(_COLUMNS) - 1
    columns: list[list[str]] = [[] for _ in _COLUMNS]
    for name in sorted(depth):
        columns[min(depth[name], last)].append(name)
    return columns


def picture(lineage: dict[str, set[str]]) -> str:
    """The lineage as SVG: what is made of what, from left to right."""
    width, height = _BOX
    columns = levels(lineage)
    places = {
        name: (x, 10 + row * (height + _GAP))
        for x, names in zip(_COLUMNS, columns, strict=True)
        for row, name in enumerate(names)
    }
    lines, boxes = [], []
    for name, mine in sorted(lineage.items()):
        for parent in sorted(mine):
            (x1, y1), (x2, y2) = places[parent], places[name]
            start, end = (x1 + width, y1 + height / 2), (x2, y2 + height / 2)
            if x1 == x2:
                start, end = (x1 + width, y1 + height / 2), (x2 + width, y2 + height / 2)
                curve = f"C{start[0] + 40} {start[1]} {end[0] + 40} {end[1]}"
            else:
                curve = f"C{start[0] + 50} {start[1]} {end[0] - 50} {end[1]}"
            lines.append(f'<path d="M{start[0]} {start[1]} {curve} {end[0]} {end[1]}"/>')
    for name, (x, y) in places.items():
        boxes.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
            f'<text x="{x + 8}" y="{y + 15}">{escape(name)}</text>'
        )
    tall = 20 + max(len(names) for names in columns) * (height + _GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_COLUMNS[-1] + width + 60} {tall}" role="img">',
            "<title>From the tap's tables through staging to the marts</title>",
            f"<style>{_STYLE}</style>",
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


def tables() -> str:
    """Each mart with its columns, then what staging has."""
    parts = []
    for model in described("marts"):
        parts += [f"### {model['name']}\n", model["description"] + "\n", "| column | meaning |", "|---|---|"]
        parts += [f"| `{column['name']}` | {column['description']} |" for column in model["columns"]]
        parts.append("")
    parts += ["## Staging\n", "| model | what it has |", "|---|---|"]
    models = described("staging") + described("staging/streams")
    parts += [f"| `{model['name']}` | {model['description']} |" for model in models]
    return "\n".join(parts) + "\n"


def page(text: str) -> str:
    """The page with its generated part renewed."""
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n{tables()}\n{_END}{tail}"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    build_dbt_staging.main()
    write(PICTURE, picture(behind_marts()))
    write(PAGE, page(PAGE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
