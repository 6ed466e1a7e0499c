"""One run: from the selected streams to the last line of the log."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from msgspec.structs import replace

from tap_exactonline.exact.counted import counted
from tap_exactonline.exact.divisions import HR_LINKED, MOVED, Chosen, Division
from tap_exactonline.exact.errors import (
    DivisionError,
    ExactError,
    SettingsError,
    Stopped,
    TokenStoreError,
    without_frames,
)
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.notes import RunNote
from tap_exactonline.exact.responses import MANAGE_COMPANIES
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.own_streams import OwnStream
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.report import Report, shorten
from tap_exactonline.sync.row_counts import RowCount, RowCounter
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.stream_maps import MappingFailed
from tap_exactonline.sync.stream_read import LOG, ONCE, StreamRead
from tap_exactonline.sync.streams import ExactStream
from tap_exactonline.sync.writer import Writer

_UNSEEN = (
    "system/Divisions: Exact refuses the field {name}, which tells that an administration has new Timestamps. All bookmarks "
    "are kept as they are, and the field is asked for again after a week. If Exact moves one of your administrations to "
    "another database meanwhile, run once with --full-refresh"
)
_MOST_SAID = 1000
_NOTHING_TO_READ = "There is no administration to read. `tap-exactonline divisions` lists them"
_VANISHED = "read before, and no longer among those that the login may open"
_BRING_BACK = f"{MANAGE_COMPANIES}; or leave it out: exclude_divisions"


class RunIncomplete(Exception):
    """Something that was asked for is missing; the message says what and what to do.

    Attributes:
        exit_code: 1, or 128 and the number of the signal that ended the run.
    """

    def __init__(self, message: str, stopped_by: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = 1 if stopped_by is None else 128 + stopped_by


@dataclass
class Run:
    """What a run needs of the tap.

    Attributes:
        context: What all parts of the run share.
        streams: The streams by name, selected or not.
        log_stream: ``sync_deleted``, if deletions are written as tombstones.
        counts: The stream of row counts, if they are wanted.
        state: What was delivered before; changed.
        problems: What is missing before anything was read.
    """

    context: RunContext
    streams: Mapping[str, ExactStream]
    log_stream: ExactStream | None
    counts: OwnStream | None
    state: State
    problems: Sequence[str]

    def __post_init__(self) -> None:
        self.stopped_by: int | None = None
        self._writer: Writer | None = None
        self.report = Report()
        self.divisions: Sequence[Division] = ()

    def end(self, signum: int) -> None:
        """End the run early. For a signal handler.

        Raises:
            SystemExit: At once, if nothing is being read yet.
        """
        self.stopped_by = signum
        self.context.stop.set()
        if self._writer is None:
            raise SystemExit(128 + signum)
        self._writer.wake()

    def read(self) -> None:
        """Read every selected stream of every division of this part, side by side.

        Raises:
            RunIncomplete: If something that was asked for is missing.
            ExactError: If the administrations can't even be listed.
        """
        chosen = self._choose()
        self.divisions = chosen.selected
        reads = self._reads()
        writer = self._make_writer(reads, chosen.selected)
        report = self.report = writer.report
        self._remember_list_refusals(report)
        report.fail(*chosen.problems)
        report.problems += self.problems
        missed = self._missed()
        for problem in [*report.problems, *_told(missed)]:
            self.context.logger.error(problem)
        home = self._home(reads)
        if home is None and self.context.connection.everything.selected:
            self.context.logger.info("Part %s has nothing to read", self.context.config.shard)
            if not report.problems and not missed:
                return
        elif home is None:
            report.problems.append(_NOTHING_TO_READ)
        else:
            self._writer = writer
            try:
                writer.run(home)
                self._count(reads, report)
            except Stopped:
                if self.stopped_by is None:
                    raise
            except ExactError as exc:
                report.fail(without_frames(exc))
            except (OutputError, MappingFailed) as exc:
                report.problems.append(str(exc))
        # Only now: what has left the list does not hold back what the others declare gone.
        report.problems += _told(missed)
        report.failures += missed
        self._conclude(report)

    def _count(self, reads: Sequence[StreamRead], report: Report) -> None:
        """Ask Exact how many rows there are of what was read."""
        if self.counts is None or self.context.stop.is_set():
            return
        endpoints = [read.endpoint for read in reads if not read.once]
        counter = RowCounter(self.context.client, self.context.config, endpoints, report.outcomes)
        counts: list[RowCount] = []
        for outcome, rows in counter.count([division.code for division in self.divisions]):
            report.outcomes.append(outcome)
            counts += rows
        self.counts.write(counts)

    def _choose(self) -> Chosen:
        """The administrations to read, once it is clear that login and state belong together."""
        try:
            chosen = self.context.connection.chosen
            self.context.connection.check_state(self.state.others)
        except ExactError as exc:
            if not isinstance(exc, SettingsError | TokenStoreError):  # else there is nowhere to note it
                self._note(Report(problems=[str(exc)]))
            raise
        return chosen

    def test(self) -> None:
        """List the administrations and write them: a test of the connection that costs three calls.

        Raises:
            ExactError: What is wrong, and what to do about it.
        """
        # A part may have no administration, and its connection works all the same.
        chosen = self.context.connection.everything
        for problem in chosen.problems:
            raise problem
        if not chosen.selected:
            raise DivisionError(_NOTHING_TO_READ)
        home = chosen.selected[0]
        context = replace(self.context, fast=False)
        for stream in (self.streams[name] for name in ONCE if name in self.streams):
            read = stream.reading()
            stream.write_schema(frozenset())
            for batch in Reader(context, read, home, Bookmark()).batches():
                for payload in batch.payloads:
                    stream.write_records(cast("list[dict[str, Any]]", payload.content))
        left = self.context.client.budget(home.code).day_left
        budget = "" if left is None else f", {counted(left, 'call')} left today in division {home.code}"
        self.context.logger.info(
            "Connected: %s can be read%s", counted(len(chosen.selected), "administration"), budget
        )

    def _remember_list_refusals(self, report: Report) -> None:
        """Keep what Exact refuses of the list of administrations, and say what can't be seen without it."""
        refused = self.context.connection.list_refusals
        self.state.others.pop("divisions", None)
        if stored := refused.stored():
            self.state.others["divisions"] = {"refused": stored}
        for name in sorted(refused.names & {MOVED, HR_LINKED}):
            said = _UNSEEN.format(name=name)
            if name in refused.new:
                report.problems.append(said)
            else:
                self.context.logger.warning(said)

    def write_schemas(self) -> None:
        """Write the SCHEMA of each selected stream and nothing else, without a call."""
        reads = [stream for stream in self.streams.values() if stream.selected]
        for stream in reads:
            stream.reading()
            stream.write_schema(frozenset())
        self.context.logger.info("Only the schemas of %s were written", counted(len(reads), "stream"))

    def _reads(self) -> list[StreamRead]:
        """The selected streams, of the login's only in the part that reads them."""
        reads = [stream.reading() for stream in self.streams.values() if stream.selected]
        return [read for read in reads if not read.once or self.context.config.shard.reads_login]

    def _home(self, reads: Sequence[StreamRead]) -> Division | None:
        """The administration through which the streams of the login are read; None if there is nothing to read."""
        connection = self.context.connection
        if not reads and not self.context.config.shard.reads_login:
            return None
        # The part that reads for the login may have no administration of its own.
        open_ones = connection.chosen.selected or (
            connection.everything.selected if any(read.once for read in reads) else []
        )
        return open_ones[0] if open_ones else None

    def _make_writer(self, reads: list[StreamRead], divisions: Sequence[Division]) -> Writer:
        log_read = self.log_stream.reading_the_log() if self.log_stream else None
        if log_read:
            reads = [log_read if read.name == LOG else read for read in reads]
        self.context.logger.info(
            "Reading %s of %s", counted(len(reads), "stream"), counted(len(divisions), "administration")
        )
        return Writer(
            self.context,
            streams=self.streams,
            reads=reads,
            log_read=log_read,
            divisions=divisions,
            closed=self._closed(),
            state=self.state,
        )

    def _missed(self) -> list[DivisionError]:
        """Administrations that delivered rows and are not listed any more, and those that Exact keeps closed for a while.

        Configured ones are told by themselves.
        """
        config, connection = self.context.config, self.context.connection
        if config.divisions:
            return []
        delivering = {
            code
            for stream in self.state.streams()
            for code, bookmark in self.state.bookmarks(stream)
            if bookmark.delivered
        }
        gone = delivering - {division.code for division in connection.accessible}
        vanished = [
            DivisionError(_VANISHED, _BRING_BACK, division=code)
            for code in sorted(gone - set(config.exclude_divisions))
        ]
        return vanished + connection.chosen.closed_for_now

    def _closed(self) -> set[int]:
        """Administrations that are wanted and can't be read now: archived, blocked."""
        wanted, left_out = self.context.config.divisions, set(self.context.config.exclude_divisions)
        codes = {
            division.code for division in self.context.connection.accessible if division.closed
        } - left_out
        return codes & set(wanted) if wanted else codes

    def _note(self, report: Report) -> None:
        """Tell `connections` what the run brought."""
        self.context.connection.notes.add_run(
            RunNote(
                at=time.time(),
                rows=sum(outcome.rows for outcome in report.outcomes),
                calls=self.context.client.calls(),
                complete=report.complete,
                said=clean_text(report.last_line(), most=_MOST_SAID),
            )
        )

    def _conclude(self, report: Report) -> None:
        if self.stopped_by is not None:
            report.stopped = signal.Signals(self.stopped_by).name
            self.context.connection.credentials.settle()
        self._note(report)
        for line in report.table():
            self.context.logger.info(line)
        if report.complete:
            self.context.logger.info(report.last_line())
            return
        raise RunIncomplete(report.last_line(), self.stopped_by)


def _told(missed: Sequence[DivisionError]) -> list[str]:
    """One sentence for all administrations that are missed for the same reason, however many there are."""
    codes = defaultdict(list)
    for error in missed:
        codes[f"{error.what}. {error.remedy}"].append(error.division)
    return [f"division {shorten(divisions)}: {reason}" for reason, divisions in codes.items()]
