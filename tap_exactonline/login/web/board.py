"""``tap-exactonline web``: the page of all connections.

Answers are plain values for JSON. None of them ever holds a secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from tap_exactonline.config import Config, parse
from tap_exactonline.exact.auth.store import Snapshot, StoredConnection
from tap_exactonline.kept_connections import (
    ConnectionRow,
    named,
    pause,
    remove,
    rename,
    row_of,
    shown,
    snapshots,
)
from tap_exactonline.login.web.flow import JsonObject, text_in
from tap_exactonline.login.web.server import IDLE, serve

_AT_ONCE = 1.5
"""Seconds that one answer may spend on records: those that are encrypted take a tenth of a second each."""


class Board:
    """The connections of one app, and what they did.

    Args:
        config: Which app, which store.
        clock: Seconds that never jump.
    """

    pages: ClassVar[Mapping[str, str]] = {"/": "board.html"}
    watched: ClassVar[bool] = True

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._rows: dict[tuple[str, str], tuple[object, ConnectionRow]] = {}
        self._reading = threading.Lock()
        self.finished = False

    @property
    def redirect_uri(self) -> str:
        """Where Exact sends a person back to."""
        return ""

    def landed(self, query: str, state: str | None) -> None:
        """Nobody is logging in."""

    def views(self) -> dict[str, Callable[[], JsonObject]]:
        """What the page may look at, by name."""
        return {"connections": self.connections}

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], JsonObject]]:
        """What the page may ask for, by name."""
        return {
            "runs": self.runs,
            "pause": self.pause,
            "rename": self.rename,
            "remove": self.remove,
            "finish": self.finish,
        }

    def connections(self) -> JsonObject:
        """All connections. Those that could not be read in time are counted, and come in one of the next answers."""
        with self._reading:
            kept = [self._row(snapshot) for snapshot in self._snapshots()]
        return {
            "client_id": self._config.client_id,
            "connections": [{**asdict(row), "state": row.state} for row in kept if row],
            "unread": kept.count(None),
        }

    def runs(self, asked: Mapping[str, Any]) -> JsonObject:
        """The last runs of one connection, the latest one first."""
        return {"runs": [shown(run) for run in self._named(asked).store.notes().runs]}

    def pause(self, asked: Mapping[str, Any]) -> JsonObject:
        """Let runs read nothing, or read again: ``paused`` says which."""
        pause(self._named(asked), paused=asked.get("paused") is True)
        return {}

    def rename(self, asked: Mapping[str, Any]) -> JsonObject:
        """Give a connection another name: ``name``."""
        rename(self._config, self._named(asked), text_in(asked, "name"))
        return {}

    def remove(self, asked: Mapping[str, Any]) -> JsonObject:
        """Forget a connection."""
        remove(self._named(asked))
        return {}

    def finish(self, asked: Mapping[str, Any]) -> JsonObject:  # noqa: ARG002 - as the others
        """The person is done."""
        self.finished = True
        return {"finished": True}

    def _named(self, asked: Mapping[str, Any]) -> StoredConnection:
        return named(self._config, text_in(asked, "connection"), text_in(asked, "host"))

    def _snapshots(self) -> list[Snapshot]:
        self._until = self._clock() + _AT_ONCE
        return list(snapshots(self._config)) if self._config.client_id else []

    def _row(self, snapshot: Snapshot) -> ConnectionRow | None:
        """What is known of a connection; None if there was no time to read it yet."""
        key = snapshot.one.connection, snapshot.one.host
        stamp, row = self._rows.get(key, (None, None))
        if row is not None and stamp == snapshot.stamp:
            return row
        if self._clock() > self._until:
            return row  # as it was
        row = row_of(snapshot)
        self._rows[key] = snapshot.stamp, row
        return row


def serve_board(raw: Mapping[str, Any], *, port: int, browser: bool, idle: float = IDLE) -> None:
    """Serve the page of all connections until the person is done.

    Args:
        raw: The settings; they say which app and which store.
        port: Fixed port of the loopback address; 0 for any.
        browser: Open the page where there is a graphical browser.
        idle: Seconds after the last look at it, by anybody, after which to end.
    """
    stop = threading.Event()
    serve(Board(parse(raw)), what="The page", port=port, browser=browser, stop=stop, idle=idle)
