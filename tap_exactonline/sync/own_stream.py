"""Streams of the tap itself, not of Exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from singer_sdk import Stream, Tap

from tap_exactonline.sync.output import LineWriter
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
