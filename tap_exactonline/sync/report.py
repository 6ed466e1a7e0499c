"""What became of each stream in each division, told while it happens and as a table at the end."""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec
from singer_sdk import metrics

from tap_exactonline.exact.counted import are, counted
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.sync.again import PERSON, SOON, again, sentence

_MOST_LINES = 150
_METRICS = metrics.get_metrics_logger()


class Status(StrEnum):
    """What became of a stream in a division; `tap_exactonline.sync.evidence` says on what evidence."""

    OK = "ok"
    NOT_COVERED = "not covered"
    INCOMPLETE = "incomplete"
    NOT_READ = "not read"
    KILLED = "killed"
    """Of a run as a whole, told by the run after it."""


_MISSING = (Status.INCOMPLETE, Status.NOT_READ)


class Outcome(msgspec.Struct):
    """The end of one stream in one division.

    Attributes:
        stream: Name of the stream.
        division: Number of the division; None for streams that belong to the login.
        status: ``not covered`` is a matter of scopes, licence or rights, and no failure as long as other streams of
            the division can be read.
        rows: Rows written.
        calls: Calls made.
        seconds: From the first call to the last row handed over.
        asking: Of these, the seconds that the calls themselves took.
        note: What happened and what to do, for whoever must act.
        from_scratch: Everything was read, not only what is new.
        doubtful: No row may be declared gone by it: no rows came, and nobody could tell whether the user may see any; or one that
            changed while it was read may come in the next run only.
        began: When the read began, in seconds since 1970.
        deletions: Deletions written into the stream itself.
        what: What happened, if a failure says it; ``note`` may say more.
        remedy: What to do about it.
        again: When it makes sense to run again (:mod:`tap_exactonline.sync.again`); empty for once a person has acted.
    """

    stream: str
    division: int | None
    status: Status = Status.OK
    rows: int = 0
    calls: int = 0
    seconds: float = 0.0
    asking: float = 0.0
    note: str = ""
    from_scratch: bool = False
    doubtful: bool = False
    began: float = msgspec.field(default_factory=time.time)
    deletions: int = 0
    what: str = ""
    remedy: str = ""
    again: str = ""

    def blame(self, error: ExactError) -> None:
        """Take over what a failure says of itself."""
        self.what, self.remedy, self.again = error.what, error.remedy, again(error)


class Report(msgspec.Struct):
    """All outcomes of a run.

    Attributes:
        outcomes: In the order in which they ended.
        problems: What concerns the run as a whole: configured divisions that can't be read, a failed login.
        stopped: Name of the signal that ended the run early, if one did.
        failures: Those of the problems that are failures; each is in ``problems``, too.
    """

    outcomes: list[Outcome] = msgspec.field(default_factory=list)
    problems: list[str] = msgspec.field(default_factory=list)
    stopped: str | None = None
    failures: list[ExactError] = msgspec.field(default_factory=list)

    def fail(self, *errors: ExactError) -> None:
        """Add failures that concern the run as a whole."""
        self.problems += map(str, errors)
        self.failures += errors

    @property
    def agains(self) -> set[str]:
        """When it makes sense to run again, for all that is missing."""
        lacking = [*self.missing(), *(one for outcomes in self.refused().values() for one in outcomes)]
        found = {outcome.again or PERSON for outcome in lacking} | {again(error) for error in self.failures}
        if len(self.problems) > len(self.failures):
            found.add(PERSON)
        return found | ({SOON} if self.stopped else set())

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is in, and something was there to be read."""
        if self.problems or self.stopped or self.missing() or self.refused():
            return False
        return any(outcome.status is Status.OK for outcome in self.outcomes)

    def missing(self) -> list[Outcome]:
        """The outcomes that lack something."""
        return [outcome for outcome in self.outcomes if outcome.status in _MISSING]

    def refused(self) -> dict[int, list[Outcome]]:
        """The divisions in which every stream was refused; that is a matter of the division and not of licences."""
        by_division: dict[int, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            if outcome.division is not None:
                by_division[outcome.division].append(outcome)
        return {
            division: outcomes
            for division, outcomes in sorted(by_division.items())
            if all(outcome.status is Status.NOT_COVERED for outcome in outcomes)
        }

    def table(self) -> list[str]:
        """Stream, division, rows, calls, outcome; summed by stream when there are very many."""
        lines = self.outcomes if len(self.outcomes) <= _MOST_LINES else _summed(self.outcomes)
        cells = [
            (o.stream, _place(o, self.outcomes), f"{o.rows:,}", f"{o.calls:,}", o.status)
            for o in sorted(lines, key=_order)
        ]
        head = ("stream", "division", "rows", "calls", "outcome")
        widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
        return [
            "  ".join(
                text.rjust(width) if i in (2, 3) else text.ljust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *cells]
        ]

    def last_line(self) -> str:
        """What is missing, what to do about it, and when to run again; or that all is in."""
        if self.complete:
            return f"Complete: {counted(sum(outcome.rows for outcome in self.outcomes), 'row')}."
        line = self.missing_line()
        return f"{line.rstrip('. ')}. {sentence(self.agains or {PERSON})}"

    def missing_line(self) -> str:
        """What is missing and what to do about it."""
        rows = sum(outcome.rows for outcome in self.outcomes)
        parts = list(dict.fromkeys(self.problems))
        if self.stopped:
            parts.append(f"stopped by {self.stopped}; the next run goes on where this one ended")
        missing = self.missing()
        if missing:
            streams = sorted({outcome.stream for outcome in missing})
            divisions = sorted({outcome.division for outcome in missing if outcome.division is not None})
            where = f" in division {shorten(divisions)}" if divisions else ""
            # What closes a whole division says more than what one stream met.
            missing.sort(key=lambda outcome: outcome.status is not Status.NOT_READ)
            notes = list(dict.fromkeys(outcome.note for outcome in missing if outcome.note))
            parts.append(f"{shorten(streams)}{where}: {' | '.join(notes[:3])}".rstrip(": "))
        refused = self.refused()
        if refused:
            notes = list(
                dict.fromkeys(
                    outcome.note for outcomes in refused.values() for outcome in outcomes if outcome.note
                )
            )
            parts.append(
                f"division {shorten(refused)}: Exact refuses every selected stream: {' | '.join(notes[:3])}"
            )
        if not parts:
            parts.append("nothing could be read; is a stream selected?")
        return f"Incomplete: {counted(rows, 'row')} {are(rows)} in, but something is missing. " + " || ".join(
            parts
        )


def shorten(values: Iterable[object], most: int = 5) -> str:
    """The first few of a list, and how many more there are."""
    texts = [str(value) for value in values]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _order(outcome: Outcome) -> tuple[bool, str, int]:
    return (outcome.status is Status.OK, outcome.stream, outcome.division or 0)


def _place(outcome: Outcome, everything: list[Outcome]) -> str:
    if outcome.division is not None:
        return str(outcome.division)
    count = sum(1 for other in everything if other.stream == outcome.stream)
    return f"{count} divisions" if count > 1 else "-"


def _summed(outcomes: list[Outcome]) -> list[Outcome]:
    """One line a stream for what went well, a line each for the rest."""
    good: dict[str, Outcome] = defaultdict(lambda: Outcome("", None))
    rest = []
    for outcome in outcomes:
        if outcome.status in _MISSING:
            rest.append(outcome)
            continue
        total = good[f"{outcome.stream} {outcome.status}"]
        total.stream, total.status = outcome.stream, outcome.status
        total.rows += outcome.rows
        total.calls += outcome.calls
    return [*rest, *good.values()]


class DivisionTotal(msgspec.Struct):
    """What the streams of a division brought together."""

    streams: int = 0
    rows: int = 0
    calls: int = 0
    problems: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more stream."""
        self.streams += 1
        self.rows += outcome.rows
        self.calls += outcome.calls
        self.problems += outcome.status is not Status.OK

    def log(self, division: int, name: str, left: int | None, logger: logging.Logger) -> None:
        """One line for a person, when the last stream of a division has ended."""
        problems = f", {counted(self.problems, 'problem')}" if self.problems else ""
        budget = "" if left is None else f"; {counted(left, 'call')} left today"
        logger.info(
            "division %d%s: %s, %s, %s%s%s", division, f" ({name})" if name else "", counted(self.streams, "stream"),
            counted(self.rows, "row"), counted(self.calls, "call"), problems, budget,
            extra={"division": division, "rows": self.rows, "calls": self.calls},
        )  # fmt: skip


