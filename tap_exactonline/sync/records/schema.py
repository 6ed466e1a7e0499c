"""What a stream emits: its columns, their JSON Schema types, and which of them are selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tap_exactonline.endpoints import Endpoint, Field, catalogue
from tap_exactonline.endpoints.meanings import meaning
from tap_exactonline.sync.records.values import RANGES

DIVISION = "division"
DELETED_AT = "_sdc_deleted_at"

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": ["string", "null"]},
    # The length is for databases without such a type, whose keys may not be texts of any length.
    "guid": {"type": ["string", "null"], "format": "uuid", "maxLength": 36},
    "double": {"type": ["number", "null"]},
    "decimal": {"type": ["number", "null"]},
    **{
        kind: {"type": ["integer", "null"], "minimum": lowest, "maximum": highest}
        for kind, (lowest, highest) in RANGES.items()
    },
    "boolean": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "binary": {"type": ["string", "null"]},
    "complex": {"type": ["object", "null"], "additionalProperties": True},
    "collection": {"type": ["array", "null"], "items": {"type": "object", "additionalProperties": True}},
}

KEY_TEXT = 255
"""The `maxLength` of a text in a key: databases limit keys to 900 (SQL Server) or 3,072 bytes (MySQL). Exact's codes are far shorter."""


def column_types() -> dict[str, dict[str, Any]]:
    """Type of a field → the JSON Schema of its column."""
    return {kind: dict(schema) for kind, schema in _TYPES.items()}


_DELETED = (
    "When the row was deleted in Exact Online, by the clock of the administration; null as long as it is not."
)

# Log of deletions: what the number stands for, and in which stream the deleted row was.
_ENTITIES = {entry.code: entry for entry in catalogue().entity_types}
COMPUTED: Mapping[str, tuple[tuple[str, str, Callable[[Any], Any]], ...]] = {
    "sync_deleted": (
        ("entity", "EntityType", lambda code: entry.entity if (entry := _ENTITIES.get(code)) else None),
        ("stream", "EntityType", lambda code: entry.stream if (entry := _ENTITIES.get(code)) else None),
    ),
}


class Naming(msgspec.Struct, frozen=True):
    """How columns are called and which fields are offered.

    Attributes:
        exact: Keep Exact's spelling instead of snake_case (setting ``column_names``).
        hidden: Offer hidden, obsolete and nested fields too (setting ``hidden_fields``).
        tombstones: Deletions are written into the entity's stream (setting ``deletions``).
    """

    exact: bool = False
    hidden: bool = False
    tombstones: bool = False

    def column(self, field: Field) -> str:
        """The name under which a field is emitted."""
        return field.name if self.exact else field.column

    def parameters(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The columns that say with which parameters a row was read."""
        return tuple(
            f"parameter_{parameter.name}" if self.exact else parameter.column
            for parameter in endpoint.parameters
        )

    def fields(self, endpoint: Endpoint) -> list[Field]:
        """The fields offered: those that hold data for everybody, unless all are asked for."""
        return [field for field in endpoint.fields if self.hidden or not field.hidden]

    def has_tombstones(self, endpoint: Endpoint) -> bool:
        """Whether deletions of this endpoint's rows are written into its own stream."""
        return self.tombstones and endpoint.kind == "sync" and endpoint.entity_type is not None

    def key(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The key columns: the division and the business key."""
        given = zip(endpoint.parameters, self.parameters(endpoint), strict=True)
        business = (*(name for one, name in given if one.key), *self._business(endpoint))
        return business if endpoint.login_wide else (DIVISION, *business)

    def _business(self, endpoint: Endpoint) -> tuple[str, ...]:
        return tuple(self.column(endpoint.field(name)) for name in endpoint.key)

    def bookmark(self, endpoint: Endpoint) -> str | None:
        """The column that tells what is new, or None for a full table."""
        return self.column(endpoint.field(endpoint.bookmark)) if endpoint.bookmark else None

    def schema(self, endpoint: Endpoint) -> dict[str, Any]:
        """The JSON Schema of the stream's records."""
        key = self.key(endpoint)
        properties: dict[str, Any] = {
            DIVISION: {**_TYPES["int32"], "description": "Number of the administration."}
        }
        for one, column in zip(endpoint.parameters, self.parameters(endpoint), strict=True):
            described = f"The parameter {one.name} that the row was read with."
            properties[column] = {**_TYPES[one.type], "description": described}
        for field in self.fields(endpoint):
            properties[self.column(field)] = {**_TYPES[field.type], "description": meaning(field)}
        for column, _, _ in COMPUTED.get(endpoint.name, ()):
            described = meaning(Field(column, column, "string"))
            properties[column] = {**_TYPES["string"], "description": described}
        if self.has_tombstones(endpoint):
            properties[DELETED_AT] = {**_TYPES["datetime"], "description": _DELETED}
        for column in key:
            kept = properties[column]
            kept["type"] = kept["type"][:1]
            if kept["type"] == ["string"] and "format" not in kept:
                kept["maxLength"] = KEY_TEXT
        return {"type": "object", "properties": properties}

    def chosen(self, endpoint: Endpoint, selected: set[str]) -> list[Field]:
        """The fields to ask for: the selected columns, the key and the bookmark, in Exact's order."""
        needed = {*endpoint.key, endpoint.bookmark}
        return [
            field for field in self.fields(endpoint) if field.name in needed or self.column(field) in selected
        ]
