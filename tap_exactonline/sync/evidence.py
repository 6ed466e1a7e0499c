"""What an outcome may be called, and on what evidence.

*ok*: read to the end of what Exact announced. *not covered*: Exact said, in words that are known, that the scope, the
licence or the right is missing, and nothing was ever delivered (of an empty answer `rights` finds that out). *incomplete*: everything else.
"""

from __future__ import annotations

from tap_exactonline.exact.errors import (
    DivisionError,
    EndpointMissing,
    ExactError,
    NotLicensed,
    ScopeViolated,
    Unauthorized,
)
from tap_exactonline.sync.report import Status
from tap_exactonline.sync.state.cooldown import SPAN, Cooldown

NOT_COVERED = (ScopeViolated, NotLicensed, EndpointMissing)
_NOT_COVERED_KINDS = frozenset(error.refusal_kind for error in NOT_COVERED)
_STANDS_STILL = "Rows were delivered before; they are kept, and nothing new comes until then"
_GONE_STAY = "Until then rows that are gone stay in their tables. If they may, set deletions to log"


_ENOUGH_401 = 3


class DivisionAnswers:
    """What a division has answered so far, stream after stream.

    Attributes:
        closed: Why its other streams are not asked for; None as long as they are.
        failure: What closed it.
    """

    def __init__(self, division: int) -> None:
        self._division = division
        self._streams = 0
        self._unauthorized = 0
        self.closed: str | None = None
        self.failure: ExactError | None = None

    def add(self, failure: ExactError | None) -> None:
        """Take in how the read of a stream ended; None: not by a refusal or failure of Exact's."""
        self._streams += 1
        self._unauthorized += isinstance(failure, Unauthorized)
        self.failure = failure
        if isinstance(failure, DivisionError):
            self.closed = str(failure)
        elif self._unauthorized == self._streams == _ENOUGH_401:
            self.closed = (
                f"division {self._division}: Exact Online answers HTTP 401 to every stream although the login works. "
                "Give the user who logged in access to the administration, or leave it out: exclude_divisions"
            )


def of_refusal(error: ExactError, *, had_rows: bool) -> tuple[Status, str]:
    """Status and note of a stream that was refused.

    Args:
        error: What ended the read.
        had_rows: Rows of the stream came before, in this run or an earlier one.
    """
    if not isinstance(error, NOT_COVERED):
        return Status.INCOMPLETE, sentence(error)
    if had_rows:
        return Status.INCOMPLETE, f"{sentence(error).rstrip('. ')}. {_STANDS_STILL}"
    return Status.NOT_COVERED, sentence(error)


def of_cooldown(rest: Cooldown, *, had_rows: bool) -> tuple[Status, str]:
    """Status and note of a stream that is not asked for, because it was refused again and again."""
    minutes = int(SPAN.total_seconds() // 60)
    note = (
        f"refused several times within {minutes} minutes and not asked again before {rest.until:%H:%M} UTC, since "
        "too many errors block the app"
    )
    if rest.kinds <= _NOT_COVERED_KINDS:
        note += ". Give the app the scope and the user the rights, or deselect the stream"
        return (Status.INCOMPLETE, f"{note}. {_STANDS_STILL}") if had_rows else (Status.NOT_COVERED, note)
    return Status.INCOMPLETE, f"{note}. The log of the runs before says what the refusals were"


def of_needed_log(status: Status, note: str) -> tuple[Status, str]:
    """The same of the log of deletions, where tables lack what it tells (setting ``deletions: tombstones``)."""
    if status is not Status.NOT_COVERED:
        return status, note
    return Status.INCOMPLETE, f"{note.rstrip('. ')}. {_GONE_STAY}"


def sentence(error: ExactError) -> str:
    """The failure without division and stream, which stand beside it already."""
    return f"{error.what.rstrip('. ')}. {error.remedy}".strip() if error.remedy else error.what
