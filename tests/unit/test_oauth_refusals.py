"""A 401 on a request, and refusals by the token service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_exactonline.exact.errors import AppRefused, LoginExpired, LoginSuperseded
from tests.support.tokens import DAY, TokenFixture, laboratory

# -- 401 -------------------------------------------------------------------------------------------


def test_401_on_a_revoked_login_gives_the_reason(lab: TokenFixture) -> None:
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


def test_401_about_something_else_costs_one_call_and_no_loop(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    token = credentials.access_token()
    for _ in range(50):
        credentials.reject(token)
        assert credentials.access_token() == token
        lab.advance(10)
    assert lab.token_statuses == [200, 400]
    assert lab.naps == []


def test_late_401_for_a_replaced_token_is_ignored(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    old = credentials.access_token()
    lab.advance(575)
    new = credentials.access_token()
    credentials.reject(old)
    assert credentials.access_token() == new
    assert credentials.token_calls == 2


def test_401_is_answered_with_what_another_process_got_meanwhile(lab: TokenFixture) -> None:
    one = lab.logged_in()
    old = one.access_token()
    lab.advance(575)
    new = lab.credentials().access_token()
    one.reject(old)
    assert one.access_token() == new
    assert one.token_calls == 1


# -- refusals --------------------------------------------------------------------------------------


def test_unused_for_30_days(lab: TokenFixture) -> None:
    lab.logged_in()
    lab.advance(31 * DAY)
    with pytest.raises(LoginExpired, match="30 days"):
        lab.credentials().access_token()


def test_second_login_elsewhere(lab: TokenFixture) -> None:
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


def test_dead_seed_on_an_empty_store_is_asked_about_once(lab: TokenFixture) -> None:
    seed = lab.exact.issue_login()
    lab.exact.oauth.revoke()
    credentials = lab.credentials(refresh_token=seed)
    for _ in range(3):
        with pytest.raises(LoginSuperseded):
            credentials.access_token()
    assert lab.token_calls == 1


def test_login_in_another_terminal_heals_a_running_process(lab: TokenFixture) -> None:
    credentials = lab.logged_in()
    lab.advance(700)
    lab.exact.oauth.revoke()
    with pytest.raises(LoginSuperseded):
        credentials.access_token()
    lab.logged_in()
    assert lab.works(credentials.access_token())
