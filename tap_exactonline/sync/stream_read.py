"""A stream as it is read in this run: what is asked for, and what of it arrives in the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.sync.query import AdaptiveQuery
from tap_exactonline.sync.records.codec import Codec

LOG = "sync_deleted"
"""Exact's log of deletions."""

ONCE = frozenset({"system_divisions"})
"""Streams that list what the login sees: the same from every division, so they are read once."""


class StreamRead(msgspec.Struct):
    """One stream, as it is read in this run.

    Attributes:
        endpoint: What is read.
        codec: Reads and writes its pages.
        query: Its query, shared by all divisions.
        bookmark_column: Name of the bookmark's column, None for a full table.
        version: Version that each record carries, if versions are wanted.
        columns: Field → what of it arrives in the target: the column's name, and its clock and type if these are a choice.
        mapped: The columns from which the setting ``stream_maps`` computes something.
        maps: Tells one way in which settings change rows (stream maps, flattening, time zone) from another; empty if they do not.
    """

    endpoint: Endpoint
    codec: Codec
    query: AdaptiveQuery
    bookmark_column: str | None = None
    version: int | None = None
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    maps: str = ""
    _codecs: dict[frozenset[str], Codec] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.endpoint.name

    @property
    def once(self) -> bool:
        """Whether it belongs to the login, not to each division."""
        return self.endpoint.login_wide or self.name in ONCE

    def delivered(self) -> set[str]:
        """The columns that arrive, as far as is known by now."""
        refused = self.query.refused
        return {column for name, column in self.columns.items() if name not in refused}

    def codec_without(self, fields: frozenset[str]) -> Codec:
        """The codec of pages in which these fields were not asked for, since Exact refuses them."""
        if fields not in self._codecs:
            self._codecs[fields] = self.codec.without(fields)
        return self._codecs[fields]

    def missing(self, fields: frozenset[str]) -> frozenset[str]:
        """The columns that records lack if these fields were not asked for."""
        return frozenset(self.codec.columns) - frozenset(self.codec_without(fields).columns)

    def uses(self, fields: frozenset[str]) -> frozenset[str]:
        """Of the columns that hold these fields, those from which ``stream_maps`` compute something."""
        return self.mapped & self.missing(fields)

    def names(self, fields: Iterable[str]) -> str:
        """Fields for a person: ``City (column city)``."""
        emitted = set(self.codec.columns)
        named = [(name, self.codec.column(name)) for name in sorted(fields)]
        return ", ".join(f"{name} (column {column})" if column in emitted else name for name, column in named)

    def doubtful(self) -> set[str]:
        """The columns that Exact refused when it was asked for them last."""
        return {self.columns[name] for name in self.query.doubtful if name in self.columns}
