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

from tap_exactonline.exact.errors import (
    DivisionError,
    ExactError,
    LoginError,
    NotExactOnline,
    Stopped,
    TokenStoreError,
)
from tap_exactonline.sync.again import SOON, as_text
from tap_exactonline.sync.deletions import NO_RIGHTS, Tombstones, log_is_due
from tap_exactonline.sync.evidence import DivisionAnswers, of_cooldown, of_needed_log, of_refusal
from tap_exactonline.sync.messages import Event, PageReady, RunContext, StreamDone, Task, WorkerDone
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.records.page import Payload
from tap_exactonline.sync.report import Outcome, Status
from tap_exactonline.sync.rights import is_due, look_into, look_into_empty, user_has_rights
from tap_exactonline.sync.row_counts import Announced
from tap_exactonline.sync.state.bookmark import Bookmark, Changes, after
from tap_exactonline.sync.state.cooldown import cooldown, left, remember
from tap_exactonline.sync.state.resets import RESET
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
        self.context = context
        self.bookmark = bookmark
        self.log_read = log_read
        self._tasks = tasks
        self._events = events
        self._one_page = threading.Semaphore(1)

    def run(self) -> None:
        """Read division after division."""
        error: BaseException | None = None
        try:
            while not self.context.stop.is_set():
                with self.context.slots.work():
                    try:
                        task = self._tasks.get_nowait()
                    except queue.Empty:
                        break
                    _DivisionRead(self, task).run()
        except Stopped:
            pass
        except BaseException as exc:  # noqa: BLE001 - it must travel to the writer, whatever it is
            error = exc
        self._events.put(WorkerDone(error))

    def hand_over(self, division: int, payloads: Sequence[Payload], changes: dict[str, Changes]) -> None:
        """Give a page to the writer, once it has taken the one before."""
        held = self.context.slots.hand_over(self._one_page)
        self._events.put(PageReady(division, payloads, changes, held))

    def done(self, stream: StreamRead, outcome: Outcome, changes: Changes | None = None) -> None:
        """Tell the writer that a stream has ended."""
        self._events.put(StreamDone(stream, outcome, changes or {}))


