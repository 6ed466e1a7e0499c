"""Rights that vanish: Exact answers an empty list to a user who may not see the rows (Exact, "Tips and Tricks").

An empty answer is looked into where there should be rows. A stream read by Modified asks for its newest row again, so
an answer without any row is a sign; only that row may really have been deleted. A full table that had rows is one. A
sync stream has no such sign, so it is asked about every two weeks. So is an administration of which no stream ever
brought a row: nothing shows that the user may see any. Proof is nothing but the word of ``UserHasRights``.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.bodies import decode_json
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.exact.odata import string_literal
from tap_exactonline.exact.refused_fields import moment
from tap_exactonline.sync.report import Outcome, Status
from tap_exactonline.sync.state.bookmark import Bookmark, Changes
from tap_exactonline.sync.stream_read import StreamRead

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
    last = moment(asked_at)
    return last is None or not timedelta() <= now - last < TRUSTED


def look_into(
    client: ExactClient, read: StreamRead, division: int, bookmark: Bookmark, outcome: Outcome
) -> Changes:
    """Doubt a complete read that brought nothing; changes the outcome if the doubt is right.

    Args:
        client: The way to Exact.
        read: What was read.
        division: Number of the administration.
        bookmark: What was delivered before this read.
        outcome: Of this read: ok, and without a row.

    Returns:
        What the bookmark remembers of it.
    """
    now = datetime.now(UTC)
    if not _suspicious(read, bookmark, now, from_scratch=outcome.from_scratch):
        return {}
    rights = user_has_rights(client, read.endpoint, division)
    if rights is False:
        proven = bookmark.delivered
        outcome.status = Status.INCOMPLETE if proven else Status.NOT_COVERED
        outcome.note = WITHDRAWN if proven else NO_RIGHTS
        return {}
    if rights is None and outcome.from_scratch and bookmark.delivered:
        outcome.status, outcome.note = Status.INCOMPLETE, GONE
        return {}
    if rights is None:
        outcome.note, outcome.doubtful = UNKNOWN, True
        if read.version is not None:
            # Asked again in the next run: until it is answered, no row of the table can be declared gone.
            return {}
    if read.endpoint.kind != "sync" or outcome.from_scratch:
        return {}
    return trusted(read.name, division, now)


def look_into_empty(
    client: ExactClient, division: int, ended: Sequence[tuple[StreamRead, Outcome, Changes]]
) -> None:
    """Doubt an administration of which no stream ever brought a row, until Exact says that the user may see one of them.

    Args:
        client: The way to Exact.
        division: Number of the administration.
        ended: Its streams, each ok and without a row, and what their bookmarks remember; both are changed.
    """
    answered = True
    for read, outcome, changes in ended:
        rights = user_has_rights(client, read.endpoint, division) if answered else None
        if rights:
            changes.update(trusted(read.name, division, datetime.now(UTC)))
            return
        if rights is False:
            outcome.status, outcome.note = Status.NOT_COVERED, NO_RIGHTS
            continue
        outcome.doubtful = True
        if answered:
            # Whatever keeps Exact from answering, it is the same for the others: one error and one remark are enough.
            outcome.note, answered = UNKNOWN, False


def trusted(stream: str, division: int, now: datetime) -> Changes:
    """What a bookmark remembers once Exact has shown that the user may see rows; it holds for two weeks at most."""
    spread = timedelta(days=zlib.crc32(f"{stream} {division}".encode()) % _SPREAD)
    return {"rights_at": (now - spread).isoformat(timespec="seconds")}


def _suspicious(read: StreamRead, bookmark: Bookmark, now: datetime, *, from_scratch: bool) -> bool:
    if read.once:
        return False
    if from_scratch:
        return bookmark.delivered or read.version is not None
    return read.endpoint.kind != "sync" or is_due(bookmark.rights_at, now)


def user_has_rights(client: ExactClient, endpoint: Endpoint, division: int) -> bool | None:
    """Ask whether an empty answer means "no rows" or "no rights" (Exact, "Tips and Tricks"); None if unknown.

    The call is not counted against the day's budget.
    """
    try:
        return ask_rights(client, endpoint, division)
    except ExactError:
        return None


def ask_rights(client: ExactClient, endpoint: Endpoint, division: int) -> bool | None:
    """As :func:`user_has_rights`, but why there is no answer is told; None if the answer makes no sense.

    Raises:
        ExactError: As the client.
    """
    name = (
        endpoint.path.removeprefix("sync/").removeprefix("bulk/")
        if endpoint.kind != "sync"
        else endpoint.path
    )
    query = f"endpoint={string_literal(name)}&action={string_literal('GET')}"
    context = RequestContext("users/UserHasRights", division, endpoint.name)
    return client.get(context, query=query, decode=_verdict)


def _verdict(body: bytes) -> bool | None:
    answer = decode_json(body)
    value = answer.get("d") if isinstance(answer, dict) else None
    while isinstance(value, dict | list) and value:
        value = value[0] if isinstance(value, list) else value.get("results", value.get("UserHasRights"))
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | int) else None
