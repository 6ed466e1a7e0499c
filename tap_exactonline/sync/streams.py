"""The stream class: one for all endpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from msgspec.structs import replace
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import StreamMapConfigError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import PluginMapper, RemoveRecordTransform, StreamMap
from singer_sdk.singerlib import Catalog, Metadata, MetadataMapping

from tap_exactonline.catalog import REMEDY, CatalogError
from tap_exactonline.endpoints import Endpoint, Field
from tap_exactonline.exact.errors import DivisionError, SettingsError, StreamError
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.deletions import LOG_FIELDS
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.records.codec import Codec
from tap_exactonline.sync.records.schema import DELETED_AT, Naming
from tap_exactonline.sync.records.values import AUDIT, utc_clock, wall_clock
from tap_exactonline.sync.start import internal_fields
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.stream_maps import (
    MappingFailed,
    columns_used,
    described,
    fingerprint,
    for_deletions,
)
from tap_exactonline.sync.stream_read import LOG, StreamRead


class ExactStream(Stream):
    """An endpoint of Exact Online as a Singer stream.

    Runs are made by the writer and its workers, many divisions at a time. What the SDK does with a single stream (a dry run, a
    test) goes through :meth:`get_records`, one division after the other.
    """

    # The converter does it, once per selection instead of once per value.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, endpoint: Endpoint, naming: Naming, run: RunContext) -> None:
        self.endpoint = endpoint
        self.naming = naming
        self._run = run
        self._checked = run.config
        self._whole_schema: dict[str, Any] | None = None
        self._emitted: frozenset[str] | None = None
        self._maps_for_deletions: list[StreamMap] | None = None
        self.selected_by_default = endpoint.selected
        super().__init__(tap, schema=naming.schema(endpoint), name=endpoint.name)
        self.primary_keys = naming.key(endpoint)
        self.replication_key = naming.bookmark(endpoint)

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over what a catalog may say of the stream: selection, types, and another key.

        Which column tells new rows from old ones is the endpoint's matter, not the catalog's.
        """
        super().apply_catalog(catalog)
        self.replication_key = self.naming.bookmark(self.endpoint)
        if self.replication_key and self.forced_replication_method == "FULL_TABLE":
            self.logger.warning(
                "Catalog: stream %s: the replication method FULL_TABLE has no effect; it is read from its bookmark on. "
                "`tap-exactonline reset` lets the next run read it from the beginning",
                self.name,
            )

    @property
    def metadata(self) -> MetadataMapping:
        """What the catalog says of the stream and its columns.

        With tombstones, their mark is always selected: without it a target would empty a deleted row and keep it.
        """
        found = super().metadata
        mark = found.get(("properties", DELETED_AT))
        if mark is not None and self.naming.has_tombstones(self.endpoint):
            mark.inclusion = Metadata.InclusionType.AUTOMATIC
        return found

    def reading(self, *, with_fields: tuple[str, ...] = ()) -> StreamRead:
        """How the stream is read with the current selection.

        Args:
            with_fields: Fields that are needed although they may not be selected.

        Raises:
            CatalogError: If the catalog describes a table that can't hold the rows.
        """
        selected = {
            crumb[1] for crumb, on in self.mask.items() if on and len(crumb) > 1 and crumb[0] == "properties"
        }
        fields = self.naming.chosen(self.endpoint, selected)
        names = {field.name for field in fields}
        needed = {*internal_fields(self.endpoint, self._checked.start_date), *with_fields}
        internal = frozenset(needed - names)
        fields = [field for field in self.endpoint.fields if field.name in names | internal]
        codec = Codec(
            self.endpoint,
            fields,
            self.naming,
            selected=selected,
            internal=internal,
            audit=utc_clock(self._checked.timezone) if self._checked.utc else wall_clock,
        )
        self._check_fit(codec.columns)
        self._emitted = frozenset(codec.columns)
        if codec.tombstones and not self._run.fast:
            self._maps_for_deletions = self._map_deletions(codec.columns)
        columns = {field.name: self._arrives_as(field) for field in fields if field.name not in internal}
        query = AdaptiveQuery(self.endpoint, fields, self.logger, with_fields)
        maps = self.config.get("stream_maps") or {}
        changed = fingerprint(
            self.config,
            self.name,
            removed=any(isinstance(made, RemoveRecordTransform) for made in self._registered_maps()),
            nested=any(field.type in ("complex", "collection") for field in fields),
            zone=str(self._checked.timezone)
            if self._checked.utc and any(field.name in AUDIT for field in self.endpoint.fields)
            else None,
        )
        return StreamRead(
            self.endpoint,
            codec,
            query,
            self.replication_key,
            columns=columns,
            mapped=columns_used(maps, self.name, codec.columns),
            maps=changed,
        )

    def _arrives_as(self, field: Field) -> str:
        """What of a field arrives: its column, and its clock and its type where these are a choice.

        Values that did not fit the type that somebody wrote into ``extra_streams`` became null.
        """
        clock = " (UTC)" if self._checked.utc and field.name in AUDIT else ""
        kind = f" ({field.type})" if self.endpoint.definition else ""
        return self.naming.column(field) + clock + kind

    def write_schema(self, without: frozenset[str]) -> None:
        """Write the SCHEMA as the target should know it from now on.

        Columns that no record has are not in it: a damaged catalog may have some, and a target would fill them with null.

        Args:
            without: Columns that the records to come do not have.
        """
        whole = self._whole_schema = self._whole_schema or self.stream_maps[0].raw_schema
        columns = {
            name: kind
            for name, kind in whole["properties"].items()
            if name not in without and (self._emitted is None or name in self._emitted)
        }
        if columns != self.stream_maps[0].raw_schema["properties"]:
            # The SDK's own path: maps and flattening are made for one schema.
            self._tap.mapper.register_raw_stream_schema(
                self.name, {**whole, "properties": columns}, self.primary_keys
            )
            self._stream_maps = None
        self._write_schema_message()

    def write_records(self, records: Iterable[dict[str, Any]], version: int | None = None) -> None:
        """Write plain records on the SDK's own path, which makes stream maps and flattening.

        Raises:
            MappingFailed: If a person's expression fails on a row.
            OutputError: If standard output takes no more.
        """
        self._stream_version = version  # a record without would be taken for gone at the end
        for record in records:
            try:
                self._write_record_message(record)
            except OutputError:
                raise
            except Exception as exc:
                raise MappingFailed(
                    f"stream_maps or flattening, stream {self.name}: {described(exc)}"
                ) from exc

    def write_tombstones(self, records: Iterable[dict[str, Any]], version: int | None = None) -> None:
        """Write records that say that rows were deleted; stream maps change as much of them as there is.

        Raises:
            MappingFailed: If a person's expression fails on a row.
            OutputError: If standard output takes no more.
        """
        ordinary, self._stream_maps = self._stream_maps, self._maps_for_deletions
        try:
            self.write_records(records, version)
        finally:
            self._stream_maps = ordinary

    def write_activation(self, version: int) -> None:
        """Write the ACTIVATE_VERSION of the stream: rows of older versions are gone."""
        self._write_activate_version_message(version)

    def _registered_maps(self) -> Sequence[StreamMap]:
        """The SDK's maps of the stream; none if it is not selected, as the log of deletions may be."""
        return self._tap.mapper.stream_maps.get(self.name, ())

    def _map_deletions(self, columns: Collection[str]) -> list[StreamMap]:
        """The SDK's maps for records that have a key and the moment of a deletion.

        Raises:
            SettingsError: If the maps leave no way to tell the target of a deletion.
        """
        stamp = self.naming.column(self.endpoint.field("Timestamp"))
        held = {*self.naming.key(self.endpoint), stamp, DELETED_AT}
        maps = for_deletions(self.config.get("stream_maps") or {}, columns, held)
        mapper = PluginMapper({**self.config, "stream_maps": maps}, self.logger)
        whole = self.stream_maps[0].raw_schema
        kept = {name: kind for name, kind in whole["properties"].items() if name in held}
        try:
            mapper.register_raw_stream_schema(self.name, {**whole, "properties": kept}, self.primary_keys)
        except StreamMapConfigError as exc:
            raise SettingsError(
                "stream_maps",
                f"stream {self.name}: no deletion could be told to the target: {described(exc)}",
                f"Let the key be made of {', '.join(self.naming.key(self.endpoint))} alone, or set deletions: log",
            ) from exc
        for stream_map in self._registered_maps():
            removed = isinstance(stream_map, RemoveRecordTransform)
            if not removed and DELETED_AT not in stream_map.transformed_schema["properties"]:
                raise SettingsError(
                    f"stream_maps.{stream_map.stream_alias}",
                    f"it takes the column {DELETED_AT} away, by which `deletions: tombstones` marks a deleted row",
                    f"Add `{DELETED_AT}: {DELETED_AT}` to it, or set deletions: log",
                )
        return mapper.stream_maps[self.name]

    def _check_fit(self, emitted: Collection[str]) -> None:
        types = self.effective_schema.get("properties") or {}
        for column in emitted:
            if column not in types:
                raise CatalogError(
                    f"Catalog: stream {self.name!r}: the column {column!r} has no type. {REMEDY}"
                )
        for column in self.primary_keys:
            if column not in emitted:
                raise CatalogError(
                    f"Catalog: stream {self.name!r}: {column!r} is part of the key and not among the selected columns. "
                    f"{REMEDY}"
                )

    def reading_the_log(self) -> StreamRead:
        """How the log of deletions is read when it serves other streams, too."""
        return self.reading(with_fields=LOG_FIELDS if self.name == LOG else ())

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """All records, one division after the other; for the SDK's own runs of single streams."""
        run = replace(self._run, fast=False)
        read = self.reading()
        divisions = run.connection.chosen.selected
        for division in divisions[:1] if read.once else divisions:
            try:
                for batch in Reader(run, read, division, Bookmark()).batches():
                    for payload in batch.payloads:
                        yield from cast("list[dict[str, Any]]", payload.content)
            except (StreamError, DivisionError) as exc:
                self.logger.warning("%s", exc)
