"""Before the first row: which bookmarks no longer hold, and which version each stream carries."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.bookmarks import Bookmarks, forgotten, regenerated
from tap_exactonline.sync.deletions import LOG
from tap_exactonline.sync.reading import Job

_RESET: dict[str, Any] = {
    "replication_key": None,
    "replication_key_value": None,
    "move_date": None,
    "hr_link_date": None,
    "definition": None,
    "version": None,
    "had_rows": True,
}


def start_over(
    jobs: Sequence[Job],
    divisions: Sequence[Division],
    bookmarks: Bookmarks,
    *,
    tombstones: bool,
    logger: logging.Logger,
) -> None:
    """Take away the bookmarks that no longer hold, and say why.

    It is stored before anything is read, so that a run that ends early does not forget it.
    """
    now = datetime.now(UTC)
    for division in divisions:
        reasons: dict[str, list[str]] = defaultdict(list)
        log_gap = forgotten(bookmarks.get(LOG, division.code).get("read_at"), now)
        reads_log = any(job.name == LOG for job in jobs)
        for job in jobs:
            bookmark = bookmarks.get(job.name, division.code)
            if bookmark.get("replication_key_value") is None:
                continue
            moved = regenerated(job.endpoint, bookmark, division)
            gap = None
            if job.endpoint.entity_type is not None:
                read_at = bookmark.get("deletions", {}).get("read_at")
                gap = forgotten(read_at, now) if tombstones else (log_gap if reads_log else None)
            if reason := moved or gap:
                reasons[reason].append(job.name)
                # Only new row versions make the place in the log worthless, too.
                reset = {**_RESET, **({"deletions": None} if moved else {})}
                if job.endpoint.definition != bookmark.get("definition"):
                    reset["had_rows"] = None  # other rows than before are wanted, perhaps none
                bookmarks.update(job.name, division.code, reset)
        for reason, streams in reasons.items():
            logger.warning(
                "Division %d (%s): %s. %d streams start over: %s",
                division.code, division.description, reason, len(streams), ", ".join(sorted(streams)),
            )  # fmt: skip


class Versions:
    """Which version each stream's records carry, and when older rows may be declared gone.

    A version covers a whole table. It may be activated only when every division whose rows may be in the table was
    read completely under it.
    """

    def __init__(
        self, jobs: Sequence[Job], divisions: Sequence[Division], bookmarks: Bookmarks, *, on: bool
    ) -> None:
        self._bookmarks = bookmarks
        self._divisions = {division.code for division in divisions}
        self._done: dict[str, set[int | None]] = defaultdict(set)
        self._jobs = [job for job in jobs if on]
        now = int(time.time() * 1000)
        for job in self._jobs:
            job.version = self._choose(job, now)
            if job.version is not None:
                bookmarks.stream(job.name)["version"] = job.version

    def _choose(self, job: Job, now: int) -> int | None:
        if job.bookmark_column is None:
            return now
        continued = any(
            self._bookmarks.get(job.name, code).get("replication_key_value") is not None
            for code in self._bookmarks.divisions(job.name)
        )
        # Rows delivered before versions were turned on carry none, and would be taken for gone.
        stored: int | None = self._bookmarks.stream(job.name).get("version")
        return stored if continued else now

    def completed(self, job: Job, division: int | None) -> dict[str, Any]:
        """Note that a division is in; returns what its bookmark should remember."""
        if job.version is None:
            return {}
        self._done[job.name].add(division)
        return {"version": job.version}

    def ready(self) -> list[Job]:
        """The streams whose older rows are gone, and not yet declared so."""
        return [job for job in self._jobs if job.version is not None and self._is_ready(job)]

    def _is_ready(self, job: Job) -> bool:
        stream = self._bookmarks.stream(job.name)
        if stream.get("activated") == job.version or not self._done[job.name]:
            return False
        if job.endpoint.login_wide or None in self._done[job.name]:
            return True
        full = job.bookmark_column is None
        for code in self._divisions | self._bookmarks.divisions(job.name):
            under = code in self._done[job.name] or (
                not full and self._bookmarks.get(job.name, code).get("version") == job.version
            )
            if not under:
                return False
        return True

    def activated(self, job: Job) -> None:
        """Note that it was declared."""
        self._bookmarks.stream(job.name)["activated"] = job.version
