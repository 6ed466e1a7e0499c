"""The stream ``run_log``: what became of each run."""

from __future__ import annotations

from singer_sdk import typing as th

from tap_exactonline.sync.own_stream import OwnStream
from tap_exactonline.sync.report import Status
from tap_exactonline.sync.run_log import RUN_LOG


class RunLogStream(OwnStream):
    """Rows about the run itself; written when it ends."""

    name = RUN_LOG
    selected_by_default = True
    primary_keys = ("run_id", "division", "stream")
    schema = th.PropertiesList(
        th.Property("run_id", th.UUIDType, required=True, description="The run."),
        th.Property(
            "division",
            th.IntegerType,
            required=True,
            description="The administration; 0 for what belongs to the login or to the run as a whole.",
        ),
        th.Property(
            "stream",
            th.StringType,
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
