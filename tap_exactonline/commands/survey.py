"""Asking Exact what a run would find out the hard way: closed administrations, missing scopes, rights and licences.

``UserHasRights`` costs no call of the day (Exact, "Tips and Tricks"); it tells rights. Scopes belong to the app, so one
small call for each scope settles it for all administrations: a read that can't have rows. An error counts towards the
ten that Exact allows per endpoint and hour, so each is made once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tap_exactonline.connection import Connection
from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import (
    DivisionError,
    EndpointMissing,
    ExactError,
    LoginError,
    NotExactOnline,
    NotLicensed,
    QueryRefused,
    ScopeViolated,
    Stopped,
    StreamError,
    TokenStoreError,
)
from tap_exactonline.exact.odata import modified_filter, read_rows, select_query, timestamp_filter
from tap_exactonline.sync.rights import ask_rights
from tap_exactonline.sync.stream_read import ONCE

SAMPLE = 25
"""Administrations that are asked unless all are."""

_LAST_TIMESTAMP = 2**63 - 1
_LAST_DATE = datetime(9000, 1, 1)  # noqa: DTZ001 - wall clock, as in Exact's own filters
_SPARE = 5
_MOST_REFUSALS = 3
_FATAL = (LoginError, NotExactOnline, TokenStoreError, Stopped)

Question = TypeVar("Question")


@dataclass(slots=True)
class Survey:
    """What was found.

    Attributes:
        asked: The administrations that were asked.
        closed: Administration → why it can't be read.
        scopes: Scope → what Exact says, for those that the app lacks.
        refused: Stream → what Exact says, for those that licence or country do not cover.
        no_rights: Stream → administrations in which the user may not read it.
        asked_rights: Streams about which rights are known.
        asked_scopes: Scopes that were asked about.
        failures: Other failures: administration → what.
        unclear: Stream → a refusal that says nothing about scopes, licence or rights: a run would be incomplete.
    """

    asked: list[Division]
    closed: dict[int, DivisionError] = field(default_factory=dict)
    scopes: dict[str, ScopeViolated] = field(default_factory=dict)
    refused: dict[str, StreamError] = field(default_factory=dict)
    no_rights: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    asked_rights: set[str] = field(default_factory=set)
    asked_scopes: set[str] = field(default_factory=set)
    failures: dict[int, ExactError] = field(default_factory=dict)
    unclear: dict[str, StreamError] = field(default_factory=dict)

    def answering(self) -> list[Division]:
        """The administrations that can be read, of those asked."""
        return [d for d in self.asked if d.code not in self.closed and d.code not in self.failures]


def sample(divisions: Sequence[Division], most: int = SAMPLE) -> list[Division]:
    """Some of them, spread evenly."""
    if len(divisions) <= most:
        return list(divisions)
    return [divisions[i * len(divisions) // most] for i in range(most)]


def ask(
    connection: Connection, endpoints: Sequence[Endpoint], divisions: Sequence[Division], *, everything: bool
) -> Survey:
    """Ask about administrations and streams.

    Args:
        connection: The way to Exact.
        endpoints: The selected streams.
        divisions: The administrations to read.
        everything: Every administration about every stream, waiting for new minutes where needed. Else a sample of
            administrations, each stream in one of them, as far as the calls of this minute go.

    Raises:
        LoginError, TokenStoreError, NotExactOnline: Nothing can be asked at all.
    """
    survey = Survey(list(divisions) if everything else sample(divisions))
    ours = askable(endpoints)
    asker = _Asker(connection, survey, patient=everything)
    asker.rights(survey.asked, ours[:1], everywhere=True)
    asker.scopes(survey.answering(), ours)
    asker.rights(survey.answering(), _representatives_first(ours), everywhere=everything)
    return survey


def askable(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Those that belong to an administration and are Exact's own: an extra stream may need parameters."""
    own = {endpoint.name for endpoint in load()} - ONCE
    return [endpoint for endpoint in endpoints if endpoint.name in own and not endpoint.login_wide]


