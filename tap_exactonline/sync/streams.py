"""The stream class: one for all endpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Catalog

from tap_exactonline.catalog import REMEDY, CatalogError
from tap_exactonline.config import Config
from tap_exactonline.connection import Connection
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.errors import DivisionError, StreamError
from tap_exactonline.sync.columns import Naming
from tap_exactonline.sync.convert import Codec
from tap_exactonline.sync.deletions import LOG, LOG_FIELDS
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.reading import Job, Reader
from tap_exactonline.sync.since import internal_fields
from tap_exactonline.sync.stream_maps import columns_used
from tap_exactonline.sync.values import AUDIT, utc_clock, wall_clock


class ExactStream(Stream):
    """An endpoint of Exact Online as a Singer stream.

    Runs are made by the engine, many divisions at a time. What the SDK does with a single stream (a dry run, a
    test) goes through :meth:`get_records`, one division after the other.
    """

    # The converter does it, once per selection instead of once per value.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(
        self, tap: Tap, endpoint: Endpoint, naming: Naming, config: Config, connection: Connection
    ) -> None:
        self.endpoint = endpoint
        self.naming = naming
        self._checked = config
        self._connection = connection
        self._whole_schema: dict[str, Any] | None = None
        self._emitted: frozenset[str] | None = None
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

    def job(self, *, with_fields: tuple[str, ...] = ()) -> Job:
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
            audit=utc_clock(self._checked.zone) if self._checked.utc else wall_clock,
        )
        self._check_fit(codec.columns)
        self._emitted = frozenset(codec.columns)
        columns = {
            field.name: self.naming.column(field)
            + (" (UTC)" if self._checked.utc and field.name in AUDIT else "")
            for field in fields
            if field.name not in internal
        }
        query = AdaptiveQuery(self.endpoint, fields, self.logger, with_fields)
        maps = self.config.get("stream_maps") or {}
        mapped = columns_used(maps, self.name, codec.columns)
        return Job(self.endpoint, codec, query, self.replication_key, columns=columns, mapped=mapped)

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

    def log_job(self) -> Job:
        """How the log of deletions is read when it serves other streams, too."""
        return self.job(with_fields=LOG_FIELDS if self.name == LOG else ())

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """All records, one division after the other; for the SDK's own runs of single streams."""
        job = self.job()
        connection = self._connection
        once = self.name == "system_divisions" or self.endpoint.login_wide
        for division in connection.chosen.selected[:1] if once else connection.chosen.selected:
            reader = Reader(
                connection.client, job, division, {}, start_date=self._checked.start_date, logger=self.logger,
                zone=self._checked.zone,
            )  # fmt: skip
            try:
                for batch in reader.batches():
                    yield from job.codec.dicts(batch.records)
            except (StreamError, DivisionError) as exc:
                self.logger.warning("%s", exc)
