"""The login page's server: what it serves, and to whom it does not."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cli import REDIRECT, CliFixture, consent
from tests.support.login_page import Page, served


def test_all_steps_one_after_the_other(here: CliFixture, page: Page) -> None:
    here.exact.add_division(104, status=2)
    assert page.enter().status == 200
    before = page.get("/api/overview").json()
    assert (before["client_id"], before["has_secret"], before["logged_in"]) == (
        here.exact.client_id,
        True,
        False,
    )

    app = page.post("app", {"redirect_uri": REDIRECT}).json()
    code = page.post("code", {"pasted": consent(app["address"])}).json()
    assert code["logged_in"]
    assert code["user"] == "Stand In"
    assert [(one["division"], one["open"]) for one in code["divisions"]] == [
        (101, True),
        (102, True),
        (103, True),
        (104, False),
    ]
    chosen = page.post("choose", {"divisions": [101, 103]}).json()
    assert chosen["chosen"] == [101, 103]
    here.exact.divisions[103].licence_ok = False
    tests = [page.post("test", {"division": code}).json() for code in (101, 103)]
    assert [one["works"] for one in tests] == [True, False]
    assert "licence" in tests[1]["why"]
    block = page.post("settings").json()
    for text in block.values():
        assert here.exact.client_id in text
        assert "[101, 103]" in text
    assert "TAP_EXACTONLINE_CLIENT_SECRET=<the client secret>" in block["environment"]
    dutch = page.post("settings", {"language": "nl"}).json()
    assert "TAP_EXACTONLINE_CLIENT_SECRET=<het client secret>" in dutch["environment"]
    assert page.post("settings", {"language": "xx"}).json() == block
    assert page.get("/api/overview").json()["store"] == str(here.tokens)
    assert page.post("finish").json() == {"finished": True}
    status, out, err = page.end()
    assert (status, err) == (0, "")
    assert "Logged in as Stand In" in out
    assert here.run("divisions", "--config", here.config()).returncode == 0
    assert here.said_nothing_secret(out, *map(json.dumps, (before, app, code, chosen, tests, block)))


def test_all_current_and_future_leaves_the_setting_out(page: Page) -> None:
    page.enter()
    page.post("code", {"pasted": consent(page.post("app").json()["address"])})
    page.post("choose", {"divisions": None})
    assert "divisions" not in page.post("settings").text.lower()
    assert page.post("choose", {"divisions": []}).json()["error"]["kind"] == "SettingsError.divisions"
    assert page.post("choose", {"divisions": [999]}).status == 422


@pytest.mark.parametrize(
    ("field", "value"), [("redirect_uri", "http://localhost"), ("country", "xx"), ("client_id", "")]
)
def test_a_wrong_field_is_named(here: CliFixture, field: str, value: str) -> None:
    settings: dict[str, Any] = {"redirect_uri": REDIRECT, "client_id": None} if field == "client_id" else {}
    if field == "country":
        settings["api_url"] = None
    with served(here, **settings) as page:
        page.enter()
        asked = {"client_id": "some-id", "redirect_uri": REDIRECT, field: value}
        assert page.post("app", asked).json()["error"]["kind"].endswith(field)


def test_the_country_chooses_the_address(here: CliFixture) -> None:
    with served(here, api_url=None, client_id=None, client_secret=None) as page:
        page.enter()
        assert page.get("/api/overview").json()["own_address"] is False
        asked = {
            "country": "be",
            "client_id": "some-id",
            "client_secret": "some-secret",
            "redirect_uri": REDIRECT,
        }
        app = page.post("app", asked).json()
        assert app["address"].startswith("https://start.exactonline.be/api/oauth2/auth?")
        assert "some-secret" not in json.dumps(app)
        block = page.post("settings").json()
        assert "TAP_EXACTONLINE_COUNTRY=be" in block["environment"]
        assert "country: be" in block["meltano"]


def test_errors_of_exact_are_sentences(here: CliFixture, page: Page) -> None:
    page.enter()
    app = page.post("app", {"client_secret": "not-the-secret"}).json()
    reply = page.post("code", {"pasted": consent(app["address"])})
    assert reply.status == 422
    assert reply.json()["error"]["kind"] == "AppRefused"
    assert "not-the-secret" not in reply.text


def test_a_failed_list_does_not_waste_the_code(here: CliFixture, page: Page) -> None:
    page.enter()
    landed = consent(page.post("app").json()["address"])
    here.exact.scopes = set()
    assert page.post("code", {"pasted": landed}).json()["error"]["kind"] == "ScopeViolated"
    here.exact.scopes = None
    here.exact.add_division(104)  # another address than the one that was refused
    assert page.get("/api/overview").json()["logged_in"] is False
    assert here.exact.token_calls == 1


# -- to whom it does not answer ----------------------------------------------------------------------


def test_the_code_works_once(page: Page) -> None:
    first = page.enter()
    assert "HttpOnly" in first.headers["Set-Cookie"]
    assert "SameSite=Strict" in first.headers["Set-Cookie"]
    assert page.get("/").status == 200
    for cookie in (None, page.cookie):
        again = page.post("open", {"code": page.code}, Cookie=cookie, X_Login_Token=None)
        assert again.status == 403
        assert again.json() == {"error": {"kind": "used"}}
        assert "Set-Cookie" not in again.headers
    assert page.get("/", Cookie=None).status == 403
    assert page.get("/api/overview").status == 200


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code}\t"])
def test_the_code_is_taken_as_people_type_it(page: Page, typed: Callable[[str], str]) -> None:
    page.code = typed(page.code)
    assert page.enter().status == 200


@pytest.mark.parametrize("guess", ["", "AAAA-AAAA", "é", None, 5, ["x"], {}])
def test_a_guess_opens_nothing(page: Page, guess: object) -> None:
    reply = page.post("open", {"code": guess})
    assert reply.status == 403
    assert reply.json() == {"error": {"kind": "wrong"}}
    assert page.post("open", {}).status == 403
    assert page.enter().status == 200, "a guess does not use the code up"


@pytest.mark.parametrize(
    "cookie", [None, "tap_exactonline_login=", "tap_exactonline_login=guess", "x=\x7f;;="]
)
def test_without_the_cookie_nothing_is_told(page: Page, here: CliFixture, cookie: str | None) -> None:
    before = page.get("/", Cookie=cookie)
    assert before.status == 200
    assert here.exact.client_id not in before.text
    assert page.code not in before.text
    assert page.get("/api/overview", Cookie=cookie).status == 403
    page.enter()
    for path in ("/", "/api/overview"):
        assert page.get(path, Cookie=cookie).status == 403
    assert page.post("app", Cookie=cookie).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[", "a b"]
)
def test_another_name_for_this_computer_is_refused(page: Page, host: str) -> None:
    """DNS rebinding: the attacker's own name points here, and the browser would send what belongs to that name."""
    page.enter()
    for path in ("/", "/api/overview", "/page.js"):
        assert page.get(path, Host=host).status == 403
    for action in ("app", "open"):
        assert page.post(action, Host=host, Origin=f"http://{host}").status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:9", "LOCALHOST:9000"])
