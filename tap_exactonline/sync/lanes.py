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
    ExactError,
    LoginError,
    NotExactOnline,
    Stopped,
    TokenStoreError,
)
from tap_exactonline.sync.convert import Codec, Envelope
from tap_exactonline.sync.deletions import LOG, NO_RIGHTS, Tombstones, log_is_due
from tap_exactonline.sync.events import Ended, LaneOver, Payload, Shared, Task, Written
from tap_exactonline.sync.evidence import DivisionAnswers, delivered, of_refusal, of_rest
from tap_exactonline.sync.functions import user_has_rights
from tap_exactonline.sync.reading import Job, Reader
from tap_exactonline.sync.refusals import left, remember, resting
from tap_exactonline.sync.report import Outcome, Status
from tap_exactonline.sync.rights import look_into
from tap_exactonline.sync.rows import Rows

_FATAL = (LoginError, NotExactOnline, TokenStoreError)
_PROGRESS_EVERY = 30.0
_MARKED = {"no_rows": None}
_FIRST_ROWS = {"had_rows": True, **_MARKED}


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
        bookmarks = {job.name: self._bookmark(job.name, None if task.once else code) for job in task.jobs}
        answers = DivisionAnswers(code)
        tombstones: Tombstones | None = None
        jobs = list(task.jobs)
        if self._log_job and not task.once:
            wanted = any(job.name == LOG for job in jobs)
            jobs = [job for job in jobs if job.name != LOG]
            tombstones = self._read_log(task.division, jobs, bookmarks, answers, wanted=wanted)
        for job in jobs:
            if self._halt.is_set():
                raise Stopped("the run was asked to stop")
            place = None if task.once else code
            if answers.closed is not None:
                self._events.put(Ended(job, Outcome(job.name, place, Status.NOT_READ, note=answers.closed)))
                continue
            bookmark = bookmarks[job.name]
            if tombstones is not None:
                bookmark = {**bookmark, **tombstones.bookmark(job.name)}
            self._read(job, task, bookmark, answers)

    def _reader(self, job: Job, division: Division, bookmark: Any, refusals: int) -> Reader:
        return Reader(
            self._client, job, division, bookmark,
            start_date=self._settings.start_date, logger=self._logger, zone=self._settings.zone, turn=self._turn,
            refusals=refusals,
        )  # fmt: skip

    def _read(self, job: Job, task: Task, bookmark: Any, answers: DivisionAnswers) -> None:
        """Read one stream."""
        outcome = Outcome(job.name, None if task.once else task.division.code)
        outcome.from_scratch = bookmark.get("replication_key_value") is None
        if (rest := resting(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = of_rest(rest, had_rows=delivered(bookmark))
            self._events.put(Ended(job, outcome))
            return
        reader = self._reader(job, task.division, bookmark, left(bookmark, datetime.now(UTC)))
        said = time.monotonic()
        known = delivered(bookmark)
        moved = False

        def read() -> None:
            nonlocal known, moved, said
            for batch in reader.batches():
                if batch.records or batch.changes:
                    outcome.rows += len(batch.records)
                    changes = batch.changes
                    reached = changes.get("replication_key_value")
                    moved |= reached is not None and reached != bookmark.get("replication_key_value")
                    if batch.records and not known:
                        # Before the first row: whatever becomes of this run, the next one knows that rows came.
                        known, changes = True, {**changes, **(_FIRST_ROWS if reached is None else _MARKED)}
                    self._hand_over(
                        task.division.code,
                        [(job, batch.records, batch.without)] if batch.records else [],
                        {job.name: changes} if changes and not task.once else {},
                        batch.page,
                    )
                if time.monotonic() - said > _PROGRESS_EVERY:
                    said = time.monotonic()
                    self._logger.info(
                        "%s, division %d: %s rows so far", job.name, task.division.code, f"{outcome.rows:,}"
                    )

        errors = self._errors(job, task.division.code)
        failure = self._guarded(outcome, task.division.code, read, had_rows=lambda: known)
        answers.add(failure)
        self._look_closer(outcome, reader, job, task.division.code)
        changes = self._after(outcome, bookmark, failure, self._errors(job, task.division.code) - errors)
        if outcome.status is Status.OK and job.name == LOG:
            read_at = self._trust(
                outcome, task.division.code, job, outcome.rows, bookmark.get("read_at"), known=known
            )
            changes |= {"read_at": read_at} if read_at else {}
        elif outcome.status is Status.OK and not (outcome.rows or (moved and job.endpoint.kind == "sync")):
            changes |= look_into(self._client, job, task.division.code, bookmark, outcome)
            if outcome.status is Status.OK and outcome.from_scratch and job.bookmark_column and not known:
                # The bookmark is the start date: nothing was delivered yet.
                changes["no_rows"] = True
        _mark_left_out(outcome, reader, job)
        self._events.put(Ended(job, outcome, changes))

    def _errors(self, job: Job, division: int) -> int:
        return self._client.errors(None if job.endpoint.login_wide else division, job.endpoint.path)

    def _after(
        self, outcome: Outcome, bookmark: Any, failure: ExactError | None, errors: int
    ) -> dict[str, Any]:
        """What the bookmark remembers of refusals."""
        if failure is not None:
            return remember(bookmark, failure, datetime.now(UTC), errors)
        return {"refused": None} if outcome.status is Status.OK and "refused" in bookmark else {}

    def _trust(
        self, outcome: Outcome, division: int, log: Job, rows: int, read_at: str | None, *, known: bool
    ) -> str | None:
        """The new moment up to which the log is known, None if it stays; an empty log is looked at now and then."""
        now = datetime.now(UTC)
        if not rows:
            if not log_is_due(read_at, now):
                return None
            if user_has_rights(self._client, log.endpoint, division) is False:
                outcome.status = Status.INCOMPLETE if known else Status.NOT_COVERED
                outcome.note = NO_RIGHTS
                return None
        return now.isoformat(timespec="seconds")

    def _guarded(
        self, outcome: Outcome, division: int, read: Callable[[], None], *, had_rows: Callable[[], bool]
    ) -> ExactError | None:
        """Run a read and turn its end into an outcome; returns what ended it too early, or None."""
        began, calls = time.monotonic(), self._client.calls(division)
        failure: ExactError | None = None
        try:
            read()
        except (Stopped, *_FATAL):
            raise
        except DivisionError as exc:
            outcome.status, outcome.note = Status.INCOMPLETE, str(exc)
            failure = exc
        except ExactError as exc:
            outcome.status, outcome.note = of_refusal(exc, had_rows=had_rows())
            failure = exc
        except Exception as exc:  # one stream's bug must not end the others
            self._logger.debug("%s, division %d", outcome.stream, division, exc_info=True)
            outcome.status = Status.INCOMPLETE
            outcome.note = f"internal error {type(exc).__name__}; run with log level DEBUG and report it"
        finally:
            self._turn.give()
            outcome.seconds = time.monotonic() - began
            outcome.calls = self._client.calls(division) - calls
        return failure

    def _tell_values(self, reader: Reader, stream: str, division: int) -> None:
        """Say which values are not in the target as Exact gave them."""
        if reader.nul:
            self._logger.warning(
                "%s, division %d: %d characters U+0000 were taken out of its texts, since databases refuse them",
                stream, division, reader.nul,
            )  # fmt: skip
        for name, count in reader.unreadable.items():
            self._logger.warning(
                "%s, division %d: %d values of %s are not of the type that Exact documents, or out of its range, and became null",
                stream, division, count, name,
            )  # fmt: skip

    def _look_closer(self, outcome: Outcome, reader: Reader, job: Job, division: int) -> None:
        """What a read without an error may still lack."""
        self._tell_values(reader, job.name, division)
        if reader.keyless:
            outcome.status = Status.INCOMPLETE
            outcome.note = (
                f"{reader.keyless} rows without a key were left out. Report it: no table can hold them"
            )

    def _read_log(
        self,
        division: Division,
        jobs: Sequence[Job],
        bookmarks: dict[str, Any],
        answers: DivisionAnswers,
        *,
        wanted: bool,
    ) -> Tombstones | None:
        log = self._log_job
        targets = [job for job in jobs if job.codec.tombstones]
        if log is None or not (targets or wanted):
            return None
        bookmark = bookmarks.setdefault(LOG, self._bookmark(LOG, division.code))
        tombstones = Tombstones(
            division, log, wanted=wanted, targets=targets, bookmarks=bookmarks, zone=self._settings.zone
        )
        outcome = Outcome(LOG, division.code)
        known = delivered(bookmark) or any(
            bookmarks[job.name].get("deletions", {}).get("timestamp") is not None for job in targets
        )
        if (rest := resting(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = of_rest(rest, had_rows=known)
            self._events.put(Ended(log, outcome))
            return tombstones
        start = tombstones.start()
        since = {} if start is None else {"replication_key_value": start, "seen": start}
        reader = self._reader(log, division, since, left(bookmark, datetime.now(UTC)))
        names = {job.name: job for job in [*targets, log]}

        def read() -> None:
            for page in tombstones.pages(reader):
                outcome.rows += sum(len(records) for records in page.records.values())
                payloads = [
                    # A tombstone has the key only, which is part of every schema.
                    (names[name], records, page.without if name == LOG else None)
                    for name, records in page.records.items()
                    if records
                ]
                self._hand_over(division.code, payloads, page.changes, None)

        errors = self._errors(log, division.code)
        failure = self._guarded(outcome, division.code, read, had_rows=lambda: known or tombstones.rows > 0)
        answers.add(failure)
        self._tell_values(reader, LOG, division.code)
        if failure is None and outcome.status is Status.OK:
            read_at = self._trust(
                outcome, division.code, log, tombstones.rows, tombstones.read_at(), known=known
            )
            if read_at is not None:
                self._hand_over(division.code, [], tombstones.complete(read_at), None)
        changes = self._after(outcome, bookmark, failure, self._errors(log, division.code) - errors)
        if wanted:
            _mark_left_out(outcome, reader, log)
        self._events.put(Ended(log, outcome, changes))
        return tombstones

    def _hand_over(
        self,
        division: int,
        pages: list[tuple[Job, list[Any], frozenset[str] | None]],
        changes: dict[str, dict[str, Any]],
        page: Rows | None,
    ) -> None:
        """Give a page to the writer, once it has taken the one before.

        From here on the page is its lines. Its records and the rows that they were made of are let go, since they
        take several times as much, for as long as a slow target lets the lane wait.
        """
        payloads: list[Payload] = []
        for job, records, without in pages:
            content: bytes | list[dict[str, Any]] = (
                job.codec.lines(records, Envelope(job.name, datetime.now(UTC).isoformat(), job.version))
                if self._settings.fast
                else Codec.dicts(records)
            )
            payloads.append(Payload(job, content, len(records), without))
            records.clear()
        if page is not None:
            page.clear()
        self._turn.give()
        while not self._slot.acquire(timeout=1):
            if self._halt.is_set():
                raise Stopped("the run was asked to stop")
        leave_room = self._settings.permits.hand_over()

        def written() -> None:
            self._slot.release()
            leave_room()

        self._events.put(Written(division, payloads, changes, written))


def _mark_left_out(outcome: Outcome, reader: Reader, job: Job) -> None:
    """A read that lacks a column for the first time is not complete. All its rows are in."""
    lacking = reader.left_out & job.query.newly_refused
    if outcome.status is Status.OK and lacking:
        outcome.status = Status.INCOMPLETE
        outcome.note = (
            f"Exact refuses {job.names(lacking)}, which is left out: what was delivered before stays as it is. Runs go on "
            "without it, and ask for it again after a week. If you do not need the column, deselect it"
        )
