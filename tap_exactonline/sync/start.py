"""Where the read of a sync stream begins, and what of it is left out because of the start date."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import StreamError
from tap_exactonline.exact.odata import (
    EVER,
    datetime_literal,
    read_rows,
    select_query,
    string_literal,
    timestamp_filter,
)
from tap_exactonline.sync.records.codec import Rows
from tap_exactonline.sync.rights import is_due, trusted
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, as_stored

_SYNC_TIMESTAMP = "read/sync/Sync/SyncTimestamp"

FIRST_TIMESTAMP = 1
"""Where the first run of a sync stream starts (Exact, "Sync API": greater than 1)."""


class Start(msgspec.Struct):
    """The beginning of a read.

    Attributes:
        cursor: Rows with a higher Timestamp are asked for.
        continued: Whether an earlier read got so far.
        named: Whether Exact said that there are rows with a higher one.
        nothing: Whether Exact said that no row was modified since the start date: there is nothing to read.
        oldest: Rows modified before are left out; None: none are.
        modified: The field that tells when a row was modified, if there is one.
        going_on: Members of the bookmark that hold until the read is complete.
        over: The same members once it is.
        empty: What the bookmark remembers if no row came.
    """

    cursor: int
    continued: bool
    named: bool = False
    nothing: bool = False
    oldest: datetime | None = None
    modified: str | None = None
    going_on: Changes = msgspec.field(default_factory=Changes)
    over: Changes = msgspec.field(default_factory=Changes)
    empty: Changes = msgspec.field(default_factory=Changes)


def begin(
    client: ExactClient,
    endpoint: Endpoint,
    division: int,
    bookmark: Bookmark,
    *,
    start_date: datetime | None,
    believe: bool,
    logger: logging.Logger,
) -> Start:
    """Where to begin.

    Args:
        client: Asked for the Timestamp of the start date, where Exact knows the endpoint.
        endpoint: A sync endpoint.
        division: Number of the administration.
        bookmark: What was delivered before.
        start_date: Nothing older on a first read, in the administration's wall clock.
        believe: Whether Exact's word on the start date is taken.
        logger: Where remarks go.
    """
    stored = bookmark.timestamp
    since = start_date
    if stored is not None:
        # A first read that was interrupted goes on leaving out what it left out before.
        since = datetime.fromisoformat(bookmark.start_date) if bookmark.start_date else None
    start = Start(FIRST_TIMESTAMP if stored is None else stored, continued=stored is not None)
    marks: Changes = {}
    if stored is None and endpoint.entity_type is not None and bookmark.log.read_at is None:
        # From now on the table misses deletions that are not applied to it; and those that the log tells of now
        # will be applied to rows that were read later.
        marks["deletions"] = replace(bookmark.log, read_at=as_stored(client.now()), behind=True)
    # Where the whole stream was empty the last time, to read it costs less than to ask.
    was_empty = bookmark.start_date is not None
    if believe and stored is None and since is not None and endpoint.sync_timestamp and not was_empty:
        now = datetime.now(UTC)
        doubt = bookmark.delivered or is_due(bookmark.rights_at, now)
        known = _from_exact(client, endpoint, division, since, logger, doubt=doubt)
        if known == 0:
            start.nothing = True
            # Exact has named an older row, so the user may see rows.
            start.empty = trusted(endpoint.name, division, now) if doubt else {}
            return start
        if known is not None:
            start.cursor, start.named, since = known - 1, True, None
    start.oldest = since
    start.modified = modified_field(endpoint)
    start.going_on = {**marks, "start_date": since.isoformat() if since else None}
    start.over = {**marks, "start_date": None}
    if since and endpoint.sync_timestamp:
        start.empty = {"start_date": since.isoformat()}
    return start


def first_date(endpoint: Endpoint, bookmark: Bookmark, start_date: datetime | None) -> datetime | None:
    """From when on a read from the beginning brings rows, in the administration's wall clock; None: all.

    What dated rows refer to is older than they are, and is read whole. And what was delivered before is read again, however
    late the setting is now: else its rows would stay without the columns for which a stream starts over.

    Args:
        endpoint: What is read.
        bookmark: What was delivered before.
        start_date: The setting.
    """
    if not endpoint.dated:
        return None
    if not bookmark.delivered or bookmark.oldest is None or start_date is None:
        return start_date
    return min(start_date, datetime.fromisoformat(bookmark.oldest)) if bookmark.oldest else None


def left_out(endpoint: Endpoint, bookmark: Bookmark, since: datetime | None) -> Changes:
    """What the bookmark of a read from the beginning remembers of the rows that it leaves out."""
    if bookmark.begun or not endpoint.dated:
        return {}
    return {"oldest": since.isoformat() if since else ""}


def shown_from(
    client: ExactClient, endpoint: Endpoint, division: int, cursor: int, decode: Callable[[bytes], Rows]
) -> list[int] | None:
    """The Timestamps of rows from a given one on, that one included, as many as a page has; None if that can't be asked.

    Where nothing comes after a Timestamp, this tells whether Exact has rows up to there, and shows them.
    """
    if endpoint.parameters or endpoint.filter:
        return None
    query = select_query(["Timestamp"], timestamp_filter(cursor - 1))
    rows = client.get(endpoint.asked_in(division), query=query, decode=decode)
    return [stamp for stamp in rows.values("Timestamp") if stamp is not None]


def internal_fields(endpoint: Endpoint, start_date: datetime | None) -> frozenset[str]:
    """Fields needed for reading, whether selected or not: Modified, to drop what is older than the start date."""
    leaves_out = endpoint.kind == "sync" and endpoint.dated and start_date
    modified = modified_field(endpoint) if leaves_out else None
    return frozenset({modified} if modified else ())


def modified_field(endpoint: Endpoint) -> str | None:
    """The field that tells when a row was modified."""
    return next((item.name for item in endpoint.fields if item.name == "Modified" and not item.hidden), None)


def _from_exact(
    client: ExactClient,
    endpoint: Endpoint,
    division: int,
    since: datetime,
    logger: logging.Logger,
    *,
    doubt: bool,
) -> int | None:
    """The Timestamp of the first row modified since; 0 if no row was, None if Exact does not say.

    Where there is doubt, that no row was is believed if Exact names an older one. It answers with an empty list also to a user
    who may not see.
    """
    try:
        found = first_timestamp(client, endpoint, division, since)
        if found or not doubt or first_timestamp(client, endpoint, division, EVER):
            return found
        raise StreamError("it names no row at all")
    except StreamError as exc:
        logger.info(
            "%s, division %d: SyncTimestamp does not answer (%s); reading all and leaving out what is older "
            "than start_date",
            endpoint.name, division, exc.what,
        )  # fmt: skip
        return None


def first_timestamp(client: ExactClient, endpoint: Endpoint, division: int, since: datetime) -> int:
    """The Timestamp of the first row modified on or after a date; 0 if no row was (Exact, "Sync/SyncTimestamp").

    Args:
        client: The way to Exact.
        endpoint: A sync endpoint with ``sync_timestamp``.
        division: Number of the administration.
        since: In the administration's wall clock.

    Raises:
        StreamError: If the function does not answer for this endpoint, or has refused another one lately: errors are
            counted, and each stream would be refused in turn.
        ExactError: As the client.
    """
    context = RequestContext(_SYNC_TIMESTAMP, division, endpoint.name, "Organization administration")
    if client.errors(context):
        raise StreamError("it was refused in this administration within the last hour")
    name = string_literal(endpoint.sync_timestamp or "")
    return client.get(
        context,
        query=f"modified={datetime_literal(since)}&endPoint={name}",
        decode=_first_timestamp,
    )


def _first_timestamp(body: bytes) -> int:
    rows = read_rows(body).rows
    try:
        return int(rows[0]["TimeStampAsBigInt"]) if rows else 0
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        # Its form is known from Exact's reference only; asked again, it would be the same.
        raise StreamError("it names no Timestamp") from exc
