"""The stream ``row_counts``: what Exact says how many rows there are."""

from __future__ import annotations

from singer_sdk import typing as th

from tap_exactonline.sync.own_stream import OwnStream
from tap_exactonline.sync.row_counts import ROW_COUNTS


class RowCountsStream(OwnStream):
    """One row for each selected stream and administration; a later run replaces it."""

    name = ROW_COUNTS
    selected_by_default = False
    primary_keys = ("division", "stream")
    schema = th.PropertiesList(
        th.Property("division", th.IntegerType, required=True, description="The administration."),
        th.Property("stream", th.StringType, required=True, description="The stream."),
        th.Property(
            "rows_at_exact",
            th.IntegerType,
            description="How many rows Exact has; empty if nobody can tell, and `reason` says why.",
        ),
        th.Property("counted_by", th.StringType, description="The endpoint that was asked."),
        th.Property("counted_at", th.DateTimeType, description="When, in UTC."),
        th.Property("reason", th.StringType, description="Why the rows were not counted."),
    ).to_dict()
