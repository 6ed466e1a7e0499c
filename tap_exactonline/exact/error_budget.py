"""What Exact has refused, so that it is not asked again.

Each answer 400, 401, 403 or 404 counts towards the limit of errors (ten per endpoint, administration
and hour; Exact, "API limits"), and beyond it the key is blocked for an hour or more. So a refused
address is not sent twice in a run, and an endpoint that keeps failing is left alone in good time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from tap_exactonline.exact import responses
from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.clock import HOUR, retry_after
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import ExactError, KeyBlocked, LoginError, TemporaryError
from tap_exactonline.exact.notes import Notes, Refusal
from tap_exactonline.exact.rate_limits import LONGEST_REFUSAL, DivisionLimits

MAX_ERRORS = 4
"""Errors per endpoint and hour after which we stop by ourselves. Exact blocks after ten, and counts those of other
programs and of runs at the same time with ours."""

BLOCK = "blocked"
"""Kind of a note that is not an error, but Exact's word that an endpoint is blocked."""

COUNTED_ERRORS = frozenset({400, 401, 403, 404})

_MOST = 10
_MOST_UNEXPLAINED = 3


class TooMany(msgspec.Struct):
    """The answers 429 to one call so far."""

    count: int = 0
    unexplained: int = 0


class ErrorBudget:
    """Counts errors by endpoint over a sliding hour, which is never less than Exact counts, and remembers refusals.

    What it remembers of a run is used under the lock of the division concerned.

    Args:
        now: The server's clock.
        notes: Where errors are remembered over runs; by default, only in this one.
        reserve: Calls of the day left to others, for messages.
    """

    def __init__(self, now: Callable[[], float], notes: Notes | None = None, reserve: int = 0) -> None:
        self._now = now
        self._notes = Notes() if notes is None else notes
        self._reserve = reserve
        self._answers: dict[str, Answer] = {}

    def check(self, url: str, context: RequestContext) -> None:
        """Raise what Exact would answer, if that is known."""
        answer = self._answers.get(url)
        if answer is not None:
            raise responses.failure(answer, context)
        recent = self._recent(context)
        if recent and (seconds := self._blocked_for(recent)) is not None:
            raise responses.left_alone(context, {refusal.kind for refusal in recent}, seconds)

    def count(self, answer: Answer, context: RequestContext) -> bool:
        """Note an answer; returns whether it is one of the errors that Exact counts."""
        if answer.status not in COUNTED_ERRORS:
            return False
        kind = responses.failure(answer, context).refusal_kind
        self._notes.add(context.division, context.key, Refusal(at=self._now(), kind=kind))
        return True

    def errors(self, context: RequestContext) -> int:
        """Errors of an endpoint within the last hour."""
        return len(self._answered(self._recent(context)))

    def exhausted(self, context: RequestContext) -> bool:
        """Whether the endpoint must be left alone from now on."""
        return self.blocked_for(context) is not None

    def blocked_for(self, context: RequestContext) -> float | None:
        """Seconds for which the endpoint must be left alone, or None."""
        return self._blocked_for(self._recent(context))

    def block(self, context: RequestContext, seconds: float = HOUR) -> None:
        """Exact said that the endpoint is blocked: do not ask again before the time is over."""
        now = self._now()
        self._notes.add(context.division, context.key, Refusal(at=now, kind=BLOCK, until=now + seconds))

    def remember(
        self, url: str, answer: Answer, context: RequestContext, *, new_host: str = ""
    ) -> ExactError:
        """The error for an answer; if it is Exact's last word on the address, it is kept."""
        error = responses.failure(answer, context, new_host=new_host)
        if not isinstance(error, (TemporaryError, LoginError)):
            self._answers[url] = answer
        if isinstance(error, KeyBlocked):
            self.block(context)
        return error

    def too_many(
        self,
        answer: Answer,
        headers: Mapping[str, str],
        context: RequestContext,
        limits: DivisionLimits,
        so_far: TooMany,
    ) -> None:
        """An answer 429: set in ``limits`` when to ask again, or raise if that is pointless."""
        so_far.count += 1
        if answer.about_errors:
            self.block(context)
            raise responses.key_blocked(
                context, "Exact Online has blocked the endpoint after too many errors"
            )
        asked = retry_after(headers, self._now())
        if asked is not None and asked > LONGEST_REFUSAL:
            if limits.ends_with_day(asked):
                raise responses.day_spent(context, limits.close_day(), self._reserve)
            self.block(context, asked)
            raise responses.key_blocked(
                context, f"Exact Online refuses {context.endpoint} for {round(asked / 60)} min (HTTP 429)"
            )
        if limits.refused(headers, so_far.count):
            if so_far.count >= _MOST:
                raise responses.refused_for_good(so_far.count, context)
            return
        if answer.about_day:
            raise responses.day_spent(context, limits.close_day(), self._reserve)
        so_far.unexplained += 1
        if so_far.unexplained < _MOST_UNEXPLAINED:
            return
        limits.unexplained.add(context.key)
        if limits.budget().day_left is None or len(limits.unexplained) > 1:
            raise responses.day_spent(context, limits.close_day(), self._reserve, guessed=True)
        self.block(context)
        raise responses.key_blocked(
            context,
            f"Exact Online refused {context.endpoint} {so_far.count} times (HTTP 429) although calls are left, "
            "as it does after too many errors",
        )

    def _recent(self, context: RequestContext) -> list[Refusal]:
        """The errors of the last hour, the oldest first, and blocks that last."""
        return self._notes.refusals(context.division, context.key, self._now())

    def _blocked_for(self, recent: list[Refusal]) -> float | None:
        now = self._now()
        until = max((refusal.until for refusal in recent), default=0.0)
        errors = self._answered(recent)
        if len(errors) >= MAX_ERRORS:
            until = max(until, min(errors[-MAX_ERRORS].at, now) + HOUR)
        return until - now if until > now else None

    def _answered(self, recent: list[Refusal]) -> list[Refusal]:
        """Those that are answers, within the last hour."""
        return [refusal for refusal in recent if not refusal.until and self._now() - refusal.at < HOUR]
