"""One GET to Exact Online: signed, within budget, retried where that helps.

Nothing else talks to the API, `current/Me` during a login aside, so what holds here holds for every call: calls of a division are
serial, a call that would be refused is not made, a refused call is not repeated, and what fails for a
moment is tried again, from the start of that page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import msgspec

from tap_exactonline.exact import responses
from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.attempts import Attempt, Backoff, CircuitBreaker, LoginDoubt
from tap_exactonline.exact.bodies import NO_CONTENT, WebPage, read_body
from tap_exactonline.exact.clock import ServerClock, retry_after
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.error_budget import ErrorBudget
from tap_exactonline.exact.errors import (
    BrokenAnswer,
    DivisionError,
    ExactError,
    LoginError,
    Stopped,
    StreamError,
    TemporaryError,
    without_frames,
)
from tap_exactonline.exact.notes import Notes
from tap_exactonline.exact.odata import read_rows, select_query
from tap_exactonline.exact.places import LargeAnswers
from tap_exactonline.exact.rate_limits import Budget, DivisionGate, DivisionGates, Go, Spent, Wait
from tap_exactonline.exact.transport import MEGABYTE, Bounds, Response, Transport
from tap_exactonline.exact.urls import check_api_url, link_within

T = TypeVar("T")

_GOOD = (200, NO_CONTENT)
_UNAUTHORIZED, _TOO_MANY = 401, 429
_MOST_WEB_PAGES = 2


class _Failed(msgspec.Struct, frozen=True):
    """A try that failed: why (None: the next one may begin at once), and how long the server asks to wait."""

    error: ExactError | None
    hint: float | None = None


class HasAccessToken(Protocol):
    """What the client needs of the credentials."""

    def access_token(self) -> str:
        """A token that is valid now."""
        ...

    def reject(self, access_token: str) -> None:
        """Exact has refused this very token."""
        ...


class ExactClient:
    """Reads from Exact Online. Thread-safe; one per process.

    Args:
        api_url: Address of the instance, see `check_api_url`.
        credentials: Hands out access tokens.
        user_agent: Name and version of the program.
        reserve_calls: Calls of each division's day that are left to others.
        before_call: Called before each request; raises if no more may be made.
        connect_timeout: Seconds for connecting.
        read_timeout: Seconds for which the server may be silent. A whole answer may take five times that.
        max_response: Bytes that one answer may have, decompressed.
        large: Places for large answers.
        max_tries: Tries of one page when Exact or the network fails.
        stop: When set, waiting ends and no further call is made.
        on_wait: Told before each waiting: division, seconds, why.
        idle: Entered while a thread only waits, so that others may work in its place.
        retry_base: Seconds before the second try; doubled for each further one, with jitter.
        max_retry_time: Seconds of trying after which no further try of a page begins; waiting for calls does not count.
        clock: Local time, seconds since the epoch.
        notes: Where refusals are remembered over runs; by default, only in this one.
        steady: Seconds that never jump; measures how long a page is tried.
    """

    def __init__(
        self,
        *,
        api_url: str,
        credentials: HasAccessToken,
        user_agent: str,
        reserve_calls: int = 0,
        before_call: Callable[[], None] | None = None,
        connect_timeout: float = 10,
        read_timeout: float = 120,
        max_response: int = 64 * MEGABYTE,
        large: LargeAnswers | None = None,
        max_tries: int = 6,
        stop: threading.Event | None = None,
        on_wait: Callable[[int | None, float, str], None] | None = None,
        idle: Callable[[], AbstractContextManager[None]] = nullcontext,
        retry_base: float = 1.0,
        max_retry_time: float = 900.0,
        clock: Callable[[], float] = time.time,
        notes: Notes | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api_url = check_api_url(api_url)
        self._credentials = credentials
        self._reserve = reserve_calls
        self._before_call = before_call
        self._max_tries = max_tries
        self._max_retry_time = max_retry_time
        self._retry_base = retry_base
        self._steady = steady
        self._stop = stop or threading.Event()
        self._on_wait = on_wait
        self._idle = idle
        self._clock = ServerClock(clock)
        self._errors = ErrorBudget(self._clock.now, notes, reserve_calls)
        self._breaker = CircuitBreaker()
        self._login = LoginDoubt(self._me_refuses, self._clock.now)
        self._large = large or LargeAnswers(self._stop)
        self._transport = Transport(
            self.api_url,
            user_agent,
            Bounds(connect_timeout, read_timeout, 5 * read_timeout, max_response),
            stop=self._stop,
            clock=clock,
            before_more=self._large.take,
        )
        self._gates = DivisionGates(self._clock.now, reserve_calls, self._check_stop, idle)
        self._new_host = self.api_url  # "" once something good has come from it
        self._web_pages = 0

    def get(self, context: RequestContext, *, query: str = "", decode: Callable[[bytes], T]) -> T:
        """Read one page.

        Args:
            context: What is asked for.
            query: Encoded query string, see `odata.select_query`.
            decode: Turns the body into whatever is returned. May raise `MalformedPage` or
                `msgspec.DecodeError` for a broken body, which is then asked for again.

        Raises:
            ExactError: of every kind in `errors`.
        """
        parts = [self.api_url, "api/v1"]
        if context.beta:
            parts.append("beta")
        if context.division is not None:
            parts.append(str(context.division))
        url = "/".join([*parts, context.endpoint]) + (f"?{query}" if query else "")
        return self._read(Attempt(url, context), decode)

    def follow(self, url: str, context: RequestContext, *, decode: Callable[[bytes], T]) -> T:
        """Read the page that a ``__next`` link names, verbatim. The rest is as for `get`, of the page with the link.

        Raises:
            BrokenAnswer: if the link leads elsewhere than to this API, division and endpoint. The token is not
                sent there.
            ExactError: as `get`.
        """
        link = link_within(self.api_url, url, context.division)
        if link is None or not link.is_of(context.endpoint, beta=context.beta):
            what = "away from the API of this administration" if link is None else "to another endpoint"
            raise context.error(
                BrokenAnswer,
                f"the link to the next page leads {what}; it was not followed",
                "If api_url names a proxy, let it rewrite the addresses in the answers; otherwise report this",
            )
        return self._read(Attempt(link.url, context, announced=True), decode)

    def calls(self, division: int | None = None) -> int:
        """Calls made so far, retries included: of a division, or of all together."""
        return self._gates.calls(division)

    def seconds(self, division: int) -> float:
        """How long the calls of a division took so far, without the waiting between them."""
        return self._gates.seconds(division)

    def errors(self, context: RequestContext) -> int:
        """Answers of an endpoint within the last hour that Exact counts as errors."""
        return self._errors.errors(context)

    def budget(self, division: int | None) -> Budget:
        """What the last answers told about the calls that a division has left."""
        return self._gates.budget(division)

    def now(self) -> float:
        """Seconds since the epoch by Exact's clock, as far as its answers tell."""
        return self._clock.now()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    # -- one page ------------------------------------------------------------------------------

    def _read(self, attempt: Attempt, decode: Callable[[bytes], T]) -> T:
        context = attempt.context
        try:
            with self._gates.enter(context.division) as gate:
                return self._try(attempt, decode, gate)
        except (TemporaryError, StreamError) as error:
            # The layers below do not know what was being read.
            if error.division is None:
                error.division = context.division
            error.stream = error.stream or context.stream_name
            raise
        finally:
            self._large.answered()

    def _try(self, attempt: Attempt, decode: Callable[[bytes], T], gate: DivisionGate) -> T:
        backoff: Backoff | None = None
        url, context = attempt.url, attempt.context
        while True:
            self._large.drop()
            self._errors.check(url, context)
            self._breaker.check()
            # First the budget, then the token: it lives for ten minutes and would age in the waiting.
            self._wait_for_budget(gate, context)
            began = self._steady()
            attempt.token = self._credentials.access_token()
            self._check_stop()
            outcome = self._once(attempt, decode, gate)
            if not isinstance(outcome, _Failed):
                return outcome
            attempt.seconds += self._steady() - began
            error = outcome.error
            if error is None:
                continue
            backoff = backoff or Backoff(
                self._breaker.tries(self._max_tries), self._max_retry_time, self._retry_base
            )
            enough = attempt.enough_errors or self._errors.exhausted(context)
            seconds = None if enough else backoff.after_failure(attempt.seconds, outcome.hint)
            if seconds is None:
                if isinstance(error, TemporaryError):
                    self._breaker.gave_up(error)
                raise error
            attempt.seconds += seconds
            self._wait(context.division, seconds, f"{error.what}; {backoff}")

    def _once(self, attempt: Attempt, decode: Callable[[bytes], T], gate: DivisionGate) -> T | _Failed:
        """One try. A function of its own: while the next one is waited for, no body and no rows are kept."""
        try:
            attempt.number = self._login.next_number()
            response = self._send(attempt.url, attempt.token, gate, xml=attempt.context.xml)
            if response.status in _GOOD:
                return self._good(response, decode, attempt, gate)
        except TemporaryError as exc:
            return _Failed(without_frames(exc))
        failure = self._failed(response, attempt, gate)
        return _Failed(failure, retry_after(response.headers, self._clock.now()))

    def _good(
        self, response: Response, decode: Callable[[bytes], T], attempt: Attempt, gate: DivisionGate
    ) -> T:
        context = attempt.context
        if response.status == NO_CONTENT:
            attempt.without_rows()
        try:
            result = read_body(response.status, response.body, decode, xml=context.xml)
        except WebPage as exc:
            self._web_pages += 1
            if self._new_host and self._web_pages >= _MOST_WEB_PAGES:
                raise responses.web_page(context, self._new_host) from exc
            raise
        self._new_host = ""
        self._login.good_answer(attempt.token, attempt.number)
        self._breaker.answered()
        gate.limits.unexplained.clear()
        return result

    def _failed(self, response: Response, attempt: Attempt, gate: DivisionGate) -> ExactError | None:
        """An answer that is not good: the error to be retried, or None to ask again at once."""
        answer = Answer.of(response.status, response.headers, response.body, (attempt.token,))
        context = attempt.context
        attempt.errors += self._errors.count(answer, context)
        if answer.status == _TOO_MANY:
            self._errors.too_many(answer, response.headers, context, gate.limits, attempt.too_many)
            return None
        if answer.status == _UNAUTHORIZED and not answer.about_user:
            return self._unauthorized(answer, attempt)
        failure = self._errors.remember(attempt.url, answer, context, new_host=self._new_host)
        if isinstance(failure, TemporaryError):
            return failure
        self._breaker.answered()
        raise failure

    def _unauthorized(self, answer: Answer, attempt: Attempt) -> ExactError | None:
        """A 401: ask again with another token if it is about the login, else a few times more with the same."""
        self._breaker.answered()
        context, token = attempt.context, attempt.token
        if context.key != responses.ME and not self._login.is_refused(token, attempt.number):
            return responses.unauthorized(answer, context)
        if not attempt.rejected:
            attempt.rejected = token
            self._credentials.reject(token)
            return None
        failure = responses.rejected(answer)
        if token != attempt.rejected:
            raise failure
        # Exact's token service insists that this very token is alive.
        return failure

    def _me_refuses(self, token: str) -> bool | None:
        """Ask ``current/Me`` once with a token: whether it refuses it; None if it says neither."""
        context = RequestContext("current/Me", None)
        if self._errors.exhausted(context):
            return None
        url = f"{self.api_url}/api/v1/{context.endpoint}?{select_query(['CurrentDivision'])}"
        with self._gates.enter(None) as gate:
            try:
                self._wait_for_budget(gate, context)
                response = self._send(url, token, gate, xml=False)
                if response.status in _GOOD:
                    read_body(response.status, response.body, read_rows)
                    return False
            except (TemporaryError, StreamError, DivisionError):
                return None
        answer = Answer.of(response.status, response.headers, response.body, (token,))
        self._errors.count(answer, context)
        if answer.status != _TOO_MANY:
            failure = responses.failure(answer, context)
            if answer.about_user:
                raise failure
            return True if isinstance(failure, LoginError) else None
        return None

    def _send(self, url: str, token: str, gate: DivisionGate, *, xml: bool) -> Response:
        if self._before_call is not None:
            self._before_call()
        gate.limits.took()
        gate.calls += 1
        began = time.monotonic()
        try:
            response = self._transport.get(url, token, xml=xml)
        finally:
            gate.seconds += time.monotonic() - began
        self._clock.observe(response.headers.get("Date"), response.sent, response.received)
        gate.limits.observe(response.headers)
        return response

    # -- waiting -------------------------------------------------------------------------------

    def _wait_for_budget(self, gate: DivisionGate, context: RequestContext) -> None:
        while True:
            self._check_stop()
            match gate.limits.next_call():
                case Go():
                    return
                case Spent() as spent:
                    raise responses.day_spent(context, spent, self._reserve)
                case Wait(seconds, why):
                    self._wait(context.division, seconds, why)

    def _wait(self, division: int | None, seconds: float, why: str) -> None:
        self._check_stop()  # a wait that is told when the run has ended would stand behind its last line
        if self._on_wait is not None:
            self._on_wait(division, seconds, why)
        with self._idle():
            self._stop.wait(seconds)
        self._check_stop()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped("stopped as asked", responses.NEXT_RUN)
