"""Random histories: whatever happens to runs, clocks and answers, the next undisturbed run has a token that works."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.errors import TemporaryError
from tests.exact_online import faults
from tests.support.tokens import TokenFixture, laboratory

# Failures after which Exact has not spent the token, and such that lose the answer of a renewal that took place.
HARMLESS = [faults.status(503), faults.status(429), faults.reset(), faults.html(), faults.too_early()]
LOSSES = [faults.empty(), faults.truncated(), faults.reset(after=True), faults.reset_midway()]

STEPS = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from([1, 20, 300, 560, 571, 575, 599, 640, 5_000, 90_000])),
    st.tuples(st.just("run"), st.integers(1, 3)),
    st.tuples(st.just("lanes"), st.integers(2, 6)),
    st.tuples(st.just("fail"), st.sampled_from(HARMLESS)),
    st.tuples(st.just("lose"), st.sampled_from(LOSSES)),
    st.tuples(st.just("clock"), st.sampled_from([-7_200, -400, -20, 20, 400, 7_200])),
    st.tuples(st.just("reject"), st.none()),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenFixture]:
    with laboratory(tmp_path_factory.mktemp("histories")) as lab:
        yield lab


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEPS, max_size=14))
def test_no_history_loses_the_login(shared: TokenFixture, history: list[tuple[str, Any]]) -> None:
    lab = shared
    lab.skew = 0.0
    lab.exact.faults.clear()
    lab.exact.log.clear()
    lab.path = Path(lab.path.parent, f"{uuid4().hex}.json")
    lab.location = str(lab.path)
    lab.logged_in()
    credentials = lab.credentials()
    for name, value in history:
        if name == "advance":
            lab.advance(value)
        elif name == "clock":
            lab.skew = value
        elif name == "run":
            credentials = lab.credentials()
            ask(credentials.access_token)
        elif name == "reject":
            ask(partial(reject, credentials))
        elif name == "lanes":
            failures: list[BaseException] = []

            def note(action: Callable[[], object], to: list[BaseException] = failures) -> None:
                try:
                    ask(action)
                except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
                    to.append(error)

            several = [lab.credentials() for _ in range(value)]
            threads = [threading.Thread(target=note, args=(one.access_token,)) for one in several]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert failures == []
        elif name == "fail":
            lab.exact.faults.add("token", value)
        elif name == "lose":
            # One lost answer at a time: nobody says that Exact forgives two.
            clean(lab)
            lab.advance(580)
            lab.exact.faults.add("token", value)
            ask(lab.credentials().access_token)
            clean(lab)
    clean(lab)
    assert 401 not in lab.token_statuses


def reject(credentials: Credentials) -> None:
    credentials.reject(credentials.access_token())


def clean(lab: TokenFixture) -> None:
    """A run at a time when nothing goes wrong, a while later."""
    lab.exact.faults.clear()
    lab.skew = 0.0
    lab.advance(700)
    credentials = lab.credentials()
    token = credentials.access_token()
    if not lab.works(token):  # a clock that was wrong at the renewal and is right now costs one 401
        credentials.reject(token)
        token = credentials.access_token()
    assert lab.works(token)


def ask(action: Callable[[], object]) -> None:
    """A run in a disturbed world may fail, but only for now: nobody is told to log in."""
    with contextlib.suppress(TemporaryError):
        action()
