"""One run: from the selected streams to the last line of the log."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_exactonline.config import Config
from tap_exactonline.connection import Connection
from tap_exactonline.exact.classify import MANAGE_COMPANIES
from tap_exactonline.exact.divisions import HR_LINKED, MOVED, Division
from tap_exactonline.exact.errors import DivisionError, ExactError, Stopped
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.bookmarks import Bookmarks
from tap_exactonline.sync.deletions import LOG
from tap_exactonline.sync.engine import Engine
from tap_exactonline.sync.events import Settings
from tap_exactonline.sync.evidence import delivered
from tap_exactonline.sync.mapping import MappingFailed, described
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.permits import Permits
from tap_exactonline.sync.reading import ONCE, Reader
from tap_exactonline.sync.report import Report, some
from tap_exactonline.sync.streams import ExactStream

_UNSEEN = (
    "system/Divisions: Exact refuses the field {name}, which tells that an administration has new Timestamps. All bookmarks "
    "are kept as they are, and the field is asked for again after a week. If Exact moves one of your administrations to "
    "another database meanwhile, run once with --full-refresh"
)
_NOTHING_TO_READ = "There is no administration to read. `tap-exactonline divisions` lists them"


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
        config: The settings.
        connection: The way to Exact.
        streams: The streams by name, selected or not.
        log_stream: ``sync_deleted``, if deletions are written as tombstones.
        state: The state, changed in place.
        writer: The door to the target.
        permits: Places for divisions that work at the same time.
        stop: Set to end the run early.
        fast: Nothing is configured that needs the SDK's own path for each record.
        versions: Table versions are wanted.
        problems: What is missing before anything was read.
        logger: Where a person reads along.
    """

    config: Config
    connection: Connection
    streams: Mapping[str, ExactStream]
    log_stream: ExactStream | None
    state: dict[str, Any]
    writer: LineWriter
    permits: Permits
    stop: threading.Event
    fast: bool
    versions: bool
    problems: Sequence[str]
    logger: logging.Logger

    def __post_init__(self) -> None:
        self.stopped_by: int | None = None
        self._engine: Engine | None = None

    def end(self, signum: int) -> None:
        """End the run early. For a signal handler.

        Raises:
            SystemExit: At once, if nothing is being read yet.
        """
        self.stopped_by = signum
        self.stop.set()
        if self._engine is None:
            raise SystemExit(128 + signum)
        self._engine.wake()

    def read(self) -> None:
        """Read every selected stream of every division, side by side.

        Raises:
            RunIncomplete: If something that was asked for is missing.
            ExactError: If the administrations can't even be listed.
        """
        chosen = self.connection.chosen
        engine = self._make_engine(chosen.selected)
        report = engine.report
        self._remember_list_refusals(report)
        report.problems += [*(str(problem) for problem in chosen.problems), *self.problems]
        vanished = self._vanished()
        for problem in [*report.problems, *vanished]:
            self.logger.error(problem)
        if not chosen.selected:
            report.problems.append(_NOTHING_TO_READ)
        else:
            self._engine = engine
            try:
                engine.run(chosen.selected[0])
            except Stopped:
                if self.stopped_by is None:
                    raise
            except ExactError as exc:
                report.problems.append(str(exc))
            except (OutputError, MappingFailed) as exc:
                report.problems.append(str(exc))
        # Only now: what has left the list does not hold back what the others declare gone.
        report.problems += vanished
        self._conclude(report)

    def test(self) -> None:
        """List the administrations and write them: a test of the connection that costs three calls.

        Raises:
            ExactError: What is wrong, and what to do about it.
        """
        chosen = self.connection.chosen
        for problem in chosen.problems:
            raise problem
        if not chosen.selected:
            raise DivisionError(_NOTHING_TO_READ)
        home = chosen.selected[0]
        for stream in (self.streams[name] for name in ONCE if name in self.streams):
            stream._write_schema_message()  # noqa: SLF001
            job = stream.job()
            reader = Reader(self.connection.client, job, home, {}, logger=self.logger, zone=self.config.zone)
            for batch in reader.batches():
                self._write_records(stream.name, job.codec.dicts(batch.records))
        self.logger.info(
            "Connected: %d administrations can be read, %s calls left today in division %d",
            len(chosen.selected), self.connection.client.budget(home.code).day_left, home.code,
        )  # fmt: skip

    def _remember_list_refusals(self, report: Report) -> None:
        """Keep what Exact refuses of the list of administrations, and say what can't be seen without it."""
        refused = self.connection.list_refusals
        self.state.pop("divisions", None)
        if stored := refused.stored():
            self.state["divisions"] = {"refused": stored}
        for name in sorted(refused.names & {MOVED, HR_LINKED}):
            said = _UNSEEN.format(name=name)
            if name in refused.new:
                report.problems.append(said)
            else:
                self.logger.warning(said)

    def _make_engine(self, divisions: Sequence[Division]) -> Engine:
        jobs = [stream.job() for stream in self.streams.values() if stream.selected]
        log_job = self.log_stream.log_job() if self.log_stream else None
        if log_job:
            jobs = [log_job if job.name == LOG else job for job in jobs]
        self.logger.info("Reading %d streams of %d administrations", len(jobs), len(divisions))
        streams = self.streams
        return Engine(
            client=self.connection.client,
            jobs=jobs,
            log_job=log_job,
            divisions=divisions,
            closed=self._closed(),
            look_again=self.connection.list_again,
            bookmarks=Bookmarks(self.state),
            writer=self.writer,
            settings=Settings(
                permits=self.permits,
                start_date=self.config.start_date,
                zone=self.config.zone,
                tombstones=self.config.tombstones,
                fast=self.fast,
            ),
            versions=self.versions,
            write_schema=lambda name, without: streams[name].write_schema(without),
            write_records=self._write_records,
            write_activation=lambda name, version: streams[name]._write_activate_version_message(version),  # noqa: SLF001
            stop=self.stop,
            logger=self.logger,
        )

    def _vanished(self) -> list[str]:
        """Administrations that delivered rows and are not in Exact's list any more: their tables stand still.

        Configured ones that are not in the list are told by themselves.
        """
        if self.config.divisions:
            return []
        delivering = {
            partition["context"]["division"]
            for entry in self.state["bookmarks"].values()
            for partition in entry.get("partitions", ())
            if delivered(partition)
        }
        listed = {division.code for division in self.connection.accessible}
        gone = sorted(delivering - listed - set(self.config.exclude_divisions))
        told = (
            f"division {some(gone)}: read before, and no longer among those that the login may open. {MANAGE_COMPANIES}; "
            "or leave it out: exclude_divisions"
        )
        return [told] if gone else []

    def _closed(self) -> set[int]:
        """Administrations that are wanted and can't be read now: archived, blocked."""
        wanted, left_out = self.config.divisions, set(self.config.exclude_divisions)
        codes = {one.code for one in self.connection.accessible if one.closed} - left_out
        return codes & set(wanted) if wanted else codes

    def _write_records(self, name: str, records: list[dict[str, Any]], version: int | None = None) -> None:
        stream = self.streams[name]
        stream._stream_version = version  # noqa: SLF001 - a record without would be taken for gone at the end
        for record in records:
            try:
                stream._write_record_message(record)  # noqa: SLF001
            except OutputError:
                raise
            except Exception as exc:
                raise MappingFailed(f"stream_maps or flattening, stream {name}: {described(exc)}") from exc

    def _conclude(self, report: Report) -> None:
        if self.stopped_by is not None:
            report.stopped = signal.Signals(self.stopped_by).name
            self.connection.credentials.settle()
        for line in report.table():
            self.logger.info(line)
        if report.complete:
            self.logger.info(report.last_line())
            return
        raise RunIncomplete(report.last_line(), self.stopped_by)
