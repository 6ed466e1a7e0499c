"""What Exact says how many rows there are, beside what was read: one call for each stream and administration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache

import msgspec
from msgspec.structs import replace

from tap_exactonline.config import Config
from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.errors import DivisionError, StreamError, TemporaryError
from tap_exactonline.exact.odata import announced, select_query
from tap_exactonline.sync.report import Outcome, Status

ROW_COUNTS = "row_counts"
"""Name of the stream."""


class RowCount(msgspec.Struct, kw_only=True):
    """One row.

    Attributes:
        division: Number of the administration.
        stream: Name of the stream.
        rows_at_exact: How many there are; None if nobody can tell.
        counted_by: The endpoint that was asked.
        counted_at: When, in UTC.
        reason: Why nobody can tell.
    """

    division: int
    stream: str
    rows_at_exact: int | None = None
    counted_by: str | None = None
    counted_at: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    reason: str | None = None


def counted_by(endpoint: Endpoint) -> Endpoint | None:
    """The endpoint that has the same rows and can be counted; None if there is none."""
    if endpoint.login_wide or endpoint.kind == "read" or endpoint.definition:
        return None
    if endpoint.kind != "sync":
        return endpoint
    twin = _twins().get(_place(endpoint))
    return twin if twin is not None and twin.key == endpoint.key else None


@cache
def _twins() -> dict[str, Endpoint]:
    """The endpoints that can be counted, by service and entity; a single one before a bulk one, whose pages are larger."""
    found: dict[str, Endpoint] = {}
    for endpoint in load():
        if endpoint.kind == "single" or (endpoint.kind == "bulk" and _place(endpoint) not in found):
            found[_place(endpoint)] = endpoint
    return found


def _place(endpoint: Endpoint) -> str:
    path = endpoint.path.lower()
    return path.partition("/")[2] if endpoint.kind in ("sync", "bulk") else path


class RowCounter:
    """Counts the rows of streams in administrations.

    Args:
        client: The way to Exact.
        config: The settings.
        endpoints: The selected streams of administrations.
        outcomes: What became of them: only what was read is counted.
    """

    def __init__(
        self,
        client: ExactClient,
        config: Config,
        endpoints: Iterable[Endpoint],
        outcomes: Iterable[Outcome],
    ) -> None:
        self._client = client
        self._config = config
        self._endpoints = list(endpoints)
        self._read = {
            (outcome.stream, outcome.division) for outcome in outcomes if outcome.status is Status.OK
        }

    def count(self, divisions: Sequence[int]) -> Iterator[tuple[Outcome, list[RowCount]]]:
        """Count, several administrations side by side.

        Raises:
            ExactError: Of a kind that ends the run for all divisions.
        """
        with ThreadPoolExecutor(self._config.max_parallel_divisions, "counter") as pool:
            yield from pool.map(self._count_division, divisions)

    def _count_division(self, division: int) -> tuple[Outcome, list[RowCount]]:
        outcome = Outcome(ROW_COUNTS, division)
        before = self._client.calls(division)
        closed: str | None = None
        rows = []
        for endpoint in self._endpoints:
            if (endpoint.name, division) not in self._read:
                reason: str | None = "the stream was not read completely"
            else:
                reason = closed or self._uncountable(endpoint)
            if reason is not None:
                rows.append(RowCount(division=division, stream=endpoint.name, reason=reason))
                continue
            try:
                rows.append(self._ask(endpoint, division))
            except DivisionError as exc:
                closed = exc.what
                rows.append(RowCount(division=division, stream=endpoint.name, reason=closed))
            except (StreamError, TemporaryError) as exc:
                rows.append(RowCount(division=division, stream=endpoint.name, reason=exc.what))
        outcome.rows = len(rows)
        outcome.calls = self._client.calls(division) - before
        return outcome, rows

    def _uncountable(self, endpoint: Endpoint) -> str | None:
        if counted_by(endpoint) is None:
            return "Exact has no endpoint of the same rows that can be counted"
        if endpoint.dated and self._config.start_date is not None:
            return "start_date leaves out rows"
        return None

    def _ask(self, endpoint: Endpoint, division: int) -> RowCount:
        asked = counted_by(endpoint) or endpoint
        number = ask(self._client, asked, division, ROW_COUNTS)
        return RowCount(
            division=division,
            stream=endpoint.name,
            rows_at_exact=number,
            counted_by=asked.path,
            reason="Exact does not say how many rows there are" if number is None else None,
        )


class Announced:
    """Whether a read from the beginning brought as many rows as Exact announced (setting ``count_rows``).

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


def ask(client: ExactClient, endpoint: Endpoint, division: int, stream: str) -> int | None:
    """How many rows an endpoint has; None if Exact does not say.

    Args:
        client: The way to Exact.
        endpoint: One that can be counted.
        division: Where.
        stream: Name for messages.

    Raises:
        ExactError: If it can't be asked.
    """
    return client.get(
        replace(endpoint.asked_in(division), stream=stream),
        query=select_query(endpoint.key, extra={"$inlinecount": "allpages"}),
        decode=announced,
    )
