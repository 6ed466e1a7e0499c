"""The run log: what became of a run, as rows for the target and as a file for engines and monitors.

A run that is killed can write nothing. So its beginning is in the state as long as it is open, and the next run writes the
row for it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tap_exactonline.exact.errors import ExactError
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync import again
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.report import Outcome, Report, Status
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.stream_maps import MappingFailed

RUN_LOG = "run_log"
"""Name of the stream."""

EVERYTHING = "*"
"""In the place of a stream: all of them, or all that are not named by a row of their own."""

LOGIN = 0
"""In the place of an administration: the login, and with :data:`EVERYTHING` the run as a whole."""


class LogRow(msgspec.Struct, kw_only=True):
    """One row. Moments are in UTC.

    Attributes:
        run_id: Of the run.
        division: Number of the administration, :data:`LOGIN` for none.
        stream: Name of the stream, or :data:`EVERYTHING`.
        connection: Which login.
        started: When the read began.
        ended: When it ended; None if nobody knows.
        seconds: Between them.
        status: A :class:`Status`.
        rows: Rows written.
        deletions: Of them, rows that say that something was deleted (``deletions: tombstones``).
        calls: Calls made.
        calls_left_today: What the administration has left at the end of the run.
        streams: How many streams the row speaks of.
        bookmark_before: As the run found it.
        bookmark_after: As the run left it.
        message: What happened.
        remedy: What to do about it.
        again: When it makes sense to run again: ``soon``, ``person``, or a moment; None if all is well.
    """

    run_id: str
    division: int
    stream: str
    connection: str
    started: str
    ended: str | None = None
    seconds: float | None = None
    status: Status = Status.OK
    rows: int = 0
    deletions: int = 0
    calls: int = 0
    calls_left_today: int | None = None
    streams: int = 1
    bookmark_before: str | None = None
    bookmark_after: str | None = None
    message: str | None = None
    remedy: str | None = None
    again: str | None = None


class LogStream(Protocol):
    """Where the rows go in the target."""

    def write(self, rows: Sequence[LogRow]) -> None:
        """Write them, with their schema."""


class RunLog:
    """The log of one run.

    Args:
        context: What all parts of the run share.
        stream: The stream in the target; None if it is not selected.
        state: The state. While the run is open, its beginning is in it.
    """

    def __init__(self, context: RunContext, stream: LogStream | None, state: State) -> None:
        self._context = context
        self._stream = stream
        self._state = state
        self._output = context.output
        self._logger = context.logger
        # The same rows go there as JSON lines.
        self._file = context.config.report
        self.on = stream is not None or self._file is not None
        self._id = str(uuid.uuid4())
        self._began = time.time()
        self._killed: list[LogRow] = []
        self._before: dict[tuple[str, int], Any] = {}

    def begin(self) -> None:
        """Note that a run has begun, and whether the last one never ended.

        Raises:
            OutputError: If standard output takes no more.
        """
        if not self.on:
            return
        self._before = dict(_bookmarks(self._state))
        last = self._state.others.get("run")
        if isinstance(last, Mapping) and last.get("open") is True:
            row = self._killed_row(str(last.get("id")), str(last.get("started")))
            if isinstance(failed := last.get("failed"), Mapping):
                row.status = Status.INCOMPLETE
                row.message, row.remedy = str(failed.get("message")), str(failed.get("remedy"))
                row.again = str(failed.get("again"))
            self._killed = [row]
        # `open` stays, also when the run is over: Meltano merges the state of a failed run into the one before, and what is
        # absent there would not be taken away.
        self._state.others["run"] = {
            "id": self._id,
            "started": _moment(self._began),
            "open": True,
            "failed": None,
        }
        self._write_state()

    def end(
        self,
        report: Report,
        *,
        complete: bool,
        error: BaseException | None,
        unread: Iterable[int],
    ) -> None:
        """Write what became of the run, wherever it can still be written.

        Args:
            report: All outcomes.
            complete: The run ended well. A part that has no administration does so without an outcome.
            error: What ended the run, if something did.
            unread: Administrations that were to be read.
        """
        if not self.on:
            return
        rows = [
            *self._killed,
            *self._rows(report, self._whole(report, error, complete=complete), unread),
        ]
        if self._file is not None:
            self._write_file(self._file, rows)
        if isinstance(error, ExactError) and not report.outcomes and self._output.holds_log:
            self._leave_to_next_run(error)
            return
        self._state.others["run"] = {**self._state.others["run"], "open": False}
        # A target that is gone was told already.
        with contextlib.suppress(OutputError):
            if self._stream is not None:
                try:
                    self._stream.write(rows)
                except MappingFailed as exc:
                    self._logger.error("%s", exc)  # noqa: TRY400 - a sentence for a person
            self._write_state()

    def _leave_to_next_run(self, error: ExactError) -> None:
        """Keep a failure of which nothing came in the state.

        `meltano config test` reads output and log as one, and takes any record for a success.
        """
        failed = {"message": error.what, "remedy": error.remedy, "again": again.again(error)}
        self._state.others["run"] = {**self._state.others["run"], "failed": failed}
        with contextlib.suppress(OutputError):
            self._write_state()

    def _write_state(self) -> None:
        self._output.write_object({"type": "STATE", "value": self._state.written()})

    def _rows(self, report: Report, whole: LogRow, unread: Iterable[int]) -> list[LogRow]:
        after = dict(_bookmarks(self._state))
        rows = {}
        for row in (
            *self._outcomes(report.outcomes, after),
            *self._divisions(report, unread),
            whole,
        ):
            if row.division != LOGIN:
                row.calls_left_today = self._context.client.budget(row.division).day_left
            rows[row.division, row.stream] = row
        return list(rows.values())

    def _outcomes(
        self, outcomes: Iterable[Outcome], after: Mapping[tuple[str, int], Any]
    ) -> Iterator[LogRow]:
        quiet: dict[int, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.division is not None and self._context.config.run_log != "full" and _is_quiet(outcome):
                quiet[outcome.division].append(outcome)
            else:
                yield self._outcome(outcome, after)
        for division, several in quiet.items():
            yield self._row(
                division,
                EVERYTHING,
                min(one.began for one in several),
                max(one.began + one.seconds for one in several),
                seconds=round(sum(one.seconds for one in several), 3),
                calls=sum(one.calls for one in several),
                streams=len(several),
            )

    def _outcome(self, outcome: Outcome, after: Mapping[tuple[str, int], Any]) -> LogRow:
        place = (outcome.stream, outcome.division or LOGIN)
        told = bool(outcome.what) and outcome.what.rstrip(". ") in outcome.note
        return self._row(
            outcome.division or LOGIN,
            outcome.stream,
            outcome.began,
            outcome.began + outcome.seconds,
            status=outcome.status,
            rows=outcome.rows,
            deletions=outcome.deletions,
            calls=outcome.calls,
            bookmark_before=_text(self._before.get(place)),
            bookmark_after=_text(after.get(place)),
            message=(outcome.what if told else outcome.note) or None,
            remedy=(outcome.remedy if told else "") or None,
            again=None if outcome.status is Status.OK else outcome.again or again.PERSON,
        )

    def _divisions(self, report: Report, unread: Iterable[int]) -> Iterator[LogRow]:
        """Administrations of which no stream was asked for."""
        for failure in report.failures:
            if failure.division is not None:
                yield self._row(
                    failure.division,
                    EVERYTHING,
                    self._began,
                    time.time(),
                    status=Status.NOT_READ,
                    message=failure.what,
                    remedy=failure.remedy or None,
                    again=again.again(failure),
                    streams=0,
                )
        begun = {outcome.division for outcome in report.outcomes}
        for division in unread:
            if division not in begun:
                yield self._row(
                    division,
                    EVERYTHING,
                    self._began,
                    time.time(),
                    status=Status.NOT_READ,
                    message="The run ended before this administration was begun",
                    again=again.first(report.agains) or again.SOON,
                    streams=0,
                )

    def _whole(self, report: Report, error: BaseException | None, *, complete: bool) -> LogRow:
        """The run as a whole."""
        answer, message, remedy = again.first(report.agains), "", ""
        if isinstance(error, ExactError):
            answer, message, remedy = again.again(error), error.what, error.remedy
        elif error is not None:
            answer = answer or (again.SOON if isinstance(error, SystemExit) else again.PERSON)
            message = f"internal error {type(error).__name__}"
            if isinstance(error, SystemExit):
                message = "The run was stopped before anything was read"
        elif not complete:
            answer, message = answer or again.PERSON, report.missing_line()
        return self._row(
            LOGIN,
            EVERYTHING,
            self._began,
            time.time(),
            status=Status.OK if complete else Status.INCOMPLETE,
            rows=sum(outcome.rows for outcome in report.outcomes),
            deletions=sum(outcome.deletions for outcome in report.outcomes),
            calls=sum(outcome.calls for outcome in report.outcomes),
            streams=len({outcome.stream for outcome in report.outcomes}),
            message=message or None,
            remedy=remedy or None,
            again=None if complete else answer,
        )

    def _killed_row(self, run_id: str, started: str) -> LogRow:
        return LogRow(
            run_id=run_id,
            division=LOGIN,
            stream=EVERYTHING,
            connection=self._context.config.connection,
            started=started,
            status=Status.KILLED,
            streams=0,
            message="The run ended without a last word: it was killed, or the machine went down",
            remedy="Look for out-of-memory messages of the system; the run after it goes on where it ended",
            again=again.SOON,
        )

    def _row(self, division: int, stream: str, began: float, ended: float, **more: Any) -> LogRow:
        more.setdefault("seconds", round(max(0.0, ended - began), 3))
        return LogRow(
            run_id=self._id,
            division=division,
            stream=stream,
            connection=self._context.config.connection,
            started=_moment(began),
            ended=_moment(ended),
            **more,
        )

    def _write_file(self, name: str, rows: Sequence[LogRow]) -> None:
        """Replace the file as a whole, so that a monitor never reads half of it."""
        path = Path(name).expanduser()
        temporary: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
                temporary = Path(file.name)
                for row in rows:
                    file.write(msgspec.json.encode(row) + b"\n")
            temporary.chmod(0o644)
            temporary.replace(path)
        except (OSError, ValueError) as exc:
            why = (exc.strerror if isinstance(exc, OSError) else None) or type(exc).__name__
            self._logger.warning("Setting 'report': %s can't be written: %s", name, why)
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def _is_quiet(outcome: Outcome) -> bool:
    """Whether a read brought nothing, and there is nothing to say of it."""
    return outcome.status is Status.OK and not (outcome.rows or outcome.deletions or outcome.note)


def _bookmarks(state: State) -> Iterator[tuple[tuple[str, int], int | str | None]]:
    """Stream and division → the value of the bookmark."""
    for stream in state.streams():
        for division, bookmark in state.bookmarks(stream):
            yield (stream, division), bookmark.replication_key_value


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
