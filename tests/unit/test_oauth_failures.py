"""Failures of the token service, and what a run that was killed in a refresh leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import LoginSuperseded, NotExactOnline, TemporaryError
from tests.exact_online import faults
from tests.support.scripted import world
from tests.support.tokens import TokenFixture, laboratory

# -- failures of the token service -----------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [faults.empty(), faults.truncated(), faults.reset(after=True), faults.reset_midway()],
    ids=lambda f: f.name,
)
def test_lost_answer_is_recovered_with_the_old_token(lab: TokenFixture, fault: faults.Action) -> None:
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
def test_passing_failure_is_waited_out(lab: TokenFixture, fault: faults.Action) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    lab.exact.faults.add("token", fault, times=3)
    assert lab.works(credentials.access_token())
    assert lab.token_calls == 4
    assert 3 <= sum(lab.naps) < 60


def test_failure_while_the_token_still_works_stops_nobody(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    token = credentials.access_token()
    lab.advance(572)
    lab.exact.faults.add("token", faults.status(503), times=1)
    assert credentials.access_token() == token
    lab.advance(2)
    assert credentials.access_token() != token
    assert lab.naps == []


@pytest.mark.parametrize("fault", [faults.status(503), faults.reset()], ids=lambda f: f.name)
def test_a_service_that_is_down_is_told_before_each_wait_with_the_time_of_the_next_try(
    lab: TokenFixture, fault: faults.Action, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    def lines() -> list[str]:
        return [r.getMessage() for r in caplog.records if "Trying again at " in r.getMessage()]

    def sleep(seconds: float) -> None:
        told.append(len(lines()))
        lab.sleep(seconds)

    credentials = lab.credentials(refresh_token=lab.exact.issue_login(), sleep=sleep)
    lab.exact.faults.add("token", fault, times=None)
    with pytest.raises(TemporaryError):
        credentials.access_token()

    assert told[0] == 1, "before the first wait"
    assert len(lines()) == lab.token_calls, "once for each try"
    for line in lines():
        assert re.search(
            r"The login can't be renewed: .*\. Trying again at \d\d:\d\d:\d\d, in \d+ s$", line
        ), line


def test_outage_ends_after_a_bounded_wait_and_keeps_the_login(lab: TokenFixture) -> None:
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


@pytest.mark.parametrize(
    "fault",
    [
        faults.firewall(403),
        faults.status(400),
        faults.json_body({"message": "Forbidden"}, 401),
        faults.firewall(404),
    ],
    ids=["firewall", "no body", "gateway", "404"],
)
def test_a_refusal_that_says_nothing_of_the_login_is_met_a_few_times_an_hour(
    lab: TokenFixture, fault: faults.Action
) -> None:
    lab.logged_in()
    lab.advance(700)
    lab.exact.clear_log()
    lab.exact.faults.add("token", fault, times=None)
    for _ in range(12):  # runs every five minutes
        with pytest.raises(TemporaryError, match="The login itself is intact"):
            lab.credentials().access_token()
        lab.advance(300)
    times = [call.time for call in lab.exact.log]
    assert max(sum(at <= other < at + 3_600 for other in times) for at in times) == 4
    lab.exact.faults.clear()
    lab.advance(1_800)
    assert lab.works(lab.credentials().access_token())


def test_no_connection_is_no_attempt(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    lab.advance(700)
    lab.exact.stop()
    with pytest.raises(TemporaryError, match="network"):
        credentials.access_token()
    assert lab.stored().attempted_at == 0


def test_redirect_is_not_followed_with_the_secret(lab: TokenFixture) -> None:
    action = faults.status(302, headers={"Location": f"{lab.url}/elsewhere"})
    lab.exact.faults.add("token", action, times=None)
    with pytest.raises(NotExactOnline, match="country"):
        lab.credentials(refresh_token=lab.exact.issue_login()).access_token()
    assert [call.path for call in lab.exact.log] == ["/api/oauth2/token"]


def test_untrusted_certificate_is_told_at_once_and_is_no_attempt(lab: TokenFixture, tmp_path: Path) -> None:
    with world() as w:
        w.server.encrypt(tmp_path)
        lab.url = w.server.url
        lab.store().save(Tokens(access_token="a", refresh_token="r", obtained_at=lab.now() - 700))
        credentials = lab.credentials()
        for _ in range(2):
            with pytest.raises(NotExactOnline, match="REQUESTS_CA_BUNDLE"):
                credentials.access_token()
        assert lab.naps == []
        assert lab.stored().attempted_at == 0
        with pytest.raises(NotExactOnline, match="REQUESTS_CA_BUNDLE"):
            lab.credentials().exchange_code("code", "https://tap.example/callback")


# -- what a killed run leaves ----------------------------------------------------------------------


def killed_in_flight(lab: TokenFixture) -> None:
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
def test_old_token_brings_the_login_back_after_a_lost_answer(lab: TokenFixture, pause: float) -> None:
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
