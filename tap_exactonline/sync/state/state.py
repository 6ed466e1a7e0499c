"""The state: the bookmarks of all streams and divisions, decoded, checked, and written again.

Shape (the SDK's, one partition a division, with members of our own; see `bookmark` for those of a partition)::

    {"bookmarks": {"sync_crm_accounts": {"version": 1760000000000, "partitions": [
        {"context": {"division": 123456},
         "replication_key": "timestamp", "replication_key_value": 987654, "seen": 987654,
         "move_date": "/Date(...)/",
         "deletions": {"timestamp": 987000, "read_at": "2026-11-20T12:00:00+00:00"},
         "version": 1760000000000}],
         "learnt": {"fields": {"Logo": "2026-11-20T12:00:00+00:00"},
                    "filter": {"at": "2026-11-20T12:00:00+00:00", "demanded": ["ID", "Code"]}}}},
     "divisions": {"refused": {"DivisionMoveDate": "2026-11-20T12:00:00+00:00"}},
     "run": {"id": "0b5f…", "started": "2026-11-20T12:00:00.000+00:00", "open": false},
     "state_version": 1}

What belongs to streams that this version does not know, and members beside ``bookmarks``, are written again as they came.
Unknown members of a known stream are dropped: this version can't keep them true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.sync.records.values import HIGHEST
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, Context, after

STATE_VERSION = 1

T = TypeVar("T")

_ROW_VERSION = re.compile(r"[0-9]{1,20}")
_BLANK = Bookmark()
_REMEDY = "Restore the state, or start over with an empty one"


class StateError(ValueError):
    """The state can't be used. The message says where it is wrong and what to do."""


class StreamState(msgspec.Struct):
    """What is remembered of a stream. Changed in the writer's thread only.

    Every member is written, nothing and an empty list too. Meltano merges the state of a run with ``--full-refresh`` into the one
    before: what is absent stays as it was, and bookmarks of before would stand beside the version of the new rows.

    Attributes:
        version: The table version that records carry. Set by `versions`.
        activated: The version under which older rows were declared gone last. Set by `versions`.
        had_rows: Of a stream of the login: rows were delivered. Set by the writer.
        columns: The columns that all rows have which were delivered; None: nobody noted them. Set by `resets` and the writer.
        maps: How settings changed the rows that were delivered (`StreamRead.maps`); None: nobody noted it.
            Set by `resets`.
        learnt: What Exact refused in queries, and when (`query.AdaptiveQuery.learnt`). Set by the writer.
        partitions: The bookmarks; `State` has an index of them.
    """

    version: int | None = None
    activated: int | None = None
    had_rows: bool = False
    columns: tuple[str, ...] | None = None
    maps: str | None = None
    learnt: dict[str, Any] | None = None
    partitions: list[Bookmark] = []


class State:
    """All bookmarks, by stream and then by division. The writer has the only one of a run.

    Attributes:
        others: What stands beside the bookmarks, such as ``divisions``.
    """

    def __init__(self) -> None:
        self.others: dict[str, Any] = {}
        self._streams: dict[str, StreamState] = {}
        self._unknown: dict[str, Any] = {}
        self._index: dict[str, dict[int, int]] = {}

    @classmethod
    def read(cls, state: Mapping[str, Any], endpoints: Mapping[str, Endpoint]) -> tuple[State, list[str]]:
        """Decode and check a state that was handed in, before anything is read.

        Args:
            state: The state as it came.
            endpoints: The known streams by name.

        Returns:
            The state, and remarks for the log about parts that are kept but not used.

        Raises:
            StateError: If it is broken, or made by a newer version of the tap.
        """
        bookmarks = _checked(state)
        made = cls()
        made.others = {name: value for name, value in state.items() if name != "bookmarks"}
        for stream, entry in bookmarks.items():
            made.take_in(stream, entry, endpoints.get(stream))
        remarks = [
            f"state: stream {stream} is unknown to this version; its bookmarks are kept and not used"
            for stream in bookmarks
            if stream not in endpoints
        ]
        return made, remarks

    def take_in(self, stream: str, entry: Any, endpoint: Endpoint | None) -> None:
        """Take over what a state that was handed in has of one stream; of an unknown one, as it came.

        Raises:
            StateError: If it is broken.
        """
        partitions = _partitions(stream, entry)
        if endpoint is None:
            self._unknown[stream] = entry
            return
        if "replication_key_value" in entry and not partitions:
            raise _broken(stream, None, "there is one bookmark for all divisions together")
        members = {name: value for name, value in entry.items() if value is not None and name != "partitions"}
        known = self._streams[stream] = _convert(members, StreamState, stream, None)
        known.partitions = [_bookmark(stream, code, one, endpoint) for code, one in partitions.items()]
        self._index[stream] = {code: position for position, code in enumerate(partitions)}

    def written(self) -> dict[str, Any]:
        """The state as the value of a STATE message; to be encoded by msgspec at once."""
        return {
            **self.others,
            "bookmarks": {**self._unknown, **self._streams},
            "state_version": STATE_VERSION,
        }

    def get(self, stream: str, division: int) -> Bookmark:
        """The bookmark of a stream in a division; blank if there is none."""
        position = self._index.get(stream, {}).get(division)
        return _BLANK if position is None else self._streams[stream].partitions[position]

    def of_login(self, stream: str) -> Bookmark:
        """What is remembered of a stream that belongs to the login."""
        return Bookmark(had_rows=self.known(stream).had_rows)

    def update(self, stream: str, division: int, changes: Changes) -> None:
        """Put another bookmark in the place of one."""
        entry = self.stream(stream)
        index = self._index.setdefault(stream, {})
        position = index.get(division)
        if position is None:
            entry.partitions.append(after(Bookmark(context=Context(division)), changes))
            index[division] = len(entry.partitions) - 1
        else:
            entry.partitions[position] = after(entry.partitions[position], changes)

    def select(self, streams: Iterable[str]) -> None:
        """Speak of these streams from the first STATE on, also where nothing is remembered of them."""
        for stream in streams:
            self.stream(stream)

    def stream(self, stream: str) -> StreamState:
        """What is remembered of a stream as a whole, to be changed."""
        return self._streams.setdefault(stream, StreamState())

    def known(self, stream: str) -> StreamState:
        """The same, only to look at."""
        return self._streams.get(stream, _NOTHING)

    def streams(self) -> list[str]:
        """The known streams of which something is remembered."""
        return list(self._streams)

    def divisions(self, stream: str) -> set[int]:
        """The divisions that have a bookmark for the stream."""
        return set(self._index.get(stream, ()))

    def begun(self, stream: str) -> set[int]:
        """The divisions in which the next read of the stream goes on from somewhere."""
        return {code for code, bookmark in self.bookmarks(stream) if bookmark.begun}

    def bookmarks(self, stream: str) -> Iterator[tuple[int, Bookmark]]:
        """The divisions of a stream and their bookmarks."""
        return zip(self._index.get(stream, ()), self.known(stream).partitions, strict=True)

    def leave_out(self, owns: Callable[[int], bool]) -> int:
        """Keep the bookmarks of these divisions only: the state may be a copy of one of more divisions.

        Returns:
            How many divisions were left out.
        """
        others = {code for code in self.all_divisions() if not owns(code)}
        if others:
            for entry in self._unknown.values():
                kept = [
                    partition
                    for partition in entry.get("partitions", [])
                    if owns(partition["context"]["division"])
                ]
                entry.update(partitions=kept)
            for stream, entry in self._streams.items():
                kept_bookmarks = [(code, bookmark) for code, bookmark in self.bookmarks(stream) if owns(code)]
                entry.partitions = [bookmark for _, bookmark in kept_bookmarks]
                self._index[stream] = {code: place for place, (code, _) in enumerate(kept_bookmarks)}
        return len(others)

    def all_divisions(self) -> set[int]:
        """The administrations that have bookmarks, those of unknown streams among them."""
        unknown = (_partitions(stream, entry) for stream, entry in self._unknown.items())
        return set().union(*self._index.values(), *unknown)


