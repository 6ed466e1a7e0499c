"""The catalogue of Exact's REST reference: one JSON file for each service in ``catalogue/``, in one spelling only.

``catalogue/README.md`` says where the facts come from. Members that hold their default are left out, so a file shows
what is special about a resource. A member that nobody knows is an error and not an addition.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).resolve().parents[1] / "catalogue"

Kind = Literal["single", "bulk", "sync", "function"]
Personal = Literal["yes", "maybe"]
MODIFIED = ("Modified", "modified", "sysmodified", "SysModified", "ModifiedDate")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all parts of the catalogue have in common."""


class Field(Strict, frozen=True):
    """One property of a resource.

    Attributes:
        name: Exact's spelling.
        type: ``Edm.Guid`` and so on; ``Collection(…)`` or the name of a type for what is nested.
        key: Marked as key in the reference.
        mandatory: Needed to create a row.
        webhook: Carries the reference's webhook icon.
        filter: Carries the reference's filter icon; see the README for where the icon can be trusted.
        nav: A navigation property or a complex type.
        obsolete: The reference calls it obsolete; ``obsolete_or_hidden`` where only one of the two is known.
        hidden: Hidden in the reference's table, or gone from it since.
        write_only: Taken by POST and PUT, never part of an answer.
        added: When it appeared: a year, or year and month.
        type_source: Where the type comes from, if not from the reference.
        scalar_result: Not a property: the value that a function gives.
        personal: ``yes`` if it tells something of a natural person, ``maybe`` if of a customer, supplier or bank account,
            behind which a person may stand; absent if of neither, or if it is free text. Our own judgement.
    """

    name: str
    type: str
    key: bool = False
    mandatory: bool = False
    webhook: bool = False
    filter: bool = False
    nav: bool = False
    obsolete: bool | str = False
    hidden: bool = False
    write_only: bool = False
    added: str | None = None
    type_source: str | None = None
    scalar_result: bool = False
    personal: Personal | None = None


class Parameter(Strict, frozen=True):
    """A parameter of a function. The name is None where it is not known."""

    name: str | None
    type: str | None


class Resource(Strict, frozen=True):
    """One page of Exact's reference.

    Attributes:
        id: Service and name: ``Sync/CRM/Accounts``. Unique.
        doc: ``name=`` of the page.
        uri: From ``/api/v1`` on.
        kind: ``function`` also for functions without parameters.
        entity: The id that names the business object which variants (single, bulk, sync) share; absent: its own id.
        methods: What the reference's index lists.
        scope: As the index writes it; None if it is not known.
        status: ``documented`` (in the reference of mid 2025), ``added …`` or ``withdrawn …``.
        key: As marked in the reference; None if no key is known. For sync that is Timestamp.
        row_id: Of a sync resource: the field that identifies the row.
        deprecated: The reference advises against it.
        select_mandatory: The reference says so.
        select_star_rejected: The reference says that ``$select=*`` does not work.
        allowed_filters: The only fields that the reference allows in ``$filter``.
        page_size: Where the reference says something else than 1,000 for bulk and sync and 60 for the others.
        modified_filterable: Whether the field that tells of changes may be filtered; None if the reference is silent.
        sync_timestamp: The function SyncTimestamp knows the resource by the last part of its id.
        parameters: Of a function; None if they are not known.
        sources: See the README.
        about_person: Each row is about one natural person: what they are, do, earn or may do. Our own judgement.
    """

    id: str
    doc: str
    uri: str
    kind: Kind
    entity: str | None = None
    methods: tuple[str, ...] = ("GET",)
    scope: str | None = None
    status: str = "documented"
    note: str | None = None
    key: tuple[str, ...] | None = None
    row_id: str | None = None
    deprecated: bool = False
    deprecation_note: str | None = None
    webhook: bool = False
    select_mandatory: bool = False
    select_star_rejected: bool = False
    allowed_filters: tuple[str, ...] | None = None
    page_size: int | None = None
    modified_filterable: bool | None = None
    sync_timestamp: bool = False
    parameters: tuple[Parameter, ...] | None = None
    parameters_source: str | None = None
    sources: tuple[str, ...] = ()
    about_person: bool = False
    fields: tuple[Field, ...] = ()

    @property
    def service(self) -> str:
        """The first part of the id."""
        return self.id.partition("/")[0]

    @property
    def path(self) -> str:
        """What follows the number of the administration in an address."""
        return re.sub(r"^/api/v1/(beta/)?(\{division\}/)?", "", self.uri)

    @property
    def beta(self) -> bool:
        """Whether it lies under ``/api/v1/beta``."""
        return self.uri.startswith("/api/v1/beta/")

    @property
    def login_wide(self) -> bool:
        """Whether the address names no administration."""
        return "{division}" not in self.uri

    @property
    def modified(self) -> str | None:
        """The field that tells when a row was changed."""
        names = {field.name for field in self.fields}
        return next((name for name in MODIFIED if name in names), None)

    @property
    def current(self) -> bool:
        """Whether it is still in the reference."""
        return not self.status.startswith("withdrawn")

    @property
    def plain_get(self) -> bool:
        """Whether a GET without parameters reads it."""
        return self.current and "GET" in self.methods and (self.kind != "function" or self.parameters == ())


def read(folder: Path = FOLDER) -> list[Resource]:
    """All resources, ordered by id.

    Raises:
        ValueError: A file is not as described here, names the file.
    """
    found: list[Resource] = []
    for file in sorted(folder.glob("*.json")):
        try:
            found += msgspec.json.decode(file.read_bytes(), type=list[Resource])
        except msgspec.DecodeError as exc:
            raise ValueError(f"{file.name}: {exc}") from exc
    return sorted(found, key=lambda resource: resource.id)


def write(resources: Iterable[Resource], folder: Path = FOLDER) -> None:
    """Write the files; see :func:`rendered`."""
    for name, text in rendered(resources).items():
        (folder / name).write_text(text, encoding="utf-8")


def rendered(resources: Iterable[Resource]) -> dict[str, str]:
    """Name of the file → its text: resources by id, a member a line, a field a line."""
    services: dict[str, list[Resource]] = defaultdict(list)
    for resource in sorted(resources, key=lambda resource: resource.id):
        services[resource.service.lower()].append(resource)
    return {
        f"{service}.json": "[\n" + ",\n".join(map(_object, members)) + "\n]\n"
        for service, members in services.items()
    }


def _object(resource: Resource) -> str:
    lines = [f"{json.dumps(name)}: {_value(value)}" for name, value in _members(resource)]
    return "{\n  " + ",\n  ".join(lines) + "\n}"


def _value(value: object) -> str:
    parts = [part for part in value if isinstance(part, Strict)] if isinstance(value, tuple) else []
    if not parts:
        return _line(value)
    return "[\n    " + ",\n    ".join(_line(dict(_members(part))) for part in parts) + "\n  ]"


def _members(part: Strict) -> Iterable[tuple[str, object]]:
    # msgspec's own omit_defaults keeps a text that is equal to the default but not the same object.
    for member in msgspec.structs.fields(part):
        value = getattr(part, member.name)
        if member.required or value != member.default:
            yield member.name, value


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
