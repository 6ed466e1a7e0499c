"""Whether a read from the beginning brought as many rows as Exact announced (setting ``count_rows``)."""

from __future__ import annotations

from tap_exactonline.config import Config
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.errors import StreamError, TemporaryError
from tap_exactonline.sync.row_counts import ask, counted_by


class Announced:
    """What Exact announces at the beginning of a read.

    Args:
        client: The way to Exact.
        config: The settings.
        endpoint: What is read.
        division: Where.
        from_scratch: The read is to bring all rows.
    """

    def __init__(
        self, client: ExactClient, config: Config, endpoint: Endpoint, division: int, *, from_scratch: bool
    ) -> None:
        self._client = client
        self._division = division
        partly = endpoint.dated and config.start_date is not None
        self._asked = counted_by(endpoint) if config.count_rows and from_scratch and not partly else None
        self._before = self._count()

    def lacking(self, rows: int) -> str | None:
        """What is missing if the read brought so many rows; None if nothing is, as far as anybody can tell.

        Rows that were deleted during the read may be missing, so a second count at the end decides.
        """
        if self._before is None or rows >= self._before:
            return None
        now = self._count()
        if now is None or rows >= now:
            return None
        return (
            f"Exact has {min(self._before, now):,} rows, and the read from the beginning brought {rows:,}. The next run reads it "
            "from the beginning again. If that stays, report it"
        )

    def _count(self) -> int | None:
        if self._asked is None:
            return None
        try:
            return ask(self._client, self._asked, self._division, self._asked.name)
        except (StreamError, TemporaryError):
            return None
