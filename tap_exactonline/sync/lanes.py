"""Lanes: one division at a time, one request at a time, pages handed to the one writer.

A lane takes a division, reads the selected streams one after the other, and while the writer writes a page it
already asks for the next. Of one lane at most one finished page waits for the writer, and of all lanes together at most
as many as there are places (:mod:`tap_exactonline.sync.permits`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import (
    DivisionError,
    EndpointMissing,
    ExactError,
    LoginError,
    NotExactOnline,
    NotLicensed,
    ScopeViolated,
    Stopped,
    TokenStoreError,
)
from tap_exactonline.sync.convert import Codec, Envelope
from tap_exactonline.sync.deletions import LOG, NO_RIGHTS, Tombstones, log_is_due
from tap_exactonline.sync.events import Ended, LaneOver, Shared, Task, Written
from tap_exactonline.sync.functions import user_has_rights
from tap_exactonline.sync.reading import Job, Reader
from tap_exactonline.sync.refusals import SPAN, remember, rest_until
from tap_exactonline.sync.report import Outcome

NOT_COVERED = (ScopeViolated, NotLicensed, EndpointMissing)
_FATAL = (LoginError, NotExactOnline, TokenStoreError)
_PROGRESS_EVERY = 30.0


class Lane(threading.Thread):
    """Works through the tasks until there are none."""

    def __init__(self, shared: Shared, number: int) -> None:
        super().__init__(name=f"lane-{number}", daemon=True)
        self._tasks = shared.tasks
        self._events = shared.events
        self._client = shared.client
        self._bookmark = shared.bookmark
        self._settings = shared.settings
        self._log_job = shared.log_job
        self._halt = shared.stop
        self._logger = shared.logger
        self._slot = threading.Semaphore(1)
        self._turn = shared.settings.permits.turn()

    def run(self) -> None:
        """Read division after division."""
        error: BaseException | None = None
        try:
            while not self._halt.is_set():
                with self._settings.permits.work():
                    try:
                        task = self._tasks.get_nowait()
                    except queue.Empty:
                        break
                    self._work(task)
        except Stopped:
            pass
        except BaseException as exc:  # noqa: BLE001 - it must travel to the writer, whatever it is
            error = exc
        self._events.put(LaneOver(error))

    def _work(self, task: Task) -> None:
        code = task.division.code
        bookmarks = {job.name: self._bookmark(job.name, code) for job in task.jobs}
        closed: str | None = None
        tombstones: Tombstones | None = None
        jobs = list(task.jobs)
        if self._log_job and not task.once:
            wanted = any(job.name == LOG for job in jobs)
            jobs = [job for job in jobs if job.name != LOG]
            closed, tombstones = self._read_log(task.division, jobs, bookmarks, wanted=wanted)
        for job in jobs:
            if self._halt.is_set():
                raise Stopped("the run was asked to stop")
            place = None if task.once else code
            if closed is not None:
                self._events.put(Ended(job, Outcome(job.name, place, "not read", note=closed)))
                continue
            bookmark = bookmarks[job.name]
            if tombstones is not None:
                bookmark = {**bookmark, **tombstones.bookmark(job.name)}
            closed = self._read(job, task, bookmark)

    def _reader(self, job: Job, division: Division, bookmark: Any) -> Reader:
        return Reader(
            self._client, job, division, bookmark,
            start_date=self._settings.start_date, logger=self._logger, zone=self._settings.zone, turn=self._turn,
        )  # fmt: skip

    def _read(self, job: Job, task: Task, bookmark: Any) -> str | None:
        """Read one stream; returns why the rest of the division can't be read, or None."""
        outcome = Outcome(job.name, None if task.once else task.division.code)
        if (until := rest_until(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = "not covered", _resting(until)
            self._events.put(Ended(job, outcome))
            return None
        outcome.from_scratch = bookmark.get("replication_key_value") is None
        reader = self._reader(job, task.division, bookmark)
        said = time.monotonic()

        def read() -> None:
            nonlocal said
            for batch in reader.batches():
                if batch.records or batch.changes:
                    outcome.rows += len(batch.records)
                    changes = {job.name: batch.changes} if batch.changes and not task.once else {}
                    self._hand_over(
                        task.division.code,
                        [(job, batch.records)] if batch.records else [],
                        changes,
                        batch.rows,
                    )
                if time.monotonic() - said > _PROGRESS_EVERY:
                    said = time.monotonic()
                    self._logger.info(
                        "%s, division %d: %s rows so far", job.name, task.division.code, f"{outcome.rows:,}"
                    )

        failure = self._guarded(outcome, task.division.code, read)
        self._look_closer(outcome, reader, job, task, bookmark)
        changes = self._after(outcome, bookmark, failure)
        if outcome.status == "ok" and job.name == LOG:
            read_at = self._trust(outcome, task.division.code, job, outcome.rows, bookmark.get("read_at"))
            changes |= {"read_at": read_at} if read_at else {}
        had_rows = bool(bookmark.get("had_rows"))
        if outcome.status == "ok" and job.bookmark_column is None and bool(outcome.rows) != had_rows:
            # A table that is read in full has no bookmark that would tell.
            changes["had_rows"] = bool(outcome.rows) or None
        self._events.put(Ended(job, outcome, changes))
        return str(failure) if isinstance(failure, DivisionError) else None

    def _after(self, outcome: Outcome, bookmark: Any, failure: ExactError | None) -> dict[str, Any]:
        """What the bookmark remembers of refusals."""
        if failure is not None:
            return remember(bookmark, failure, datetime.now(UTC))
        return {"refused": None} if outcome.status == "ok" and "refused" in bookmark else {}

    def _trust(self, outcome: Outcome, division: int, log: Job, rows: int, read_at: str | None) -> str | None:
        """The new moment up to which the log is known, None if it stays; an empty log is looked at now and then."""
        now = datetime.now(UTC)
        if not rows:
            if not log_is_due(read_at, now):
                return None
            if user_has_rights(self._client, log.endpoint, division) is False:
                outcome.status, outcome.note = "not covered", NO_RIGHTS
                return None
        return now.isoformat(timespec="seconds")

    def _guarded(self, outcome: Outcome, division: int, read: Callable[[], None]) -> ExactError | None:
        """Run a read and turn its end into an outcome; returns what ended it too early, or None."""
        began, calls = time.monotonic(), self._client.calls(division)
        failure: ExactError | None = None
        try:
            read()
        except (Stopped, *_FATAL):
            raise
        except NOT_COVERED as exc:
            outcome.status, outcome.note = "not covered", _sentence(exc)
            failure = exc
        except DivisionError as exc:
            outcome.status, outcome.note = "incomplete", str(exc)
            failure = exc
        except ExactError as exc:
            outcome.status, outcome.note = "incomplete", _sentence(exc)
            failure = exc
        except Exception as exc:  # one stream's bug must not end the others
            self._logger.debug("%s, division %d", outcome.stream, division, exc_info=True)
            outcome.status = "incomplete"
            outcome.note = f"internal error {type(exc).__name__}; run with log level DEBUG and report it"
        finally:
            self._turn.give()
            outcome.seconds = time.monotonic() - began
            outcome.calls = self._client.calls(division) - calls
        return failure

    def _look_closer(self, outcome: Outcome, reader: Reader, job: Job, task: Task, bookmark: Any) -> None:
        """What a read without an error may still lack."""
        for name, count in reader.unreadable.items():
            self._logger.warning(
                "%s, division %d: %d values of %s are of another type than Exact documents and became null",
                job.name, task.division.code, count, name,
            )  # fmt: skip
        if reader.keyless:
            outcome.status = "incomplete"
            outcome.note = (
                f"{reader.keyless} rows without a key were left out. Report it: no table can hold them"
            )
        suspicious = bool(bookmark.get("had_rows")) or job.version is not None
        if outcome.status == "ok" and outcome.from_scratch and not outcome.rows and suspicious:
            rights = user_has_rights(self._client, job.endpoint, task.division.code)
            if rights is False or (rights is None and bookmark.get("had_rows")):
                outcome.status = "not covered"
                outcome.note = (
                    "Exact answers with no rows, and the user has no rights to see them. What was delivered before is kept. "
                    "Give the user of the login the rights at Exact, or deselect the stream"
                )

    def _read_log(
        self, division: Division, jobs: Sequence[Job], bookmarks: dict[str, Any], *, wanted: bool
    ) -> tuple[str | None, Tombstones | None]:
        log = self._log_job
        targets = [job for job in jobs if job.codec.tombstones]
        if log is None or not (targets or wanted):
            return None, None
        bookmark = bookmarks.setdefault(LOG, self._bookmark(LOG, division.code))
        tombstones = Tombstones(
            division, log, wanted=wanted, targets=targets, bookmarks=bookmarks, zone=self._settings.zone
        )
        outcome = Outcome(LOG, division.code)
        if (until := rest_until(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = "not covered", _resting(until)
            self._events.put(Ended(log, outcome))
            return None, tombstones
        start = tombstones.start()
        reader = self._reader(log, division, {} if start is None else {"replication_key_value": start})
        names = {job.name: job for job in [*targets, log]}

        def read() -> None:
            for page in tombstones.pages(reader):
                outcome.rows += sum(len(records) for records in page.records.values())
                payloads = [(names[name], records) for name, records in page.records.items() if records]
                self._hand_over(division.code, payloads, page.changes, [])

        failure = self._guarded(outcome, division.code, read)
        if failure is None and outcome.status == "ok":
            read_at = self._trust(outcome, division.code, log, tombstones.rows, tombstones.read_at())
            if read_at is not None:
                self._hand_over(division.code, [], tombstones.complete(read_at), [])
        self._events.put(Ended(log, outcome, self._after(outcome, bookmark, failure)))
        return str(failure) if isinstance(failure, DivisionError) else None, tombstones

    def _hand_over(
        self,
        division: int,
        pages: list[tuple[Job, list[Any]]],
        changes: dict[str, dict[str, Any]],
        rows: list[Any],
    ) -> None:
        """Give a page to the writer, once it has taken the one before.

        From here on the page is its lines. Its records and the rows that they were made of are let go, since they
        take several times as much, for as long as a slow target lets the lane wait.
        """
        payloads: list[tuple[Job, bytes | list[dict[str, Any]], int]] = []
        for job, records in pages:
            if self._settings.fast:
                now = datetime.now(UTC).isoformat()
                lines = job.codec.lines(records, Envelope(job.name, now, job.version))
                payloads.append((job, lines, len(records)))
            else:
                payloads.append((job, Codec.dicts(records), len(records)))
            records.clear()
        rows.clear()
        self._turn.give()
        while not self._slot.acquire(timeout=1):
            if self._halt.is_set():
                raise Stopped("the run was asked to stop")
        leave_room = self._settings.permits.hand_over()

        def written() -> None:
            self._slot.release()
            leave_room()

        self._events.put(Written(division, payloads, changes, written))


def _sentence(exc: ExactError) -> str:
    """The failure without division and stream, which stand beside it already."""
    return f"{exc.what.rstrip('. ')}. {exc.remedy}".strip() if exc.remedy else exc.what


def _resting(until: datetime) -> str:
    minutes = int(SPAN.total_seconds() // 60)
    return (
        f"refused several times within {minutes} minutes and not asked again before {until:%H:%M} UTC, since too many "
        "errors block the app. Deselect the stream, or give the app the scope and the user the rights"
    )
