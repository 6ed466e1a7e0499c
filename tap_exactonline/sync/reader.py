"""Reading one stream in one division: which rows to ask for, page after page, and what may be remembered."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import msgspec
from msgspec.structs import replace

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.endpoints.variants import Variant, variants
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.ending import Ending, check_end, shown_no_more
from tap_exactonline.exact.errors import EndpointMissing, QueryRefused, StreamError
from tap_exactonline.exact.foreign_text import shown
from tap_exactonline.exact.odata import EVER, modified_filter, timestamp_filter
from tap_exactonline.exact.paging import paginate
from tap_exactonline.exact.refused_fields import MOST_REFUSALS
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.order import ReadOrder
from tap_exactonline.sync.query import Query
from tap_exactonline.sync.records.page import PageLines, PageMaker, Payload, Share
from tap_exactonline.sync.records.values import earlier
from tap_exactonline.sync.start import begin, first_date, left_out, shown_from
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, after
from tap_exactonline.sync.state.resets import moved_since, origin
from tap_exactonline.sync.stream_read import StreamRead

OVERLAP = timedelta(hours=2)
"""Read again before the highest Modified: covers the hour that the clock goes back."""


class Batch(msgspec.Struct, frozen=True):
    """What one page gives.

    Attributes:
        payloads: Its lines.
        changes: What the bookmark becomes once they are written.
        count: How many rows the page had.
    """

    payloads: Sequence[Payload]
    changes: Changes
    count: int = 0


class Reader:
    """Reads a stream in one division.

    Args:
        context: What all parts of the run share.
        read: What to read.
        division: Where.
        bookmark: What was delivered before; empty to start over.
        refusals: So many answers 400 may teach the query something; with the last of them the read ends.
        share: See `PageMaker`.

    Attributes:
        unreadable: Field → values that could not be read and became null.
        nul: Characters U+0000 that were taken out of texts.
        keyless: Rows left out because they have no complete key.
        certain: Every row came that was there all the time. False: one that changed meanwhile may come in the next read only.
    """

    def __init__(
        self,
        context: RunContext,
        read: StreamRead,
        division: Division,
        bookmark: Bookmark,
        *,
        refusals: int = MOST_REFUSALS,
        share: Share | None = None,
    ) -> None:
        self._client = context.client
        self._read = read
        self._endpoint = read.endpoint
        self._division = division
        self._bookmark = bookmark
        self._start_date = first_date(read.endpoint, bookmark, context.config.start_date)
        self._origin = origin(read.endpoint, division, bookmark) | left_out(
            read.endpoint, bookmark, self._start_date
        )
        self._logger = context.logger
        self._zone = context.config.timezone
        make = PageMaker(
            read,
            division.code,
            context.slots.page_lock,
            context.fast,
            bare=context.batch is not None,
            share=share,
        )
        self._query = _ReadQuery(make, min(refusals, MOST_REFUSALS))
        self._ending = Ending(0)
        self.unreadable: Counter[str] = Counter()
        self.nul = 0
        self.keyless = 0
        self.certain = True

    @property
    def left_out(self) -> frozenset[str]:
        """Fields that some page lacks because Exact refuses them."""
        return self._query.left_out

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
            yield from map(self._batch, self._pages(None))

    def _by_timestamp(self, *, believe: bool = True) -> Iterator[Batch]:
        first = self._start_date
        start = begin(
            self._client, self._endpoint, self._division.code, self._bookmark, start_date=first,
            believe=believe and not (first and moved_since(self._endpoint, self._division, first)),
            logger=self._logger,
        )  # fmt: skip
        if start.nothing:
            yield Batch((), start.empty)
            return
        self._query.make = replace(self._query.make, oldest=start.oldest, modified=start.modified)
        order = ReadOrder(start.cursor, in_parts=_several(self._endpoint))
        seen = self._bookmark.seen

        def step(page: PageLines) -> Batch:
            nonlocal seen
            was_in_order = not order.disordered
            bookmark = order.page(page.stamps, page.next_url)
            if order.disordered and was_in_order:
                self._logger.warning(
                    "%s, division %d: rows do not come in the order of Timestamp; the bookmark moves only at the end "
                    "of the read",
                    self._endpoint.name, self._division.code,
                )  # fmt: skip
            seen = order.seen if seen is None else max(seen, order.seen or 0)
            if bookmark is None:
                return self._batch(page)
            return self._batch(page, {**self._remember(bookmark, seen), **start.going_on})

        yield from map(step, self._pages_above(start.cursor, order))
        if start.named and seen is None:
            # Exact named a row and does not give it, so what it said of the start date tells nothing.
            yield from self._by_timestamp(believe=False)
            return
        if start.continued and seen is None:
            # The bookmark does not tell which Timestamps Exact has shown: it may be too high.
            if self._shown_from(start.cursor) == []:
                yield from self._once_more(start.cursor)
                return
            seen = start.cursor
        reached, self.certain = order.end(), order.certain
        moved = start.continued or reached > start.cursor
        yield Batch((), {**self._remember(reached, seen), **start.over} if moved else start.empty)

    def _pages_above(self, cursor: int, order: ReadOrder) -> Iterator[PageLines]:
        """All pages above a Timestamp. After one that does not confirm that it is the last, it is asked for what comes behind."""
        yield from self._pages(timestamp_filter(cursor))
        while self._ending.is_doubtful and (seen := order.seen or 0) > cursor:
            cursor = seen
            if self._ending.is_empty and not self._goes_on(cursor):
                return
            yield from self._pages(timestamp_filter(cursor))

    def _goes_on(self, cursor: int) -> bool:
        """Whether there may be rows with a higher Timestamp than the highest one that came.

        Raises:
            BrokenAnswer: If Exact does not even show that one any more.
        """
        shown = self._shown_from(cursor)
        if shown == []:
            raise shown_no_more(self._endpoint.asked_in(self._division.code))
        return shown is None or max(shown) > cursor

    def _shown_from(self, cursor: int) -> list[int] | None:
        decode = partial(self._read.codec.decode, division=self._division.code)
        return shown_from(self._client, self._endpoint, self._division.code, cursor, decode)

    def _once_more(self, cursor: int) -> Iterator[Batch]:
        """Read from the beginning, as if there were no bookmark."""
        self._logger.warning(
            "%s, division %d: nothing shows that Exact ever gave a Timestamp as high as its bookmark %d, which may hide "
            "all rows; the stream starts over",
            self._endpoint.name, self._division.code, cursor,
        )  # fmt: skip
        gone: Changes = {"replication_key": None, "replication_key_value": None, "start_date": None}
        self._bookmark = after(self._bookmark, gone)
        yield Batch((), gone)
        yield from self._by_timestamp()

    def _by_modified(self) -> Iterator[Batch]:
        stored = self._bookmark.replication_key_value
        since = datetime.fromisoformat(str(stored)) if stored else self._start_date
        field_name = str(self._endpoint.bookmark)
        lowest = earlier(since, OVERLAP if stored else timedelta()) if since else EVER
        chosen = modified_filter(lowest, field_name) if lowest > EVER else None
        highest = since
        began = time.monotonic()
        now = self._wall_clock()

        undated = False

        def step(page: PageLines) -> Batch:
            nonlocal highest, undated
            highest = max(filter(None, (highest, page.highest)), default=None)
            undated |= page.undated
            return self._batch(page)

        yield from map(step, self._pages(chosen))
        if undated:
            self._logger.info(
                "%s, division %d: rows without %s would not come by a filter on it; the stream is read in full each time",
                self._endpoint.name, self._division.code, field_name,
            )  # fmt: skip
            yield Batch((), {"replication_key": None, "replication_key_value": None, "had_rows": True})
        if undated or highest is None:
            return
        # Rows that change behind our back while we read are no older than the beginning of the read, and the
        # highest Modified is no younger than its end; unless a row has a moment that has yet to come.
        settled = min(earlier(highest, timedelta(seconds=int(time.monotonic() - began) + 1)), now)
        yield Batch((), self._remember(max(settled, since or settled).isoformat(timespec="seconds")))

    def _wall_clock(self) -> datetime:
        """What the administration's clock shows now, by Exact's own time."""
        return datetime.fromtimestamp(self._client.now(), self._zone).replace(tzinfo=None)

    def _remember(self, value: int | str, seen: int | None = None) -> Changes:
        changes: Changes = {
            "replication_key": self._read.bookmark_column,
            "replication_key_value": value,
            **self._origin,
        }
        if seen is not None:
            changes["seen"] = seen
        return changes

    def _pages(self, bookmark_filter: str | None) -> Iterator[PageLines]:
        """All pages. Nothing here keeps a page: while the next one is read, it belongs to the writer alone."""
        endpoint = self._endpoint
        context = endpoint.asked_in(self._division.code)
        for variant in variants(endpoint):
            self._query.begin(variant, bookmark_filter)
            self._ending = Ending(endpoint.page_size)
            try:
                for page in paginate(self._client, context, self._query):
                    self._ending.page(page.given)
                    yield page
                    del page
                if endpoint.kind != "sync":
                    check_end(self._client, self._ending, context, self._query.sent)
            except EndpointMissing as missing:
                if not endpoint.definition:
                    raise
                # Not a matter of licence or country: somebody wrote this path by hand.
                raise StreamError(
                    missing.what,
                    f"Check the path of {endpoint.name} in extra_streams",
                    division=self._division.code,
                    stream=endpoint.name,
                ) from missing

    def _batch(self, page: PageLines, changes: Changes | None = None) -> Batch:
        """A page and what the bookmark becomes with it; what can't be delivered as it is gets counted."""
        self.unreadable += page.unreadable
        self.nul += page.nul
        self.keyless += page.keyless
        return Batch(page.payloads, changes or {}, page.count)


