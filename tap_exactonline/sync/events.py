"""What lanes are told, and what they tell the writer."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.permits import Permits
from tap_exactonline.sync.reading import Job
from tap_exactonline.sync.report import Outcome


@dataclass(slots=True)
class Payload:
    """Records of one stream.

    Attributes:
        job: The stream.
        content: RECORD lines, or plain records for the SDK's own path.
        count: How many.
        without: The fields that they lack because Exact refuses them; None if any schema of the stream fits them.
    """

    job: Job
    content: bytes | list[dict[str, Any]]
    count: int
    without: frozenset[str] | None = None


@dataclass(slots=True)
class Written:
    """A page, ready for the target.

    Attributes:
        payloads: Its records.
        changes: Stream → what its bookmark becomes once the payloads are written.
        done: Called when it is written: the lane may hand over its next page.
    """

    division: int
    payloads: list[Payload]
    changes: dict[str, dict[str, Any]]
    done: Callable[[], None]


@dataclass(slots=True)
class Ended:
    """A stream has ended in a division. ``changes`` are made to its bookmark."""

    job: Job
    outcome: Outcome
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class LaneOver:
    """A lane has no more divisions. ``error`` ends the whole run."""

    error: BaseException | None = None


@dataclass(slots=True)
class Settings:
    """What the lanes need to know of the configuration."""

    permits: Permits
    start_date: datetime | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Amsterdam"))
    tombstones: bool = False
    fast: bool = True


@dataclass(slots=True)
class Task:
    """A division and what to read in it; ``once`` for streams that are not of one division."""

    division: Division
    jobs: Sequence[Job]
    once: bool = False


Event = Written | Ended | LaneOver | None
"""None only wakes the writer, so that it sees a signal's flag."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of a run have in common.

    Attributes:
        tasks: What is still to be read; each lane takes the next.
        events: To the writer.
        client: The way to Exact.
        bookmark: A snapshot of what was delivered before, by stream and division; None for streams of the login.
        settings: The configuration.
        log_job: ``sync_deleted``, if deletions are written as tombstones.
        stop: Set to end the run.
        logger: Where remarks go.
    """

    tasks: queue.SimpleQueue[Task]
    events: queue.SimpleQueue[Event]
    client: ExactClient
    bookmark: Callable[[str, int | None], Mapping[str, Any]]
    settings: Settings
    log_job: Job | None
    stop: threading.Event
    logger: logging.Logger
