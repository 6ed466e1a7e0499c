"""Which bookmarks no longer hold, and why."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.exact.odata import EVER
from tap_exactonline.exact.refused_fields import moment as stored_moment
from tap_exactonline.sync.records.values import moment
from tap_exactonline.sync.report import shorten
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, as_stored, in_utc
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.stream_read import LOG, StreamRead

LOG_KEPT = timedelta(days=55)
"""Exact keeps the log of deletions for two months (reference page "Sync/Deleted"); less a few days to be safe."""


CLOCKS_DIFFER = timedelta(days=1)
"""A moment of the state that is so much later than now was written by a clock that was wrong."""

LOG_KEPT_AT_MOST = timedelta(days=70)
"""Two months, and some days for clocks that differ."""

_UNKNOWN = "unknown since "

RESET: Changes = {
    "replication_key": None,
    "replication_key_value": None,
    "seen": None,
    "definition": None,
    "start_date": None,
    "version": None,
    "had_rows": True,
}
"""Of a bookmark that no longer holds: the stream is read from the beginning. That rows were delivered stays known, and
how far the log of deletions was applied, with the marks of the database whose Timestamps these are."""


def start_over(
    reads: Sequence[StreamRead],
    divisions: Sequence[Division],
    state: State,
    *,
    now: datetime,
    latest: datetime,
    start_date: datetime | None,
    tombstones: bool,
    logger: logging.Logger,
) -> None:
    """Take away the bookmarks that no longer hold, and say why.

    It is stored before anything is read, so that a run that ends early does not forget it.

    Args:
        reads: The selected streams.
        divisions: The administrations to read.
        state: What was delivered before; changed.
        now: This moment by Exact's clock, in UTC.
        latest: No Modified can be later, in the administrations' wall clock.
        start_date: The setting, in the administrations' wall clock.
        tombstones: Deletions are written into the streams of the deleted rows.
        logger: Where the reasons go.
    """
    for division in divisions:
        reasons: dict[str, list[str]] = defaultdict(list)
        for read in reads:
            bookmark = state.get(read.name, division.code)
            if lost := _lost(read.endpoint, bookmark, division, latest, start_date):
                reason, reset = lost
                reasons[reason].append(read.name)
                state.update(read.name, division.code, reset)
            elif tombstones and bookmark.begun and (gap := _forgotten(read.endpoint, bookmark, now)):
                reasons[gap].append(read.name)
                _begin_again(read.name, division.code, state, now)
        if not tombstones and any(read.name == LOG for read in reads):
            _look_at_log(division.code, state, now, reasons)
        for reason, streams in reasons.items():
            logger.warning(
                "Division %d (%s): %s. These streams start over: %s",
                division.code, division.description, reason, ", ".join(sorted(streams)),
            )  # fmt: skip
    for read in reads:
        _look_at_rows(read, state, logger)


def _lost(
    endpoint: Endpoint,
    bookmark: Bookmark,
    division: Division,
    latest: datetime,
    start_date: datetime | None,
) -> tuple[str, Changes] | None:
    """Why a bookmark no longer holds, or never did, and what it becomes; None if it holds."""
    if moved := regenerated(endpoint, bookmark, division):
        # New row versions make the place in the log void, too. Of another definition, other rows are wanted, perhaps none.
        had_rows = (bookmark.had_rows or bookmark.begun) and endpoint.definition == bookmark.definition
        void: Changes = {"deletions": None, "move_date": None, "hr_link_date": None, "had_rows": had_rows}
        if not had_rows:
            void["oldest"] = None
        return moved, {**RESET, **void}
    if beyond := unreachable(endpoint, bookmark, latest):
        return beyond, RESET
    wanted = start_date if endpoint.dated else None
    left_out = bookmark.oldest if bookmark.begun else None
    if left_out and (wanted is None or wanted < datetime.fromisoformat(left_out)):
        return f"start_date was {left_out} when they were read first, and older rows are wanted now", RESET
    return None


def _forgotten(endpoint: Endpoint, bookmark: Bookmark, now: datetime) -> str | None:
    return None if endpoint.entity_type is None else forgotten(bookmark.log.read_at, now)


def _begin_again(stream: str, division: int, state: State, now: datetime) -> None:
    """Only deletions from now on matter to a table that is read from the beginning.

    If that were not noted, each run until the first complete reading of the log would start over again.
    """
    fresh = replace(state.get(stream, division).log, read_at=now.isoformat(timespec="seconds"))
    state.update(stream, division, {**RESET, "deletions": fresh})


def _look_at_log(division: int, state: State, now: datetime, reasons: dict[str, list[str]]) -> None:
    """A hole in ``sync_deleted`` concerns every stream that was read before, selected now or not."""
    gap = forgotten(state.get(LOG, division).read_at, now)
    if gap is None:
        return
    known = {endpoint.name: endpoint for endpoint in load()}
    for stream in state.streams():
        concerned = stream in known and known[stream].entity_type is not None
        if concerned and state.get(stream, division).begun:
            reasons[gap].append(stream)
            _begin_again(stream, division, state, now)
    state.update(LOG, division, {"read_at": now.isoformat(timespec="seconds")})


def _look_at_rows(read: StreamRead, state: State, logger: logging.Logger) -> None:
    """Rows that were delivered with fewer columns, or changed in another way, stay as they are until they are read again."""
    if read.bookmark_column is None or read.once:
        return
    entry = state.stream(read.name)
    wanted = set(read.delivered())
    before, other_maps = entry.columns, entry.maps not in (None, read.maps)
    entry.maps = read.maps
    if other_maps:
        _apply_log_again(read.name, state)
    begun = state.begun(read.name)
    if before is None or not begun:
        entry.columns = tuple(sorted(wanted))
        return
    # What Exact refused once may be refused again: it is not a reason before it has come.
    added = wanted - set(before) - read.doubtful()
    if added:
        reason = f"lack {shorten(sorted(added))}"
    elif other_maps:
        reason = "were changed in another way (stream_maps, flattening, timezone)"
    else:
        entry.columns = tuple(sorted(wanted & set(before)))
        return
    logger.warning(
        "%s: the rows delivered before %s. The stream starts over in %d administrations",
        read.name, reason, len(begun),
    )  # fmt: skip
    for division in begun:
        state.update(read.name, division, RESET)
    entry.columns = tuple(sorted(wanted))


def _apply_log_again(stream: str, state: State) -> None:
    """The stream maps of before may have kept deletions from the target."""
    for division, bookmark in [*state.bookmarks(stream)]:
        if bookmark.log.timestamp is not None:
            state.update(stream, division, {"deletions": replace(bookmark.log, timestamp=None)})


def tell_left_alone(divisions: Sequence[Division], state: State, logger: logging.Logger) -> None:
    """Say that the state knows administrations which this run does not read."""
    left = sorted(state.all_divisions() - {division.code for division in divisions})
    if left:
        logger.info(
            "The state has bookmarks of administrations that are not read in this run: %s. They are kept",
            shorten(left),
        )


def moved_meanwhile(
    divisions: Sequence[Division], look_again: Callable[[], Sequence[Division]], logger: logging.Logger
) -> bool:
    """Whether Timestamps were renewed while we read by them: then pages may be missing.

    Args:
        divisions: The administrations as they were at the beginning.
        look_again: Asks Exact how they are now.
        logger: Where it is told.
    """
    try:
        now = {division.code: division for division in look_again()}
    except ExactError as exc:
        logger.info("Rows that are gone stay for now: %s", exc)
        return True
    pairs = [(before, now.get(before.code)) for before in divisions]
    moved = [before.code for before, later in pairs if later is None or _marks(before) != _marks(later)]
    unknown = [
        before.code for before, later in pairs if None in _marks(before) or (later and None in _marks(later))
    ]
    if unknown:
        logger.info(
            "Rows that are gone stay for now: Exact does not say whether it has moved %s", shorten(unknown)
        )
    elif moved:
        logger.warning(
            "Exact has moved administrations while they were read: %s. The next run starts over",
            shorten(moved),
        )
    return bool(moved or unknown)


def _marks(division: Division) -> tuple[str | None, str | None]:
    return division.move_date, division.hr_link_date


def regenerated(endpoint: Endpoint, bookmark: Bookmark, division: Division) -> str | None:
    """Why the bookmark no longer holds, or None: another definition, or new Timestamps of the same rows."""
    if not bookmark.begun and bookmark.log.timestamp is None:
        return None
    if bookmark.definition != endpoint.definition:
        return "the stream is defined in another way than before (extra_streams)"
    return _renumbered(endpoint, bookmark, division) if endpoint.kind == "sync" else None


def _renumbered(endpoint: Endpoint, bookmark: Bookmark, division: Division) -> str | None:
    """Why its Timestamps are void, those of the rows and those of the log; None if they hold."""
    if not bookmark.begun and bookmark.move_date is None and moved_since(endpoint, division, EVER):
        return "an earlier version did not note in which database the log of deletions was read"
    if _changed(bookmark.move_date, division.move_date):
        return "Exact has moved the division to another database (DivisionMoveDate changed)"
    if endpoint.hr and _changed(bookmark.hr_link_date, division.hr_link_date):
        return "its HR data was linked or unlinked (DivisionHRLinkUnlinkDate changed)"
    return None


def _changed(stored: str | None, now: str | None) -> bool:
    """Whether a mark of a division is another one than when the bookmark was made. Unknown is not changed."""
    if stored is None or now is None:
        return False
    if not stored.startswith(_UNKNOWN):
        return stored != now
    # Exact did not say when the stream was begun. A later date, with a day for the clocks, is a change since.
    begun, date = stored_moment(stored.removeprefix(_UNKNOWN)), moment(now)
    return bool(now) and (
        begun is None or date is None or date > begun.replace(tzinfo=None) - timedelta(days=1)
    )


def unreachable(endpoint: Endpoint, bookmark: Bookmark, latest: datetime) -> str | None:
    """Why no run can have written the bookmark, or None. It would hide every row for ever.

    Args:
        endpoint: What is read.
        bookmark: What was delivered before.
        latest: No Modified can be later, in the administration's wall clock.
    """
    if not bookmark.begun:
        return None
    if endpoint.kind == "sync":
        if bookmark.seen is None or (bookmark.timestamp or 0) <= bookmark.seen:
            return None
        return f"the bookmark {bookmark.timestamp} is higher than every Timestamp that Exact has given (up to {bookmark.seen})"
    value = str(bookmark.replication_key_value)
    if endpoint.bookmark and datetime.fromisoformat(value) > latest:
        return f"the bookmark {value} has yet to come"
    return None


def origin(endpoint: Endpoint, division: Division, bookmark: Bookmark) -> Changes:
    """What to store so that :func:`regenerated` can tell later.

    Args:
        endpoint: What was read.
        division: Where, as it is now.
        bookmark: What was stored before. Its marks stay as long as Exact does not say what they are.
    """
    marks: Changes = {"definition": endpoint.definition} if endpoint.definition else {}
    if endpoint.kind != "sync":
        return marks
    marks["move_date"] = _mark(division.move_date, bookmark.move_date)
    if endpoint.hr:
        marks["hr_link_date"] = _mark(division.hr_link_date, bookmark.hr_link_date)
    return marks


def _mark(now: str | None, before: str | None) -> str:
    if now is not None:
        return now
    return f"{_UNKNOWN}{as_stored(time.time())}" if before is None else before


def moved_lately(endpoint: Endpoint, division: Division, now: datetime) -> bool:
    """Whether the log of deletions may hold entries from before new Timestamps were given.

    Theirs can't be compared with those of the rows: tables are renumbered one after the other.
    """
    return moved_since(endpoint, division, now.replace(tzinfo=None) - LOG_KEPT_AT_MOST)


def moved_since(endpoint: Endpoint, division: Division, when: datetime) -> bool:
    """Whether rows may have been given new Timestamps since a moment, whose order tells nothing of what happened before.

    Args:
        endpoint: Which rows.
        division: Where, as it is now.
        when: In the administration's wall clock, more or less.
    """
    for date in (division.move_date, division.hr_link_date if endpoint.hr else ""):
        if date == "":
            continue
        moved = moment(date)
        if moved is None or moved >= when:
            return True
    return False


def forgotten(read_at: str | None, now: datetime) -> str | None:
    """Why deletions were missed since the log was read last, or None."""
    if read_at is None:
        return None
    last = in_utc(read_at)
    if last - now > CLOCKS_DIFFER:
        return f"the log of deletions was last read at {read_at}, by a clock that was wrong, so deletions may have been missed"
    if now - last <= LOG_KEPT:
        return None
    return (
        f"the log of deletions was last read {(now - last).days} days ago and Exact keeps it for two months, "
        "so deletions were missed"
    )
