"""The log of deletions, read once for a division and applied to every stream concerned.

A tombstone is a record with the key and ``_sdc_deleted_at``. It may only be written if no later record of the
same row has been, so two rules hold. The log is read before the entities. And where an entity was read beyond a
deletion that is only now seen, it is read again from that deletion on: if the row came back, its new
Timestamp is higher than that of the deletion, both being row versions of the same database. Unless all of them
were renewed in between; then it is read again from the beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.reader import Batch, Reader
from tap_exactonline.sync.records.codec import Codec, Rows
from tap_exactonline.sync.records.page import PageMaker, Payload
from tap_exactonline.sync.records.schema import DELETED_AT, DIVISION
from tap_exactonline.sync.records.values import Unreadable, utc_clock
from tap_exactonline.sync.start import FIRST_TIMESTAMP
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, LogPlace, in_utc
from tap_exactonline.sync.state.resets import CLOCKS_DIFFER, moved_lately, origin
from tap_exactonline.sync.stream_read import LOG, StreamRead

LOG_TRUSTED = timedelta(days=14)
"""For so long an empty log is taken for what it says. Then Exact is asked whether the user has the right to read it."""

NO_RIGHTS = (
    "Exact shows an empty log of deletions, and the user has no right to read it. Give the user of the login the right "
    "at Exact; deletions are missed until then"
)

LOG_FIELDS = ("Timestamp", "ID", "EntityKey", "EntityType", "DeletedDate")


class LogPage(msgspec.Struct):
    """What one page of the log gives.

    Attributes:
        payloads: Tombstones by stream, and for ``sync_deleted`` the rows themselves.
        changes: Stream → what its bookmark becomes once they are written.
    """

    payloads: Sequence[Payload]
    changes: dict[str, Changes]


class Tombstones:
    """Applies the log of one division to the streams that were selected with it.

    Args:
        division: The administration.
        log: How ``sync_deleted`` is read; its codec has at least :data:`LOG_FIELDS`.
        wanted: Whether ``sync_deleted`` itself is written.
        targets: The streams whose rows the log may name.
        bookmarks: Stream → a snapshot of its bookmark in this division.
        zone: Time zone of the administration, to turn the moment of deletion into UTC.
    """

    def __init__(
        self,
        division: Division,
        log: StreamRead,
        *,
        wanted: bool,
        targets: Sequence[StreamRead],
        bookmarks: Mapping[str, Bookmark],
        zone: ZoneInfo,
    ) -> None:
        self._division = division
        now = datetime.now(UTC)
        self._moved = {read.name for read in targets if moved_lately(read.endpoint, division, now)}
        self._log = log
        self._wanted = wanted
        self._targets = list(targets)
        self._bookmarks = bookmarks
        self._utc = utc_clock(zone)
        self._cursors: dict[str, LogPlace] = {}
        self._lowered: dict[str, int] = {}
        self._log_reached = self._of(LOG).timestamp
        self._shown = 0
        self.rows = 0
        """Rows of the log that were read."""
        self.written: Counter[str] = Counter()
        """Rows that were written because of them, by stream."""

    def start(self) -> int | None:
        """The Timestamp from which the log must be read, None for all of it."""
        cursors = [self._seen(read.name) for read in self._targets]
        if self._wanted:
            cursors.append(self._log_reached)
        known = [cursor for cursor in cursors if cursor is not None]
        return min(known, default=None) if len(known) == len(cursors) else None

    def pages(self, reader: Reader) -> Iterator[LogPage]:
        """The log's pages, applied. ``reader`` reads the log from :meth:`start`, and makes pages with :meth:`share`."""
        yield from map(self._apply, reader.batches())

    def share(self, make: PageMaker, codec: Codec, rows: Rows) -> tuple[Payload, ...]:
        """What a page of the log holds for each stream. Changes nothing, as `PageMaker` demands."""
        payloads = []
        stamps = rows.values("Timestamp")
        if self._wanted:
            seen = self._log_reached or 0
            records = [
                record
                for record, stamp in zip(codec.records(rows, self._division.code), stamps, strict=True)
                if stamp is None or stamp > seen
            ]
            if records:
                payloads.append(make.payload(self._log, records, make.without))
        entries = [*zip(stamps, *(rows.values(name) for name in LOG_FIELDS[2:]), strict=True)]
        for read in self._targets:
            seen = self._seen(read.name) or 0
            key, stamp_column = read.codec.column(read.endpoint.key[0]), read.codec.column("Timestamp")
            tombstones = [
                {
                    DIVISION: self._division.code,
                    key: entity_key,
                    stamp_column: stamp,
                    DELETED_AT: self._moment(deleted),
                }
                for stamp, entity_key, entity_type, deleted in entries
                if entity_type == read.endpoint.entity_type
                and entity_key
                and stamp is not None
                and stamp > seen
            ]
            if tombstones:
                lowest = min(tombstone[stamp_column] for tombstone in tombstones)
                payloads.append(make.payload(read, tombstones, lowest=lowest))
        return tuple(payloads)

    def read_at(self) -> str | None:
        """Since when the log has been read without a gap, for the stream that is worst off; None: never."""
        places = [self._place(read.name) for read in self._targets]
        marks = [None if place.behind else place.read_at for place in places]
        if self._wanted:
            marks.append(self._of(LOG).read_at)
        known = [mark for mark in marks if mark is not None]
        return min(known, default=None) if len(known) == len(marks) else None

    def complete(self, read_at: str) -> dict[str, Changes]:
        """What the bookmarks become once the log was read to its end."""
        changes: dict[str, Changes] = {}
        for read in self._targets:
            place = self._place(read.name)
            # The log came in no order, so its end comes again: when the rows will have been read.
            behind = read.name in self._moved and self._shown > (place.timestamp or 0)
            place = self._cursors[read.name] = replace(place, read_at=read_at, behind=behind)
            changes[read.name] = {"deletions": place}
        if self._wanted:
            changes[LOG] = {"read_at": read_at}
        return changes

    def changes(self, stream: str) -> Changes:
        """How the bookmark from which the stream is to be read differs, now that the log was read.

        The writer may not yet have come so far.
        """
        if stream not in self._cursors:
            return {}
        changes: Changes = {"deletions": self._cursors[stream]}
        if stream in self._lowered:
            changes["replication_key_value"] = self._lowered[stream]
        return changes

    def _reached(self, cursor: int, seen: int | None) -> Changes:
        """The bookmark of the log itself; the read may have begun below it."""
        reached = max(cursor, self._log_reached or 0)
        seen = max(seen or 0, self._of(LOG).seen or 0)
        return {"replication_key_value": reached, "seen": seen if seen >= reached else None}

    def _apply(self, batch: Batch) -> LogPage:
        self.rows += batch.count
        self._shown = max(self._shown, batch.changes.get("seen") or 0)
        reached = batch.changes.get("replication_key_value")
        cursor = None if reached is None else int(reached)
        lowest = {payload.read.name: payload.lowest for payload in batch.payloads}
        changes = {read.name: self._after(read, cursor, lowest.get(read.name)) for read in self._targets}
        if self._wanted and cursor is not None:
            changes[LOG] = {**batch.changes, **self._reached(cursor, batch.changes.get("seen"))}
        return LogPage(batch.payloads, {stream: change for stream, change in changes.items() if change})

    def _after(self, read: StreamRead, cursor: int | None, lowest: int | None) -> Changes:
        """What a stream's bookmark becomes after a page of the log.

        Args:
            read: The stream.
            cursor: How far the log was read; None: that is not certain yet.
            lowest: The lowest Timestamp of its deletions in the page, None if it has none.
        """
        changes: Changes = {}
        seen = self._seen(read.name) or 0
        place = self._place(read.name)
        if cursor is not None and place.timestamp != max(cursor, seen):
            # Lower than after the page before, if entries turn out to come in no order.
            place = self._cursors[read.name] = replace(place, timestamp=max(cursor, seen))
            changes |= {**origin(read.endpoint, self._division, self._of(read.name)), "deletions": place}
        if lowest is not None and read.name in self._moved and place.behind:
            # The rows were read before these deletions, and no Timestamp tells which of them came back.
            lowest = FIRST_TIMESTAMP
        reached = self._of(read.name).timestamp
        if lowest is not None and reached is not None and lowest < self._lowered.get(read.name, reached):
            self._lowered[read.name] = lowest
            changes["replication_key_value"] = lowest
        return changes

    def _of(self, stream: str) -> Bookmark:
        return self._bookmarks.get(stream) or Bookmark()

    def _place(self, stream: str) -> LogPlace:
        """How far the log is applied to a stream by now."""
        return self._cursors.setdefault(stream, self._of(stream).log)

    def _seen(self, stream: str) -> int | None:
        return self._of(stream).log.timestamp

    def _moment(self, text: str | None) -> str:
        """When the row was deleted, in UTC; now, if the log does not say or can't be understood."""
        try:
            utc = self._utc(text) if text else None
        except Unreadable:
            utc = None
        return (utc or datetime.now(UTC)).isoformat()


def log_is_due(read_at: str | None, now: datetime) -> bool:
    """Whether an empty log has to be looked at: it may be empty because the user may not see it."""
    if read_at is None:
        return True
    return not -CLOCKS_DIFFER <= now - in_utc(read_at) < LOG_TRUSTED
