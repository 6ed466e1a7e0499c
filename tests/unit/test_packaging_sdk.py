"""What we touch of the Singer SDK although it promises nothing about it: private names, and methods that it calls final.

pyproject.toml holds the SDK at one minor version for their sake. An upgrade begins here: the tests say which of them
have changed and where ours stands; look at both, then put the new fingerprint into the table.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from singer_sdk.plugin_base import SingerCommand

import tap_exactonline
from tap_exactonline.commands.group import TapGroup
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.streams import ExactStream
from tap_exactonline.tap import TapExactOnline

PACKAGE = Path(tap_exactonline.__file__).parent
OURS = (TapExactOnline, ExactStream, LineWriter, TapGroup)

# Name in the SDK → fingerprint of its source; for attributes of instances, of the line that makes them.
TOUCHED: dict[str, str] = {
    "singer_sdk.configuration._dict_config:parse_environment_config": "8795a086c3e4",
    "singer_sdk.helpers._batch:BaseBatchFileEncoding": "7bb7394bd4dd",
    "singer_sdk.helpers._batch:BatchConfig": "8554fc7fed4f",
    "singer_sdk.helpers._batch:StorageTarget": "5f84f1d9706b",
    "singer_sdk.helpers._classproperty:classproperty": "033fad34bfcf",
    "singer_sdk.helpers._util:load_json": "153066c79ac5",
    "singer_sdk.helpers:_typing": "4feb77e1a9c1",
    "singer_sdk.plugin_base:PluginBase._config": "9dd2f9b201ed",
    "singer_sdk.plugin_base:PluginBase._env_var_config": "4e00272a5767",
    "singer_sdk.plugin_base:PluginBase._setup_signal_handlers": "eb4287001bdd",
    "singer_sdk.plugin_base:PluginBase._validate_config": "0584b9e347e3",
    "singer_sdk.plugin_base:_ConfigInput": "9af0dd6ae980",
    "singer_sdk.streams.core:Stream._stream_maps": "a3b7fe25a8b3",
    "singer_sdk.streams.core:Stream._stream_version": "5d8b09bf175a",
    "singer_sdk.streams.core:Stream._tap": "9a764dd177cb",
    "singer_sdk.streams.core:Stream._write_activate_version_message": "b5295d35a81b",
    "singer_sdk.streams.core:Stream._write_record_message": "292b7bed3988",
    "singer_sdk.streams.core:Stream._write_schema_message": "4077b24e5440",
    "singer_sdk.tap_base:Tap._handle_termination": "2bb79ae47769",
    "singer_sdk.tap_base:Tap.run_connection_test": "ae205b5e8d68",
    "singer_sdk.tap_base:Tap.sync_all": "e4412393757b",
}


def theirs(name: str) -> type | None:
    """The SDK's class that has a name, of those that ours are made from."""
    for ours in OURS:
        for base in ours.__mro__[1:]:
            if base.__module__.startswith("singer_sdk") and (
                name in vars(base) or re.search(rf"self\.{name}\b.*=", inspect.getsource(base))
            ):
                return base
    return None


def imported() -> Iterator[tuple[str, Path]]:
    """Private modules and names that are imported."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "singer_sdk":
                for alias in node.names:
                    if any(part.startswith("_") for part in [*str(node.module).split("."), alias.name]):
                        yield f"{node.module}:{alias.name}", path


def used() -> Iterator[tuple[str, Path]]:
    """Private names of SDK classes that are called, read, set or overridden."""
    for path, tree in trees():
        bases = {
            base.id
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for base in node.bases
            if isinstance(base, ast.Name)
        }
        from_sdk = bool(bases & {"Tap", "Stream", "SingerCommand", "GenericSingerWriter"})
        for node in ast.walk(tree):
            name = None
            if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                name = node.attr if from_sdk or not own else None
            elif isinstance(node, ast.FunctionDef) and from_sdk and re.match(r"_[a-z]", node.name):
                name = node.name
            owner = theirs(name) if name else None
            if owner:
                yield f"{owner.__module__}:{owner.__qualname__}.{name}", path


def finals() -> Iterator[tuple[str, Path]]:
    """Methods that the SDK marks as final and that we override all the same."""
    for ours in OURS:
        for name in vars(ours):
            for base in ours.__mro__[1:]:
                member = vars(base).get(name)
                if getattr(member, "__final__", False) or getattr(
                    getattr(member, "fget", None), "__final__", False
                ):
                    yield f"{base.__module__}:{base.__qualname__}.{name}", Path(inspect.getfile(ours))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def places() -> dict[str, list[str]]:
    """Everything that we touch, and in which files."""
    found: dict[str, set[str]] = {}
    for source in (imported(), used(), finals()):
        for name, path in source:
            found.setdefault(name, set()).add(str(path.relative_to(PACKAGE.parent)))
    return {name: sorted(files) for name, files in sorted(found.items())}


def fingerprint(name: str) -> str:
    """A hash of the source of an SDK name; "gone" if there is none."""
    module_name, _, path = name.partition(":")
    try:
        value: object = importlib.import_module(module_name)
    except ImportError:
        return "gone"
    parent = value
    for part in path.split("."):
        parent, value = value, inspect.getattr_static(value, part, None)
    if isinstance(value, property):
        value = value.fget
    if not inspect.isclass(value):
        value = getattr(value, "__func__", value)
        value = getattr(value, "fget", value)
    try:
        text = inspect.getsource(value)  # type: ignore[arg-type]
    except TypeError:
        # An attribute of instances, or absent: what counts is how the class makes it.
        attribute = re.compile(rf"^\s*self\.{path.rsplit('.', 1)[-1]}\b.*=.*$", re.MULTILINE)
        text = "\n".join(attribute.findall(inspect.getsource(parent)))  # type: ignore[arg-type]
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "gone"


@pytest.mark.slow
def test_the_table_names_all_that_we_touch() -> None:
    assert sorted(TOUCHED) == sorted(places())


@pytest.mark.parametrize("name", sorted(TOUCHED))
def test_the_sdk_has_not_changed_it(name: str) -> None:
    now = fingerprint(name)
    assert now == TOUCHED[name], (
        f"singer-sdk has changed {name}. Compare it with what {', '.join(places().get(name, []))} expects, "
        f"then write {now!r} into the table"
    )


def test_nothing_is_gone() -> None:
    assert "gone" not in TOUCHED.values()


def test_a_change_would_be_seen() -> None:
    assert fingerprint("singer_sdk.tap_base:Tap.no_such_method") == "gone"
    assert fingerprint("singer_sdk.no_such_module:name") == "gone"
    assert fingerprint("singer_sdk.tap_base:Tap.sync_all") != fingerprint(
        "singer_sdk.tap_base:Tap.load_state"
    )
    assert issubclass(TapGroup, SingerCommand)
