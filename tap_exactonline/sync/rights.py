"""Rights that vanish: Exact answers an empty list to a user who may not see the rows (Exact, "Tips and Tricks").

An empty answer is looked into where there should be rows. A stream read by Modified asks for its newest row again, so
an answer without any row is a sign; only that row may really have been deleted. A full table that had rows is one. A
sync stream has no such sign, so it is asked about every two weeks. Proof is nothing but the word of ``UserHasRights``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.sync.evidence import delivered
from tap_exactonline.sync.functions import user_has_rights
from tap_exactonline.sync.reading import Job
from tap_exactonline.sync.report import Outcome, Status

TRUSTED = timedelta(days=14)
"""For so long an empty answer of a sync stream is taken for what it says."""

_SPREAD = 7
"""Days over which the questions of many streams are spread, so that they do not all come due in one run."""

_GIVE = "Give the user who logged in the rights at Exact, or deselect the stream"
_KEPT = "What was delivered before is kept"
NO_RIGHTS = f"Exact answers with no rows, and the user has no rights to see them. {_GIVE}"
WITHDRAWN = (
    "Exact answers with no rows, and the user has no rights to see them: the rights were withdrawn. "
    f"{_KEPT}. {_GIVE}"
)
GONE = (
    "Exact answers with no rows where there were some, and does not say whether the user has the rights to see them. "
    f"{_KEPT}. {_GIVE}"
)
UNKNOWN = "no rows came, and Exact does not say whether the user has the rights to see any"


def is_due(asked_at: object, now: datetime) -> bool:
    """Whether an empty answer has to be looked into: never asked, or long ago."""
    try:
        last = datetime.fromisoformat(str(asked_at))
    except ValueError:
        return True
    last = last if last.tzinfo else last.replace(tzinfo=UTC)
    return not timedelta() <= now - last < TRUSTED


def look_into(
    client: ExactClient, job: Job, division: int, bookmark: Mapping[str, Any], outcome: Outcome
) -> dict[str, Any]:
    """Doubt a complete read that brought nothing; changes the outcome if the doubt is right.

    Args:
        client: The way to Exact.
        job: What was read.
        division: Number of the administration.
        bookmark: What was delivered before this read.
        outcome: Of this read: ok, and without a row.

    Returns:
        What the bookmark remembers of it.
    """
    now = datetime.now(UTC)
    if not _suspicious(job, bookmark, now, from_scratch=outcome.from_scratch):
        return {}
    rights = user_has_rights(client, job.endpoint, division)
    if rights is False:
        proven = delivered(bookmark)
        outcome.status = Status.INCOMPLETE if proven else Status.NOT_COVERED
        outcome.note = WITHDRAWN if proven else NO_RIGHTS
        return {}
    if rights is None and outcome.from_scratch and delivered(bookmark):
        outcome.status, outcome.note = Status.INCOMPLETE, GONE
        return {}
    if rights is None:
        outcome.note = UNKNOWN
    if job.endpoint.kind != "sync" or outcome.from_scratch:
        return {}
    spread = timedelta(days=zlib.crc32(f"{job.name} {division}".encode()) % _SPREAD)
    return {"rights_at": (now - spread).isoformat(timespec="seconds")}


def _suspicious(job: Job, bookmark: Mapping[str, Any], now: datetime, *, from_scratch: bool) -> bool:
    if job.once:
        return False
    if from_scratch:
        return delivered(bookmark) or job.version is not None
    return job.endpoint.kind != "sync" or is_due(bookmark.get("rights_at"), now)
