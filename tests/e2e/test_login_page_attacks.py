"""The login page's server under attack by other programs and users of this computer, and what a tunnel lets through."""

from __future__ import annotations

import signal
from urllib.parse import urlsplit

from tests.e2e.token_torture import wait_until
from tests.support.cli import REDIRECT, CliFixture, consent
from tests.support.login_page import ADDRESS, CODE, Page

from .terminal import Terminal


def test_a_stolen_cookie_opens_nothing(here: CliFixture, page: Page) -> None:
    """A browser sends the cookie to every port of 127.0.0.1, and so to any program that listens there."""
    page.enter()
    address = page.post("app").json()["address"]
    thief = Page(page.process, page.address, "", cookie=page.cookie)

    shown = thief.get("/")
    assert page.token not in shown.text
    assert here.exact.client_id not in shown.text
    assert thief.get("/api/overview").status == 403
    for action in ("app", "code", "choose", "test", "settings", "finish", "open", "nothing"):
        assert thief.post(action, {"pasted": here.exact.authorize_code(REDIRECT)}).status == 403, action
        assert thief.post(action, X_Login_Token="guess").status == 403, action
    assert here.exact.token_calls == 0
    assert page.process.poll() is None
    assert page.post("code", {"pasted": consent(address)}).status == 200, "the person goes on undisturbed"


def test_the_secret_of_the_page_alone_opens_nothing(page: Page) -> None:
    page.enter()
    assert page.get("/api/overview", Cookie=None).status == 403
    assert page.post("app", Cookie=None).status == 403


def test_a_code_without_the_state_of_this_login_is_refused(here: CliFixture, page: Page) -> None:
    """Else a program could slip in its own login, and runs would read the administrations of somebody else."""
    page.enter()
    page.post("app")
    code = here.exact.authorize_code(REDIRECT)
    for pasted in (code, f"code={code}", f"{REDIRECT}?code={code}", f"{REDIRECT}?code={code}&state=guess"):
        reply = page.post("code", {"pasted": pasted})
        assert reply.status == 422
        assert reply.json()["error"]["kind"] in ("no_state", "other_state")
        assert code not in reply.text
    assert here.exact.token_calls == 0
    assert not here.tokens.exists()


def test_an_address_that_another_process_opens_first_tells_it_nothing(page: Page) -> None:
    """It stands in the browser's command line, for all users of this computer to read."""
    first = page.get(urlsplit(page.address).path)
    assert "Set-Cookie" not in first.headers
    assert page.get("/api/overview").status == 403
    assert page.enter().status == 200, "the person who sees the terminal gets in"


def test_the_browser_learns_neither_settings_nor_code(here: CliFixture) -> None:
    """Its command line and, on some systems, its environment can be read by others."""
    told = here.folder / "told.txt"
    browser = here.folder / "browser"
    browser.write_text(f'#!/bin/sh\n(echo "$0 $@"; env) > {told}.part\nmv {told}.part {told}\n')
    browser.chmod(0o755)
    secrets = {
        "TAP_EXACTONLINE_CLIENT_SECRET": here.exact.client_secret,
        "TAP_EXACTONLINE_TOKEN_STORE_PASSPHRASE": "hunter2-passphrase",
        "TARGET_POSTGRES_PASSWORD": "hunter2-target",
        "AWS_SECRET_ACCESS_KEY": "hunter2-cloud",
        "MY_TOKEN": "hunter2-own",
    }
    screen = Terminal.of(
        here,
        "login",
        "--web",
        "--config",
        here.config(redirect_uri=REDIRECT, client_secret=None),
        "--config=ENV",
        BROWSER=f"{browser} %s",
        DISPLAY=":9",
        **secrets,
    )
    address = screen.until(ADDRESS.pattern)[0]
    code = screen.until(CODE.pattern)[0]
    wait_until(told.exists)
    screen.process.send_signal(signal.SIGINT)
    screen.end()

    text = told.read_text()
    assert f"{browser} {address}\n" in text
    assert "DISPLAY=:9\n" in text
    assert "HOME=" in text
    assert code not in text
    assert [value for value in secrets.values() if value in text] == []
    assert "TAP_" not in text


# -- a tunnel brings the redirect here -----------------------------------------------------------------


def test_a_redirect_through_a_tunnel_finishes_the_login(here: CliFixture, page: Page) -> None:
    page.enter()
    landed = urlsplit(consent(page.post("app").json()["address"]))

    reply = page.get(f"{landed.path}?{landed.query}", Host="tap.example", Cookie=None, Accept_Language="nl")

    assert reply.status == 200
    assert "Ingelogd" in reply.text
    assert page.get("/page.css", Host="tap.example", Cookie=None).status == 200
    assert page.get("/api/overview").json()["logged_in"]
    assert here.exact.token_calls == 1
    # A second visit to the same address changes nothing.
    assert page.get(f"{landed.path}?{landed.query}", Host="tap.example", Cookie=None).status == 200
    assert here.exact.token_calls == 1


def test_the_tunnel_opens_nothing_but_the_redirect(here: CliFixture, page: Page) -> None:
    page.enter()
    page.post("app")
    code = here.exact.authorize_code(REDIRECT)
    for path in (
        "/",
        "/api/overview",
        f"/callback?code={code}",
        f"/elsewhere?code={code}&state=x",
    ):
        assert page.get(path, Host="tap.example").status == 403, path
    wrong = page.get(f"/callback?code={code}&state=guess", Host="tap.example", Cookie=None)
    assert wrong.status == 400
    assert code not in wrong.text
    assert here.exact.token_calls == 0
    assert page.get(f"/callback?code={code}&state=guess", Host="evil.example").status == 403
