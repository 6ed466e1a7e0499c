"""Workers: one division at a time, one request at a time, pages handed to the one writer.

A worker takes a division, reads the selected streams one after the other, and while the writer writes a page it
already asks for the next. Of one worker at most one finished page waits for the writer, and of all workers together at
most as many as there are slots (:mod:`tap_exactonline.sync.slots`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import (
    DivisionError,
    ExactError,
    LoginError,
    NotExactOnline,
    Stopped,
    TokenStoreError,
)
from tap_exactonline.sync.deletions import NO_RIGHTS, Tombstones, log_is_due
from tap_exactonline.sync.evidence import DivisionAnswers, of_cooldown, of_refusal
from tap_exactonline.sync.messages import Event, PageReady, RunContext, StreamDone, Task, WorkerDone
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.records.page import Payload
from tap_exactonline.sync.report import Outcome, Status
from tap_exactonline.sync.rights import look_into, user_has_rights
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, after
from tap_exactonline.sync.state.cooldown import cooldown, left, remember
from tap_exactonline.sync.stream_read import LOG, StreamRead

_FATAL = (LoginError, NotExactOnline, TokenStoreError)
_PROGRESS_EVERY = 30.0
_MARKED: Changes = {"no_rows": False}
_FIRST_ROWS: Changes = {"had_rows": True, "no_rows": False}


class DivisionWorker(threading.Thread):
    """Works through the tasks until there are none.

    Args:
        context: What all parts of the run share.
        tasks: What is still to be read; each worker takes the next.
        events: To the writer.
        bookmark: What was delivered before, by stream and division; None for streams of the login.
        log_read: How ``sync_deleted`` is read, if deletions are written as tombstones.
        number: Of the worker.
    """

    def __init__(
        self,
        context: RunContext,
        tasks: queue.SimpleQueue[Task],
        events: queue.SimpleQueue[Event],
        bookmark: Callable[[str, int | None], Bookmark],
        *,
        log_read: StreamRead | None,
        number: int,
    ) -> None:
        super().__init__(name=f"worker-{number}", daemon=True)
        self._context = context
        self._client = context.client
        self._logger = context.logger
        self._tasks = tasks
        self._events = events
        self._bookmark = bookmark
        self._log_read = log_read
        self._one_page = threading.Semaphore(1)

    def run(self) -> None:
        """Read division after division."""
        error: BaseException | None = None
        try:
            while not self._context.stop.is_set():
                with self._context.slots.work():
                    try:
                        task = self._tasks.get_nowait()
                    except queue.Empty:
                        break
                    self._work(task)
        except Stopped:
            pass
        except BaseException as exc:  # noqa: BLE001 - it must travel to the writer, whatever it is
            error = exc
        self._events.put(WorkerDone(error))

    def _work(self, task: Task) -> None:
        code = task.division.code
        bookmarks = {
            stream.name: self._bookmark(stream.name, None if task.once else code) for stream in task.reads
        }
        answers = DivisionAnswers(code)
        tombstones: Tombstones | None = None
        streams = list(task.reads)
        if self._log_read and not task.once:
            wanted = any(stream.name == LOG for stream in streams)
            streams = [stream for stream in streams if stream.name != LOG]
            tombstones = self._read_log(task.division, streams, bookmarks, answers, wanted=wanted)
        for stream in streams:
            if self._context.stop.is_set():
                raise Stopped("the run was asked to stop")
            place = None if task.once else code
            if answers.closed is not None:
                self._events.put(
                    StreamDone(stream, Outcome(stream.name, place, Status.NOT_READ, note=answers.closed))
                )
                continue
            bookmark = bookmarks[stream.name]
            if tombstones is not None:
                bookmark = after(bookmark, tombstones.changes(stream.name))
            self._read(stream, task, bookmark, answers)

    def _read(self, stream: StreamRead, task: Task, bookmark: Bookmark, answers: DivisionAnswers) -> None:
        """Read one stream."""
        outcome = Outcome(stream.name, None if task.once else task.division.code)
        outcome.from_scratch = not bookmark.begun
        if (rest := cooldown(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = of_cooldown(rest, had_rows=bookmark.delivered)
            self._events.put(StreamDone(stream, outcome))
            return
        reader = Reader(
            self._context, stream, task.division, bookmark, refusals=left(bookmark, datetime.now(UTC))
        )
        said = time.monotonic()
        known = bookmark.delivered
        moved = False

        def read() -> None:
            nonlocal known, moved, said
            for batch in reader.batches():
                rows = sum(payload.count for payload in batch.payloads)
                outcome.rows += rows
                changes: Changes = batch.changes
                reached = changes.get("replication_key_value")
                moved |= reached is not None and reached != bookmark.replication_key_value
                if rows and not known:
                    # Before the first row: whatever becomes of this run, the next one knows that rows came.
                    known, changes = True, {**changes, **(_FIRST_ROWS if reached is None else _MARKED)}
                if rows or changes:
                    kept = {stream.name: changes} if changes and not task.once else {}
                    self._hand_over(task.division.code, batch.payloads, kept)
                del batch  # while the next page is read, the lines of this one belong to the writer alone
                if time.monotonic() - said > _PROGRESS_EVERY:
                    said = time.monotonic()
                    self._logger.info(
                        "%s, division %d: %s rows so far",
                        stream.name,
                        task.division.code,
                        f"{outcome.rows:,}",
                    )

        errors = self._errors(stream, task.division.code)
        failure = self._guarded(outcome, task.division.code, read, had_rows=lambda: known)
        answers.add(failure)
        self._look_closer(outcome, reader, stream, task.division.code)
        changes = self._after(outcome, bookmark, failure, self._errors(stream, task.division.code) - errors)
        if outcome.status is Status.OK and stream.name == LOG:
            changes |= self._trust(
                outcome, task.division.code, stream, outcome.rows, bookmark.read_at, known=known
            )
        elif outcome.status is Status.OK and not (outcome.rows or (moved and stream.endpoint.kind == "sync")):
            changes |= look_into(self._client, stream, task.division.code, bookmark, outcome)
            if outcome.status is Status.OK and outcome.from_scratch and stream.bookmark_column and not known:
                # The bookmark is the start date: nothing was delivered yet.
                changes["no_rows"] = True
        _mark_left_out(outcome, reader, stream)
        self._events.put(StreamDone(stream, outcome, changes))

    def _errors(self, stream: StreamRead, division: int) -> int:
        return self._client.errors(None if stream.endpoint.login_wide else division, stream.endpoint.path)

    def _after(
        self, outcome: Outcome, bookmark: Bookmark, failure: ExactError | None, errors: int
    ) -> Changes:
        """What the bookmark remembers of refusals."""
        if failure is not None:
            return remember(bookmark, failure, datetime.now(UTC), errors)
        return {"refused": ()} if outcome.status is Status.OK and bookmark.refused else {}

    def _trust(
        self, outcome: Outcome, division: int, log: StreamRead, rows: int, read_at: str | None, *, known: bool
    ) -> Changes:
        """Up to which moment the log is known now; an empty log is looked at now and then."""
        now = datetime.now(UTC)
        if not rows:
            if not log_is_due(read_at, now):
                return {}
            if user_has_rights(self._client, log.endpoint, division) is False:
                outcome.status = Status.INCOMPLETE if known else Status.NOT_COVERED
                outcome.note = NO_RIGHTS
                return {}
        return {"read_at": now.isoformat(timespec="seconds")}

    def _guarded(
        self, outcome: Outcome, division: int, read: Callable[[], None], *, had_rows: Callable[[], bool]
    ) -> ExactError | None:
        """Run a read and turn its end into an outcome; returns what ended it too early, or None."""
        began, calls, asking = time.monotonic(), self._client.calls(division), self._client.seconds(division)
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
            outcome.seconds = time.monotonic() - began
            outcome.calls = self._client.calls(division) - calls
            outcome.asking = self._client.seconds(division) - asking
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

    def _look_closer(self, outcome: Outcome, reader: Reader, stream: StreamRead, division: int) -> None:
        """What a read without an error may still lack."""
        self._tell_values(reader, stream.name, division)
        if reader.keyless:
            outcome.status = Status.INCOMPLETE
            outcome.note = (
                f"{reader.keyless} rows without a key were left out. Report it: no table can hold them"
            )

    def _read_log(
        self,
        division: Division,
        streams: Sequence[StreamRead],
        bookmarks: dict[str, Bookmark],
        answers: DivisionAnswers,
        *,
        wanted: bool,
    ) -> Tombstones | None:
        log = self._log_read
        targets = [stream for stream in streams if stream.codec.tombstones]
        if log is None or not (targets or wanted):
            return None
        bookmark = bookmarks.setdefault(LOG, self._bookmark(LOG, division.code))
        tombstones = Tombstones(
            division,
            log,
            wanted=wanted,
            targets=targets,
            bookmarks=bookmarks,
            zone=self._context.config.timezone,
        )
        outcome = Outcome(LOG, division.code)
        known = bookmark.delivered or any(
            bookmarks[stream.name].log.timestamp is not None for stream in targets
        )
        if (rest := cooldown(bookmark, datetime.now(UTC))) is not None:
            outcome.status, outcome.note = of_cooldown(rest, had_rows=known)
            self._events.put(StreamDone(log, outcome))
            return tombstones
        start = tombstones.start()
        since = Bookmark(replication_key_value=start, seen=start)
        reader = Reader(
            self._context, log, division, since,
            refusals=left(bookmark, datetime.now(UTC)), share=tombstones.share,
        )  # fmt: skip

        def read() -> None:
            for page in tombstones.pages(reader):
                outcome.rows += sum(payload.count for payload in page.payloads)
                self._hand_over(division.code, page.payloads, page.changes)
                del page

        errors = self._errors(log, division.code)
        failure = self._guarded(outcome, division.code, read, had_rows=lambda: known or tombstones.rows > 0)
        answers.add(failure)
        self._tell_values(reader, LOG, division.code)
        if failure is None and outcome.status is Status.OK:
            trusted = self._trust(
                outcome, division.code, log, tombstones.rows, tombstones.read_at(), known=known
            )
            if read_at := trusted.get("read_at"):
                self._hand_over(division.code, [], tombstones.complete(read_at))
        changes = self._after(outcome, bookmark, failure, self._errors(log, division.code) - errors)
        if wanted:
            _mark_left_out(outcome, reader, log)
        self._events.put(StreamDone(log, outcome, changes))
        return tombstones

    def _hand_over(self, division: int, payloads: Sequence[Payload], changes: dict[str, Changes]) -> None:
        """Give a page to the writer, once it has taken the one before."""
        while not self._one_page.acquire(timeout=1):
            if self._context.stop.is_set():
                raise Stopped("the run was asked to stop")
        leave_room = self._context.slots.hand_over()

        def written() -> None:
            self._one_page.release()
            leave_room()

        self._events.put(PageReady(division, payloads, changes, written))


def _mark_left_out(outcome: Outcome, reader: Reader, stream: StreamRead) -> None:
    """A read that lacks a column for the first time is not complete. All its rows are in."""
    lacking = reader.left_out & stream.query.newly_refused
    if outcome.status is Status.OK and lacking:
        outcome.status = Status.INCOMPLETE
        outcome.note = (
            f"Exact refuses {stream.names(lacking)}, which is left out: what was delivered before stays as it is. Runs go on "
            "without it, and ask for it again after a week. If you do not need the column, deselect it"
        )
