"""``tap-exactonline web``: the page of all connections.

Answers are plain values for JSON. None of them ever holds a secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, ClassVar

from tap_exactonline.config import Config, parse
from tap_exactonline.exact.auth.store import Snapshot, StoredConnection
from tap_exactonline.exact.errors import ConnectionMissing
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
from tap_exactonline.login.web.board_flow import BoardFlow, Purpose
from tap_exactonline.login.web.flow import JsonObject, text_in
from tap_exactonline.login.web.server import IDLE, serve

_AT_ONCE = 1.5
"""Seconds that one answer may spend on records: those that are encrypted take a tenth of a second each."""


class Board:
    """The connections of one app, and what they did.

    Args:
        config: Which app, which store.
        redirect_uri: Of the app, if it is known.
        stop: Set to end waiting.
        clock: Seconds that never jump.
    """

    pages: ClassVar[Mapping[str, str]] = {"/": "board.html", "/connect": "index.html"}
    watched: ClassVar[bool] = True

    def __init__(
        self,
        config: Config,
        redirect_uri: str = "",
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._redirect_uri = redirect_uri
        self._stop = stop or threading.Event()
        self._flow: BoardFlow | None = None
        self._clock = clock
        self._rows: dict[tuple[str, str], tuple[object, ConnectionRow]] = {}
        self._reading = threading.Lock()
        self.finished = False

    @property
    def redirect_uri(self) -> str:
        """Where Exact sends a person back to; "" if nobody is logging in."""
        return self._flow.redirect_uri if self._flow else ""

    def landed(self, query: str, state: str | None) -> None:
        """Exact sent the person back to this server itself."""
        if self._flow:
            self._flow.landed(query, state)

    def views(self) -> dict[str, Callable[[], JsonObject]]:
        """What the page may look at, by name."""
        return {"connections": self.connections, "overview": self.overview}

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], JsonObject]]:
        """What the page may ask for, by name: of the list, and of the login that is being made or changed."""
        steps = self._flow.actions() if self._flow else {}
        if self._flow:
            steps["save"] = self.save
        return {
            **steps,
            "runs": self.runs,
            "pause": self.pause,
            "rename": self.rename,
            "remove": self.remove,
            "new": partial(self.begin, "new"),
            "again": partial(self.begin, "again"),
            "choice": partial(self.begin, "choice"),
        }

    def overview(self) -> JsonObject:
        """The steps of the connection that is being made or changed."""
        return self._flow.overview() if self._flow else {"board": True, "purpose": None}

    def begin(self, purpose: Purpose, asked: Mapping[str, Any]) -> JsonObject:
        """Begin to make or to change a connection."""
        one = None if purpose == "new" else self._named(asked)
        self._flow = BoardFlow(self._config, self._redirect_uri, self._stop, purpose=purpose, one=one)
        return {}

    def save(self, asked: Mapping[str, Any]) -> JsonObject:
        """End that, and keep what was typed for the next time."""
        if (flow := self._flow) is None:
            raise ConnectionMissing("Nothing is being changed", "Begin with the list")
        flow.save(asked)
        self._redirect_uri = flow.redirect_uri
        self._config = replace(
            self._config, client_id=flow.config.client_id, client_secret=flow.config.client_secret
        )
        self._flow = None
        return {"finished": True}

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
    """Serve the page of all connections until it is not used any more.

    Args:
        raw: The settings; they say which app and which store.
        port: Fixed port of the loopback address; 0 for any.
        browser: Open the page where there is a graphical browser.
        idle: Seconds after the last look at it, by anybody, after which to end.
    """
    stop = threading.Event()
    board = Board(parse(raw), str(raw.get("redirect_uri") or "").strip(), stop)
    serve(board, what="The page", port=port, browser=browser, stop=stop, idle=idle)
