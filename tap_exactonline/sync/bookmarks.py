"""The state: what of each stream and division has been delivered, and when that no longer holds.

Shape (the SDK's, one partition a division, with members of our own)::

    {"bookmarks": {"sync_crm_accounts": {"version": 1760000000000, "partitions": [
        {"context": {"division": 123456},
         "replication_key": "timestamp", "replication_key_value": 987654, "seen": 987654,
         "move_date": "/Date(...)/",
         "deletions": {"timestamp": 987000, "read_at": "2026-11-20T12:00:00+00:00"},
         "version": 1760000000000}],
         "learnt": {"fields": {"Logo": "2026-11-20T12:00:00+00:00"},
                    "filter": {"at": "2026-11-20T12:00:00+00:00", "demanded": ["ID", "Code"]}}}},
     "divisions": {"refused": {"DivisionMoveDate": "2026-11-20T12:00:00+00:00"}},
     "state_version": 1}

``learnt`` and ``refused`` are what Exact did not accept in a query, and when.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.refused_fields import moment as stored_moment
from tap_exactonline.sync.records.values import HIGHEST, moment

STATE_VERSION = 1

LOG_KEPT = timedelta(days=55)
"""Exact keeps the log of deletions for two months (reference page "Sync/Deleted"); less a few days to be safe."""


LOG_KEPT_AT_MOST = timedelta(days=70)

_UNKNOWN = "unknown since "
_ROW_VERSION = re.compile(r"[0-9]{1,20}")


class StateError(ValueError):
    """The state can't be used. The message says where it is wrong and what to do."""


def check_state(state: Mapping[str, Any], endpoints: Mapping[str, Endpoint]) -> list[str]:
    """Look at a state that was handed in, before anything is read.

    Args:
        state: The state as it came.
        endpoints: The known streams by name.

    Returns:
        Remarks for the log, about parts that are kept but not used.

    Raises:
        StateError: If it is broken, or made by a newer version of the tap.
    """
    version = state.get("state_version", STATE_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version <= STATE_VERSION:
        raise StateError(
            f"state: it was written by a newer version of tap-exactonline (state_version {version!r}, "
            f"this one knows {STATE_VERSION}). Install that version again, or start over with an empty state"
        )
    try:
        msgspec.json.encode(state)
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError) as exc:
        raise StateError(
            "state: it can't be written again: it holds half a character, or is nested without end. Restore the state, "
            "or start over with an empty one"
        ) from exc
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise StateError(
            "state: 'bookmarks' is not an object. Restore the state, or start over with an empty one"
        )
    remarks = []
    for stream, entry in bookmarks.items():
        partitions = _partitions(stream, entry)
        if stream not in endpoints:
            remarks.append(
                f"state: stream {stream} is unknown to this version; its bookmarks are kept and not used"
            )
            continue
        for division, partition in partitions.items():
            _check_partition(stream, division, partition, endpoints[stream])
        if "replication_key_value" in entry and not partitions:
            raise _broken(stream, None, "there is one bookmark for all divisions together")
    return remarks


def known_divisions(state: Mapping[str, Any]) -> set[int]:
    """The administrations that a state, already checked, has bookmarks of."""
    found = set()
    for entry in state.get("bookmarks", {}).values():
        partitions = entry.get("partitions") if isinstance(entry, dict) else None
        for partition in partitions if isinstance(partitions, list) else ():
            context = partition.get("context") if isinstance(partition, dict) else None
            division = context.get("division") if isinstance(context, dict) else None
            if isinstance(division, int):
                found.add(division)
    return found


def _partitions(stream: str, entry: Any) -> dict[int, dict[str, Any]]:
    """Division → its bookmark. The shape holds for streams that this version does not know, too."""
    if not isinstance(entry, dict):
        raise _broken(stream, None, "the entry is not an object")
    if not isinstance(columns := entry.get("columns", []), list) or not all(
        isinstance(column, str) for column in columns
    ):
        raise _broken(stream, None, "'columns' is not a list of names")
    partitions = entry.get("partitions", [])
    if not isinstance(partitions, list):
        raise _broken(stream, None, "'partitions' is not a list")
    found: dict[int, dict[str, Any]] = {}
    for partition in partitions:
        context = partition.get("context") if isinstance(partition, dict) else None
        division = context.get("division") if isinstance(context, dict) else None
        if not isinstance(division, int) or isinstance(division, bool):
            raise _broken(stream, None, "a partition names no division")
        if division in found:
            raise _broken(stream, division, "there are two bookmarks")
        found[division] = partition
    return found


