"""When a token is used, renewed or waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.errors import Stopped, TemporaryError
from tests.exact_online import faults
from tests.support.tokens import DAY, TokenFixture, laboratory

# -- the ordinary life of a token ------------------------------------------------------------------


def test_seed_is_spent_once_and_its_token_used_for_570_seconds(lab: TokenFixture) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    first = credentials.access_token()
    lab.advance(569)
    assert credentials.access_token() == first
    assert lab.token_calls == 1
    assert lab.works(first)


def test_token_is_renewed_before_it_can_expire_in_flight(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    before = credentials.access_token()
    lab.advance(571)
    after = credentials.access_token()
    assert after != before
    assert lab.works(after)
    assert lab.token_statuses == [200, 200]
    assert lab.naps == []


def test_next_process_uses_the_stored_token_without_asking(lab: TokenFixture) -> None:
    seed = lab.exact.issue_login()
    first = lab.credentials(refresh_token=seed).access_token()
    lab.advance(560)
    second = lab.credentials(refresh_token=seed)
    assert second.access_token() == first
    assert second.token_calls == 0


def test_run_of_hours_makes_one_token_call_per_ten_minutes_and_no_error(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    for _ in range(4 * 360):
        assert lab.works(credentials.access_token())
        lab.advance(10)
    assert set(lab.token_statuses) == {200}
    assert lab.token_calls <= 4 * 3600 / 570 + 1


def test_lanes_with_calls_in_flight_renew_in_time(lab: TokenFixture) -> None:
    credentials = lab.logged_in()

    def lane(_: int) -> list[bool]:
        accepted = []
        for _ in range(200):
            token = credentials.access_token()
            lab.advance(1.5)  # the call is on its way, and so are those of seven others
            accepted.append(lab.works(token))
        return accepted

    with ThreadPoolExecutor(8) as pool:
        assert all(all(accepted) for accepted in pool.map(lane, range(8)))
    assert set(lab.token_statuses) == {200}
    assert 4 <= lab.token_calls <= 6


def test_many_threads_share_one_renewal(lab: TokenFixture) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    gate = threading.Barrier(16)

    def ask(_: int) -> str:
        gate.wait()
        return credentials.access_token()

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert lab.token_calls == 1


@pytest.mark.slow
def test_chain_survives_months_of_daily_runs(lab: TokenFixture) -> None:
    seed = lab.exact.issue_login()
    for _ in range(90):
        assert lab.works(lab.credentials(refresh_token=seed).access_token())
        lab.advance(DAY)
    assert set(lab.token_statuses) == {200}


# -- too early -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401])
def test_seed_without_its_access_token_is_waited_for(tmp_path: Path, status: int) -> None:
    with laboratory(tmp_path, too_early_status=status) as lab:
        credentials = lab.credentials(refresh_token=lab.exact.issue_login(age=30))
        assert lab.works(credentials.access_token())
        assert sum(lab.naps) <= 600
        assert len(lab.token_statuses) <= 5  # Exact counts errors: ten an hour block the key


def test_refusal_that_rotates_the_refresh_token_is_followed(tmp_path: Path) -> None:
    with laboratory(tmp_path, too_early_rotates=True, old_refresh_token="refused") as lab:
        credentials = lab.credentials(refresh_token=lab.exact.issue_login(age=400))
        assert lab.works(credentials.access_token())


def test_too_early_keeps_the_token_that_exact_calls_alive(lab: TokenFixture) -> None:
    first = lab.logged_in().access_token()
    lab.skew = 3_600.0  # set forward
    credentials = lab.credentials()
    assert credentials.access_token() == first
    assert lab.naps == []
    assert lab.token_statuses == [200, 400]


def test_endless_too_early_ends_with_a_clear_error(lab: TokenFixture) -> None:
    lab.exact.faults.add("token", faults.too_early(), times=None)
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    with pytest.raises(TemporaryError, match="has not expired"):
        credentials.access_token()
    assert 570 <= sum(lab.naps) <= 1100
    assert lab.token_calls <= 7


def test_other_processes_share_the_wait(lab: TokenFixture) -> None:
    seed = lab.exact.issue_login(age=30)
    stop = threading.Event()
    waiting = lab.credentials(refresh_token=seed, sleep=lambda _: stop.set(), stop=stop)
    with pytest.raises(Stopped):
        waiting.access_token()
    assert lab.token_calls == 1
    other = lab.credentials(refresh_token=seed, sleep=lambda _: stop.set(), stop=stop)
    stop.clear()
    with pytest.raises(Stopped):
        other.access_token()
    assert other.token_calls == 0


# -- clocks ----------------------------------------------------------------------------------------


def test_clock_set_back_asks_once_and_goes_on(lab: TokenFixture) -> None:
    first = lab.logged_in().access_token()
    lab.skew = -7_200.0
    credentials = lab.credentials()
    token = credentials.access_token()
    assert token == first
    assert lab.works(token)
    for _ in range(200):
        assert lab.works(credentials.access_token())
        lab.advance(10)
    assert lab.token_statuses.count(400) <= 5


def test_clock_set_back_after_the_token_died(lab: TokenFixture) -> None:
    lab.logged_in()
    lab.advance(3_000)
    lab.skew = -4_000.0
    assert lab.works(lab.credentials().access_token())
    assert lab.token_statuses == [200, 200]


def test_clock_set_back_within_a_run(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    first = credentials.access_token()
    lab.skew = -400.0
    lab.advance(1)
    assert credentials.access_token() == first
    assert credentials.token_calls == 1


# -- several machines, each with a clock of its own ----------------------------------------------------

SKEWS = st.sampled_from([-300.0, -120.0, -31.0, 0.0, 0.4, 31.0, 120.0, 280.0])


def on_machine(lab: TokenFixture, skew: float, **changes: Any) -> Credentials:
    made = lab.credentials(clock=lambda: lab.exact.clock.now() + skew, **changes)
    made._current._steady = lab.exact.clock.now
    return made


def ask_exact(lab: TokenFixture, credentials: Credentials) -> None:
    """One request, as the client makes it: after a 401 once more."""
    token = credentials.access_token()
    if not lab.works(token):
        credentials.reject(token)
        assert lab.works(credentials.access_token())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenFixture]:
    with laboratory(tmp_path_factory.mktemp("clocks")) as made:
        yield made


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    skews=st.lists(SKEWS, min_size=2, max_size=3),
    runs=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([0.6, 1, 100, 300, 440, 460, 568.5, 569.5, 570.5, 580, 700, 4_000]),
        )
    ),
)
def test_short_runs_of_machines_with_different_clocks_never_come_too_early(
    shared: TokenFixture, skews: list[float], runs: list[tuple[int, float]]
) -> None:
    lab = shared
    lab.location = str(lab.path.with_name(uuid4().hex))
    lab.exact.log.clear()
    lab.naps.clear()
    lab.logged_in(clock=lambda: lab.exact.clock.now() + skews[0])
    for machine, pause in runs:
        lab.advance(pause)
        ask_exact(lab, on_machine(lab, skews[machine % len(skews)]))
    assert set(lab.token_statuses) == {200}
    assert lab.naps == []


@pytest.mark.parametrize(
    ("first", "second"), [(120.0, 0.0), (0.0, 120.0), (-120.0, 0.0), (0.0, -120.0), (150.0, -150.0)]
)
def test_long_runs_of_machines_with_different_clocks_never_come_too_early(
    lab: TokenFixture, first: float, second: float
) -> None:
    lab.advance(0.9)  # a date in a header is cut to whole seconds
    lab.logged_in(clock=lambda: lab.exact.clock.now() + first)
    machines = [on_machine(lab, first), on_machine(lab, second)]
    for step in range(800):
        ask_exact(lab, machines[step % 2])
        lab.advance(9.7)
    assert set(lab.token_statuses) == {200}
    assert lab.token_calls <= 800 * 9.7 / 570 + 1
    assert lab.naps == []


def test_the_time_is_asked_for_once_and_only_in_doubt(lab: TokenFixture) -> None:
    lab.logged_in()
    asked = lab.exact.start_pages
    for pause, questions in ((300, 0), (269, 0), (2, 1), (400, 1), (4_000, 1)):
        lab.advance(pause)
        credentials = on_machine(lab, 0.0)
        credentials.access_token()
        credentials.access_token()
        assert lab.exact.start_pages - asked == questions, pause


def test_run_goes_on_where_nobody_tells_the_time(lab: TokenFixture) -> None:
    lab.logged_in()
    lab.advance(580)
    fault = lab.exact.faults.add("start_page", faults.reset(), times=None)
    assert lab.works(on_machine(lab, 0.0).access_token())
    assert fault.hits
    assert set(lab.token_statuses) == {200}


# -- stopping --------------------------------------------------------------------------------------


def test_stop_ends_the_wait_but_not_the_use_of_a_good_token(lab: TokenFixture) -> None:
    stop = threading.Event()
    credentials = lab.logged_in(stop=stop)
    stop.set()
    assert credentials.access_token()
    lab.advance(700)
    with pytest.raises(Stopped):
        credentials.access_token()
    assert lab.token_calls == 1
