"""Streams of the tap itself, not of Exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.records.schema import KEY_TEXT
from tap_exactonline.sync.report import Status
from tap_exactonline.sync.row_counts import ROW_COUNTS
from tap_exactonline.sync.run_log import RUN_LOG
from tap_exactonline.sync.stream_maps import MappingFailed, described


class OwnStream(Stream):
    """A stream whose rows the tap makes. They have no bookmark and no version: nothing declares them gone.

    Args:
        tap: The tap.
        fast: Nothing is configured that needs the SDK's own path for each record.
    """

    def __init__(self, tap: Tap, *, fast: bool) -> None:
        super().__init__(tap)
        self._fast = fast

    def write(self, rows: Sequence[msgspec.Struct]) -> None:
        """Write the SCHEMA and the rows.

        Raises:
            MappingFailed: If a person's expression fails on a row.
            OutputError: If standard output takes no more.
        """
        self._write_schema_message()
        records = [cast("dict[str, Any]", msgspec.to_builtins(row)) for row in rows]
        if not self._fast:
            self._write_slowly(records)
            return
        output = self._tap.message_writer
        if not isinstance(output, LineWriter):
            raise TypeError("the message writer must be a LineWriter")
        columns = [name for name in self.schema["properties"] if self.mask[("properties", name)]]
        when = datetime.now(UTC).isoformat()
        for record in records:
            kept = {name: record[name] for name in columns}
            output.write_object(
                {"type": "RECORD", "stream": self.name, "record": kept, "time_extracted": when}
            )

    def _write_slowly(self, records: Iterable[dict[str, Any]]) -> None:
        for record in records:
            try:
                self._write_record_message(record)
            except (ValueError, TypeError, KeyError, ArithmeticError) as exc:
                raise MappingFailed(
                    f"stream_maps or flattening, stream {self.name}: {described(exc)}"
                ) from exc

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Nothing: a run of this stream alone has nothing to tell."""
        return ()


class RunLogStream(OwnStream):
    """The stream ``run_log``: what became of each run; written when it ends."""

    name = RUN_LOG
    selected_by_default = True
    primary_keys = ("run_id", "division", "stream")
    schema = th.PropertiesList(
        th.Property("run_id", th.UUIDType(max_length=36), required=True, description="The run."),
        th.Property(
            "division",
            th.IntegerType,
            required=True,
            description="The administration; 0 for what belongs to the login or to the run as a whole.",
        ),
        th.Property(
            "stream",
            th.StringType(max_length=KEY_TEXT),
            required=True,
            description="The stream. `*` stands for all streams of the administration that have no row of their own in this run; "
            "with division 0, for the run as a whole.",
        ),
        th.Property("connection", th.StringType, description="Which login."),
        th.Property("started", th.DateTimeType, description="When it began, in UTC."),
        th.Property(
            "ended", th.DateTimeType, description="When it ended, in UTC; empty if the run was killed."
        ),
        th.Property("seconds", th.NumberType, description="How long it took."),
        th.Property(
            "status",
            th.StringType,
            description=f"What became of it: {', '.join(Status)}.",
        ),
        th.Property("rows", th.IntegerType, description="Rows written."),
        th.Property("deletions", th.IntegerType, description="Deletions written into the stream itself."),
        th.Property("calls", th.IntegerType, description="Calls made."),
        th.Property(
            "calls_left_today",
            th.IntegerType,
            description="What the administration had left of its day at the end of the run.",
        ),
        th.Property("streams", th.IntegerType, description="How many streams the row speaks of."),
        th.Property("bookmark_before", th.StringType, description="The bookmark that the run found."),
        th.Property("bookmark_after", th.StringType, description="The bookmark that the run left."),
        th.Property("message", th.StringType, description="What happened."),
        th.Property("remedy", th.StringType, description="What to do about it."),
        th.Property(
            "again",
            th.StringType,
            description="When it makes sense to run again: `soon`, `person` (once somebody has acted), or a moment in UTC.",
        ),
    ).to_dict()


class RowCountsStream(OwnStream):
    """The stream ``row_counts``: what Exact says how many rows there are, replaced by a later run."""

    name = ROW_COUNTS
    selected_by_default = False
    primary_keys = ("division", "stream")
    schema = th.PropertiesList(
        th.Property("division", th.IntegerType, required=True, description="The administration."),
        th.Property("stream", th.StringType(max_length=KEY_TEXT), required=True, description="The stream."),
        th.Property(
            "rows_at_exact",
            th.IntegerType,
            description="How many rows Exact has; empty if nobody can tell, and `reason` says why.",
        ),
        th.Property("counted_by", th.StringType, description="The endpoint that was asked."),
        th.Property("counted_at", th.DateTimeType, description="When, in UTC."),
        th.Property("reason", th.StringType, description="Why the rows were not counted."),
    ).to_dict()


OWN_STREAMS = {kind.name: kind for kind in (RunLogStream, RowCountsStream)}
