"""The list of administrations, read by one process and taken over by the others of the same login.

With a thousand administrations the list takes 18 calls, all of them in one administration. If each of many processes asked,
they would use up its minute, and ask it side by side, which Exact does not want.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from tap_exactonline.exact.auth.store.base import Content, SharedRow
from tap_exactonline.exact.divisions import Division, recall_refused
from tap_exactonline.exact.errors import Stopped
from tap_exactonline.exact.refused_fields import RefusedFields

FRESH = 600
"""Seconds for which a list is taken over."""

_POLL = 1.0
_log = logging.getLogger("tap-exactonline.divisions")


class _Payload(msgspec.Struct):
    rows: list[dict[str, Any]]
    refused: dict[str, str]


class SharedList:
    """The list in a row of the token store's database.

    Args:
        row: The row.
        stop: Set to end the waiting.
        poll: Seconds between two looks at what another process does.
    """

    def __init__(self, row: SharedRow, stop: threading.Event, poll: float = _POLL) -> None:
        self._row = row
        self._stop = stop
        self._poll = poll

    def get(self, ask: Callable[[], list[Division]], refused: RefusedFields) -> list[Division]:
        """The list: of another process if it is fresh, else asked for by this one, while others wait.

        Args:
            ask: Asks Exact.
            refused: Fields of the list that Exact does not know; taken over with the list.

        Raises:
            ExactError: As ``ask``; then the next process tries itself.
            TokenStoreError: The database can't be asked.
            Stopped: The run was asked to stop.
        """
        told = False
        while True:
            with self._row.try_lock() as mine:
                # Who has the lock looks once more: the list may have come between the look and the lock.
                if (known := self._known(refused)) is not None:
                    return known
                if mine:
                    divisions = ask()
                    self._keep(divisions, refused)
                    return divisions
            if not told:
                told = True
                _log.info("Another process asks Exact for the list of administrations; this one waits for it")
            if self._stop.wait(self._poll * (0.5 + random.random())):  # noqa: S311 - spreads the waiters
                raise Stopped("The run was asked to stop while it waited for the list of administrations")

    def _known(self, refused: RefusedFields) -> list[Division] | None:
        found = self._row.look()
        if found is None:
            return None
        content, now = found
        if not 0 <= now - content.number < FRESH:
            return None
        try:
            payload = msgspec.json.decode(content.text, type=_Payload)
            divisions = [Division.of(row) for row in payload.rows]
        except (msgspec.DecodeError, KeyError, ValueError, TypeError, OverflowError):
            return None
        recall_refused(refused, payload.refused)
        _log.info("The list of administrations is %d s old, from another process", now - content.number)
        return divisions

    def _keep(self, divisions: list[Division], refused: RefusedFields) -> None:
        payload = _Payload([division.row for division in divisions], refused.stored() or {})
        text = msgspec.json.encode(payload).decode().replace("\\u0000", "")
        self._row.change(lambda _, now: Content(now, "", text))