_NOTHING = StreamState()


def _checked(state: Mapping[str, Any]) -> dict[str, Any]:
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
        raise StateError(f"state: 'bookmarks' is not an object. {_REMEDY}")
    return bookmarks


def _partitions(stream: str, entry: Any) -> dict[int, dict[str, Any]]:
    """Division → its bookmark as it came. The shape holds for streams that this version does not know, too."""
    if not isinstance(entry, dict):
        raise _broken(stream, None, "the entry is not an object")
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


def _bookmark(stream: str, division: int, partition: Mapping[str, Any], endpoint: Endpoint) -> Bookmark:
    members = {name: value for name, value in partition.items() if value is not None}
    value = members.get("replication_key_value")
    _check_moment(stream, division, members.get("oldest") or None, wall_clock=True)
    if members.get("definition") != endpoint.definition:
        pass  # its bookmark is of another kind, perhaps, and the stream starts over (`resets.regenerated`)
    elif endpoint.kind == "sync":
        deletions = members.get("deletions", {})
        if not isinstance(deletions, dict):
            raise _broken(stream, division, "'deletions' is not an object")
        members |= _row_versions(stream, division, members, "replication_key_value", "seen")
        if deletions:
            members["deletions"] = deletions | _row_versions(stream, division, deletions, "timestamp")
        for moment in (deletions.get("read_at"), members.get("read_at")):
            _check_moment(stream, division, moment)
        _check_moment(stream, division, members.get("start_date"), wall_clock=True)
    elif endpoint.bookmark:
        _check_moment(stream, division, value, wall_clock=True)
    return _convert(members, Bookmark, stream, division)


def _row_versions(stream: str, division: int, members: Mapping[str, Any], *names: str) -> dict[str, int]:
    """Row versions as numbers: some programs write large numbers as text."""
    found: dict[str, int] = {}
    for name in names:
        value = members.get(name)
        if value is None:
            continue
        if isinstance(value, str) and _ROW_VERSION.fullmatch(value):
            value = min(int(value), HIGHEST)
        if type(value) is not int or not 0 <= value <= HIGHEST:
            raise _broken(
                stream, division, f"the bookmark {value!r} is not a Timestamp, that is a whole number"
            )
        found[name] = value
    return found


def _check_moment(stream: str, division: int, value: Any, *, wall_clock: bool = False) -> None:
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


def _convert(members: dict[str, Any], kind: type[T], stream: str, division: int | None) -> T:
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as exc:
        what, _, place = str(exc).partition(" - at ")
        raise _broken(stream, division, f"{place.strip('`$.') or 'the entry'}: {what}") from exc


def _broken(stream: str, division: int | None, what: str) -> StateError:
    where = f"state: stream {stream}" + (f", division {division}" if division is not None else "")
    return StateError(
        f"{where}: {what}. Restore the state from a backup, or remove this part of it to read it again"
    )
