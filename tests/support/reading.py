"""A reader without a tap: it reads from whatever stands in for the client."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from tap_exactonline.config import Config, parse
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.slots import WorkerSlots


@dataclass
class _Connection:
    client: Any
    config: Config


def context_of(client: Any, **settings: Any) -> RunContext:
    """What a reader needs of a run."""
    connection: Any = _Connection(client, parse(settings))
    stop = threading.Event()
    return RunContext(connection, LineWriter(), WorkerSlots(8, stop), stop, logging.getLogger("test"))
