"""What an outcome may be called, and on what evidence.

*ok*: read to the end of what Exact announced. *not covered*: Exact said, in words that are known, that the scope, the
licence or the right is missing, and nothing was ever delivered. *incomplete*: everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_exactonline.exact.errors import EndpointMissing, ExactError, NotLicensed, ScopeViolated
from tap_exactonline.sync.refusals import SPAN, Rest
from tap_exactonline.sync.report import Status

NOT_COVERED = (ScopeViolated, NotLicensed, EndpointMissing)
_NOT_COVERED_KINDS = frozenset(error.refusal_kind for error in NOT_COVERED)
_STANDS_STILL = "Rows were delivered before; they are kept, and nothing new comes until then"


def delivered(bookmark: Mapping[str, Any]) -> bool:
    """Whether rows of the stream ever were handed to the target, as far as the state remembers."""
    if bookmark.get("no_rows"):
        return False
    return bool(bookmark.get("had_rows")) or bookmark.get("replication_key_value") is not None


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


def of_rest(rest: Rest, *, had_rows: bool) -> tuple[Status, str]:
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


def sentence(error: ExactError) -> str:
    """The failure without division and stream, which stand beside it already."""
    return f"{error.what.rstrip('. ')}. {error.remedy}".strip() if error.remedy else error.what
