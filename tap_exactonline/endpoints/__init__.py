"""What Exact Online offers, as data: one :class:`Endpoint` for each address that a plain GET can read.

The data lies in ``endpoints.json`` beside this file; ``make endpoints`` builds it from ``catalogue/``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from tap_exactonline.exact.context import RequestContext

Kind = Literal["sync", "bulk", "single", "read"]
FieldType = Literal[
    "string", "guid", "double", "decimal", "int16", "int32", "int64", "byte",
    "boolean", "datetime", "binary", "complex", "collection",
]  # fmt: skip


class Field(msgspec.Struct, frozen=True, array_like=True):
    """One property of an endpoint.

    Attributes:
        name: Exact's spelling, as ``$select`` wants it.
        column: The snake_case spelling under which it is emitted.
        type: The Edm type, lower case. ``complex`` is an inline object, ``collection`` a
            navigation property that arrives only with ``$expand``.
        hidden: Off by default: withdrawn, hidden in the reference, nested or binary.
    """

    name: str
    column: str
    type: FieldType
    hidden: bool = False


class Parameter(msgspec.Struct, frozen=True):
    """Something that is given other values from read to read (setting ``extra_streams``).

    Attributes:
        name: Exact's spelling.
        column: The column that says with which value a row was read.
        type: The Edm type, lower case.
        values: One read for each; dates are naive, in the administration's wall clock.
        literals: The same as Exact's literals.
        key: Part of the key.
        sent: Stands in the address. Otherwise it only fills a place in the filter.
    """

    name: str
    column: str
    type: FieldType
    values: tuple[Any, ...]
    literals: tuple[str, ...]
    key: bool = True
    sent: bool = True


class Endpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One address of the REST API, and how to read it.

    Attributes:
        name: Name of the stream: the path in snake_case.
        path: What follows ``/api/v1/{division}/`` (``/api/v1/beta/{division}/`` if ``beta``,
            ``/api/v1/`` if ``login_wide``).
        doc: ``name=`` of the page in Exact's REST reference.
        kind: ``sync`` and ``bulk`` give 1,000 rows a page, ``single`` 60, ``read`` all at once.
        scope: The scope that the app registration needs, as the reference writes it.
        entity: Names the same business object across single, bulk and sync.
        key: The business key without the division, in Exact's spelling.
        bookmark: The field that tells what is new, or None: full table each time.
        page_size: Rows a page; 0 where the service is not paged.
        filters: The only fields that may be filtered, where the reference lists them.
        selected: Part of the default selection.
        group: Names streams that are selected together or not at all: ``hr_payroll``.
        dated: Its rows tell of something that happened, so ``start_date`` applies. Otherwise other rows refer to them,
            and they are read whole.
        select_required: An answer without ``$select`` is refused.
        beta: Lies under ``/api/v1/beta``.
        login_wide: Belongs to the login, not to one administration.
        hr: Restarts when ``DivisionHRLinkUnlinkDate`` changes.
        entity_type: The number of the entity in ``sync/Deleted``.
        sync_timestamp: The name under which ``SyncTimestamp`` knows the endpoint.
        deprecated: The reference advises against it.
        write_only: Fields that Exact takes and never gives: no columns, and not new where ``$metadata`` names them.
        filter: Always part of ``$filter``; ``{name}`` stands for a parameter. As the next two, only in streams of
            the setting ``extra_streams``.
        parameters: One read for each combination of their values.
        definition: Tells one definition of the stream from another: bookmarks hold for one only.
        fields: The properties, without ``Division``: each row carries the division it was read from.
    """

    name: str
    path: str
    doc: str
    kind: Kind
    scope: str
    entity: str
    key: tuple[str, ...]
    page_size: int
    fields: tuple[Field, ...]
    bookmark: str | None = None
    filters: tuple[str, ...] | None = None
    selected: bool = False
    group: str | None = None
    dated: bool = False
    select_required: bool = False
    beta: bool = False
    login_wide: bool = False
    hr: bool = False
    entity_type: int | None = None
    sync_timestamp: str | None = None
    deprecated: bool = False
    write_only: tuple[str, ...] = ()
    filter: str | None = None
    parameters: tuple[Parameter, ...] = ()
    definition: str | None = None

    def asked_in(self, division: int | None) -> RequestContext:
        """What a request for its rows is about; the administration counts where the endpoint belongs to one."""
        return RequestContext(
            self.path, None if self.login_wide else division, self.name, self.scope, self.beta
        )

    def field(self, name: str) -> Field:
        """Return the field of that name (Exact's spelling); KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


class EntityType(msgspec.Struct, frozen=True, array_like=True):
    """A number in the log of deletions, and what it stands for."""

    code: int
    entity: str
    stream: str | None = None


class Catalogue(msgspec.Struct, frozen=True):
    """The whole data file."""

    entity_types: tuple[EntityType, ...]
    endpoints: tuple[Endpoint, ...]


@cache
def catalogue() -> Catalogue:
    """Read the data file once."""
    data = files(__package__).joinpath("endpoints.json").read_bytes()
    return msgspec.json.decode(data, type=Catalogue)


def load() -> tuple[Endpoint, ...]:
    """All endpoints, ordered by name."""
    return catalogue().endpoints


@cache
def _index() -> dict[str, Endpoint]:
    return {endpoint.name: endpoint for endpoint in load()}


def by_name(name: str) -> Endpoint:
    """Return the endpoint of a stream's name; KeyError if there is none."""
    return _index()[name]
