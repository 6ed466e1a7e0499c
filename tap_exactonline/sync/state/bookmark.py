"""One bookmark: what of a stream was delivered from a division. A value: it never changes, a change makes another one.

Only the writer puts another one in its place (`State.update`), once the rows that it stands for are written. Workers get
bookmarks as they were when their division was begun, and answer with `Changes`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

import msgspec
from msgspec.structs import replace


class Context(msgspec.Struct, frozen=True):
    """The partition, as the Singer SDK writes it."""

    division: int


class LogPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the log of deletions was applied to a stream (setting ``deletions: tombstones``).

    Attributes:
        timestamp: Every deletion up to it was applied. Set by `deletions`.
        read_at: Since then the log has been read without a gap, in UTC. Set by `deletions`, `start` and `resets`.
        behind: The rows were begun when the log had not been read: what it tells may be older than they are. Set by `start` and
            `schema_changes`.
    """

    timestamp: int | None = None
    read_at: str | None = None
    behind: bool = False


class Bookmark(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was delivered of a stream from a division.

    Attributes:
        context: The division. None for streams of the login, of which only ``had_rows`` is remembered.
        replication_key: Name of the bookmark's column. Set by `reader`.
        replication_key_value: Of a sync stream: every row up to this Timestamp was delivered. Of others: every row that
            was modified before, in the administration's wall clock. None: the next read begins at the beginning. Set by
            `reader`, taken back by `deletions`, `schema_changes` and `resets`.
        seen: The highest Timestamp that Exact has given. A bookmark above it was written by nobody. Set by `reader`.
        move_date: ``DivisionMoveDate`` of the Timestamps here, those in ``deletions`` included; another one makes them void.
            Set by `resets.origin`.
        hr_link_date: The same of ``DivisionHRLinkUnlinkDate``, for HR streams.
        definition: How the stream was defined (setting ``extra_streams``). Set by `resets.origin`.
        oldest: The first read left out rows that were last changed before (setting ``start_date``), in the administration's
            wall clock; empty: none. None: nobody noted it, or the stream is not dated. Set by `start.left_out`.
        start_date: The first read is not complete, or found no row yet, and leaves out what is older. Set by `start`.
        deletions: How far the log of deletions was applied.
        read_at: Of ``sync_deleted``: since then it has been read without a gap, in UTC. Set by `worker` and `resets`.
        rights_at: When Exact said last that the user has the right to see the rows, in UTC. Set by `rights` and `start`.
        version: The table version under which the division was read completely. Set by `versions`.
        had_rows: Rows were delivered, whatever became of the bookmark since. Set by `worker` and `resets`.
        no_rows: The bookmark comes from the start date, and no row was delivered. Set by `worker`.
        refused: Refusals of the last hour: when, and of which kind. Set by `cooldown`.
    """

    context: Context | None = None
    replication_key: str | None = None
    replication_key_value: int | str | None = None
    seen: int | None = None
    move_date: str | None = None
    hr_link_date: str | None = None
    definition: str | None = None
    oldest: str | None = None
    start_date: str | None = None
    deletions: LogPlace | None = None
    read_at: str | None = None
    rights_at: str | None = None
    version: int | None = None
    had_rows: bool = False
    no_rows: bool = False
    refused: tuple[str, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether the next read goes on from somewhere."""
        return self.replication_key_value is not None

    @property
    def delivered(self) -> bool:
        """Whether rows were ever handed to the target, as far as the state remembers."""
        return not self.no_rows and (self.had_rows or self.begun)

    @property
    def timestamp(self) -> int | None:
        """Of a sync stream: every row up to this Timestamp was delivered."""
        value = self.replication_key_value
        return None if value is None else int(value)

    @property
    def log(self) -> LogPlace:
        """How far the log of deletions was applied."""
        return self.deletions or LogPlace()


class Changes(TypedDict, total=False):
    """New values of members of a `Bookmark`; their defaults take the members away."""

    replication_key: str | None
    replication_key_value: int | str | None
    seen: int | None
    move_date: str | None
    hr_link_date: str | None
    definition: str | None
    oldest: str | None
    start_date: str | None
    deletions: LogPlace | None
    read_at: str | None
    rights_at: str | None
    version: int | None
    had_rows: bool
    no_rows: bool
    refused: tuple[str, ...]


def after(bookmark: Bookmark, changes: Changes) -> Bookmark:
    """What a bookmark becomes."""
    return replace(bookmark, **changes) if changes else bookmark


def in_utc(text: str) -> datetime:
    """A moment of the state. What has no zone was written in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def as_stored(seconds: float) -> str:
    """A moment (seconds since 1970), as the state keeps it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
