"""Build the data files in ``tap_exactonline/endpoints`` from the catalogue of Exact's REST reference.

``endpoints.json`` holds what a plain GET can read, ``functions.json`` the functions that want parameters. The only
inputs are ``catalogue/*.json`` (facts) and ``endpoint_choices`` (what we decide)::

    make endpoints

A test compares the built files with what lies in the package. Review the difference before you commit it: names,
keys and types are promises to somebody's tables.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scripts.catalogue import Field, Resource, read
from scripts.dated import is_dated
from scripts.endpoint_choices import DEFAULT, ENTITY_TYPES, FAILING, FUNCTION_KEYS, GROUPS, NESTED, PLAIN
from tap_exactonline.endpoints.spelling import LONGEST, column, field_type, stream

FOLDER = Path(__file__).resolve().parents[1] / "tap_exactonline" / "endpoints"


def key_of(resource: Resource) -> list[str]:
    """The business key without the division (sync: the entity's id, as Timestamp changes with each update)."""
    if resource.kind == "sync":
        return [str(resource.row_id)]
    return [name for name in resource.key or () if name != "Division"]


def fields(resource: Resource) -> list[list[Any]]:
    """The fields that the tap offers, as rows of the data file."""
    needed = {*key_of(resource), "Timestamp"}
    offered = [field for field in resource.fields if field.name != "Division" and not field.write_only]
    return [_field(field, needed) for field in offered]


def _field(field: Field, needed: set[str]) -> list[Any]:
    kind = field_type(field.type)
    hidden = (field.hidden or bool(field.obsolete) or kind in NESTED) and field.name not in needed
    row: list[Any] = [field.name, column(field.name), kind]
    return [*row, True] if hidden else row


def bookmark_of(resource: Resource) -> str | None:
    """The field that tells what is new, unless the reference says that it may not be filtered."""
    if resource.kind == "sync":
        return "Timestamp"
    if resource.modified_filterable is False or resource.login_wide:
        return None
    return resource.modified


def kind_of(resource: Resource) -> str:
    """The stream's kind: ``read`` is what Exact computes, with or without parameters."""
    if resource.kind == "function" or (resource.kind == "single" and resource.path.startswith("read/")):
        return "read"
    return resource.kind


def group_of(resource: Resource) -> str | None:
    """The name of the group that the endpoint belongs to."""
    service = resource.path.split("/")[-2].lower()
    return next(
        (
            name
            for name, (services, without) in GROUPS.items()
            if service in services and resource.id not in without
        ),
        None,
    )


def endpoint(resource: Resource) -> dict[str, Any]:
    """One entry of the data file of endpoints."""
    kind = kind_of(resource)
    name = "system_me" if resource.id == "System/Me" else stream(resource.path)
    last = resource.id.rpartition("/")[2]
    codes = {sync: code for code, (_, sync) in ENTITY_TYPES.items() if sync}
    group = group_of(resource)
    entry: dict[str, Any] = {
        "name": name,
        "path": resource.path,
        "doc": resource.doc,
        "kind": kind,
        "scope": resource.scope or "",
        "entity": resource.entity or resource.id,
        "key": key_of(resource),
        "page_size": {"sync": 1000, "bulk": 1000, "single": 60, "read": 0}[kind],
    }
    optional = {
        "bookmark": bookmark_of(resource),
        "filters": resource.allowed_filters if kind == "bulk" else None,
        "selected": (kind == "sync" and group is None) or name in DEFAULT,
        "group": group,
        "dated": is_dated(resource.id),
        "select_required": kind in {"sync", "bulk"},
        "beta": resource.beta,
        "login_wide": resource.login_wide,
        "hr": resource.path.split("/")[-2].lower() in {"hrm", "payroll"},
        "entity_type": codes.get(resource.id),
        "sync_timestamp": last if resource.sync_timestamp else None,
        "deprecated": resource.deprecated,
        "write_only": [field.name for field in resource.fields if field.write_only],
    }
    entry.update({key: value for key, value in optional.items() if value not in (None, False, [])})
    return entry | {"fields": fields(resource)}


def function(resource: Resource) -> dict[str, Any]:
    """One entry of the data file of functions; no parameters if not all of their names are known."""
    entry: dict[str, Any] = {
        "path": resource.path,
        "doc": resource.doc,
        "scope": resource.scope or "",
        "key": resource.key or FUNCTION_KEYS.get(resource.id, []),
        "page_size": resource.page_size or 60,
    }
    parameters = resource.parameters
    if parameters and all(parameter.name for parameter in parameters):
        entry["parameters"] = [[parameter.name, field_type(str(parameter.type))] for parameter in parameters]
    flags = {"plain": resource.id in PLAIN, "beta": resource.beta}
    entry.update({name: True for name, true in flags.items() if true})
    if resource.id in FAILING:
        entry["failing"] = FAILING[resource.id]
    return entry | {"fields": fields(resource)}


def functions(resources: Iterable[Resource]) -> dict[str, Any]:
    """The data file of functions, and the names of what only takes POST."""
    current = [resource for resource in resources if resource.current]
    wanted = [
        resource
        for resource in current
        if resource.kind == "function" and "GET" in resource.methods and not resource.plain_get
    ]
    return {
        "actions": sorted(resource.path for resource in current if "GET" not in resource.methods),
        "functions": sorted(map(function, wanted), key=lambda entry: str(entry["path"])),
    }


def endpoints(resources: Sequence[Resource]) -> dict[str, Any]:
    """The data file of endpoints."""
    plain = [resource for resource in resources if resource.plain_get]
    entries = sorted(map(endpoint, plain), key=lambda entry: str(entry["name"]))
    by_path = {entry["path"]: entry["name"] for entry in entries}
    names = {resource.id: by_path[resource.path] for resource in plain}
    check(entries, {sync for _, sync in ENTITY_TYPES.values() if sync} - set(names))
    return {
        "entity_types": [
            [code, entity, *([names[sync]] if sync else [])] for code, (entity, sync) in ENTITY_TYPES.items()
        ],
        "endpoints": entries,
    }


def check(endpoints: list[dict[str, Any]], missing: set[str]) -> None:
    """Refuse data that would make wrong streams."""
    names = [entry["name"] for entry in endpoints]
    problems = [f"stream {name} twice" for name in set(names) if names.count(name) > 1]
    problems += [f"{name} is longer than {LONGEST} characters" for name in names if len(name) > LONGEST]
    problems += [f"unknown default stream {name}" for name in DEFAULT - set(names)]
    problems += [f"entity type refers to unknown {name}" for name in missing]
    for entry in endpoints:
        columns = [field[1] for field in entry["fields"]]
        if len(set(columns)) < len(columns):
            problems.append(f"{entry['name']}: a column twice")
        known = {field[0] for field in entry["fields"]}
        problems += [f"{entry['name']}: key {key} is no field" for key in set(entry["key"]) - known]
        if entry.get("bookmark") and entry["bookmark"] not in known:
            problems.append(f"{entry['name']}: bookmark is no field")
    if problems:
        sys.exit("\n".join(problems))


def dump(data: dict[str, Any]) -> str:
    """JSON with one field a line: differences stay readable."""
    text = json.dumps(data, ensure_ascii=False, indent=1)
    flat = re.sub(
        r"\[\s+((?:\"[^\"\n]*\"|-?\d+|true|false)(?:,\s+(?:\"[^\"\n]*\"|-?\d+|true|false))*)\s+\]",
        _one_line,
        text,
    )
    return flat + "\n"


def _one_line(match: re.Match[str]) -> str:
    return "[" + re.sub(r",\s+", ", ", match[1]) + "]"


def built(resources: Sequence[Resource]) -> dict[str, str]:
    """Name of the data file → its text."""
    return {
        "endpoints.json": dump(endpoints(resources)),
        "functions.json": dump(functions(resources)),
    }


def main() -> None:
    """Write the data files."""
    for name, text in built(read()).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    main()
