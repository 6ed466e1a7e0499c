"""What Exact has refused, so that it is not asked again.

Each answer 400, 401, 403 or 404 counts towards the limit of errors (ten per endpoint, administration
and hour; Exact, "API limits"), and beyond it the key is blocked for an hour or more. So a refused
address is not sent twice in a run, and an endpoint that keeps failing is left alone in good time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tap_exactonline.exact import classify
from tap_exactonline.exact.classify import Answer, Subject
from tap_exactonline.exact.errors import ExactError, KeyBlocked, LoginError, TemporaryError
from tap_exactonline.exact.limits import COUNTED_ERRORS, LONGEST_REFUSAL, DivisionLimits, ErrorBudget
from tap_exactonline.exact.notes import Notes
from tap_exactonline.exact.server_clock import retry_after

_MOST = 10
_MOST_UNEXPLAINED = 3


@dataclass(slots=True)
class TooMany:
    """The answers 429 to one call so far."""

    count: int = 0
    unexplained: int = 0


class Refusals:
    """The memory of one run. Called under the lock of the division concerned.

    Args:
        now: The server's clock.
        reserve: Calls of the day left to others, for messages.
        notes: Where errors are remembered over runs; by default, only in this one.
    """

    def __init__(self, now: Callable[[], float], reserve: int, notes: Notes | None = None) -> None:
        self._now = now
        self._errors = ErrorBudget(now, notes)
        self._reserve = reserve
        self._answers: dict[str, Answer] = {}
        # Endpoints refused with 429 for no visible reason, since the last good answer.
        self._mute: dict[int | None, set[str]] = {}

    def check(self, url: str, subject: Subject) -> None:
        """Raise what Exact would answer, if that is known."""
        answer = self._answers.get(url)
        if answer is not None:
            raise classify.failure(answer, subject)
        seconds = self._errors.blocked_for(subject.division, subject.key)
        if seconds is not None:
            recent = self._errors.recent(subject.division, subject.key)
            raise classify.left_alone(subject, {one.kind for one in recent}, seconds)

    def count(self, answer: Answer, subject: Subject) -> bool:
        """Note an answer; returns whether it is one of the errors that Exact counts."""
        if answer.status not in COUNTED_ERRORS:
            return False
        kind = classify.failure(answer, subject, known_host=True).refusal_kind
        return self._errors.add(subject.division, subject.key, answer.status, kind)

    def errors(self, division: int | None, endpoint: str) -> int:
        """Errors of an endpoint within the last hour."""
        return self._errors.count(division, endpoint)

    def exhausted(self, subject: Subject) -> bool:
        """Whether the endpoint must be left alone from now on."""
        return self._errors.blocked_for(subject.division, subject.key) is not None

    def remember(self, url: str, answer: Answer, subject: Subject, *, known_host: bool = False) -> ExactError:
        """The error for an answer; if it is Exact's last word on the address, it is kept."""
        error = classify.failure(answer, subject, known_host=known_host)
        if not isinstance(error, (TemporaryError, LoginError)):
            self._answers[url] = answer
        if isinstance(error, KeyBlocked):
            self._errors.block(subject.division, subject.key)
        return error

    def good_answer(self, subject: Subject) -> None:
        """The division is being served."""
        self._mute.pop(subject.division, None)

    def too_many(
        self,
        answer: Answer,
        headers: Mapping[str, str],
        subject: Subject,
        limits: DivisionLimits,
        so_far: TooMany,
    ) -> None:
        """An answer 429: set in ``limits`` when to ask again, or raise if that is pointless."""
        so_far.count += 1
        if answer.about_errors:
            self._errors.block(subject.division, subject.key)
            raise classify.key_blocked(subject, "Exact Online has blocked the endpoint after too many errors")
        asked = retry_after(headers, self._now())
        if asked is not None and asked > LONGEST_REFUSAL:
            if limits.ends_with_day(asked):
                raise classify.day_spent(subject, limits.close_day(), self._reserve)
            self._errors.block(subject.division, subject.key, asked)
            raise classify.key_blocked(
                subject, f"Exact Online refuses {subject.endpoint} for {round(asked / 60)} min (HTTP 429)"
            )
        if limits.refused(headers, so_far.count):
            if so_far.count >= _MOST:
                raise classify.refused_for_good(so_far.count, subject)
            return
        if answer.about_day:
            raise classify.day_spent(subject, limits.close_day(), self._reserve)
        so_far.unexplained += 1
        if so_far.unexplained < _MOST_UNEXPLAINED:
            return
        mute = self._mute.setdefault(subject.division, set())
        mute.add(subject.key)
        if limits.budget().day_left is None or len(mute) > 1:
            raise classify.day_spent(subject, limits.close_day(), self._reserve, guessed=True)
        self._errors.block(subject.division, subject.key)
        raise classify.key_blocked(
            subject,
            f"Exact Online refused {subject.endpoint} {so_far.count} times (HTTP 429) although calls are left, "
            "as it does after too many errors",
        )