class _DivisionRead:
    """The streams of one division, or those of the login, read one after the other.

    Args:
        worker: Who reads.
        task: What.
    """

    def __init__(self, worker: DivisionWorker, task: Task) -> None:
        self._worker = worker
        self._context = worker.context
        self._client = worker.context.client
        self._logger = worker.context.logger
        self._streams = list(task.reads)
        self._division = task.division
        self._code = task.division.code
        self._once = task.once
        # What outcomes and bookmarks name.
        self._place = None if task.once else self._code
        self._answers = DivisionAnswers(self._code)
        self._bookmarks = {stream.name: worker.bookmark(stream.name, self._place) for stream in self._streams}
        # Whether the user may see something of the division, and the streams that ended before that was known.
        now = datetime.now(UTC)
        self._shown = self._once or any(
            bookmark.delivered or not is_due(bookmark.rights_at, now) for bookmark in self._bookmarks.values()
        )
        self._empty: list[tuple[StreamRead, Outcome, Changes]] = []

    def run(self) -> None:
        """Read the log of deletions, if it serves the others, then the others."""
        tombstones: Tombstones | None = None
        streams = self._streams
        log = self._worker.log_read
        if log is not None and not self._once:
            wanted = any(stream.name == LOG for stream in streams)
            streams = [stream for stream in streams if stream.name != LOG]
            targets = [stream for stream in streams if stream.codec.tombstones]
            if targets or wanted:
                tombstones = self._read_log(log, targets, wanted=wanted)
        for stream in streams:
            if self._context.stop.is_set():
                raise Stopped("the run was asked to stop")
            if self._answers.closed is not None:
                unread = Outcome(stream.name, self._place, Status.NOT_READ, note=self._answers.closed)
                if self._answers.failure is not None:
                    unread.blame(self._answers.failure)
                self._worker.done(stream, unread)
                continue
            bookmark = self._bookmarks[stream.name]
            deletions = 0
            if tombstones is not None:
                bookmark = after(bookmark, tombstones.changes(stream.name))
                deletions = tombstones.written[stream.name]
            self._read(stream, bookmark, deletions)
        self._end_empty()

    def _read(self, stream: StreamRead, bookmark: Bookmark, deletions: int) -> None:
        """Read one stream, of which the log of deletions has already brought ``deletions``."""
        outcome = Outcome(stream.name, self._place, from_scratch=not bookmark.begun, deletions=deletions)
        if self._is_left_alone(outcome, bookmark, had_rows=bookmark.delivered):
            self._worker.done(stream, outcome)
            return
        reader = Reader(
            self._context, stream, self._division, bookmark, refusals=left(bookmark, datetime.now(UTC))
        )
        said = time.monotonic()
        known = bookmark.delivered
        moved = False

        announced: Announced | None = None

        def read() -> None:
            nonlocal known, moved, said, announced
            announced = Announced(
                self._client,
                self._context.config,
                stream.endpoint,
                self._code,
                from_scratch=not bookmark.begun,
            )
            for batch in reader.batches():
                outcome.rows += batch.count
                changes: Changes = batch.changes
                reached = changes.get("replication_key_value")
                moved |= reached is not None and reached != bookmark.replication_key_value
                if batch.count and not known:
                    # Before the first row: whatever becomes of this run, the next one knows that rows came.
                    known, changes = True, {**changes, **(_FIRST_ROWS if reached is None else _MARKED)}
                if batch.count or changes:
                    kept = {stream.name: changes} if changes and not self._once else {}
                    self._worker.hand_over(self._code, batch.payloads, kept)
                del batch  # while the next page is read, the lines of this one belong to the writer alone
                if time.monotonic() - said > _PROGRESS_EVERY:
                    said = time.monotonic()
                    self._logger.info(
                        "%s, division %d: %s rows so far", stream.name, self._code, f"{outcome.rows:,}"
                    )

        errors = self._errors(stream)
        failure = self._guarded(outcome, read, had_rows=lambda: known)
        self._look_closer(reader, outcome)
        changes = self._after(outcome, bookmark, failure, self._errors(stream) - errors)
        changes |= self._compare(outcome, announced)
        if outcome.status is Status.OK and stream.name == LOG:
            changes |= self._trust(outcome, stream, outcome.rows, bookmark.read_at, known=known)
        elif outcome.status is Status.OK and not (outcome.rows or (moved and stream.endpoint.kind == "sync")):
            changes |= look_into(self._client, stream, self._code, bookmark, outcome)
            if outcome.status is Status.OK and outcome.from_scratch and stream.bookmark_column and not known:
                # The bookmark is the start date: nothing was delivered yet.
                changes["no_rows"] = True
        _mark_left_out(outcome, reader, stream)
        self._end(stream, outcome, changes, known=known)

    def _end(self, stream: StreamRead, outcome: Outcome, changes: Changes, *, known: bool) -> None:
        """End a stream; one that never had a row waits until something of the division was shown."""
        self._shown |= known
        if outcome.status is Status.OK and not known:
            self._empty.append((stream, outcome, changes))
        else:
            self._worker.done(stream, outcome, changes)
        if self._shown:
            self._end_empty()

    def _end_empty(self) -> None:
        """End the streams that were empty. If all was, it is asked whether the user may see anything."""
        if not self._shown and self._answers.closed is None:
            look_into_empty(self._client, self._code, self._empty)
        for stream, outcome, changes in self._empty:
            self._worker.done(stream, outcome, changes)
        self._empty.clear()

    def _read_log(self, log: StreamRead, targets: Sequence[StreamRead], *, wanted: bool) -> Tombstones:
        """Read the log of deletions for the streams whose rows it may name."""
        bookmark = self._bookmarks.setdefault(LOG, self._worker.bookmark(LOG, self._code))
        tombstones = Tombstones(
            self._division, log, wanted=wanted, targets=targets, bookmarks=self._bookmarks,
            zone=self._context.config.timezone,
        )  # fmt: skip
        outcome = Outcome(LOG, self._code)
        known = bookmark.delivered or any(
            self._bookmarks[stream.name].log.timestamp is not None for stream in targets
        )
        if self._is_left_alone(outcome, bookmark, had_rows=known):
            self._end_log(log, outcome, needed=bool(targets))
            return tombstones
        start = tombstones.start()
        reader = Reader(
            self._context, log, self._division, Bookmark(replication_key_value=start, seen=start),
            refusals=left(bookmark, datetime.now(UTC)), share=tombstones.share,
        )  # fmt: skip

        def read() -> None:
            for page in tombstones.pages(reader):
                outcome.rows += sum(payload.count for payload in page.payloads)
                tombstones.written.update({payload.read.name: payload.count for payload in page.payloads})
                self._worker.hand_over(self._code, page.payloads, page.changes)
                del page

        errors = self._errors(log)
        failure = self._guarded(outcome, read, had_rows=lambda: known or tombstones.rows > 0)
        self._look_closer(reader, outcome)
        if failure is None and outcome.status is Status.OK:
            trusted = self._trust(outcome, log, tombstones.rows, tombstones.read_at(), known=known)
            if read_at := trusted.get("read_at"):
                self._worker.hand_over(self._code, [], tombstones.complete(read_at))
        changes = self._after(outcome, bookmark, failure, self._errors(log) - errors)
        if wanted:
            _mark_left_out(outcome, reader, log)
        self._end_log(log, outcome, changes, needed=bool(targets))
        return tombstones

    def _end_log(
        self, log: StreamRead, outcome: Outcome, changes: Changes | None = None, *, needed: bool
    ) -> None:
        """End the log of deletions; ``needed``: other streams lack what it tells, if it may not be read."""
        if needed:
            outcome.status, outcome.note = of_needed_log(outcome.status, outcome.note)
        self._worker.done(log, outcome, changes)

    def _is_left_alone(self, outcome: Outcome, bookmark: Bookmark, *, had_rows: bool) -> bool:
        """Whether a stream is not asked for, because it was refused again and again; then the outcome says so."""
        rest = cooldown(bookmark, datetime.now(UTC))
        if rest is None:
            return False
        outcome.status, outcome.note = of_cooldown(rest, had_rows=had_rows)
        outcome.again = as_text(rest.until)
        return True

    def _compare(self, outcome: Outcome, announced: Announced | None) -> Changes:
        """Look whether a complete read brought what Exact announced; returns what the bookmark becomes if not."""
        if outcome.status is not Status.OK or announced is None:
            return {}
        lacking = announced.lacking(outcome.rows)
        if lacking is None:
            return {}
        outcome.status, outcome.note, outcome.again = Status.INCOMPLETE, lacking, SOON
        return {**RESET}

    def _errors(self, stream: StreamRead) -> int:
        return self._client.errors(stream.endpoint.asked_in(self._code))

    def _after(
        self, outcome: Outcome, bookmark: Bookmark, failure: ExactError | None, errors: int
    ) -> Changes:
        """What the bookmark remembers of refusals."""
        if failure is not None:
            return remember(bookmark, failure, datetime.now(UTC), errors)
        return {"refused": ()} if outcome.status is Status.OK and bookmark.refused else {}

    def _trust(
        self, outcome: Outcome, log: StreamRead, rows: int, read_at: str | None, *, known: bool
    ) -> Changes:
        """Up to which moment the log is known now; an empty log is looked at now and then."""
        now = datetime.fromtimestamp(self._client.now(), UTC)
        if not rows:
            if not log_is_due(read_at, now):
                return {}
            if user_has_rights(self._client, log.endpoint, self._code) is False:
                outcome.status = Status.INCOMPLETE if known else Status.NOT_COVERED
                outcome.note = NO_RIGHTS
                return {}
        return {"read_at": now.isoformat(timespec="seconds")}

    def _guarded(
        self, outcome: Outcome, read: Callable[[], None], *, had_rows: Callable[[], bool]
    ) -> ExactError | None:
        """Run a read and turn its end into an outcome; returns what ended it too early, or None."""
        began, calls = time.monotonic(), self._client.calls(self._code)
        asking = self._client.seconds(self._code)
        failure: ExactError | None = None
        try:
            read()
        except (Stopped, *_FATAL):
            raise
        except DivisionError as exc:
            outcome.status, outcome.note = Status.INCOMPLETE, str(exc)
            outcome.blame(exc)
            failure = exc
        except ExactError as exc:
            outcome.status, outcome.note = of_refusal(exc, had_rows=had_rows())
            outcome.blame(exc)
            failure = exc
        except Exception as exc:  # one stream's bug must not end the others
            self._logger.debug("%s, division %d", outcome.stream, self._code, exc_info=True)
            outcome.status = Status.INCOMPLETE
            outcome.note = f"internal error {type(exc).__name__}; run with log level DEBUG and report it"
        finally:
            outcome.seconds = time.monotonic() - began
            outcome.calls = self._client.calls(self._code) - calls
            outcome.asking = self._client.seconds(self._code) - asking
        self._answers.add(failure)
        return failure

    def _look_closer(self, reader: Reader, outcome: Outcome) -> None:
        """What a read without an error may still lack."""
        self._tell_values(reader, outcome.stream)
        outcome.doubtful |= not reader.certain
        if reader.keyless:
            outcome.status = Status.INCOMPLETE
            outcome.note = (
                f"{reader.keyless} rows without a key were left out. Report it: no table can hold them"
            )

    def _tell_values(self, reader: Reader, stream: str) -> None:
        """Say which values are not in the target as Exact gave them."""
        if reader.nul:
            self._logger.warning(
                "%s, division %d: %d characters U+0000 were taken out of its texts, since databases refuse them",
                stream, self._code, reader.nul,
            )  # fmt: skip
        for name, count in reader.unreadable.items():
            self._logger.warning(
                "%s, division %d: %d values of %s are not of the type that Exact documents, or out of its range, and became null",
                stream, self._code, count, name,
            )  # fmt: skip


def _mark_left_out(outcome: Outcome, reader: Reader, stream: StreamRead) -> None:
    """A read that lacks a column for the first time is not complete. All its rows are in."""
    lacking = reader.left_out & stream.query.newly_refused
    if outcome.status is Status.OK and lacking:
        outcome.status = Status.INCOMPLETE
        outcome.note = (
            f"Exact refuses {stream.names(lacking)}, which is left out: what was delivered before stays as it is. Runs go on "
            "without it, and ask for it again after a week. If you do not need the column, deselect it"
        )
        outcome.again = SOON