def _check_partition(stream: str, division: int, partition: dict[str, Any], endpoint: Endpoint) -> None:
    value = partition.get("replication_key_value")
    if endpoint.kind == "sync":
        _row_version(stream, division, value)
        _row_version(stream, division, partition.get("seen"))
        deletions = partition.get("deletions", {})
        if not isinstance(deletions, dict):
            raise _broken(stream, division, "'deletions' is not an object")
        _row_version(stream, division, deletions.get("timestamp"))
        _moment(stream, division, deletions.get("read_at"))
        _moment(stream, division, partition.get("read_at"))
        _moment(stream, division, partition.get("start_date"), wall_clock=True)
    elif endpoint.bookmark:
        _moment(stream, division, value, wall_clock=True)


def _row_version(stream: str, division: int, value: Any) -> None:
    if isinstance(value, str) and _ROW_VERSION.fullmatch(value):
        return
    if value is not None and (type(value) is not int or not 0 <= value <= HIGHEST):
        raise _broken(stream, division, f"the bookmark {value!r} is not a Timestamp, that is a whole number")


def _moment(stream: str, division: int, value: Any, *, wall_clock: bool = False) -> None:
    if value is None:
        return
    try:
        when = datetime.fromisoformat(value)
    except (ValueError, TypeError) as exc:
        raise _broken(stream, division, f"the bookmark {value!r} is not a date") from exc
    if wall_clock and when.tzinfo is not None:
        # Converting it would be a guess at which clock its writer meant.
        raise _broken(
            stream, division, f"the bookmark {value!r} has a time zone, and Exact's clock knows none"
        )


def _broken(stream: str, division: int | None, what: str) -> StateError:
    where = f"state: stream {stream}" + (f", division {division}" if division is not None else "")
    return StateError(
        f"{where}: {what}. Restore the state from a backup, or remove this part of it to read it anew"
    )


