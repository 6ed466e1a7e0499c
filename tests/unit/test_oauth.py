"""When a token is used, renewed or waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tap_exactonline.exact.errors import (
    AppRefused,
    LoginExpired,
    LoginSuperseded,
    NotExactOnline,
    NotLoggedIn,
    SettingsError,
    Stopped,
    TemporaryError,
)
from tap_exactonline.exact.oauth import authorize_url
from tap_exactonline.exact.tokens import Tokens
from tests.exact_online import faults
from tests.unit.token_lab import START, Lab, laboratory

DAY = 86_400.0


@pytest.fixture
def lab(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Lab]:
    caplog.set_level(logging.DEBUG)
    with laboratory(tmp_path) as made:
        yield made
        text = "".join(record.getMessage() for record in caplog.get_records("call"))
        assert not [token for token in {*made.exact.issued_tokens, made.exact.client_secret} if token in text]


# -- the ordinary life of a token ----------------------------------------------------------------


def test_seed_is_spent_once_and_its_token_used_for_570_seconds(lab: Lab) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    first = credentials.access_token()
    lab.advance(569)
    assert credentials.access_token() == first
    assert lab.token_calls == 1
    assert lab.works(first)


def test_token_is_renewed_before_it_can_expire_in_flight(lab: Lab) -> None:
    credentials = lab.logged_in()
    before = credentials.access_token()
    lab.advance(571)
    after = credentials.access_token()
    assert after != before
    assert lab.works(after)
    assert lab.token_statuses == [200, 200]
    assert lab.naps == []


def test_next_process_uses_the_stored_token_without_asking(lab: Lab) -> None:
    seed = lab.exact.issue_login()
    first = lab.credentials(refresh_token=seed).access_token()
    lab.advance(560)
    second = lab.credentials(refresh_token=seed)
    assert second.access_token() == first
    assert second.token_calls == 0


def test_run_of_hours_makes_one_token_call_per_ten_minutes_and_no_error(lab: Lab) -> None:
    credentials = lab.logged_in()
    for _ in range(4 * 360):
        assert lab.works(credentials.access_token())
        lab.advance(10)
    assert set(lab.token_statuses) == {200}
    assert lab.token_calls <= 4 * 3600 / 570 + 1


def test_lanes_with_calls_in_flight_renew_in_time(lab: Lab) -> None:
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


def test_many_threads_share_one_renewal(lab: Lab) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    gate = threading.Barrier(16)

    def ask(_: int) -> str:
        gate.wait()
        return credentials.access_token()

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert lab.token_calls == 1


def test_chain_survives_months_of_daily_runs(lab: Lab) -> None:
    seed = lab.exact.issue_login()
    for _ in range(90):
        assert lab.works(lab.credentials(refresh_token=seed).access_token())
        lab.advance(DAY)
    assert set(lab.token_statuses) == {200}


# -- which refresh token counts ------------------------------------------------------------------


def test_new_seed_wins_over_the_store_and_the_old_one_does_not_come_back(lab: Lab) -> None:
    old = lab.exact.issue_login()
    lab.credentials(refresh_token=old).access_token()
    lab.advance(700)
    new = lab.exact.issue_login()  # Exact: this ends the earlier login
    with_new = lab.credentials(refresh_token=new)
    assert lab.works(with_new.access_token())
    lab.advance(700)
    with_old = lab.credentials(refresh_token=old)
    assert lab.works(with_old.access_token())
    assert set(lab.token_statuses) == {200}


def test_login_outlives_an_old_seed_in_the_configuration(lab: Lab) -> None:
    old = lab.exact.issue_login()
    lab.advance(700)
    lab.logged_in()  # without the seed in its configuration, so that the store has never seen it
    lab.advance(700)
    credentials = lab.credentials(refresh_token=old)
    assert lab.works(credentials.access_token())
    assert lab.token_statuses == [200, 401, 200]
    lab.advance(700)
    assert lab.works(lab.credentials(refresh_token=old).access_token())
    assert lab.token_statuses[3:] == [200]


def test_dead_seed_is_tried_once_even_if_that_can_not_be_noted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = lab.exact.issue_login()
    lab.advance(700)
    lab.logged_in()
    lab.advance(580)
    credentials = lab.credentials(refresh_token=old)
    real = Tokens.with_old_seeds
    monkeypatch.setattr(Tokens, "with_old_seeds", lambda self, *_: real(self))
    assert lab.works(credentials.access_token())
    assert lab.works(credentials.access_token())
    assert lab.token_statuses.count(401) == 1


def test_login_with_the_seed_configured_never_tries_it_again(lab: Lab) -> None:
    old = lab.exact.issue_login()
    lab.advance(700)
    lab.logged_in(refresh_token=old)
    lab.advance(700)
    assert lab.works(lab.credentials(refresh_token=old).access_token())
    assert lab.token_statuses == [200, 200]


def test_seed_as_people_paste_it(lab: Lab) -> None:
    seed = lab.exact.issue_login()
    pasted = f"  {seed.replace('!', '%21')}\n"
    assert lab.works(lab.credentials(refresh_token=pasted).access_token())


def test_current_token_of_the_chain_as_seed_changes_nothing(lab: Lab) -> None:
    lab.logged_in()
    current = lab.stored().refresh_token
    credentials = lab.credentials(refresh_token=current)
    credentials.access_token()
    assert credentials.token_calls == 0


def test_access_token_alone_is_used_until_exact_refuses_it(lab: Lab) -> None:
    given = lab.exact.issue_access_token()
    credentials = lab.credentials(access_token=given)
    lab.advance(500)
    assert credentials.access_token() == given
    credentials.reject(given)
    with pytest.raises(NotLoggedIn, match="access_token"):
        credentials.access_token()
    assert lab.token_calls == 0
    assert not lab.path.parent.joinpath("tokens.json").exists()


def test_stored_login_is_preferred_to_an_access_token(lab: Lab) -> None:
    stored = lab.logged_in().access_token()
    assert lab.credentials(access_token="from long ago").access_token() == stored


def test_seed_with_a_young_access_token_beside_it_does_not_wait(lab: Lab) -> None:
    pair = lab.exact.issue_tokens()
    credentials = lab.credentials(access_token=pair["access_token"], refresh_token=pair["refresh_token"])
    assert credentials.access_token() == pair["access_token"]
    assert lab.naps == []
    lab.advance(600)
    renewed = credentials.access_token()
    assert renewed != pair["access_token"]
    assert lab.works(renewed)


def test_nothing_configured_says_how_to_log_in(lab: Lab) -> None:
    with pytest.raises(NotLoggedIn, match="tap-exactonline login"):
        lab.credentials().access_token()


# -- too early -----------------------------------------------------------------------------------


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


def test_too_early_keeps_the_token_that_exact_calls_alive(lab: Lab) -> None:
    first = lab.logged_in().access_token()
    lab.skew = 3_600.0  # set forward
    credentials = lab.credentials()
    assert credentials.access_token() == first
    assert lab.naps == []
    assert lab.token_statuses == [200, 400]


def test_endless_too_early_ends_with_a_clear_error(lab: Lab) -> None:
    lab.exact.faults.add("token", faults.too_early(), times=None)
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    with pytest.raises(TemporaryError, match="has not expired"):
        credentials.access_token()
    assert 570 <= sum(lab.naps) <= 1100
    assert lab.token_calls <= 7


def test_other_processes_share_the_wait(lab: Lab) -> None:
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


# -- clocks --------------------------------------------------------------------------------------


def test_clock_set_back_asks_once_and_goes_on(lab: Lab) -> None:
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


def test_clock_set_back_after_the_token_died(lab: Lab) -> None:
    lab.logged_in()
    lab.advance(3_000)
    lab.skew = -4_000.0
    assert lab.works(lab.credentials().access_token())
    assert lab.token_statuses == [200, 200]


def test_clock_set_back_within_a_run(lab: Lab) -> None:
    credentials = lab.logged_in()
    first = credentials.access_token()
    lab.skew = -400.0
    lab.advance(1)
    assert credentials.access_token() == first
    assert credentials.token_calls == 1


# -- 401 -----------------------------------------------------------------------------------------


def test_401_on_a_revoked_login_gives_the_reason(lab: Lab) -> None:
    credentials = lab.logged_in()
    token = credentials.access_token()
    lab.exact.oauth.revoke()
    credentials.reject(token)
    with pytest.raises(LoginSuperseded, match="tap-exactonline login"):
        credentials.access_token()
    calls = lab.token_calls
    with pytest.raises(LoginSuperseded):
        credentials.access_token()
    assert lab.token_calls == calls


def test_401_about_something_else_costs_one_call_and_no_loop(lab: Lab) -> None:
    credentials = lab.logged_in()
    token = credentials.access_token()
    for _ in range(50):
        credentials.reject(token)
        assert credentials.access_token() == token
        lab.advance(10)
    assert lab.token_statuses == [200, 400]
    assert lab.naps == []


def test_late_401_for_a_replaced_token_is_ignored(lab: Lab) -> None:
    credentials = lab.logged_in()
    old = credentials.access_token()
    lab.advance(575)
    new = credentials.access_token()
    credentials.reject(old)
    assert credentials.access_token() == new
    assert credentials.token_calls == 2


def test_401_is_answered_with_what_another_process_got_meanwhile(lab: Lab) -> None:
    one = lab.logged_in()
    old = one.access_token()
    lab.advance(575)
    new = lab.credentials().access_token()
    one.reject(old)
    assert one.access_token() == new
    assert one.token_calls == 1


# -- failures of the token service ---------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [faults.empty(), faults.truncated(), faults.reset(after=True), faults.reset_midway()],
    ids=lambda f: f.name,
)
def test_lost_answer_is_recovered_with_the_old_token(lab: Lab, fault: faults.Action) -> None:
    credentials = lab.logged_in()
    lab.advance(575)
    lab.exact.faults.add("token", fault)
    assert lab.works(credentials.access_token())  # the old one, still good for 25 s
    lab.advance(30)
    token = credentials.access_token()
    assert lab.works(token)
    assert lab.token_statuses.count(400) <= 4
    assert lab.stored().attempted_at == 0


@pytest.mark.parametrize(
    "fault",
    [faults.status(503), faults.status(500), faults.status(429), faults.reset(), faults.html()],
    ids=lambda f: f.name,
)
def test_passing_failure_is_waited_out(lab: Lab, fault: faults.Action) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    lab.exact.faults.add("token", fault, times=3)
    assert lab.works(credentials.access_token())
    assert lab.token_calls == 4
    assert 3 <= sum(lab.naps) < 60


def test_failure_while_the_token_still_works_stops_nobody(lab: Lab) -> None:
    credentials = lab.logged_in()
    token = credentials.access_token()
    lab.advance(572)
    lab.exact.faults.add("token", faults.status(503), times=1)
    assert credentials.access_token() == token
    lab.advance(2)
    assert credentials.access_token() != token
    assert lab.naps == []


def test_outage_ends_after_a_bounded_wait_and_keeps_the_login(lab: Lab) -> None:
    credentials = lab.logged_in()
    lab.advance(700)
    fault = lab.exact.faults.add("token", faults.status(503), times=None)
    with pytest.raises(TemporaryError, match="503"):
        credentials.access_token()
    assert sum(lab.naps) < 180
    assert fault.hits < 10
    with pytest.raises(TemporaryError):  # other lanes hear the same at once
        credentials.access_token()
    assert sum(lab.naps) < 180
    lab.exact.faults.clear()
    lab.advance(3_600)
    assert lab.works(lab.credentials().access_token())


def test_no_connection_is_no_attempt(lab: Lab) -> None:
    credentials = lab.logged_in()
    lab.advance(700)
    lab.exact.stop()
    with pytest.raises(TemporaryError, match="network"):
        credentials.access_token()
    assert lab.stored().attempted_at == 0


def test_redirect_is_not_followed_with_the_secret(lab: Lab) -> None:
    action = faults.status(302, headers={"Location": f"{lab.url}/elsewhere"})
    lab.exact.faults.add("token", action, times=None)
    with pytest.raises(NotExactOnline, match="country"):
        lab.credentials(refresh_token=lab.exact.issue_login()).access_token()
    assert [call.path for call in lab.exact.log] == ["/api/oauth2/token"]


# -- refusals ------------------------------------------------------------------------------------


def test_unused_for_30_days(lab: Lab) -> None:
    lab.logged_in()
    lab.advance(31 * DAY)
    with pytest.raises(LoginExpired, match="30 days"):
        lab.credentials().access_token()


def test_second_login_elsewhere(lab: Lab) -> None:
    lab.logged_in()
    lab.advance(700)
    lab.exact.issue_login()
    with pytest.raises(LoginSuperseded, match="somebody logged in again"):
        lab.credentials().access_token()


@pytest.mark.parametrize("status", [400, 401])
def test_wrong_secret(tmp_path: Path, status: int) -> None:
    with laboratory(tmp_path, wrong_secret_status=status) as lab:
        credentials = lab.credentials(refresh_token=lab.exact.issue_login(), client_secret="wrong-secret")
        with pytest.raises(AppRefused, match="client_secret") as caught:
            credentials.access_token()
        assert "wrong-secret" not in str(caught.value)
        # and the right one needs nothing but a new run
        assert lab.works(lab.credentials(refresh_token=None).access_token())


def test_dead_seed_on_an_empty_store_is_asked_about_once(lab: Lab) -> None:
    seed = lab.exact.issue_login()
    lab.exact.oauth.revoke()
    credentials = lab.credentials(refresh_token=seed)
    for _ in range(3):
        with pytest.raises(LoginSuperseded):
            credentials.access_token()
    assert lab.token_calls == 1


def test_login_in_another_terminal_heals_a_running_process(lab: Lab) -> None:
    credentials = lab.logged_in()
    lab.advance(700)
    lab.exact.oauth.revoke()
    with pytest.raises(LoginSuperseded):
        credentials.access_token()
    lab.logged_in()
    assert lab.works(credentials.access_token())


# -- what a killed run leaves --------------------------------------------------------------------


def killed_in_flight(lab: Lab) -> None:
    """A run that renewed the login at Exact and died before it saved the answer."""

    class Killed(BaseException):
        pass

    credentials = lab.credentials()
    endpoint = credentials._endpoint
    real = endpoint.refresh

    def refresh(token: str) -> object:
        real(token)
        raise Killed

    endpoint.refresh = refresh  # type: ignore[assignment, method-assign]
    with pytest.raises(Killed):
        credentials.access_token()


@pytest.mark.parametrize("pause", [0, 20, 200, 540, 3_600])
def test_old_token_brings_the_login_back_after_a_lost_answer(lab: Lab, pause: float) -> None:
    lab.logged_in()
    lab.advance(575)
    killed_in_flight(lab)
    lab.advance(pause)
    credentials = lab.credentials()
    assert lab.works(credentials.access_token())
    lab.advance(600)
    assert lab.works(credentials.access_token())
    assert lab.token_statuses.count(400) <= 4
    assert 401 not in lab.token_statuses
    assert lab.stored().attempted_at == 0


def test_lost_answer_that_exact_does_not_forgive_is_explained(tmp_path: Path) -> None:
    with laboratory(tmp_path, old_refresh_token="refused") as lab:
        lab.logged_in()
        lab.advance(700)
        killed_in_flight(lab)
        for _ in range(2):  # the next run says the same
            with pytest.raises(LoginSuperseded, match="cut off before it could save") as caught:
                lab.credentials().access_token()
            assert "tap-exactonline login" in str(caught.value)
        assert lab.credentials().status().interrupted_at is not None


# -- login ---------------------------------------------------------------------------------------


def test_authorize_url_holds_what_exact_wants() -> None:
    url = authorize_url("https://start.exactonline.nl/", "abc", "https://tap.example/cb?x=1", "s t", True)
    assert url.startswith("https://start.exactonline.nl/api/oauth2/auth?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["abc"],
        "redirect_uri": ["https://tap.example/cb?x=1"],
        "response_type": ["code"],
        "state": ["s t"],
        "force_login": ["1"],
    }


def test_secrets_go_over_https_only() -> None:
    with pytest.raises(SettingsError, match="http"):
        authorize_url("http://start.exactonline.nl", "abc", "https://x", "s")


def test_login_saves_and_status_tells(lab: Lab) -> None:
    credentials = lab.logged_in()
    status = credentials.status()
    assert (status.kind, status.obtained_at, status.logged_in_at) == ("stored", START, START)
    assert status.expires_at == START + 600
    assert status.refresh_expires_at == START + 30 * DAY
    assert str(lab.path) in status.store
    lab.advance(900)
    credentials.access_token()
    status = credentials.status()
    assert (status.obtained_at, status.logged_in_at) == (START + 900, START)


def test_code_is_good_for_one_use(lab: Lab) -> None:
    uri = min(lab.exact.redirect_uris)
    code = lab.exact.authorize_code(uri)
    credentials = lab.credentials()
    credentials.exchange_code(code, uri)
    kept = lab.stored()
    with pytest.raises(NotLoggedIn, match="three minutes"):
        credentials.exchange_code(code, uri)
    assert lab.stored() == kept


def test_login_asks_nothing_of_exact_if_it_could_not_be_saved(lab: Lab) -> None:
    lab.path.write_text("not a token store")
    uri = min(lab.exact.redirect_uris)
    with pytest.raises(Exception, match="damaged"):
        lab.credentials().exchange_code(lab.exact.authorize_code(uri), uri)
    assert lab.token_calls == 0
    assert lab.path.read_text() == "not a token store"


# -- stopping ------------------------------------------------------------------------------------


def test_stop_ends_the_wait_but_not_the_use_of_a_good_token(lab: Lab) -> None:
    stop = threading.Event()
    credentials = lab.logged_in(stop=stop)
    stop.set()
    assert credentials.access_token()
    lab.advance(700)
    with pytest.raises(Stopped):
        credentials.access_token()
    assert lab.token_calls == 1
