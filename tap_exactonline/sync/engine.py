"""The writer: takes the page of whichever lane is ready, writes it, then moves the bookmark.

It runs in the main thread and is the only one that writes to the target and changes the state, so a STATE
never runs ahead of its records.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.beginning import moved_meanwhile, start_over, tell_left_alone
from tap_exactonline.sync.bookmarks import Bookmarks
from tap_exactonline.sync.events import Ended, Event, LaneOver, Settings, Shared, Task, Written
from tap_exactonline.sync.lanes import Lane
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.permits import OPEN_DIVISIONS
from tap_exactonline.sync.reading import Job
from tap_exactonline.sync.report import Outcome, Report, Status, some, tell
from tap_exactonline.sync.versions import Versions

# A STATE holds every bookmark of every division. Small ones follow each page; large ones keep to this share of
# what is written, or come this often.
_STATE_SHARE = 20
_AHEAD = timedelta(days=1)
_STATE_SECONDS = 10.0


class Engine:
    """Reads jobs in divisions and writes what comes.

    Args:
        client: The way to Exact.
        jobs: The selected streams, in the order in which a division reads them.
        log_job: ``sync_deleted``, if deletions are written as tombstones.
        divisions: The administrations to read.
        closed: Others that are wanted, too, and can't be read now.
        look_again: Asks Exact for the administrations as they are now.
        bookmarks: The state.
        writer: The door to the target.
        settings: The configuration.
        versions: Turn on table versions.
        write_schema: Writes the SCHEMA of a stream without some columns.
        write_records: Writes plain records, of a version or none, on the SDK's own path.
        write_activation: Writes the ACTIVATE_VERSION of a stream.
        stop: Set to end the run early; ``stopped_by`` names the signal.
        logger: Where a person reads along.
    """

    def __init__(
        self,
        *,
        client: ExactClient,
        jobs: Sequence[Job],
        log_job: Job | None,
        divisions: Sequence[Division],
        closed: Collection[int] = (),
        look_again: Callable[[], Sequence[Division]],
        bookmarks: Bookmarks,
        writer: LineWriter,
        settings: Settings,
        versions: bool,
        write_schema: Callable[[str, frozenset[str]], None],
        write_records: Callable[[str, list[dict[str, Any]], int | None], None],
        write_activation: Callable[[str, int], None],
        stop: threading.Event,
        logger: logging.Logger,
    ) -> None:
        self._client = client
        self._jobs = list(jobs)
        self._log_job = log_job if settings.tombstones else None
        self._divisions = list(divisions)
        self._closed = frozenset(closed)
        self._look_again = look_again
        self._names = {division.code: division.description for division in divisions}
        self._bookmarks = bookmarks
        self._writer = writer
        self._settings = settings
        self._versions_on = versions
        self._write_schema = write_schema
        self._write_records = write_records
        self._write_activation = write_activation
        self._stop = stop
        self._logger = logger
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._introduced: dict[str, frozenset[str]] = {}
        self._under_way: Counter[tuple[str, int]] = Counter()
        self._home = 0
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
        for job in {job.name: job for job in [*self._jobs, self._log_job] if job}.values():
            job.query.recall(self._bookmarks.known(job.name).get("learnt"))
            if job.query.refused:
                self._logger.warning(
                    "%s: Exact refused %s in an earlier run. The run goes on without; what was delivered before stays as it is",
                    job.name, job.names(job.query.refused),
                )  # fmt: skip
        start_over(
            self._jobs, self._divisions, self._bookmarks, latest=self._latest_modified(),
            tombstones=self._settings.tombstones, logger=self._logger,
        )  # fmt: skip
        tell_left_alone(self._divisions, self._bookmarks, self._logger)
        self._versions = Versions(self._jobs, self._divisions, self._bookmarks, on=self._versions_on)
        for job in self._jobs:
            refused = job.query.refused
            # Stream maps that need what is refused can't be made for a schema without it; no row of the stream will come.
            self._introduce(job, frozenset() if job.uses(refused) else refused)
        self._home = home.code
        lanes = self._start_lanes(home)
        failure = self._write_until_over(lanes)
        if failure is None and not self._stop.is_set():
            self._activate()
        self._write_state(force=True)
        self.report.outcomes += [
            Outcome(stream, division, Status.INCOMPLETE, rows=rows, note="not finished")
            for (stream, division), rows in self._under_way.items()
        ]
        if failure is not None:
            raise failure
        return self.report

    def _latest_modified(self) -> datetime:
        """Later than this no bookmark on Modified can be. Clocks may be wrong, so the later one counts, and a day more."""
        now = datetime.fromtimestamp(max(self._client.now(), time.time()), self._settings.zone)
        latest = now.replace(tzinfo=None) + _AHEAD
        return max(latest, self._settings.start_date or latest)

    def _start_lanes(self, home: Division) -> int:
        tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        once = [job for job in self._jobs if job.once]
        rest = [job for job in self._jobs if not job.once]
        count = 0
        if once:
            tasks.put(Task(home, once, once=True))
            count += 1
        if rest:
            for division in self._divisions:
                tasks.put(Task(division, rest))
                count += 1
        lanes = min(self._settings.permits.places * OPEN_DIVISIONS, count)
        shared = Shared(
            tasks,
            self._events,
            self._client,
            self._bookmarks.snapshot,
            self._settings,
            self._log_job,
            self._stop,
            self._logger,
        )
        for number in range(lanes):
            Lane(shared, number).start()
        return lanes

    def _write_until_over(self, lanes: int) -> BaseException | None:
        failure: BaseException | None = None
        try:
            while lanes and not self._stop.is_set():
                event = self._events.get()
                if isinstance(event, LaneOver):
                    lanes -= 1
                    failure = failure or event.error
                    if failure is not None:
                        break
                elif event is not None:
                    self._take(event)
        finally:
            # Whoever is still asking stops; what was already complete is written below.
            if lanes:
                self._stop.set()
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, Written | Ended):
                    self._take(event)
        return failure

    def _take(self, event: Written | Ended) -> None:
        if isinstance(event, Ended):
            self._end(event)
            return
        for payload in event.payloads:
            job, content = payload.job, payload.content
            if payload.without is not None:
                self._introduce(job, payload.without)
            if isinstance(content, bytes):
                self._writer.write(content)
            else:
                self._write_records(job.name, content, job.version)
            self._under_way[job.name, event.division] += payload.count
        for stream, changes in event.changes.items():
            self._bookmarks.update(stream, event.division, changes)
            self._state_due = True
        event.done()
        self._write_state()

    def _end(self, event: Ended) -> None:
        outcome = event.outcome
        self.report.outcomes.append(outcome)
        code = outcome.division
        self._under_way.pop((outcome.stream, code or self._home), None)
        left = self._client.budget(code).day_left if code is not None else None
        tell(outcome, self._names.get(code, "") if code is not None else "", left, self._logger)
        self._learn(event.job)
        changes = dict(event.changes)
        if outcome.status is Status.OK:
            changes |= self._versions.completed(event.job, code)
        if code is None and outcome.rows and not self._bookmarks.known(event.job.name).get("had_rows"):
            self._bookmarks.stream(event.job.name)["had_rows"] = True
            self._state_due = True
        if changes and code is not None:
            self._bookmarks.update(event.job.name, code, changes)
            self._state_due = True
            self._write_state()

    def _learn(self, job: Job) -> None:
        """Keep what Exact refused in a query, so that the next run does not ask for it."""
        learnt = job.query.learnt()
        if learnt is None:
            return
        entry = self._bookmarks.stream(job.name)
        entry.pop("learnt", None)
        if learnt:
            entry["learnt"] = learnt
        self._state_due = True

    def _introduce(self, job: Job, without: frozenset[str]) -> None:
        """Write the SCHEMA that fits records without these fields, unless it is the last that was written.

        A target fills every column of the SCHEMA in each row that it gets: with null, where the record has nothing. So a
        column that Exact refuses must not be in it, or what was delivered before would be lost.
        """
        missing = job.missing(without)
        if self._introduced.get(job.name) == missing:
            return
        self._introduced[job.name] = missing
        self._write_schema(job.name, missing)
        # Rows without the column need it once it is back.
        entry = self._bookmarks.stream(job.name)
        lacking = {job.columns[name] for name in without if name in job.columns}
        if lacking and isinstance(entry.get("columns"), list):
            entry["columns"] = sorted(set(entry["columns"]) - lacking)

    def _activate(self) -> None:
        if self.report.problems:
            return
        ready = self._versions.ready(self._closed)
        if any(job.endpoint.kind == "sync" for job in ready) and moved_meanwhile(
            self._divisions, self._look_again, self._logger
        ):
            ready = [job for job in ready if job.endpoint.kind != "sync"]
        for job in ready:
            if job.version is not None:
                self._write_activation(job.name, job.version)
                self._versions.activated(job)
                self._state_due = True
        if self._versions.held_back:
            self._logger.info(
                "Rows that are gone stay in %s: administrations %s can't be read now, and the tables may hold rows of "
                "them. If they never did, put them into exclude_divisions",
                some(self._versions.held_back),
                some(sorted(self._closed)),
            )

    def _write_state(self, *, force: bool = False) -> None:
        """Write a STATE if one is due, small ones at once and large ones now and then."""
        if not self._state_due and not force:
            return
        bytes_then, time_then = self._state_at
        enough = self._writer.written - bytes_then >= _STATE_SHARE * self._state_size
        if not (force or enough or time.monotonic() - time_then >= _STATE_SECONDS):
            return
        self._state_size = self._writer.write_object({"type": "STATE", "value": self._bookmarks.state})
        self._state_at = (self._writer.written, time.monotonic())
        self._state_due = False
