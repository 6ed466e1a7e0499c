"""What Exact has refused in earlier runs, so that it is not asked for again and again.

More than ten errors of one endpoint in an administration and hour block the key (Exact, "API limits"). One run makes at
most a few; a schedule of a run every five minutes would add them up. So refusals are part of the state, each with its
kind: what was a failure stays one while the endpoint is left alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tap_exactonline.exact.errors import ExactError, KeyBlocked
from tap_exactonline.exact.refused_fields import moment as stored_moment
from tap_exactonline.sync.state.bookmark import Bookmark, Changes

MOST = 4
"""Refusals of an endpoint in a division within :data:`SPAN`; somebody who corrects rights may try a few times."""

SPAN = timedelta(hours=1)

_COUNTED = frozenset({400, 401, 403, 404})


class Cooldown(msgspec.Struct, frozen=True):
    """An endpoint that is left alone.

    Attributes:
        until: When it may be asked again.
        kinds: What the refusals were (`ExactError.refusal_kind`).
    """

    until: datetime
    kinds: frozenset[str]


def cooldown(bookmark: Bookmark, now: datetime) -> Cooldown | None:
    """Whether the endpoint must be left alone, or None: it may be asked at once."""
    recent = _recent(bookmark, now)
    if len(recent) < MOST:
        return None
    return Cooldown(recent[-MOST][0] + SPAN, frozenset(kind for _, kind in recent))


def left(bookmark: Bookmark, now: datetime) -> int:
    """How many refusals a read may meet before the endpoint must be left alone."""
    return max(0, MOST - len(_recent(bookmark, now)))


def remember(bookmark: Bookmark, error: ExactError, now: datetime, times: int) -> Changes:
    """What the bookmark becomes after an error; nothing, if it does not count as one at Exact.

    Args:
        bookmark: As it is.
        error: What ended the read.
        now: When.
        times: Errors that Exact counts, in this read; 0 if the endpoint was not asked at all.
    """
    if isinstance(error, KeyBlocked) and error.status is not None:
        refused = [(now, error.refusal_kind)] * MOST
    elif error.status in _COUNTED and times > 0:
        refused = [*_recent(bookmark, now), *[(now, error.refusal_kind)] * times][-MOST:]
    else:
        return {}
    return {"refused": tuple(f"{moment.isoformat(timespec='seconds')} {kind}" for moment, kind in refused)}


def _recent(bookmark: Bookmark, now: datetime) -> list[tuple[datetime, str]]:
    """The refusals of the last hour and their kinds, the oldest first."""
    found = []
    for text in bookmark.refused:
        when, _, kind = text.partition(" ")
        moment = stored_moment(when)
        if moment is not None and timedelta() <= now - moment < SPAN:
            found.append((moment, kind))
    return sorted(found)
