"""Reading one stream in one division: which rows to ask for, page after page, and what may be remembered."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import islice
from typing import Any

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.endpoints.variants import Variant, variants
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import BrokenAnswer, EndpointMissing, QueryRefused, StreamError
from tap_exactonline.exact.odata import modified_filter, shown, timestamp_filter
from tap_exactonline.exact.refused_fields import MOST_REFUSALS
from tap_exactonline.sync.bookmarks import origin
from tap_exactonline.sync.convert import Codec
from tap_exactonline.sync.order import ReadOrder
from tap_exactonline.sync.permits import Turn
from tap_exactonline.sync.query import AdaptiveQuery, Query
from tap_exactonline.sync.rows import Rows
from tap_exactonline.sync.since import begin, proven
from tap_exactonline.sync.values import earlier, latest

OVERLAP = timedelta(hours=2)
"""Read again before the highest Modified: covers the hour that the clock goes back."""

ONCE = frozenset({"system_divisions"})
"""Streams that list what the login sees: the same from every division, so they are read once."""

_EVER = datetime(1753, 1, 1)  # noqa: DTZ001 - wall clock
"""Before this SQL Server's datetime has no moments, and a filter may be refused: everything is asked for."""


@dataclass(slots=True)
class Job:
    """One stream, as it is read in this run.

    Attributes:
        endpoint: What is read.
        codec: Reads and writes its pages.
        query: Its query, shared by all divisions.
        bookmark_column: Name of the bookmark's column, None for a full table.
        version: Version that each record carries, if versions are wanted.
        columns: Field → what of it arrives in the target: the column's name, and its clock if that is a choice.
        mapped: The columns from which the setting ``stream_maps`` computes something.
    """

    endpoint: Endpoint
    codec: Codec
    query: AdaptiveQuery
    bookmark_column: str | None = None
    version: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    _codecs: dict[frozenset[str], Codec] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.endpoint.name

    @property
    def once(self) -> bool:
        """Whether it belongs to the login, not to each division."""
        return self.endpoint.login_wide or self.name in ONCE

    def delivered(self) -> set[str]:
        """The columns that arrive, as far as is known by now."""
        refused = self.query.refused
        return {column for name, column in self.columns.items() if name not in refused}

    def codec_without(self, fields: frozenset[str]) -> Codec:
        """The codec of pages in which these fields were not asked for, since Exact refuses them."""
        if fields not in self._codecs:
            self._codecs[fields] = self.codec.without(fields)
        return self._codecs[fields]

    def missing(self, fields: frozenset[str]) -> frozenset[str]:
        """The columns that records lack if these fields were not asked for."""
        return frozenset(self.codec.columns) - frozenset(self.codec_without(fields).columns)

    def uses(self, fields: frozenset[str]) -> frozenset[str]:
        """Of the columns that hold these fields, those from which ``stream_maps`` compute something."""
        return self.mapped & self.missing(fields)

    def names(self, fields: Iterable[str]) -> str:
        """Fields for a person: ``City (column city)``."""
        emitted = set(self.codec.columns)
        named = [(name, self.codec.column(name)) for name in sorted(fields)]
        return ", ".join(f"{name} (column {column})" if column in emitted else name for name, column in named)

    def doubtful(self, learnt: object) -> set[str]:
        """The columns that Exact refused at some time, by what an earlier run has learnt."""
        fields = learnt.get("fields") if isinstance(learnt, Mapping) else None
        return {self.columns[name] for name in fields or () if name in self.columns}


@dataclass(slots=True)
class Batch:
    """What one page gives.

    Attributes:
        records: Structs made by the codec.
        changes: What the bookmark becomes once the records are written.
        page: The same rows as the codec decoded them, if there are any.
        without: The fields that the page lacks because Exact refuses them.
    """

    records: list[Any]
    changes: dict[str, Any]
    page: Rows | None
    without: frozenset[str]


