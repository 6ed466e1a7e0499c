"""Whether the page without a link was really the last one.

Exact says so by leaving out the link and in no other way. A page with room for more rows confirms it. One that is full
does not: had its link been lost, all rows behind it would be missing in each run.
"""

from __future__ import annotations


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
        """Whether the last page has as many rows as Exact documents, or as the first page had, which was not the last."""
        return bool(self._page_size) and self._last >= min(self._page_size, self._first or self._page_size)
