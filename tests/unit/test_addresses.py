"""The address of Exact Online, and which addresses may see a token."""

from __future__ import annotations

import pytest

from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.urls import Link, api_url_for, check_api_url, is_loopback, link_within


@pytest.mark.parametrize(
    ("country", "host"),
    [
        ("nl", "nl"),
        ("be", "be"),
        ("de", "de"),
        ("fr", "fr"),
        ("es", "es"),
        ("uk", "co.uk"),
        ("us", "com"),
        (" NL ", "nl"),
    ],
)
def test_countries(country, host):
    assert api_url_for(country) == f"https://start.exactonline.{host}"
    assert check_api_url(api_url_for(country)) == api_url_for(country)


@pytest.mark.parametrize("country", ["", "gb", "nederland", "nl.evil.example", None, 31])
def test_unknown_countries(country):
    with pytest.raises(SettingsError, match="nl, be, de") as caught:
        api_url_for(country)
    assert caught.value.setting == "country"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("https://start.exactonline.nl", "https://start.exactonline.nl"),
        (" https://Start.ExactOnline.NL/ ", "https://start.exactonline.nl"),
        ("https://start.exactonline.nl:443/", "https://start.exactonline.nl"),
        ("https://start.exactonline.nl/api/v1/", "https://start.exactonline.nl"),
        ("https://proxy.example:8443/exact/", "https://proxy.example:8443/exact"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.9.1:80", "http://127.8.9.1"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_good_addresses(given, plain):
    assert check_api_url(given) == plain
    assert check_api_url(plain) == plain


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "start.exactonline.nl",
        "https://",
        "https:///api",
        "ftp://start.exactonline.nl",
        "file:///etc/passwd",
        "http://start.exactonline.nl",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://me:pa55word@start.exactonline.nl",
        "http://127.0.0.1@evil.example",
        "https://start.exactonline.nl?x=1",
        "https://start.exactonline.nl#x",
        "https://start.exactonline.nl/a b",
        "https://start.exactonline.nl\\@evil.example",
        "https://start.exactonline.nl:99999",
        "https://start.exactonline.nl:x",
        "https://[::1",
        None,
        7,
    ],
)
def test_bad_addresses_get_one_line_without_a_password(bad):
    with pytest.raises(SettingsError) as caught:
        check_api_url(bad)
    assert caught.value.setting == "api_url"
    assert "\n" not in str(caught.value)
    assert "pa55word" not in str(caught.value)


def test_loopback():
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "192.168.0.1", "x")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("link", "division", "endpoint"),
    [
        ("https://start.exactonline.nl/api/v1/101/crm/Accounts?$skiptoken=1", 101, "crm/Accounts"),
        ("https://START.exactonline.nl:443/Api/V1/101/crm/Accounts", 101, "crm/Accounts"),
        ("/api/v1/beta/101/budget/BudgetScenarios?x", 101, "budget/BudgetScenarios"),
        ("https://start.exactonline.nl/api/v1/current/Me?x", None, "current/Me"),
    ],
)
def test_links_that_stay(link, division, endpoint):
    found = link_within("https://start.exactonline.nl", link, division)
    assert found is not None
    assert found.endpoint == endpoint
    assert found.is_of(f"/{endpoint.lower()}", beta="/beta/" in link)
    assert not found.is_of(endpoint, beta="/beta/" not in link)


def test_links_behind_a_base_path():
    base = "https://proxy.example/exact"
    good = f"{base}/api/v1/101/crm/Accounts"
    assert link_within(base, good, 101) == Link(good, "crm/Accounts", beta=False)
    for bad in (
        "https://proxy.example/other/api/v1/101/crm/Accounts",
        "https://proxy.example/api/v1/101/crm/Accounts",
        "https://proxy.example/exact/../api/v1/101/crm/Accounts",
    ):
        assert link_within(base, bad, 101) is None
