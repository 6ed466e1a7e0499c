"""What a person may bring back from Exact's login page."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.login.redirect import RedirectError, check_redirect_uri, read_code
from tap_exactonline.login.web.texts import language

STATE = "s-t_a.t~e"
CODES = st.text(st.sampled_from("abcXYZ019!._-+/~*()"), min_size=8, max_size=80)


@given(code=CODES, before=st.booleans())
def test_a_code_comes_out_of_the_address_decoded_once(code: str, before: bool) -> None:
    parts = [f"code={quote(code, safe='')}", f"state={quote(STATE, safe='')}"]
    query = "&".join(parts if before else parts[::-1])
    for pasted in (
        f"https://tap.example/callback?{query}",
        f" 'https://tap.example/?x=1&{query}#frag' \n",
        query,
    ):
        assert read_code(pasted, STATE, bare=False) == code


@given(code=CODES)
def test_a_code_alone_is_taken_as_it_is_or_decoded_once(code: str) -> None:
    assert read_code(code, STATE, bare=True) == code
    assert read_code(f"  {quote(code, safe='')}\n", STATE, bare=True) == code


@given(code=CODES)
def test_a_code_alone_is_refused_where_others_could_paste_it(code: str) -> None:
    for pasted in (code, f"code={code}", f"https://tap.example/callback?code={quote(code)}"):
        with pytest.raises(RedirectError) as caught:
            read_code(pasted, STATE, bare=False)
        assert caught.value.kind == "no_state"
        assert code not in str(caught.value)


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("x" * 30_000, "empty"),
        ("hello there", "no_code"),
        ("abc", "no_code"),
        ("https://tap.example/callback", "no_code"),
        ("https://tap.example/callback?code=&state=s-t_a.t~e", "no_code"),
        ("https://tap.example/callback?code=abcdefgh", "no_state"),
        ("https://tap.example/callback?code=abcdefgh&state=", "no_state"),
        ("https://tap.example/callback?code=abcdefgh&state=another", "other_state"),
        ("https://tap.example/callback?code=abcdefgh&state=ünïcode", "other_state"),
        ("https://tap.example/callback?error=access_denied", "denied"),
        ("https://tap.example/callback?error=invalid_request&error_description=No%20such%20app", "refused"),
        ("https://start.exactonline.nl/api/oauth2/auth?client_id=x&response_type=code&state=s", "authorize_page"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_says_why(pasted: str, kind: str) -> None:
    with pytest.raises(RedirectError) as caught:
        read_code(pasted, STATE, bare=True)
    assert caught.value.kind == kind
    assert caught.value.remedy
    assert "abcdefgh" not in str(caught.value), "a code is a secret"


@pytest.mark.parametrize(
    "uri",
    [
        "http://www.example.com/exact",
        "https://localhost/x",
        "https://127.0.0.1:8000/",
        "https://[::1]/",
        "www.example.com/exact",
        "https://www.example.com/#part",
        "https://www.exa mple.com/",
        "https://[/",
        "ftp://www.example.com",
        "",
    ],
)
def test_a_redirect_address_that_exact_refuses_is_refused_here(uri: str) -> None:
    with pytest.raises(SettingsError, match="redirect_uri"):
        check_redirect_uri(uri)


def test_a_redirect_address_stays_as_it_was_registered() -> None:
    assert (
        check_redirect_uri(" https://WWW.example.com:8443/a/?b=c ") == "https://WWW.example.com:8443/a/?b=c"
    )


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (None, "en"),
        ("", "en"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("de-DE,de;q=0.9,nl;q=0.5,en;q=0.4", "nl"),
        ("fr", "en"),
        ("nl;q=0", "en"),
        ("en;q=0.2, nl;q=0.3", "nl"),
        ("nl;q=much, en", "en"),
    ],
)
def test_the_browser_chooses_the_language(accepted: str | None, expected: str) -> None:
    assert language(accepted) == expected
