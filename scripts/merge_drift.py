"""Take what is new at Exact into the catalogue: from what ``tap-exactonline drift --format json`` found.

    tap-exactonline drift --format json > drift.json
    python -m scripts.merge_drift drift.json
    make endpoints

New fields and new entity sets are added. All else is listed for a person to decide: a field that is gone or has another
type concerns tables that exist, and what a function does when it is called, ``$metadata`` does not say.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scripts.catalogue import FOLDER, Field, Resource, read, write

SOURCE = "$metadata"
Found = Mapping[str, Any]


def merge(
    resources: Iterable[Resource], found: Iterable[Found], month: str
) -> tuple[list[Resource], list[str]]:
    """Add what is new.

    Args:
        resources: The catalogue.
        found: The member ``differences`` of the document that ``drift`` writes.
        month: When it was found: ``2026-11``.

    Returns:
        The new catalogue, and a sentence for each difference that is left to a person or needs a second look.
    """
    known = {_address(resource): resource for resource in resources}
    said = []
    for one in found:
        address = (one["service"].startswith("beta/"), one["path"].removeprefix("beta/").lower())
        resource = known.get(address)
        if one["what"] == "new field" and resource is not None and one.get("edm"):
            known[address] = _with_field(resource, one, month)
        elif one["what"] == "new endpoint" and one.get("fields") and resource is None:
            known[address] = _new(known.values(), one, month)
            said.append(f"{one['path']}: added; look up scope, key and page in Exact's reference")
        else:
            said.append(f"{one['path']}: {one['what']} {one.get('name') or ''}".rstrip() + ": not merged")
    return list(known.values()), said


def _address(resource: Resource) -> tuple[bool, str]:
    return resource.beta, resource.path.lower()


def _with_field(resource: Resource, one: Found, month: str) -> Resource:
    if any(field.name == one["name"] for field in resource.fields):
        return resource
    return replace(resource, fields=(*resource.fields, _field(one["name"], one["edm"], month)))


def _field(name: str, edm: str, month: str | None = None, *, key: bool = False) -> Field:
    return Field(
        name=name, type=edm, key=key, nav=not edm.startswith("Edm."), added=month, type_source=SOURCE
    )


def _new(known: Iterable[Resource], one: Found, month: str) -> Resource:
    """A new resource, named as those beside it are."""
    path = one["path"].removeprefix("beta/")
    folder, _, name = path.rpartition("/")
    beta = one["service"].startswith("beta/")
    beside = next(
        resource
        for resource in sorted(known, key=lambda resource: (resource.kind == "function", resource.id))
        if resource.beta == beta and resource.path.rpartition("/")[0].lower() == folder.lower()
    )
    own = beside.id.rpartition("/")[2]
    kind = "single" if beside.kind == "function" else beside.kind
    names = list(one["fields"])
    return Resource(
        id=f"{beside.id.rpartition('/')[0]}/{name}",
        doc=f"{beside.doc.removesuffix(own)}{name}",
        uri=f"{beside.uri.rpartition('/')[0]}/{name}",
        kind=kind,
        status=f"added {month}",
        key=tuple(one["key"] or ()) or None,
        row_id=("ID" if "ID" in names else names[0]) if kind == "sync" else None,
        sources=(SOURCE,),
        fields=tuple(
            _field(field, edm, key=field in (one["key"] or ())) for field, edm in one["fields"].items()
        ),
    )


def main(arguments: list[str] | None = None) -> int:
    """Merge one document into the catalogue."""
    parser = argparse.ArgumentParser(prog="python -m scripts.merge_drift", description=__doc__)
    parser.add_argument("drift", type=Path, help="what `tap-exactonline drift --format json` wrote")
    parser.add_argument(
        "--month", default=f"{datetime.now(UTC):%Y-%m}", help="when it was found (this month)"
    )
    parser.add_argument("--catalogue", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    document = json.loads(options.drift.read_text(encoding="utf-8"))
    resources, said = merge(read(options.catalogue), document["differences"], options.month)
    write(resources, options.catalogue)
    print("\n".join([*said, "Look at `git diff catalogue`, then run `make endpoints`."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