class Reader:
    """Reads a job in one division.

    Args:
        client: The way to Exact.
        job: What to read.
        division: Where.
        bookmark: What was delivered before; empty to start over.
        start_date: Of a dated endpoint, nothing older on a first read, in the administration's wall clock.
        logger: Where remarks go.
        zone: Time zone of the administration's wall clock.
        refusals: So many answers 400 may teach the query something; with the last of them the read ends.
        turn: Taken when a page is decoded. Whoever has used the page gives it back, or it ends with the next page.

    Attributes:
        unreadable: Field → values that could not be read and became null.
        nul: Characters U+0000 that were taken out of texts.
        keyless: Rows left out because they have no complete key.
        left_out: Fields that some page lacks because Exact refuses them.
    """

    def __init__(
        self,
        client: ExactClient,
        job: Job,
        division: Division,
        bookmark: Mapping[str, Any],
        *,
        start_date: datetime | None = None,
        logger: logging.Logger,
        zone: tzinfo = UTC,
        turn: Turn | None = None,
        refusals: int = MOST_REFUSALS,
    ) -> None:
        self._client = client
        self._job = job
        self._endpoint = job.endpoint
        self._division = division
        self._bookmark = bookmark
        # What dated rows refer to is older than they are, and is read whole.
        self._start_date = start_date if job.endpoint.dated else None
        self._logger = logger
        self._zone = zone
        self._turn = turn or Turn()
        self._codec = job.codec
        self._decode = self._decoder(job.codec)
        self._refusals = 0
        self._most_refusals = min(refusals, MOST_REFUSALS)
        self._without: frozenset[str] = frozenset()
        self.left_out: frozenset[str] = frozenset()
        self.unreadable: Counter[str] = Counter()
        self.nul = 0
        self.keyless = 0
        self._told_disordered = False

    def batches(self) -> Iterator[Batch]:
        """Page after page; the last batch may be empty and carries what may be remembered of the whole.

        Raises:
            ExactError: If the read can't go on; what was given until then stays valid.
        """
        if self._endpoint.kind == "sync":
            yield from self._by_timestamp()
        elif self._endpoint.bookmark:
            yield from self._by_modified()
        else:
            for page in self._pages(None):
                yield self._batch(page)

    def _by_timestamp(self) -> Iterator[Batch]:
        start = begin(
            self._client, self._endpoint, self._division.code, self._bookmark,
            start_date=self._start_date, logger=self._logger,
        )  # fmt: skip
        if start is None:
            return
        order = ReadOrder(start.cursor, in_parts=_several(self._endpoint))
        seen = self._bookmark.get("seen")
        for page in self._pages(timestamp_filter(start.cursor)):
            stamps = [stamp for stamp in page.values("Timestamp") if stamp is not None]
            bookmark = order.page(stamps, page.next_url)
            if order.disordered:
                self._tell_disordered()
                # Sort: when a page has two versions of a row, the newer must come last.
                page.sort("Timestamp")
            start.drop_older(page, self._codec)
            seen = order.seen if seen is None else max(int(seen), order.seen or 0)
            changes = {} if bookmark is None else self._remember(bookmark, seen) | start.going_on
            yield self._batch(page, changes)
        if start.continued and seen is None:
            found = proven(self._client, self._endpoint, self._division.code, start.cursor, self._decode)
            self._turn.give()
            if not found:
                yield from self._once_more(start.cursor)
                return
            seen = start.cursor
        reached = order.end()
        if start.continued or reached > start.cursor:
            yield self._last(self._remember(reached, seen) | start.over)

    def _once_more(self, cursor: int) -> Iterator[Batch]:
        """Read from the beginning, as if there were no bookmark."""
        self._logger.warning(
            "%s, division %d: nothing shows that Exact ever gave a Timestamp as high as its bookmark %d, which may hide "
            "all rows; the stream starts over",
            self._endpoint.name, self._division.code, cursor,
        )  # fmt: skip
        gone = dict.fromkeys(("replication_key", "replication_key_value", "start_date"))
        self._bookmark = {name: value for name, value in self._bookmark.items() if name not in gone}
        yield self._last(gone)
        yield from self._by_timestamp()

    def _by_modified(self) -> Iterator[Batch]:
        stored = self._bookmark.get("replication_key_value")
        since = datetime.fromisoformat(stored) if stored else self._start_date
        field_name = str(self._endpoint.bookmark)
        lowest = earlier(since, OVERLAP if stored else timedelta()) if since else _EVER
        chosen = modified_filter(lowest, field_name) if lowest > _EVER else None
        highest = since
        began = time.monotonic()
        now = self._wall_clock()
        for page in self._pages(chosen):
            highest = latest(highest, page.values(field_name))
            yield self._batch(page)
        if highest is None:
            return
        # Rows that change behind our back while we read are no older than the beginning of the read, and the
        # highest Modified is no younger than its end; unless a row bears a moment that has yet to come.
        settled = min(earlier(highest, timedelta(seconds=int(time.monotonic() - began) + 1)), now)
        yield self._last(self._remember(max(settled, since or settled).isoformat(timespec="seconds")))

    def _batch(self, page: Rows, changes: dict[str, Any] | None = None) -> Batch:
        return Batch(self._records(page), changes or {}, page, self._without)

    def _last(self, changes: dict[str, Any]) -> Batch:
        """What may be remembered once all pages are in."""
        return Batch([], changes, None, self._without)

    def _decoder(self, codec: Codec) -> Callable[[bytes], Rows]:
        return self._turn.beginning(partial(codec.decode, division=self._division.code))

    def _wall_clock(self) -> datetime:
        """What the administration's clock shows now, by Exact's own time."""
        return datetime.fromtimestamp(self._client.now(), self._zone).replace(tzinfo=None)

    def _remember(self, value: int | str, seen: int | None = None) -> dict[str, Any]:
        return {
            "replication_key": self._job.bookmark_column,
            "replication_key_value": value,
            **({} if seen is None else {"seen": seen}),
            **origin(self._endpoint, self._division, self._bookmark),
        }

    def _records(self, page: Rows) -> list[Any]:
        self.keyless += self._codec.drop_keyless(page)
        owner: int | Sequence[int] | None = None if self._endpoint.login_wide else self._division.code
        if self._endpoint.name == "system_divisions":
            # The list of administrations is read once: each row belongs to the one it describes.
            owner = page.values("Code")
        records = self._codec.records(page, owner)
        self.unreadable += page.unreadable
        self.nul += page.nul
        return records

    def _pages(self, bookmark_filter: str | None) -> Iterator[Rows]:
        for variant in variants(self._endpoint):
            for page in self._pages_of(variant, bookmark_filter):
                page.parameters = variant.values
                yield page

    def _pages_of(self, variant: Variant, bookmark_filter: str | None) -> Iterator[Rows]:
        page = self._first(variant, bookmark_filter)
        followed: set[int] = set()
        while True:
            yield page
            self._turn.give()
            if not page.next_url:
                return
            if hash(page.next_url) in followed:
                raise BrokenAnswer(
                    "the link to the next page leads back to a page that was read",
                    "Run again later",
                    division=self._division.code,
                    stream=self._endpoint.name,
                )
            followed.add(hash(page.next_url))
            page = self._client.follow(
                page.next_url,
                self._endpoint.path,
                division=self._division.code,
                decode=self._decode,
                stream=self._endpoint.name,
                scope=self._endpoint.scope,
                beta=self._endpoint.beta,
            )

    def _first(self, variant: Variant, bookmark_filter: str | None) -> Rows:
        while True:
            query = self._job.query.query(bookmark_filter, variant)
            self._adapt(query)
            try:
                page = self._client.get(
                    self._endpoint.path,
                    division=None if self._endpoint.login_wide else self._division.code,
                    query=query.text,
                    decode=self._decode,
                    stream=self._endpoint.name,
                    scope=self._endpoint.scope,
                    beta=self._endpoint.beta,
                )
            except EndpointMissing as missing:
                if not self._endpoint.definition:
                    raise
                # Not a matter of licence or country: somebody wrote this path by hand.
                raise StreamError(
                    missing.what,
                    f"Check the path of {self._endpoint.name} in extra_streams",
                    division=self._division.code,
                    stream=self._endpoint.name,
                ) from missing
            except QueryRefused as refusal:
                self._learn(refusal, query, bookmark_filter, variant)
            else:
                self._job.query.answered(query)
                return page

    def _adapt(self, query: Query) -> None:
        """Read pages as they come without the fields that Exact refuses.

        Raises:
            StreamError: If something is computed from one of them (setting ``stream_maps``).
        """
        lost = self._job.uses(query.without)
        if lost:
            raise StreamError(
                f"Exact Online refuses what the column {', '.join(sorted(lost))} holds, and stream_maps uses it",
                "Take it out of stream_maps; what was delivered before stays as it is",
                division=self._division.code,
                stream=self._endpoint.name,
            )
        self._without = query.without
        self.left_out |= query.without
        self._codec = self._job.codec_without(query.without)
        self._decode = self._decoder(self._codec)

    def _learn(
        self, refusal: QueryRefused, query: Query, bookmark_filter: str | None, variant: Variant
    ) -> None:
        """Let the query adapt to a refusal.

        Raises:
            StreamError: If nothing was learnt, or it was the last refusal that a read may spend.
        """
        self._refusals += 1
        if not self._job.query.learn(refusal.message, query, bookmark_filter, variant):
            raise self._job.query.explained(refusal) from refusal
        if self._refusals >= self._most_refusals:
            forms = "1 form" if self._refusals == 1 else f"{self._refusals} forms"
            raise StreamError(
                f"Exact Online has refused {forms} of the query one after the other, the last one with: "
                f"{shown(refusal.message)}",
                "Run again: what was learnt is kept, and the next run goes on from there. More refusals in an hour could block "
                "the app",
                division=self._division.code,
                stream=self._endpoint.name,
                status=refusal.status,
            ) from refusal

    def _tell_disordered(self) -> None:
        if not self._told_disordered:
            self._told_disordered = True
            self._logger.warning(
                "%s, division %d: rows do not come in the order of Timestamp; the bookmark moves only at the end "
                "of the read",
                self._endpoint.name,
                self._division.code,
            )


def _several(endpoint: Endpoint) -> bool:
    """Whether the stream is read more than once, each time with other parameters."""
    return next(islice(variants(endpoint), 1, None), None) is not None
