"""Which bookmarks no longer hold, and why."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.sync.bookmarks import Bookmarks, forgotten, regenerated, unreachable
from tap_exactonline.sync.deletions import LOG
from tap_exactonline.sync.report import some
from tap_exactonline.sync.stream_read import StreamRead

RESET: dict[str, Any] = {
    "replication_key": None,
    "replication_key_value": None,
    "seen": None,
    "move_date": None,
    "hr_link_date": None,
    "definition": None,
    "start_date": None,
    "version": None,
    "had_rows": True,
}
"""What a bookmark that no longer holds becomes. That rows came stays known: a refusal is then no matter of licence."""


def start_over(
    reads: Sequence[StreamRead],
    divisions: Sequence[Division],
    bookmarks: Bookmarks,
    *,
    latest: datetime,
    tombstones: bool,
    logger: logging.Logger,
) -> None:
    """Take away the bookmarks that no longer hold, and say why.

    It is stored before anything is read, so that a run that ends early does not forget it.

    Args:
        reads: The selected streams.
        divisions: The administrations to read.
        bookmarks: The state.
        latest: No Modified can be later, in the administrations' wall clock.
        tombstones: Deletions are written into the streams of the deleted rows.
        logger: Where the reasons go.
    """
    now = datetime.now(UTC)
    for division in divisions:
        reasons: dict[str, list[str]] = defaultdict(list)
        for read in reads:
            bookmark = bookmarks.get(read.name, division.code)
            if bookmark.get("replication_key_value") is None:
                continue
            if lost := _lost(read.endpoint, bookmark, division, latest):
                reason, reset = lost
                reasons[reason].append(read.name)
                bookmarks.update(read.name, division.code, reset)
            elif tombstones and (gap := _forgotten(read.endpoint, bookmark, now)):
                reasons[gap].append(read.name)
                _begin_anew(read.name, division.code, bookmarks, now)
        if not tombstones and any(read.name == LOG for read in reads):
            _look_at_log(division.code, bookmarks, now, reasons)
        for reason, streams in reasons.items():
            logger.warning(
                "Division %d (%s): %s. These streams start over: %s",
                division.code, division.description, reason, ", ".join(sorted(streams)),
            )  # fmt: skip
    for read in reads:
        _look_at_columns(read, bookmarks, logger)


def _lost(
    endpoint: Endpoint, bookmark: Mapping[str, Any], division: Division, latest: datetime
) -> tuple[str, dict[str, Any]] | None:
    """Why a bookmark no longer holds, or never did, and what it becomes; None if it holds."""
    if moved := regenerated(endpoint, bookmark, division):
        # New row versions make the place in the log worthless, too.
        reset = {**RESET, "deletions": None}
        if endpoint.definition != bookmark.get("definition"):
            reset["had_rows"] = None  # other rows than before are wanted, perhaps none
        return moved, reset
    if beyond := unreachable(endpoint, bookmark, latest):
        return beyond, RESET
    return None


def _forgotten(endpoint: Endpoint, bookmark: Mapping[str, Any], now: datetime) -> str | None:
    if endpoint.entity_type is None:
        return None
    return forgotten(bookmark.get("deletions", {}).get("read_at"), now)


def _begin_anew(stream: str, division: int, bookmarks: Bookmarks, now: datetime) -> None:
    """Only deletions from now on matter to a table that is read from the beginning.

    If that were not noted, each run until the first complete reading of the log would start over again.
    """
    deletions = bookmarks.get(stream, division).get("deletions", {})
    fresh = {**deletions, "read_at": now.isoformat(timespec="seconds")}
    bookmarks.update(stream, division, {**RESET, "deletions": fresh})


def _look_at_log(division: int, bookmarks: Bookmarks, now: datetime, reasons: dict[str, list[str]]) -> None:
    """A hole in ``sync_deleted`` concerns every stream that was read before, selected now or not."""
    gap = forgotten(bookmarks.get(LOG, division).get("read_at"), now)
    if gap is None:
        return
    known = {endpoint.name: endpoint for endpoint in load()}
    for stream in bookmarks.streams():
        concerned = stream in known and known[stream].entity_type is not None
        if concerned and bookmarks.get(stream, division).get("replication_key_value") is not None:
            reasons[gap].append(stream)
            _begin_anew(stream, division, bookmarks, now)
    bookmarks.update(LOG, division, {"read_at": now.isoformat(timespec="seconds")})


def _look_at_columns(read: StreamRead, bookmarks: Bookmarks, logger: logging.Logger) -> None:
    """A column that rows delivered before do not have is empty in them until they are read again."""
    if read.bookmark_column is None or read.once:
        return
    entry = bookmarks.stream(read.name)
    wanted = set(read.delivered())
    before = entry.get("columns")
    begun = bookmarks.begun(read.name)
    if not isinstance(before, list) or not begun:
        entry["columns"] = sorted(wanted)
        return
    # What Exact refused once may be refused again: it is no reason before it has come.
    added = wanted - set(before) - read.doubtful(entry.get("learnt"))
    if not added:
        entry["columns"] = sorted(wanted & set(before))
        return
    logger.warning(
        "%s: the rows delivered before lack %s. The stream starts over in %d administrations",
        read.name, some(sorted(added)), len(begun),
    )  # fmt: skip
    for division in begun:
        bookmarks.update(read.name, division, RESET)
    entry["columns"] = sorted(wanted)


def tell_left_alone(divisions: Sequence[Division], bookmarks: Bookmarks, logger: logging.Logger) -> None:
    """Say that the state knows administrations which this run does not read."""
    known = {code for name in bookmarks.streams() for code in bookmarks.divisions(name)}
    left = sorted(known - {division.code for division in divisions})
    if left:
        logger.info(
            "The state has bookmarks of administrations that are not read in this run: %s. They are kept",
            some(left),
        )


def moved_meanwhile(
    divisions: Sequence[Division], look_again: Callable[[], Sequence[Division]], logger: logging.Logger
) -> bool:
    """Whether Timestamps were given anew while we read by them: then pages may be missing.

    Args:
        divisions: The administrations as they were at the beginning.
        look_again: Asks Exact how they are now.
        logger: Where it is told.
    """
    try:
        now = {one.code: one for one in look_again()}
    except ExactError as exc:
        logger.info("Rows that are gone stay for now: %s", exc)
        return True
    before = [(one, now.get(one.code)) for one in divisions]
    moved = [one.code for one, later in before if later is None or _marks(one) != _marks(later)]
    unknown = [one.code for one, later in before if None in _marks(one) or (later and None in _marks(later))]
    if unknown:
        logger.info(
            "Rows that are gone stay for now: Exact does not say whether it has moved %s", some(unknown)
        )
    elif moved:
        logger.warning(
            "Exact has moved administrations while they were read: %s. The next run starts over", some(moved)
        )
    return bool(moved or unknown)


def _marks(division: Division) -> tuple[str | None, str | None]:
    return division.move_date, division.hr_link_date
