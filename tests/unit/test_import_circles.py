"""Modules import one way: nothing that is imported imports back, not even for types. And each name is there once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tap_exactonline

ROOT = Path(tap_exactonline.__file__).parent


def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ("tap_exactonline", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (below & known.keys()) or {node.module}
    return names & known.keys()


def circles(start: str) -> list[list[str]]:
    """The ways that lead from modules below ``start`` back to themselves."""
    known = modules()
    graph = {name: imported(path, known) for name, path in known.items() if name.startswith(start)}
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for target in sorted(graph.get(name, ())):
                visit(target, [*way, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


@pytest.mark.parametrize("start", ["tap_exactonline"])
def test_nothing_imports_in_a_circle(start: str) -> None:
    assert any(name.startswith(start) for name in modules())
    assert circles(start) == []


def test_no_class_and_no_module_has_the_name_of_another() -> None:
    paths = [path for path in modules().values() if path.name != "__init__.py"]
    names = [path.stem for path in paths]
    classes = [
        node.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    for kind in (names, classes):
        assert sorted(kind) == sorted(set(kind)), {name for name in kind if kind.count(name) > 1}