class Bookmarks:
    """Access to the state by stream and division. Only the writer has it; workers get snapshots."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        state.setdefault("bookmarks", {})
        state["state_version"] = STATE_VERSION
        self._index: dict[tuple[str, int], dict[str, Any]] = {}
        for stream, entry in state["bookmarks"].items():
            for partition in entry.get("partitions", []):
                self._index[stream, partition["context"]["division"]] = partition

    def get(self, stream: str, division: int) -> Mapping[str, Any]:
        """The bookmark of a stream in a division; empty if there is none."""
        return self._index.get((stream, division), {})

    def snapshot(self, stream: str, division: int | None) -> Mapping[str, Any]:
        """A copy of a bookmark that stays as it is while the writer goes on, and that nobody can change.

        Without a division, a copy of what holds for the stream as a whole.
        """
        return _frozen(copy.deepcopy(self.known(stream) if division is None else self.get(stream, division)))

    def divisions(self, stream: str) -> set[int]:
        """The divisions that have a bookmark for the stream."""
        return {division for name, division in self._index if name == stream}

    def streams(self) -> list[str]:
        """The streams that the state knows."""
        return list(self.state["bookmarks"])

    def begun(self, stream: str) -> set[int]:
        """The divisions in which the next read of the stream goes on from somewhere."""
        return {
            code
            for code in self.divisions(stream)
            if self.get(stream, code).get("replication_key_value") is not None
        }

    def stream(self, stream: str) -> dict[str, Any]:
        """What holds for a stream as a whole (``version``, ``activated``)."""
        entry: dict[str, Any] = self.state["bookmarks"].setdefault(stream, {})
        return entry

    def known(self, stream: str) -> Mapping[str, Any]:
        """The same, only to look at; empty if the stream has none."""
        entry: Mapping[str, Any] = self.state["bookmarks"].get(stream, {})
        return entry

    def update(self, stream: str, division: int, changes: Mapping[str, Any]) -> None:
        """Change a bookmark; a value None takes the member away."""
        partition = self._index.get((stream, division))
        if partition is None:
            partition = {"context": {"division": division}}
            self.stream(stream).setdefault("partitions", []).append(partition)
            self._index[stream, division] = partition
        for name, value in changes.items():
            if value is None:
                partition.pop(name, None)
            else:
                partition[name] = value


def _frozen(members: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(
        {name: _frozen(value) if isinstance(value, Mapping) else value for name, value in members.items()}
    )


def regenerated(endpoint: Endpoint, bookmark: Mapping[str, Any], division: Division) -> str | None:
    """Why the bookmark no longer holds, or None: another definition, or new Timestamps of the same rows."""
    if bookmark and bookmark.get("definition") != endpoint.definition:
        return "the stream is defined in another way than before (extra_streams)"
    if not bookmark or endpoint.kind != "sync":
        return None
    if _changed(bookmark.get("move_date"), division.move_date):
        return "Exact has moved the division to another database (DivisionMoveDate changed)"
    if endpoint.hr and _changed(bookmark.get("hr_link_date"), division.hr_link_date):
        return "its HR data was linked or unlinked (DivisionHRLinkUnlinkDate changed)"
    return None


def _changed(stored: object, now: str | None) -> bool:
    """Whether a mark of a division is another one than when the bookmark was made. Unknown is not changed."""
    if not isinstance(stored, str) or now is None:
        return False
    if not stored.startswith(_UNKNOWN):
        return stored != now
    # Exact did not say when the stream was begun. A later date, with a day for the clocks, is a change since.
    begun, date = stored_moment(stored.removeprefix(_UNKNOWN)), moment(now)
    return bool(now) and (
        begun is None or date is None or date > begun.replace(tzinfo=None) - timedelta(days=1)
    )


def unreachable(endpoint: Endpoint, bookmark: Mapping[str, Any], latest: datetime) -> str | None:
    """Why no run can have written the bookmark, or None. It would hide every row for ever.

    Args:
        endpoint: What is read.
        bookmark: What was delivered before.
        latest: No Modified can be later, in the administration's wall clock.
    """
    value = bookmark.get("replication_key_value")
    if value is None:
        return None
    if endpoint.kind == "sync":
        seen = bookmark.get("seen")
        if seen is None or int(value) <= int(seen):
            return None
        return f"the bookmark {value} is higher than every Timestamp that Exact has given (up to {seen})"
    if endpoint.bookmark and datetime.fromisoformat(value) > latest:
        return f"the bookmark {value} has yet to come"
    return None


def origin(endpoint: Endpoint, division: Division, bookmark: Mapping[str, Any]) -> dict[str, Any]:
    """What to store so that :func:`regenerated` can tell later.

    Args:
        endpoint: What was read.
        division: Where, as it is now.
        bookmark: What was stored before. Its marks stay as long as Exact does not say what they are.
    """
    marks: dict[str, Any] = {"definition": endpoint.definition} if endpoint.definition else {}
    if endpoint.kind != "sync":
        return marks
    unknown = f"{_UNKNOWN}{datetime.now(UTC).isoformat(timespec='seconds')}"
    dates = {
        "move_date": division.move_date,
        **({"hr_link_date": division.hr_link_date} if endpoint.hr else {}),
    }
    return marks | {
        name: bookmark.get(name, unknown) if date is None else date for name, date in dates.items()
    }


def moved_lately(endpoint: Endpoint, division: Division, now: datetime) -> bool:
    """Whether the log of deletions may hold entries from before new Timestamps were given.

    Theirs can't be compared with those of the rows: tables are renumbered one after the other.
    """
    for date in (division.move_date, division.hr_link_date if endpoint.hr else ""):
        if date == "":
            continue
        when = moment(date)
        # Exact's clock is at most a day from ours, and keeps the log for two months.
        if when is None or now.replace(tzinfo=None) - when < LOG_KEPT_AT_MOST:
            return True
    return False


def forgotten(read_at: str | None, now: datetime) -> str | None:
    """Why deletions were missed since the log was read last, or None."""
    if read_at is None:
        return None
    last = datetime.fromisoformat(read_at)
    last = last if last.tzinfo else last.replace(tzinfo=UTC)
    if now - last <= LOG_KEPT:
        return None
    return (
        f"the log of deletions was last read {(now - last).days} days ago and Exact keeps it for two months, "
        "so deletions were missed"
    )


def first(values: Iterable[int | None]) -> int | None:
    """The lowest of the values, None if one of them is None or there are none."""
    known = list(values)
    return None if not known or None in known else min(value for value in known if value is not None)
