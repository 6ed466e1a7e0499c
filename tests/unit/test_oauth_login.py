"""Logging in: the address of the login page, the code, and what is saved."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tap_exactonline.exact.auth.grants import authorize_url
from tap_exactonline.exact.errors import NotLoggedIn, SettingsError
from tests.support.tokens import DAY, START, TokenFixture


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


def test_login_saves_and_status_tells(lab: TokenFixture) -> None:
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


def test_code_is_good_for_one_use(lab: TokenFixture) -> None:
    uri = min(lab.exact.redirect_uris)
    code = lab.exact.authorize_code(uri)
    credentials = lab.credentials()
    credentials.exchange_code(code, uri)
    kept = lab.stored()
    with pytest.raises(NotLoggedIn, match="three minutes"):
        credentials.exchange_code(code, uri)
    assert lab.stored() == kept


def test_login_asks_nothing_of_exact_if_it_could_not_be_saved(lab: TokenFixture) -> None:
    lab.path.write_text("not a token store")
    uri = min(lab.exact.redirect_uris)
    with pytest.raises(Exception, match="damaged"):
        lab.credentials().exchange_code(lab.exact.authorize_code(uri), uri)
    assert lab.token_calls == 0
    assert lab.path.read_text() == "not a token store"
