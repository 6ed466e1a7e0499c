"""The log of deletions, read once for a division and applied to every stream concerned.

A tombstone is a record with the key and ``_sdc_deleted_at``. It may only be written if no later record of the
same row has been, so two rules hold. The log is read before the entities. And where an entity was read beyond a
deletion that is only now seen, it is read again from that deletion on: if the row came back, its new
Timestamp is higher than that of the deletion, both being row versions of the same database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline.sync.bookmarks import first
from tap_exactonline.sync.columns import DELETED_AT, DIVISION
from tap_exactonline.sync.reading import Job, Reader
from tap_exactonline.sync.values import Unreadable, wall_clock

LOG = "sync_deleted"
LOG_FIELDS = ("Timestamp", "ID", "EntityKey", "EntityType", "DeletedDate")


@dataclass(slots=True)
class LogPage:
    """What one page of the log gives.

    Attributes:
        records: Stream → its records: tombstones, and for ``sync_deleted`` the rows themselves.
        changes: Stream → what its bookmark becomes once they are written.
    """

    records: dict[str, list[Any]] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)


class Tombstones:
    """Applies the log of one division to the streams that were selected with it.

    Args:
        division: Its number.
        log: The job of ``sync_deleted``; its codec has at least :data:`LOG_FIELDS`.
        wanted: Whether ``sync_deleted`` itself is written.
        targets: The jobs whose rows the log may name.
        bookmarks: Stream → its bookmark in this division.
        zone: Time zone of the administration, to turn the moment of deletion into UTC.
    """

    def __init__(
        self,
        division: int,
        log: Job,
        *,
        wanted: bool,
        targets: Sequence[Job],
        bookmarks: Mapping[str, Mapping[str, Any]],
        zone: ZoneInfo,
    ) -> None:
        self._division = division
        self._log = log
        self._wanted = wanted
        self._targets = {job.endpoint.entity_type: job for job in targets}
        self._bookmarks = bookmarks
        self._zone = zone
        self._cursors: dict[str, dict[str, Any]] = {}
        self.lowered: dict[str, int] = {}
        """Stream → Timestamp from which it has to be read again."""

    def start(self) -> int | None:
        """The Timestamp from which the log must be read, None for all of it."""
        cursors = [self._seen(job.name) for job in self._targets.values()]
        if self._wanted:
            cursors.append(_number(self._bookmarks.get(LOG, {}).get("replication_key_value")))
        return first(cursors)

    def pages(self, reader: Reader) -> Iterator[LogPage]:
        """The log's pages, applied. ``reader`` reads the log from :meth:`start`."""
        for batch in reader.batches():
            page = LogPage()
            cursor = batch.changes.get("replication_key_value")
            self._log_rows(batch.rows, batch.records, page)
            for job in self._targets.values():
                self._apply(job, batch.rows, cursor, page)
            if self._wanted and cursor is not None:
                seen = _number(self._bookmarks.get(LOG, {}).get("replication_key_value")) or 0
                page.changes[LOG] = {**batch.changes, "replication_key_value": max(cursor, seen)}
            yield page
        yield self._finished()

    def _finished(self) -> LogPage:
        read_at = datetime.now(UTC).isoformat(timespec="seconds")
        page = LogPage()
        for job in self._targets.values():
            page.changes[job.name] = {"deletions": {**self._deletions(job.name), "read_at": read_at}}
        if self._wanted:
            page.changes[LOG] = {"read_at": read_at}
        return page

    def _log_rows(self, rows: list[Any], records: list[Any], page: LogPage) -> None:
        if not self._wanted:
            return
        seen = _number(self._bookmarks.get(LOG, {}).get("replication_key_value")) or 0
        stamps = self._log.codec.values(rows, "Timestamp")
        page.records[LOG] = [
            record for record, stamp in zip(records, stamps, strict=True) if stamp is None or stamp > seen
        ]

    def _apply(self, job: Job, rows: list[Any], cursor: int | None, page: LogPage) -> None:
        seen = self._seen(job.name) or 0
        codec = self._log.codec
        key, stamp_column = job.codec.column(job.endpoint.key[0]), job.codec.column("Timestamp")
        tombstones = []
        lowest: int | None = None
        for stamp, entity_type, entity_key, moment in zip(
            codec.values(rows, "Timestamp"),
            codec.values(rows, "EntityType"),
            codec.values(rows, "EntityKey"),
            codec.values(rows, "DeletedDate"),
            strict=True,
        ):
            if entity_type != job.endpoint.entity_type or not entity_key or stamp is None or stamp <= seen:
                continue
            lowest = stamp if lowest is None else min(lowest, stamp)
            tombstones.append(
                {
                    DIVISION: self._division,
                    key: entity_key,
                    stamp_column: stamp,
                    DELETED_AT: self._moment(moment),
                }
            )
        changes: dict[str, Any] = {}
        if tombstones:
            page.records[job.name] = tombstones
        if cursor is not None and cursor > seen:
            deletions = self._deletions(job.name)
            deletions["timestamp"] = cursor
            changes["deletions"] = dict(deletions)
        reached = _number(self._bookmarks.get(job.name, {}).get("replication_key_value"))
        if lowest is not None and reached is not None and lowest < self.lowered.get(job.name, reached):
            self.lowered[job.name] = lowest
            changes["replication_key_value"] = lowest
        if changes:
            page.changes[job.name] = changes

    def _deletions(self, stream: str) -> dict[str, Any]:
        """The working copy of a stream's cursor in the log."""
        return self._cursors.setdefault(stream, dict(self._bookmarks.get(stream, {}).get("deletions", {})))

    def _seen(self, stream: str) -> int | None:
        return _number(self._bookmarks.get(stream, {}).get("deletions", {}).get("timestamp"))

    def _moment(self, text: str | None) -> str:
        """When the row was deleted, in UTC; now, if the log does not say."""
        try:
            moment = wall_clock(text) if text else None
        except Unreadable:
            moment = None
        utc = moment.replace(tzinfo=self._zone).astimezone(UTC) if moment else datetime.now(UTC)
        return utc.isoformat()


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