class _Asker:
    def __init__(self, connection: Connection, survey: Survey, *, patient: bool) -> None:
        self._client: ExactClient = connection.client
        self._stop = connection.stop
        self._lanes = connection.config.max_parallel_divisions
        self._survey = survey
        self._patient = patient
        self._refusals = 0

    def rights(
        self, divisions: Sequence[Division], endpoints: Sequence[Endpoint], *, everywhere: bool
    ) -> None:
        """UserHasRights; also shows whether the administration answers at all."""
        survey = self._survey

        def one(division: int, endpoint: Endpoint) -> None:
            if self._refusals >= _MOST_REFUSALS or (not everywhere and endpoint.name in survey.asked_rights):
                return
            try:
                verdict = ask_rights(self._client, endpoint, division)
            except StreamError:
                self._refusals += 1
                return
            if verdict is None:
                return
            survey.asked_rights.add(endpoint.name)
            if not verdict and division not in survey.no_rights[endpoint.name]:
                survey.no_rights[endpoint.name].append(division)

        self._each(divisions, endpoints, one, everywhere=everywhere)

    def scopes(self, divisions: Sequence[Division], endpoints: Sequence[Endpoint]) -> None:
        """A read without rows for each scope."""
        survey = self._survey

        def one(division: int, endpoint: Endpoint) -> None:
            survey.asked_scopes.add(endpoint.scope)
            try:
                self._client.get(endpoint.asked_in(division), query=_nothing(endpoint), decode=read_rows)
            except ScopeViolated as exc:
                survey.scopes[endpoint.scope] = exc
            except (NotLicensed, EndpointMissing) as exc:
                survey.refused[endpoint.name] = exc
            except QueryRefused:
                return  # a refused filter or field says nothing about the scope
            except StreamError as exc:
                survey.unclear[endpoint.name] = exc

        self._each(divisions, one_per_scope(endpoints), one, everywhere=False)

    def _each(
        self,
        divisions: Sequence[Division],
        questions: Sequence[Question],
        one: Callable[[int, Question], None],
        *,
        everywhere: bool,
    ) -> None:
        """Put the questions to the administrations: all to each, or each to one of them."""
        if not divisions or not questions:
            return
        share = len(divisions)

        def work(place: int) -> None:
            division = divisions[place].code
            for question in questions if everywhere else questions[place::share]:
                left = self._client.budget(division).minute_left
                if left is not None and left <= _SPARE and not self._patient:
                    return
                try:
                    one(division, question)
                except _FATAL:
                    raise
                except DivisionError as exc:
                    self._survey.closed[division] = exc
                    return
                except ExactError as exc:
                    self._survey.failures[division] = exc
                    return

        with ThreadPoolExecutor(max_workers=min(self._lanes, share)) as pool:
            try:
                for done in [pool.submit(work, place) for place in range(share)]:
                    done.result()
            except BaseException:
                self._stop.set()  # else leaving the block would wait for all the others
                raise


def one_per_scope(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """The endpoint of each scope that is cheapest to ask."""
    best: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        if endpoint.scope in ("", "-"):
            continue
        if endpoint.scope not in best or _cheapness(endpoint) < _cheapness(best[endpoint.scope]):
            best[endpoint.scope] = endpoint
    return list(best.values())


def _representatives_first(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """One of each scope, then the others: rights mostly go by area."""
    first = one_per_scope(endpoints)
    chosen = {endpoint.name for endpoint in first}
    return [*first, *(endpoint for endpoint in endpoints if endpoint.name not in chosen)]


def _cheapness(endpoint: Endpoint) -> int:
    return 0 if endpoint.kind == "sync" else 1 if endpoint.bookmark else 2


def _nothing(endpoint: Endpoint) -> str:
    """A query that gives no rows, or one."""
    fields = list(endpoint.key) or [endpoint.fields[0].name]
    if endpoint.kind == "sync":
        return select_query(["Timestamp"], timestamp_filter(_LAST_TIMESTAMP))
    if endpoint.bookmark:
        return select_query(fields, modified_filter(_LAST_DATE, endpoint.bookmark))
    return select_query(fields, None, (), {"$top": "1"})