def log_outcome(outcome: Outcome, name: str, left: int | None, logger: logging.Logger) -> None:
    """One line for a person: what came, what it cost, what is left of the day."""
    where = (
        f"division {outcome.division}{f' ({name})' if name else ''}"
        if outcome.division is not None
        else "login"
    )
    cost = f"{counted(outcome.rows, 'row')}, {counted(outcome.calls, 'call')}, {outcome.seconds:.1f} s"
    budget = "" if left is None else f"; {counted(left, 'call')} left today"
    extra = {
        "stream": outcome.stream,
        "stream_name": outcome.stream,  # where the SDK's JSON formatter looks for it
        "division": outcome.division,
        "rows": outcome.rows,
        "calls": outcome.calls,
    }
    if outcome.status is Status.OK:
        remark = f" ({outcome.note})" if outcome.note else ""
        # A thousand administrations with 71 streams each: what brings nothing is told by the line of its administration.
        level = logging.INFO if outcome.rows or outcome.note else logging.DEBUG
        logger.log(level, "%s, %s: %s%s%s", outcome.stream, where, cost, budget, remark, extra=extra)
    elif outcome.status is Status.NOT_READ:
        logger.info("%s, %s: not read", outcome.stream, where, extra=extra)
    else:
        logger.warning(
            "%s, %s: %s (%s%s): %s",
            outcome.stream,
            where,
            outcome.status,
            cost,
            budget,
            outcome.note,
            extra=extra,
        )


def log_metrics(outcome: Outcome, path: str) -> None:
    """Tell dashboards, as the SDK does, what a stream of an administration brought and cost, if it brought something or something is wrong.

    With hundreds of administrations most streams bring nothing in most runs; four lines for each of them would bury the
    rest.

    Args:
        outcome: What became of it.
        path: The endpoint, as in Exact's reference.
    """
    succeeded = outcome.status in (Status.OK, Status.NOT_COVERED)
    if succeeded and not outcome.rows:
        return
    told = metrics.Metric
    tags: dict[str, Any] = {
        metrics.Tag.STREAM: outcome.stream,
        metrics.Tag.CONTEXT: None if outcome.division is None else {"division": outcome.division},
        metrics.Tag.PID: os.getpid(),
    }
    ended: dict[str, Any] = {
        metrics.Tag.STATUS: metrics.Status.SUCCEEDED if succeeded else metrics.Status.FAILED
    }
    asked: dict[str, Any] = {metrics.Tag.ENDPOINT: path}
    for point in (
        metrics.Point("counter", told.RECORD_COUNT, outcome.rows, {**tags}),
        metrics.Point("timer", told.SYNC_DURATION, outcome.seconds, {**tags, **ended}),
        metrics.Point("counter", told.HTTP_REQUEST_COUNT, outcome.calls, {**tags, **asked}),
        metrics.Point("timer", told.HTTP_REQUEST_DURATION, outcome.asking, {**tags, **asked, **ended}),
    ):
        metrics.log(_METRICS, point)
