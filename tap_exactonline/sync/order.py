"""How far the bookmark of a read by Timestamp may move: never past a row that may still come.

A bookmark says that every row up to it was delivered. After a page that holds only if the rows still to come have
higher Timestamps, and two things must vouch for it:

- the link to the next page goes on from the highest Timestamp of this one (Exact's ``$skiptoken`` of sync endpoints),
  which shows that the server pages by Timestamp;
- the next page has begun above it. So a bookmark is one page behind what was delivered.

When rows come out of order, the bookmark goes back to where the read began and stays there until its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

MANY_ROWS = 20
"""So many rows in ascending order are not an accident."""

_TOKEN = re.compile(r"[?&]\$skiptoken=(\d+)L?(?=[,&]|$)", re.IGNORECASE)


class ReadOrder:
    """Watches the Timestamps of one read, page by page.

    Args:
        start: Rows with a higher Timestamp were asked for.
        in_parts: The stream is read several times with other parameters, so a later part begins low again.

    Attributes:
        disordered: Whether rows came in another order than that of Timestamp, within a page or between pages.
        seen: The highest Timestamp of all rows, None if none came.
    """

    def __init__(self, start: int, *, in_parts: bool = False) -> None:
        self.disordered = False
        self.seen: int | None = None
        self._start = start
        self._in_parts = in_parts
        self._across = False
        self._paged_by_timestamp = True
        self._pages = 0
        self._rows = 0
        self._first_page = start
        self._highest = start
        self._held: int | None = None
        self._bookmark = start

    def page(self, stamps: Sequence[int], next_url: str | None) -> int | None:
        """Take in a page.

        Args:
            stamps: Its Timestamps, in the order of its rows.
            next_url: Its link to the next page.

        Returns:
            What the bookmark becomes once the page is written; None: it stays. It may be lower than before.
        """
        self._pages += 1
        self._rows += len(stamps)
        before = self._bookmark
        if stamps:
            self.seen = max(self.seen or 0, *stamps)
            self._compare(stamps)
            self._move(min(stamps))
        if self._pages == 1:
            self._first_page = self._highest
        evidence = bool(next_url) and token(str(next_url)) == self._highest
        if next_url:
            self._paged_by_timestamp &= evidence
        if stamps or not evidence:
            self._held = self._highest if evidence else None
        return None if self._bookmark == before else self._bookmark

    def end(self) -> int:
        """What the bookmark becomes once everything is written.

        Rows that change while the read goes on get a Timestamp higher than all that existed when its first page was made.
        A read in another order may have passed their places already, so only that page's highest is certain.
        """
        several_parts = self._in_parts and self._pages > 1
        return self._highest if self.certain and not several_parts else self._first_page

    @property
    def certain(self) -> bool:
        """Whether every row came that was there all the time, also if it changed while the read went on."""
        deliberate = self._paged_by_timestamp or (not self.disordered and self._rows >= MANY_ROWS)
        return self._pages <= 1 or (not self._across and deliberate)

    def _compare(self, stamps: Sequence[int]) -> None:
        ordered = sorted(stamps)
        # A Timestamp may be shared across a border; what is no higher than the bookmark was not asked for.
        above = ordered[0] > self._start if self._highest == self._start else ordered[0] >= self._highest
        if not self._in_parts:
            self._across |= not above
            self.disordered |= not above or ordered != [*stamps]
        self._highest = max(self._highest, ordered[-1])

    def _move(self, lowest: int) -> None:
        if self.disordered:
            self._bookmark, self._held = self._start, None
        elif self._held is not None and not self._in_parts:
            self._bookmark = max(self._bookmark, min(self._held, lowest - 1))


def token(next_url: str) -> int | None:
    """The Timestamp from which a link goes on, None if it goes by something else."""
    found = _TOKEN.search(unquote(next_url))
    return int(found[1]) if found else None
