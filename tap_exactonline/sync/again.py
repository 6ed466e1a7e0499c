"""When it makes sense to run again: soon, from a moment on, or once a person has acted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from tap_exactonline.exact.errors import ExactError, KeyBlocked

SOON = "soon"
PERSON = "person"
_BLOCK = timedelta(hours=1)


def again(error: ExactError) -> str:
    """``soon``, ``person``, or a moment in UTC as text."""
    if error.again_at is not None:
        return as_text(datetime.fromtimestamp(error.again_at, UTC))
    if isinstance(error, KeyBlocked):
        return as_text(datetime.now(UTC) + _BLOCK)
    return SOON if error.temporary else PERSON


def as_text(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def first(answers: Collection[str]) -> str | None:
    """The earliest of several answers; None if there are none."""
    if SOON in answers:
        return SOON
    moments = [answer for answer in answers if answer != PERSON]
    return min(moments, default=PERSON if answers else None)


def sentence(answers: Collection[str]) -> str:
    """For the last line of the log; nothing if there are no answers."""
    parts = [_words(SOON)] if SOON in answers else []
    parts += [_words(answer) for answer in sorted({*answers} - {SOON, PERSON})[:1]]
    if PERSON in answers:
        parts.append(_words(PERSON))
    return f"Run again: {'; some of it only '.join(parts)}." if parts else ""


def _words(answer: str) -> str:
    if answer == SOON:
        return "soon"
    if answer == PERSON:
        return "once a person has acted"
    return f"after {datetime.fromisoformat(answer):%Y-%m-%d %H:%M} UTC"
