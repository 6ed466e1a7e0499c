"""Which token counts: the seed of the configuration, the stored login, or an access token alone."""

from __future__ import annotations

import pytest

from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import NotLoggedIn
from tests.support.tokens import TokenFixture


def test_new_seed_wins_over_the_store_and_the_old_one_does_not_come_back(lab: TokenFixture) -> None:
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


def test_login_outlives_an_old_seed_in_the_configuration(lab: TokenFixture) -> None:
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
    lab: TokenFixture, monkeypatch: pytest.MonkeyPatch
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


def test_login_with_the_seed_configured_never_tries_it_again(lab: TokenFixture) -> None:
    old = lab.exact.issue_login()
    lab.advance(700)
    lab.logged_in(refresh_token=old)
    lab.advance(700)
    assert lab.works(lab.credentials(refresh_token=old).access_token())
    assert lab.token_statuses == [200, 200]


def test_seed_as_people_paste_it(lab: TokenFixture) -> None:
    seed = lab.exact.issue_login()
    pasted = f"  {seed.replace('!', '%21')}\n"
    assert lab.works(lab.credentials(refresh_token=pasted).access_token())


def test_current_token_of_the_chain_as_seed_changes_nothing(lab: TokenFixture) -> None:
    lab.logged_in()
    current = lab.stored().refresh_token
    credentials = lab.credentials(refresh_token=current)
    credentials.access_token()
    assert credentials.token_calls == 0


def test_access_token_alone_is_used_until_exact_refuses_it(lab: TokenFixture) -> None:
    given = lab.exact.issue_access_token()
    credentials = lab.credentials(access_token=given)
    lab.advance(500)
    assert credentials.access_token() == given
    credentials.reject(given)
    with pytest.raises(NotLoggedIn, match="access_token"):
        credentials.access_token()
    assert lab.token_calls == 0
    assert not lab.path.parent.joinpath("tokens.json").exists()


def test_stored_login_is_preferred_to_an_access_token(lab: TokenFixture) -> None:
    stored = lab.logged_in().access_token()
    assert lab.credentials(access_token="from-long-ago").access_token() == stored


def test_seed_with_a_young_access_token_beside_it_does_not_wait(lab: TokenFixture) -> None:
    pair = lab.exact.issue_tokens()
    credentials = lab.credentials(access_token=pair["access_token"], refresh_token=pair["refresh_token"])
    assert credentials.access_token() == pair["access_token"]
    assert lab.naps == []
    lab.advance(600)
    renewed = credentials.access_token()
    assert renewed != pair["access_token"]
    assert lab.works(renewed)


def test_nothing_configured_says_how_to_log_in(lab: TokenFixture) -> None:
    with pytest.raises(NotLoggedIn, match="tap-exactonline login"):
        lab.credentials().access_token()