def test_a_forwarded_port_is_this_computer_still(page: Page, host: str) -> None:
    page.enter()
    assert page.get("/", Host=host).status == 200
    assert page.post("choose", Host=host, Origin=f"http://{host}", Sec_Fetch_Site=None).status in (200, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": None},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_step_that_another_page_sends_is_refused(page: Page, headers: dict[str, str | None]) -> None:
    assert page.post("open", {"code": page.code}, **headers).status == 403
    page.enter()
    assert page.post("finish", **headers).status == 403
    assert page.post("app").status == 200
    assert page.process.poll() is None


@pytest.mark.parametrize("body", [b"[]", b"nonsense", b"\xff", b"x" * 70_000])
def test_a_body_that_is_no_step_is_refused(page: Page, body: bytes) -> None:
    page.enter()
    reply = page.request("POST", "/api/app", body, Content_Type="application/json", Origin=page.origin)
    assert reply.status == 403


def test_every_answer_forbids_foreign_content(page: Page) -> None:
    page.enter()
    for reply in (
        page.get("/"),
        page.get("/page.js"),
        page.get("/nowhere"),
        page.get("/", Cookie=None),
        page.post("app"),
        page.post("open"),
    ):
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_lies_outside_of_the_page(page: Page) -> None:
    page.enter()
    for path in (
        "/../web.py",
        "/%2e%2e/web.py",
        "/index.html",
        "/enter.html",
        "/stop.html",
        "/page/../../cli.py",
        "/api/nothing",
    ):
        assert page.get(path).status == 404, path
    assert page.post("nothing").status == 404


def test_only_the_loopback_address_listens(page: Page) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells which address this machine would use
        except OSError:
            pytest.skip("this machine has no other address than the loopback one")
        outside = probe.getsockname()[0]
    with pytest.raises(OSError), socket.create_connection((outside, page.port), timeout=3):
        pass


def test_the_page_is_in_the_language_of_the_browser(page: Page) -> None:
    assert '<html lang="en">' in page.get("/", Accept_Language="de").text
    entrance = page.get("/", Accept_Language="nl-BE, en;q=0.5").text
    assert '<html lang="nl">' in entrance
    assert "Code uit de terminal" in entrance
    assert "{{" not in entrance
    page.enter()
    assert "Deze pagina is niet van u" in page.get("/", Cookie=None, Accept_Language="nl").text


# -- how it ends ---------------------------------------------------------------------------------------


def test_control_c_ends_it_without_a_login(page: Page) -> None:
    page.process.send_signal(signal.SIGINT)
    status, _, err = page.end()
    assert status != 0
    assert "Traceback" not in err


def test_a_page_that_nobody_uses_ends_by_itself(here: CliFixture) -> None:
    (here.folder / "sitecustomize.py").write_text(
        "import tap_exactonline.login.web.wizard as w\nw.log_in_by_page.__kwdefaults__['idle'] = 1.0\n"
    )
    done = here.run(
        "login", "--web", "--config", here.config(redirect_uri=REDIRECT), PYTHONPATH=str(here.folder)
    )
    assert done.returncode == 1
    assert "No login was made" in done.stderr


def test_a_fixed_port_for_tunnels(here: CliFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = here.run("login", "--web", "--port", str(port), "--config", here.config(redirect_uri=REDIRECT))
    assert done.returncode == 1
    assert "--port" in done.stderr
    with served(here, "--port", str(port)) as page:
        assert page.port == port


def test_the_page_of_all_connections_is_served_until_it_is_ended(here: CliFixture) -> None:
    assert here.log_in("--config", here.config(connection="bakery"), "--redirect-uri", REDIRECT)[0] == 0
    with served(here, "--no-browser", command=["web"], redirect_uri=REDIRECT) as page:
        assert page.enter().status == 200
        told = page.get("/api/connections").json()["connections"]
        assert [(one["connection"], one["user"], one["state"]) for one in told] == [
            ("bakery", "Stand In", "good")
        ]
        assert page.post("new").status == 200
        assert page.post("app", {"connection": "garage"}).json()["redirect_uri"] == REDIRECT
        page.process.send_signal(signal.SIGINT)
        status, out, err = page.end()
    assert (status, err.strip()) == (130, "")
    assert "The page is open at" in out
    assert here.said_nothing_secret(out, str(told))
