"""What the parts of a run share, and what workers tell the writer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import msgspec
from singer_sdk.helpers._batch import BatchConfig

from tap_exactonline.config import Config
from tap_exactonline.connection import Connection
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.records.page import Payload
from tap_exactonline.sync.report import Outcome
from tap_exactonline.sync.slots import WorkerSlots
from tap_exactonline.sync.state.bookmark import Changes
from tap_exactonline.sync.stream_read import StreamRead


class PageReady(msgspec.Struct):
    """A page, ready for the target.

    Attributes:
        payloads: Its records.
        changes: Stream → what its bookmark becomes once the payloads are written.
        held: Released when it is written: the worker may hand over its next page, and another one may read a large answer.
    """

    division: int
    payloads: Sequence[Payload]
    changes: dict[str, Changes]
    held: Sequence[threading.Semaphore]


class StreamDone(msgspec.Struct):
    """A stream has ended in a division. ``changes`` are made to its bookmark."""

    read: StreamRead
    outcome: Outcome
    changes: Changes = msgspec.field(default_factory=Changes)


class WorkerDone(msgspec.Struct):
    """A worker has no more divisions. ``error`` ends the whole run."""

    error: BaseException | None = None


class RunContext(msgspec.Struct, frozen=True):
    """What all parts of a run share; made once.

    Attributes:
        connection: The way to Exact, and the settings.
        output: The door to the target. Only the writer uses it.
        slots: Slots for workers.
        stop: Set to end the run early.
        logger: Where a person reads along.
        fast: Nothing is configured that needs the SDK's own path for each record.
        versions: Table versions are wanted.
        batch: Where records are written into files instead of messages; None if they are not. Only with ``fast``.
    """

    connection: Connection
    output: LineWriter
    slots: WorkerSlots
    stop: threading.Event
    logger: logging.Logger
    fast: bool = True
    versions: bool = False
    batch: BatchConfig | None = None

    @property
    def client(self) -> ExactClient:
        """Reads from Exact."""
        return self.connection.client

    @property
    def config(self) -> Config:
        """The settings."""
        return self.connection.config


class Task(msgspec.Struct):
    """A division and what to read in it; ``once`` for streams that are not of one division."""

    division: Division
    reads: Sequence[StreamRead]
    once: bool = False


Event = PageReady | StreamDone | WorkerDone | None
"""None only wakes the writer, so that it sees a signal's flag."""
