"""Tokens and secrets as people paste them, and tokens that no header can hold: one line, and the login is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.config import parse
from tap_exactonline.exact.auth.tokens import check_secret, is_sendable
from tap_exactonline.exact.errors import NotExactOnline, SettingsError
from tests.exact_online import ExactOnline, faults, hostile
from tests.exact_online.wire import Reply
from tests.support.tap_runs import TapRunner
from tests.support.tokens import TokenFixture

SECRETS = ("access_token", "refresh_token", "client_secret")
TOKEN = "stampNL001.gAAAA!Zq8x7Kw-Lr_3mE9vTb2hY5sJ4"
PASTED = {
    "a line break": ("line break", TOKEN[:20] + "\n" + TOKEN[20:]),
    "another line break": ("line break", TOKEN[:20] + "\r\n" + TOKEN[20:]),
    "a separator of lines": ("line break", TOKEN[:20] + "\u2028" + TOKEN[20:]),
    "a blank": ("blank", TOKEN[:20] + " " + TOKEN[20:]),
    "a blank that does not break": ("blank", TOKEN[:20] + "\u00a0" + TOKEN[20:]),
    "typographic quotes": ("quotation mark", f"\u201c{TOKEN}\u201d"),
    "single typographic quotes": ("quotation mark", f"\u2018{TOKEN}\u2019"),
    "a zero-width space": ("invisible", TOKEN[:20] + "\u200b" + TOKEN[20:]),
    "a byte order mark": ("invisible", f"\ufeff{TOKEN}"),
    "an escape sequence": ("invisible", f"{TOKEN}\x1b[0m"),
    "the euro sign": ("not an ASCII one", f"{TOKEN}€"),
    "half a character": ("half a character", f"{TOKEN}\ud83d"),
}


@pytest.mark.parametrize("setting", SECRETS)
@pytest.mark.parametrize("name", PASTED)
def test_a_secret_that_was_pasted_badly_is_one_line_that_does_not_show_it(setting: str, name: str) -> None:
    expected, text = PASTED[name]
    with pytest.raises(SettingsError, match=expected) as caught:
        parse({setting: text})
    line = str(caught.value)
    assert line.startswith(f"Setting '{setting}': ")
    assert "\n" not in line
    assert not hostile.seen(TOKEN, line)


@pytest.mark.parametrize("setting", SECRETS)
def test_blanks_and_plain_quotes_around_it_do_no_harm(setting: str) -> None:
    parsed = parse({setting: f" \n{TOKEN}\n"})
    assert getattr(parsed, setting) == TOKEN


@pytest.mark.parametrize(
    "setting", ["country", "divisions", "start_date", "timezone", "extra_streams", "max_response_mb"]
)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_wrong_place_does_not_show(setting: str, secret: str) -> None:
    for value in (TOKEN, [TOKEN], [{"name": TOKEN}], {"a": {"b": f"x{TOKEN}"}}):
        with pytest.raises(SettingsError) as caught:
            parse({secret: TOKEN, setting: value})
        assert setting in str(caught.value)
        assert not hostile.seen(TOKEN, f"{caught.value} {caught.value!r}")


def test_an_object_in_place_of_a_value_is_not_quoted() -> None:
    short = "pa55word"  # too short to be told from a word, and nobody says that it is a secret
    with pytest.raises(SettingsError, match="Setting 'divisions': the value is ") as caught:
        parse({"divisions": [{"api_url": "https://start.exactonline.nl", "client_secrt": short}]})
    assert short not in str(caught.value)
    with pytest.raises(SettingsError, match="'one'"):
        parse({"divisions": ["one"]})


@given(st.text(max_size=30))
def test_what_passes_can_be_sent(text: str) -> None:
    try:
        check_secret("access_token", text)
    except SettingsError:
        assert not is_sendable(text)
    else:
        assert not text or is_sendable(text)
        text.encode("latin-1")


@pytest.mark.process
@pytest.mark.parametrize("setting", SECRETS)
def test_the_command_says_it_in_one_line(runner: TapRunner, setting: str) -> None:
    runner.config[setting] = PASTED["a line break"][1]
    done = runner.tap("--discover")
    shown = done.out + done.err
    done = runner.run(["crm_accounts"])
    shown += done.out + done.err
    assert done.code == 1
    assert f"Setting '{setting}': its character 21 is a line break" in shown
    assert "Traceback" not in shown
    assert not hostile.seen(TOKEN, shown)


# -- what the token service gives ------------------------------------------------------------------


def granting(**members: Any) -> faults.Action:
    """The answer of the rules, with other members."""

    def change(reply: Reply) -> Reply:
        body = json.loads(reply.body)
        if reply.status == 200:
            body |= members
        return replace(reply, body=json.dumps(body).encode())

    return faults.Action("granting", after=change)


@pytest.mark.parametrize("token", ["two\nlines", "“quoted”", "eu€ro", "a b", "nul\x00", "half\ud83d"])
def test_a_granted_token_that_can_not_be_sent_does_not_cost_the_login(lab: TokenFixture, token: str) -> None:
    credentials = lab.credentials(refresh_token=lab.exact.issue_login())
    lab.exact.faults.add("token", granting(access_token=token))
    for _ in range(2):
        with pytest.raises(NotExactOnline, match="no header may have") as caught:
            credentials.access_token()
    assert "ten minutes" in str(caught.value)
    assert lab.token_calls == 1
    assert lab.exact.oauth.chain is not None
    assert lab.stored().refresh_token == lab.exact.oauth.chain.tokens[-1].token
    lab.advance(575)
    assert lab.works(lab.credentials().access_token())
    assert lab.token_statuses == [200, 200]


@pytest.mark.process
def test_a_run_ends_with_one_line_then(runner: TapRunner, exact: ExactOnline, tmp_path: Path) -> None:
    exact.add_division(101, rows=2)
    exact.faults.add("token", granting(access_token=f"{TOKEN}\nX"))
    done = runner.run(["crm_accounts", "crm_contacts"])
    assert done.code == 1
    assert len([line for line in done.err.splitlines() if "no header may have" in line]) == 1
    assert "Traceback" not in done.err
    assert not hostile.seen(TOKEN, done.err + done.out)
    assert not hostile.seen(f"{TOKEN}\nX", done.err + done.out)
