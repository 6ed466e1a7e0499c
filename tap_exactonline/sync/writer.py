"""The writer: takes the page of whichever worker is ready, writes it, then moves the bookmark.

It runs in the main thread and is the only one that writes to the target and changes the state, so a STATE
never runs ahead of its records.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.again import SOON
from tap_exactonline.sync.batches import Batches
from tap_exactonline.sync.messages import Event, PageReady, RunContext, StreamDone, Task, WorkerDone
from tap_exactonline.sync.report import (
    DivisionTotal,
    Outcome,
    Report,
    Status,
    log_metrics,
    log_outcome,
    shorten,
)
from tap_exactonline.sync.schema_changes import SchemaChanges
from tap_exactonline.sync.slots import OPEN_DIVISIONS
from tap_exactonline.sync.state.bookmark import Bookmark, Changes
from tap_exactonline.sync.state.resets import moved_meanwhile, start_over, tell_left_alone
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.state.versions import Versions
from tap_exactonline.sync.stream_read import StreamRead
from tap_exactonline.sync.streams import ExactStream
from tap_exactonline.sync.worker import DivisionWorker

# A STATE holds every bookmark of every division. Small ones follow each page; large ones keep to this share of
# what is written, or come this often.
_STATE_SHARE = 20
_AHEAD = timedelta(days=1)
_STATE_SECONDS = 10.0
_TORN = (
    "a column came or went after rows or deletions had been written, and a target may load those last. The next run delivers "
    "them again"
)


class Writer:
    """Has the streams read in all divisions, and writes what comes.

    Args:
        context: What all parts of the run share.
        streams: The streams by name.
        reads: How the selected ones are read, in the order in which a division reads them.
        log_read: How ``sync_deleted`` is read, if deletions are written as tombstones.
        divisions: The administrations to read.
        closed: Others that are wanted, too, and can't be read now.
        state: What was delivered before. Only the writer changes it.
    """

    def __init__(
        self,
        context: RunContext,
        *,
        streams: Mapping[str, ExactStream],
        reads: Sequence[StreamRead],
        log_read: StreamRead | None,
        divisions: Sequence[Division],
        closed: Collection[int] = (),
        state: State,
    ) -> None:
        self._context = context
        self._client = context.client
        self._output = context.output
        self._logger = context.logger
        self._batches = Batches(context.batch, context.output) if context.batch else None
        self._streams = streams
        self._reads = list(reads)
        self._log_read = log_read
        self._divisions = list(divisions)
        self._closed = frozenset(closed)
        self._names = {division.code: division.description for division in divisions}
        self._state = state
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        # Stream → the fields that the last records lack, and the columns that the last SCHEMA lacks.
        self._introduced: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._schema_changes = SchemaChanges(state)
        self._under_way: Counter[tuple[str, int]] = Counter()
        self._home = 0
        self._totals: defaultdict[int, DivisionTotal] = defaultdict(DivisionTotal)
        self._streams_each = sum(not read.once for read in self._reads)
        self._state_due = False
        self._state_size = 0
        self._state_at = (0, 0.0)
        self.report = Report()

    def wake(self) -> None:
        """Let the writer look at the stop flag. Safe in a signal handler."""
        self._events.put(None)

    def run(self, home: Division) -> Report:
        """Read everything.

        Args:
            home: The division through which streams are read that belong to the login.

        Returns:
            What became of each stream in each division.

        Raises:
            ExactError: Of a kind that ends the run for all divisions.
            OutputError: If standard output takes no more.
        """
        for read in {read.name: read for read in [*self._reads, self._log_read] if read}.values():
            read.query.recall(self._state.known(read.name).learnt)
            if read.query.refused:
                self._logger.warning(
                    "%s: Exact refused %s in an earlier run. The run goes on without; what was delivered before stays as it is",
                    read.name, read.names(read.query.refused),
                )  # fmt: skip
        start_over(
            self._reads, self._divisions, self._state, now=datetime.fromtimestamp(self._client.now(), UTC),
            latest=self._latest_modified(), start_date=self._context.config.start_date,
            tombstones=self._context.config.tombstones, logger=self._logger,
        )  # fmt: skip
        tell_left_alone(self._divisions, self._state, self._logger)
        self._versions = Versions(self._reads, self._divisions, self._state, on=self._context.versions)
        for read in self._reads:
            # A target may load what came under one SCHEMA after what comes under the next, a deletion after the row that came
            # back. So a field that is tried again is in the SCHEMA only once Exact has given it.
            doubtful = read.query.doubtful
            # Stream maps that need what is refused can't be made for a schema without it; no row of the stream will come.
            self._introduce(read, frozenset() if read.uses(doubtful) else doubtful)
        self._home = home.code
        with self._batches or contextlib.nullcontext():
            workers = self._start_workers(home)
            failure = self._write_until_over(workers)
            if failure is None and not self._context.stop.is_set():
                self._activate()
            self._write_state(force=True)
        self.report.outcomes += [
            Outcome(stream, division, Status.INCOMPLETE, rows=rows, note="not finished", again=SOON)
            for (stream, division), rows in self._under_way.items()
        ]
        if failure is not None:
            raise failure
        return self.report

    def _latest_modified(self) -> datetime:
        """No bookmark on Modified can be later than this. Clocks may be wrong, so the later one counts, and a day more."""
        now = datetime.fromtimestamp(max(self._client.now(), time.time()), self._context.config.timezone)
        latest = now.replace(tzinfo=None) + _AHEAD
        return max(latest, self._context.config.start_date or latest)

    def _start_workers(self, home: Division) -> int:
        tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        once = [read for read in self._reads if read.once]
        rest = [read for read in self._reads if not read.once]
        count = 0
        if once:
            tasks.put(Task(home, once, once=True))
            count += 1
        if rest:
            for division in self._divisions:
                tasks.put(Task(division, rest))
                count += 1
        workers = min(self._context.slots.places * OPEN_DIVISIONS, count)
        for number in range(workers):
            DivisionWorker(
                self._context,
                tasks,
                self._events,
                self._bookmark,
                log_read=self._log_read,
                number=number,
            ).start()
        return workers

    def _bookmark(self, stream: str, division: int | None) -> Bookmark:
        """For workers: a value, which stays as it is while the writer goes on."""
        return self._state.of_login(stream) if division is None else self._state.get(stream, division)

    def _write_until_over(self, workers: int) -> BaseException | None:
        failure: BaseException | None = None
        try:
            while workers and not self._context.stop.is_set():
                event = self._events.get()
                if isinstance(event, WorkerDone):
                    workers -= 1
                    failure = failure or event.error
                    if failure is not None:
                        break
                elif event is not None:
                    self._take(event)
        finally:
            # Whoever is still asking stops; what was already complete is written below.
            if workers:
                self._context.stop.set()
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, PageReady | StreamDone):
                    self._take(event)
        return failure

    def _take(self, event: PageReady | StreamDone) -> None:
        if isinstance(event, StreamDone):
            self._end(event)
            return
        for payload in event.payloads:
            read, content = payload.read, payload.content
            if payload.without is not None:
                self._introduce(read, payload.without)
            if payload.lowest is not None:
                self._schema_changes.deletions(read.name, event.division)
            elif read.endpoint.kind == "sync":
                self._schema_changes.rows(read.name, event.division)
            if not isinstance(content, bytes):
                exact_stream = self._streams[read.name]
                ordinary = payload.lowest is None
                write = exact_stream.write_records if ordinary else exact_stream.write_tombstones
                write(content, read.version)
            elif self._batches is not None:
                self._batches.add(read.name, content, payload.count, read.version)
            else:
                self._output.write(content)
            self._under_way[read.name, event.division] += payload.count
        for stream, changes in event.changes.items():
            self._state.update(stream, event.division, changes)
            self._state_due = True
        for semaphore in event.held:
            semaphore.release()
        self._write_state()

    def _end(self, event: StreamDone) -> None:
        outcome = event.outcome
        self.report.outcomes.append(outcome)
        code = outcome.division
        self._under_way.pop((outcome.stream, code or self._home), None)
        if (
            code is not None
            and self._schema_changes.ended(outcome.stream, code)
            and outcome.status is Status.OK
        ):
            outcome.status, outcome.note, outcome.again = Status.INCOMPLETE, _TORN, SOON
        left = self._client.budget(code).day_left if code is not None else None
        log_outcome(outcome, self._names.get(code, "") if code is not None else "", left, self._logger)
        log_metrics(outcome, event.read.endpoint.path)
        if code is not None:
            total = self._totals[code]
            total.add(outcome)
            if total.streams == self._streams_each:
                total.log(code, self._names.get(code, ""), left, self._logger)
        self._learn(event.read)
        changes: Changes = {**event.changes}
        if outcome.status is Status.OK and not outcome.doubtful:
            changes |= self._versions.completed(event.read, code)
        if code is None and outcome.rows and not self._state.known(event.read.name).had_rows:
            self._state.stream(event.read.name).had_rows = True
            self._state_due = True
        if changes and code is not None:
            self._state.update(event.read.name, code, changes)
            self._state_due = True
            self._write_state()

    def _learn(self, read: StreamRead) -> None:
        """Keep what Exact refused in a query, so that the next run does not ask for it."""
        learnt = read.query.learnt()
        if learnt is None:
            return
        self._state.stream(read.name).learnt = learnt or None
        self._state_due = True

    def _introduce(self, read: StreamRead, without: frozenset[str]) -> None:
        """Write the SCHEMA that fits records without these fields, unless it is the last that was written.

        A target fills every column of the SCHEMA in each row that it gets: with null, where the record has nothing. So a
        column that Exact refuses must not be in it, or what was delivered before would be lost.
        """
        before, written = self._introduced.get(read.name, (None, None))
        if before == without:
            return
        missing = read.missing(without)
        self._introduced[read.name] = without, missing
        if written == missing:
            return
        if self._batches is not None:
            self._batches.close(read.name)  # its records fit the schema from before
        self._streams[read.name].write_schema(missing)
        self._schema_changes.written(read.name)
        # Rows without the column need it once it is back.
        columns = self._state.known(read.name).columns
        lacking = {read.columns[name] for name in without if name in read.columns}
        if lacking and columns is not None:
            self._state.stream(read.name).columns = tuple(sorted(set(columns) - lacking))

    def _activate(self) -> None:
        if self.report.problems:
            return
        ready = self._versions.ready(self._closed)
        if any(read.endpoint.kind == "sync" for read in ready) and moved_meanwhile(
            self._divisions, self._context.connection.list_again, self._logger
        ):
            ready = [read for read in ready if read.endpoint.kind != "sync"]
        if self._batches is not None:
            self._batches.flush()
        for read in ready:
            if read.version is not None:
                self._streams[read.name].write_activation(read.version)
                self._versions.activated(read)
                self._state_due = True
        if self._versions.held_back:
            self._logger.info(
                "Rows that are gone stay in %s: administrations %s can't be read now, and the tables may hold rows of "
                "them. If they never did, put them into exclude_divisions",
                shorten(self._versions.held_back),
                shorten(sorted(self._closed)),
            )

    def _write_state(self, *, force: bool = False) -> None:
        """Write a STATE if one is due, small ones at once and large ones now and then."""
        if not self._state_due and not force:
            return
        if self._batches is not None:
            if not (force or self._batches.due):
                return
            self._batches.flush()  # what a STATE tells is with the target
            force = True
        bytes_then, time_then = self._state_at
        enough = self._output.written - bytes_then >= _STATE_SHARE * self._state_size
        if not (force or enough or time.monotonic() - time_then >= _STATE_SECONDS):
            return
        self._schema_changes.take_back()
        self._state_size = self._output.write_object({"type": "STATE", "value": self._state.written()})
        self._state_at = (self._output.written, time.monotonic())
        self._state_due = False