class _ReadQuery:
    """The query of one read; it adapts to what Exact refuses, and lets pages be made without that.

    Args:
        make: Makes pages; how, depends on the query.
        most: So many refusals may teach it something; with the last of them the read ends.

    Attributes:
        make: Makes pages of the query as it was asked last.
        left_out: Fields that some page lacks because Exact refuses them.
    """

    def __init__(self, make: PageMaker, most: int) -> None:
        self.make = make
        self.left_out: frozenset[str] = frozenset()
        self._read = make.read
        self._most = most
        self._refusals = 0
        self._variant = Variant()
        self._bookmark_filter: str | None = None
        self._sent: Query | None = None

    @property
    def sent(self) -> str:
        """The query as it was sent last, encoded."""
        return self._sent.text if self._sent is not None else ""

    def begin(self, variant: Variant, bookmark_filter: str | None) -> None:
        """Ask for the rows of a variant that the filter on the bookmark lets through."""
        self._variant, self._bookmark_filter = variant, bookmark_filter
        self.make = replace(self.make, parameters=variant.values)

    def form(self) -> tuple[str, PageMaker]:
        """The query as it is now, and what makes its pages.

        Raises:
            StreamError: If something is computed from a field that Exact refuses (setting ``stream_maps``).
        """
        self._sent = query = self._read.query.query(self._bookmark_filter, self._variant)
        lost = self._read.uses(query.without)
        if lost:
            raise StreamError(
                f"Exact Online refuses what the column {', '.join(sorted(lost))} holds, and stream_maps uses it",
                "Take it out of stream_maps; what was delivered before stays as it is",
                division=self.make.division,
                stream=self._read.name,
            )
        self.make = replace(self.make, without=query.without)
        self.left_out |= query.without
        return query.text, self.make

    def learn(self, refusal: QueryRefused) -> None:
        """Let the query adapt to a refusal.

        Raises:
            StreamError: If nothing was learnt, or it was the last refusal that a read may spend.
        """
        self._refusals += 1
        sent = self._sent
        if sent is None or not self._read.query.learn(
            refusal.message, sent, self._bookmark_filter, self._variant
        ):
            raise self._read.query.explained(refusal) from refusal
        if self._refusals >= self._most:
            forms = "1 form" if self._refusals == 1 else f"{self._refusals} forms"
            error = StreamError(
                f"Exact Online has refused {forms} of the query one after the other, the last one with: "
                f"{shown(refusal.message)}",
                "Run again: what was learnt is kept, and the next run goes on from there. More refusals in an hour could block "
                "the app",
                division=self.make.division,
                stream=self._read.name,
                status=refusal.status,
            )
            error.temporary = True
            raise error from refusal

    def answered(self) -> None:
        """What was asked for in doubt is known to Exact again."""
        if self._sent is not None:
            self._read.query.answered(self._sent)


def _several(endpoint: Endpoint) -> bool:
    """Whether the stream is read more than once, each time with other parameters."""
    return next(islice(variants(endpoint), 1, None), None) is not None
