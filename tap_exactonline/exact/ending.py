"""Whether the page without a link was really the last one.

Exact says so by leaving out the link and in no other way. A page with room for more rows confirms it. One that is full
does not: had its link been lost, all rows behind it would be missing in each run. Nor does one that was announced and holds
nothing: so Exact answers also to a user who lost the right to see the rows while they were read.
"""

from __future__ import annotations

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import BrokenAnswer, StreamError, TemporaryError
from tap_exactonline.exact.odata import announced

_REMEDY = "Run again later; if this lasts, report it"
_MOST_ERRORS = 2
"""So many errors of an endpoint within an hour, and nothing more is asked about its end: a few more would close it to reads."""


class Ending:
    """Counts the rows of one read, page by page.

    Args:
        page_size: Rows that Exact puts on a page, by its documentation; 0 where it puts all rows on one.

    Attributes:
        rows: All of them so far.
    """

    def __init__(self, page_size: int) -> None:
        self.rows = 0
        self._page_size = page_size
        self._first = 0
        self._last = 0

    def page(self, rows: int) -> None:
        """Take in a page with so many rows."""
        self._first = self._first or self.rows
        self._last = rows
        self.rows += rows

    @property
    def is_full(self) -> bool:
        """Whether the last page has as many rows as the first, which was not the last; else, as many as Exact documents."""
        return self._last >= self._first if self._first else 0 < self._last == self._page_size

    @property
    def is_empty(self) -> bool:
        """Whether the last page was announced by one with rows, and has none."""
        return self._last == 0 < self.rows

    @property
    def is_doubtful(self) -> bool:
        """Whether the last page does not confirm that it is the last."""
        return self.is_full or self.is_empty


def check_end(client: ExactClient, ending: Ending, context: RequestContext, query: str) -> None:
    """Ask how many rows there are where the last page does not confirm it; nothing is known if Exact does not tell it.

    Args:
        client: The way to Exact.
        ending: What came.
        context: What was asked for.
        query: How, encoded.

    Raises:
        BrokenAnswer: If there are more than came, or none any more.
        ExactError: As the client.
    """
    if not ending.is_doubtful or client.errors(context) >= _MOST_ERRORS:
        return
    try:
        there = client.get(context, query=f"{query}&$inlinecount=allpages", decode=announced)
    except (StreamError, TemporaryError):
        return
    if there is not None and there > ending.rows:
        raise context.error(
            BrokenAnswer,
            f"Exact has {there:,} rows, and gave {ending.rows:,} without a link to the others",
            _REMEDY,
        )
    if there == 0:
        raise shown_no_more(context)


def shown_no_more(context: RequestContext) -> BrokenAnswer:
    """The error for rows that Exact does not show any more at the end of their own read."""
    return context.error(
        BrokenAnswer,
        "Exact announced more rows, and then showed none any more, not even those that it had given",
        _REMEDY,
    )
