"""What Exact has refused in earlier runs, so that it is not asked for again and again.

More than ten errors of one endpoint in an administration and hour block the key (Exact, "API limits"). One run makes at
most a few; a schedule of a run every five minutes would add them up. So refusals are part of the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_exactonline.exact.errors import ExactError, KeyBlocked

MOST = 5
"""Refusals of an endpoint in a division within :data:`SPAN`; somebody who mends rights may try a few times."""

SPAN = timedelta(hours=1)

FORGET = timedelta(days=7)
"""After this, what was learnt about an endpoint's query is tried again: Exact may have changed its mind."""

_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND = 400, 403, 404


def rest_until(bookmark: Mapping[str, Any], now: datetime) -> datetime | None:
    """When the endpoint may be asked again, or None: at once."""
    recent = _recent(bookmark, now)
    return recent[-MOST] + SPAN if len(recent) >= MOST else None


def remember(bookmark: Mapping[str, Any], error: ExactError, now: datetime) -> dict[str, Any]:
    """What the bookmark becomes after an error; nothing, if it does not count as one at Exact."""
    if isinstance(error, KeyBlocked):
        times = [now] * MOST
    elif error.status in (_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND):
        times = [*_recent(bookmark, now), now][-MOST:]
    else:
        return {}
    return {"refused": [moment.isoformat(timespec="seconds") for moment in times]}


def still_known(learnt: object, now: datetime) -> dict[str, Any]:
    """What was learnt about a query in an earlier run, unless it is too old or unreadable."""
    if not isinstance(learnt, dict):
        return {}
    at = _moment(learnt.get("at"))
    return learnt if at is not None and now - at < FORGET else {}


def _recent(bookmark: Mapping[str, Any], now: datetime) -> list[datetime]:
    stored = bookmark.get("refused")
    moments = [moment for text in stored if (moment := _moment(text))] if isinstance(stored, list) else []
    return sorted(moment for moment in moments if timedelta() <= now - moment < SPAN)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
