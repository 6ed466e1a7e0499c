"""Another SCHEMA for a stream in the middle of a run.

A target of the Singer SDK may load what came under the earlier SCHEMA after what comes under the next one: a deletion
after the row that came back, an older value of a row after the newer one. Nobody sees it, so the next run delivers again
what it can have happened to.
"""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.state.state import State


class SchemaChanges:
    """Knows what of the streams that are under way came before another SCHEMA.

    Args:
        state: The bookmarks, which it takes back.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        # Stream → SCHEMAs written in this run.
        self._schemas: Counter[str] = Counter()
        # Stream and division under way → up to where the log was applied before this run wrote deletions, and the number of
        # the SCHEMA under which it wrote the first.
        self._deletions: dict[tuple[str, int], tuple[int | None, int]] = {}
        # Of which rows were written that can come once more when they change.
        self._rows: set[tuple[str, int]] = set()
        # Those of which rows were written before another SCHEMA → the bookmark as it was then.
        self._reached: dict[tuple[str, int], Bookmark] = {}

    def deletions(self, stream: str, division: int) -> None:
        """Deletions are about to be written."""
        place = self._state.get(stream, division).log.timestamp
        self._deletions.setdefault((stream, division), (place, self._schemas[stream]))

    def rows(self, stream: str, division: int) -> None:
        """Rows of a sync stream are about to be written. Those of others come again in the next run, if they changed."""
        self._rows.add((stream, division))

    def written(self, stream: str) -> None:
        """A SCHEMA was written."""
        self._schemas[stream] += 1
        for place in self._rows:
            if place[0] == stream:
                self._reached.setdefault(place, self._state.get(*place))

    def take_back(self) -> None:
        """Let the next run begin where all is certain."""
        for (stream, division), (timestamp, schema) in self._deletions.items():
            if schema < self._schemas[stream]:
                # Behind: so that rows which were renumbered since are read again, too.
                log = replace(self._state.get(stream, division).log, timestamp=timestamp, behind=True)
                self._state.update(stream, division, {"deletions": log})
        for (stream, division), bookmark in self._reached.items():
            self._state.update(
                stream,
                division,
                {
                    "replication_key": bookmark.replication_key,
                    "replication_key_value": bookmark.replication_key_value,
                    "start_date": bookmark.start_date,
                },
            )

    def ended(self, stream: str, division: int) -> bool:
        """A stream is no longer under way; whether something of it may have been loaded last."""
        self.take_back()
        place, schema = (stream, division), self._schemas[stream]
        self._rows.discard(place)
        _, began = self._deletions.pop(place, (None, schema))
        return (self._reached.pop(place, None) is not None) or began < schema
