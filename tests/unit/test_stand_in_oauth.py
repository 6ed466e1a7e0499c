"""The stand-in's authorization server, seen through HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.exact_online import Clock, ExactOnline, faults
from tests.exact_online.client import Client


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    made = ExactOnline(Clock.manual())
    made.add_division(101)
    with made.serve():
        yield made


def test_refresh_rotates_and_shows_expires_in_as_text(exact: ExactOnline) -> None:
    client = Client(exact)
    answer = client.refresh(exact.issue_login()).json()
    assert answer["expires_in"] == "600"
    assert "!" in answer["refresh_token"]
    client.sign(answer["access_token"])
    assert client.get("current/Me").status_code == 200
    assert {answer["access_token"], answer["refresh_token"]} <= exact.issued_tokens


@pytest.mark.parametrize("status", [400, 401])
def test_no_second_token_before_570_seconds(exact: ExactOnline, status: int) -> None:
    exact.switches.too_early_status = status
    client = Client(exact)
    token = client.refresh(exact.issue_login()).json()["refresh_token"]
    exact.clock.advance(569)
    early = client.refresh(token)
    assert (early.status_code, early.json()["error"]) == (status, "access_denied")
    assert early.headers["Reason"] == "TooEarlyToRefreshTokens"
    exact.clock.advance(1)
    assert client.refresh(token).status_code == 200


def test_a_rule_of_its_own_for_other_lifetimes() -> None:
    exact = ExactOnline(Clock.manual(), token_lifetime=10, expires_in_as="number")
    with exact.serve():
        client = Client(exact)
        answer = client.refresh(exact.issue_login()).json()
        assert answer["expires_in"] == 10
        exact.clock.advance(9.4)
        assert client.refresh(answer["refresh_token"]).status_code == 400
        exact.clock.advance(0.2)
        assert client.refresh(answer["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("reading", "unused", "used", "twice"),
    [("refused", 401, 401, 401), ("until_used", 200, 401, 401), ("until_next_refresh", 200, 200, 401)],
)
def test_when_a_superseded_refresh_token_dies(reading: str, unused: int, used: int, twice: int) -> None:
    for expected, use, again in ((unused, False, False), (used, True, False), (twice, False, True)):
        exact = ExactOnline(Clock.manual(), old_refresh_token=reading)
        exact.add_division(101)
        with exact.serve():
            client = Client(exact)
            first = exact.issue_login()
            second = client.refresh(first).json()
            if use:
                client.sign(second["access_token"])
                assert client.get("current/Me").status_code == 200
            exact.clock.advance(600)
            if again:
                assert client.refresh(second["refresh_token"]).status_code == 200
                exact.clock.advance(600)
            answer = client.refresh(first)
            assert answer.status_code == expected
            if expected == 401:
                assert answer.json() == {
                    "error": "unauthorized_client",
                    "error_description": "Old refresh token used.",
                }


def test_a_new_consent_kills_the_earlier_chain(exact: ExactOnline) -> None:
    client = Client(exact)
    first = exact.issue_login()
    exact.issue_login()
    assert client.refresh(first).json()["error_description"] == "Old refresh token used."
    assert client.get("current/Me").status_code == 401


def test_thirty_idle_days_end_a_login(exact: ExactOnline) -> None:
    client = Client(exact)
    token = exact.issue_login(age=0)
    exact.clock.advance(30 * 86400 + 1)
    answer = client.refresh(token)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert re.fullmatch(
        r"The refresh token expired at \d+/\d+/\d{4} \d\d:\d\d:\d\d [AP]M and it is now .+\.",
        answer.json()["error_description"],
    )


def test_wrong_credentials(exact: ExactOnline) -> None:
    client = Client(exact)
    token = exact.issue_login()
    wrong = client.token(grant_type="refresh_token", refresh_token=token, client_secret="no")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    assert client.refresh("never issued").json()["error"] == "invalid_grant"
    assert client.token(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert client.refresh(token).status_code == 200  # none of it did harm


def test_expired_access_token_says_so_url_encoded(exact: ExactOnline) -> None:
    client = Client(exact)
    exact.clock.advance(600)
    answer = client.get("current/Me")
    assert answer.status_code == 401
    assert "access%20token%20expired" in answer.headers["WWW-Authenticate"]


def test_consent_page_to_code_to_token(exact: ExactOnline) -> None:
    exact.add_division(102)
    query = {
        "client_id": exact.client_id,
        "redirect_uri": "https://tap.example/callback",
        "response_type": "code",
        "state": "a b&c",
    }
    page = requests.get(f"{exact.url}/api/oauth2/auth", params=query, timeout=5)
    assert "Allow" in page.text
    assert "102" in page.text
    back = requests.post(
        f"{exact.url}/api/oauth2/auth", data=query | {"division": "101"}, timeout=5, allow_redirects=False
    )
    assert back.status_code == 302
    assert "%21" in back.headers["Location"]
    got = parse_qs(urlsplit(back.headers["Location"]).query)
    assert got["state"] == ["a b&c"]
    assert not exact.divisions[102].in_scope
    client = Client(exact)
    form = {"grant_type": "authorization_code", "code": got["code"][0]}
    assert client.token(**form, redirect_uri="https://other.example/").status_code == 400
    good = client.token(**form, redirect_uri=query["redirect_uri"])
    assert good.status_code == 200
    assert client.token(**form, redirect_uri=query["redirect_uri"]).status_code == 400  # only once


@pytest.mark.parametrize(
    "change", [{"redirect_uri": "http://localhost/"}, {"client_id": "x"}, {"response_type": "token"}]
)
def test_consent_page_refuses(exact: ExactOnline, change: dict[str, str]) -> None:
    query = {
        "client_id": exact.client_id,
        "redirect_uri": "https://tap.example/callback",
        "response_type": "code",
    }
    assert requests.get(f"{exact.url}/api/oauth2/auth", params=query | change, timeout=5).status_code == 400


def test_a_code_lives_three_minutes(exact: ExactOnline) -> None:
    client = Client(exact)
    code = exact.authorize_code()
    exact.clock.advance(181)
    answer = client.token(
        grant_type="authorization_code", code=code, redirect_uri="https://tap.example/callback"
    )
    assert answer.json()["error"] == "invalid_grant"


def test_a_lost_answer_has_rotated_the_token(exact: ExactOnline) -> None:
    client = Client(exact)
    token = exact.issue_login()
    exact.faults.add("token", faults.reset(after=True))
    with pytest.raises(requests.ConnectionError):
        client.refresh(token)
    assert client.refresh(token).headers["Reason"] == "TooEarlyToRefreshTokens"
    exact.clock.advance(570)
    assert client.refresh(token).status_code == 200  # its successor was never used


def test_a_hung_token_call_has_rotated_or_not(exact: ExactOnline) -> None:
    client = Client(exact)
    for after, status in ((False, 200), (True, 400)):
        token = exact.issue_login()
        exact.faults.add("token", faults.hang(30, after=after))
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": exact.client_id}
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                f"{exact.url}/api/oauth2/token",
                data=form | {"client_secret": exact.client_secret},
                timeout=0.2,
            )
        assert client.refresh(token).status_code == status
        exact.clock.advance(600)


def test_no_secret_is_kept_in_the_log(exact: ExactOnline) -> None:
    client = Client(exact)
    client.refresh(exact.issue_login())
    client.token(grant_type="authorization_code", code=exact.authorize_code(), redirect_uri="x")
    client.get("current/Me")
    text = repr(exact.log)
    assert exact.token_calls == 2
    assert not [t for t in {*exact.issued_tokens, exact.client_secret} if t in text]
