"""The login page in a real browser, as a person uses it: by mouse, by keyboard, in English and Dutch."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.exact_online import faults
from tests.support.cli import REDIRECT, CliFixture, lab
from tests.support.login_page import Page, served

from .browser import NEEDS_CHROMIUM, Window, expect

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101, 102) as made:
        made.exact.add_division(103, description="Bakkerij <b>& Zn</b>", status=2)
        yield made


class Person(Window):
    """A browser with one window on the login page."""

    def fill_in(self, here: CliFixture) -> None:
        """Step 1."""
        self.page.get_by_label("Client ID").fill(here.exact.client_id)
        self.page.get_by_label("Client secret").fill(here.exact.client_secret)
        self.page.get_by_label("Redirect URI").fill(REDIRECT)
        self.next()


def test_from_the_app_to_the_settings(chromium: Any, here: CliFixture) -> None:
    with served(here, client_id=None, client_secret=None) as running:
        person = Person(chromium, running)
        page = person.page
        person.at("app")
        assert page.url == f"{running.origin}/", "the secret is gone from the address bar"
        person.fill_in(here)
        person.at("login")
        landed = person.consent()
        page.get_by_label("Address that you landed on").fill(landed)
        person.next()

        section = person.at("divisions")
        expect(section.get_by_text("Logged in as Stand In.")).to_be_visible()
        expect(section.locator("tbody tr")).to_have_count(3)
        expect(section.get_by_text("Bakkerij <b>& Zn</b>")).to_be_visible()
        page.get_by_role("radio", name="Only these").check()
        expect(section.get_by_role("checkbox", name="103")).to_be_disabled()
        section.get_by_role("checkbox", name="102").uncheck()
        expect(section.get_by_text("1 of 3 chosen")).to_be_visible()
        person.next()

        section = person.at("test")
        expect(section.get_by_text("The administration answers.")).to_be_visible()
        expect(section.get_by_text("calls left today")).to_be_visible()
        person.next()

        section = person.at("settings")
        block = section.locator("#environment").inner_text()
        assert f"TAP_EXACTONLINE_CLIENT_ID={here.exact.client_id}" in block
        assert "TAP_EXACTONLINE_CLIENT_SECRET=<the client secret>" in block
        assert "TAP_EXACTONLINE_DIVISIONS=[101]" in block
        assert str(here.tokens) in section.inner_text()
        assert here.exact.client_secret not in page.content()
        person.next()
        person.at("end")

        status, out, err = running.end()
        assert (status, err) == (0, "")
        assert here.said_nothing_secret(out, page.content())
        assert person.complaints == []
        assert person.visited == {running.origin, here.exact.url, "https://tap.example"}
        assert here.run("divisions", "--config", here.config()).returncode == 0


def test_by_keyboard_in_dutch(chromium: Any, here: CliFixture) -> None:
    with served(here, client_id=None, client_secret=None) as running:
        person = Person(chromium, running, "nl-NL")
        page, keys = person.page, person.page.keyboard
        person.at("app")
        expect(page.get_by_role("heading", level=1)).to_have_text("Exact Online koppelen")

        tab_to = person.tab_to
        keys.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for target, text in (
            ("#client_id", here.exact.client_id),
            ("#client_secret", here.exact.client_secret),
            ("#redirect_uri", REDIRECT),
        ):
            tab_to(target)
            keys.type(text)
        keys.press("Enter")
        person.at("login")
        assert page.evaluate("document.activeElement.tagName") == "H2", "the reader hears where they are"
        landed = person.consent()
        tab_to("#pasted")
        keys.insert_text(landed)
        keys.press("Enter")

        section = person.at("divisions")
        tab_to("input[name=scope]")
        keys.press("ArrowDown")
        expect(page.get_by_role("radio", name="Alleen deze")).to_be_checked()
        tab_to("#division-101")
        keys.press("Space")
        expect(section.get_by_text("1 van 3 gekozen")).to_be_visible()
        tab_to("#form-divisions .primary")
        keys.press("Enter")
        person.at("test")
        expect(page.get_by_text("De administratie antwoordt.")).to_be_visible()
        tab_to("#to-settings")
        keys.press("Enter")
        person.at("settings")
        assert "[102]" in page.locator("#meltano").inner_text()
        assert "<het client secret>" in page.locator("#environment").inner_text()
        tab_to("#finish")
        keys.press("Enter")
        person.at("end")
        assert running.end()[0] == 0
        assert person.complaints == []


def test_slips_are_told_in_the_chosen_language_and_mended(chromium: Any, here: CliFixture) -> None:
    with served(here, redirect_uri=REDIRECT) as running:
        person = Person(chromium, running)
        page, alert = person.page, person.page.get_by_role("alert")
        person.at("app")
        page.get_by_label("Redirect URI").fill("http://localhost:8000/")
        person.next()
        expect(alert).to_contain_text("public https addresses only")
        expect(page.get_by_label("Redirect URI")).to_be_focused()
        expect(page.get_by_label("Redirect URI")).to_have_attribute("aria-invalid", "true")
        page.get_by_role("button", name="Nederlands").click()
        expect(alert).to_contain_text("Het redirect-adres klopt niet")
        expect(page.locator("html")).to_have_attribute("lang", "nl")
        page.get_by_role("button", name="English").click()
        page.get_by_label("Redirect URI").fill(REDIRECT)
        person.next()
        person.at("login")

        pasted = page.get_by_label("Address that you landed on")
        pasted.fill(person.consent("no"))
        person.next()
        expect(alert).to_contain_text("Access was not allowed")
        landed = person.consent()
        pasted.fill(landed.replace("state=", "state=x"))
        person.next()
        expect(alert).to_contain_text("another login")
        pasted.fill(landed)
        here.exact.clock.advance(181)
        person.next()
        expect(alert).to_contain_text("three minutes")
        pasted.fill(person.consent())
        person.next()
        person.at("divisions")
        expect(alert).to_be_hidden()


@pytest.mark.parametrize(
    ("locale", "said"), [("en-GB", "does not accept the app"), ("nl-NL", "accepteert de app niet")]
)
def test_a_wrong_secret_leads_back_to_where_it_stands(
    chromium: Any, here: CliFixture, locale: str, said: str
) -> None:
    with served(here, client_secret="not-this-one", redirect_uri=REDIRECT) as running:
        person = Person(chromium, running, locale)
        page = person.page
        person.at("app")
        person.next()
        person.at("login")
        page.locator("#pasted").fill(person.consent())
        page.locator("#pasted").press("Enter")

        person.at("app")
        expect(page.get_by_role("alert")).to_contain_text(said)
        secret = page.locator("#client_secret")
        expect(secret).to_have_attribute("aria-invalid", "true")
        expect(secret).to_be_focused()
        secret.fill(here.exact.client_secret)
        person.next()
        person.at("login")
        expect(page.get_by_role("alert")).to_be_hidden()
        page.locator("#pasted").fill(person.consent())
        page.locator("#pasted").press("Enter")
        person.at("divisions")
        assert running.process.poll() is None


def test_the_dutch_page_has_no_english_left(chromium: Any, here: CliFixture) -> None:
    here.exact.faults.add(
        faults.Match(division=102, path="UserHasRights"), faults.forbidden("division"), times=99
    )
    seen = []
    with served(here, redirect_uri=REDIRECT) as running:
        person = Person(chromium, running, "nl-NL")
        body = person.page.locator("body")
        person.at("app")
        seen.append(body.inner_text())
        person.next()
        person.at("login")
        seen.append(body.inner_text())
        person.page.locator("#pasted").fill(person.consent())
        for step in ("divisions", "test", "settings", "end"):
            person.next()
            person.at(step)
            if step == "test":
                expect(person.page.locator("#tests .bad")).to_have_count(1)
                expect(person.page.locator("#tests .good")).to_have_count(1)
            seen.append(body.inner_text())
    words = set(re.findall(r"[a-z]+", "\n".join(seen).replace(str(here.folder), "").lower()))
    english = {
        "the",
        "and",
        "your",
        "not",
        "this",
        "file",
        "does",
        "with",
        "given",
        "login's",
        "company",
        "read",
    }
    assert sorted(english & words) == []


def test_with_a_tunnel_nothing_is_pasted(chromium: Any, here: CliFixture) -> None:
    with served(here, redirect_uri=REDIRECT) as running:
        person = Person(chromium, running)
        person.at("app")
        person.next()
        person.at("login")

        def tunnel(route: Any) -> None:
            """What ngrok and the like do: a public https name, forwarded to the local page."""
            parts = urlsplit(route.request.url)
            reply = running.get(f"{parts.path}?{parts.query}", Host="tap.example", Cookie=None)
            kept = {
                k: v for k, v in reply.headers.items() if k.lower() not in ("content-length", "connection")
            }
            route.fulfill(status=reply.status, headers=kept, body=reply.text)

        person.context.route("https://tap.example/**", tunnel)
        with person.context.expect_page() as opened:
            person.page.locator("#to-exact").click()
        opened.value.locator("button[value=yes]").click()
        expect(opened.value.get_by_role("heading")).to_have_text("Logged in")

        person.at("divisions")
        expect(person.page.get_by_text("Logged in as Stand In.")).to_be_visible()
        assert here.exact.token_calls == 1


def test_everything_has_a_name_for_those_who_do_not_see_it(chromium: Any, here: CliFixture) -> None:
    with served(here, redirect_uri=REDIRECT) as running:
        person = Person(chromium, running)
        person.at("app")
        person.next()
        person.at("login")
        person.page.locator("#pasted").fill(person.consent())
        person.next()
        person.at("divisions")
        assert person.nameless() == []
        texts = person.page.locator("[data-t]").all_inner_texts()
        assert len(texts) > 50
        assert "" not in [text.strip() for text in person.page.locator("[data-t]").all_text_contents()]


def test_a_wrong_code_is_told_and_a_second_tab_too(chromium: Any, here: CliFixture) -> None:
    with served(here, redirect_uri=REDIRECT) as running:
        right, running.code = running.code, "AAAA-AAAA"
        person = Person(chromium, running)
        alert = person.page.get_by_role("alert")
        expect(alert).to_contain_text("another code")
        expect(person.page.get_by_label("Code from the terminal")).to_be_focused()
        person.page.locator("#code").fill(right.lower())
        person.page.locator("#code").press("Enter")
        person.at("app")
        person.page.reload()
        person.at("app")

        second = person.context.new_page()
        second.goto(running.address)
        expect(second.get_by_role("alert")).to_contain_text("another tab")
        assert second.locator("main > section:visible").count() == 0
        person.next()
        person.at("login")


def test_what_a_browser_tells_another_port_opens_nothing(chromium: Any, here: CliFixture) -> None:
    """A program of another user waits on a port of its own for the person to come by."""
    heard: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Cookie") or "")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<title>trap</title>")

        def log_message(self, *args: Any) -> None:
            pass

    with served(here, redirect_uri=REDIRECT) as running, HTTPServer(("127.0.0.1", 0), Trap) as trap:
        threading.Thread(target=trap.serve_forever, daemon=True).start()
        person = Person(chromium, running)
        person.at("app")
        person.next()
        person.at("login")
        other = person.context.new_page()
        other.goto(f"http://127.0.0.1:{trap.server_port}/")

        assert "tap_exactonline_login=" in heard[0], "browsers do not tell ports apart"
        assert other.evaluate("Object.keys(sessionStorage)") == []
        thief = Page(running.process, running.address, "", cookie=heard[0])
        assert thief.get("/api/overview").status == 403
        assert thief.post("code", {"pasted": here.exact.authorize_code(REDIRECT)}).status == 403
        told = other.evaluate(
            """(address) => fetch(address, {method: "POST", credentials: "include", body: "{}",
              headers: {"Content-Type": "application/json", "X-Login-Token": "guess"}})
              .then((answer) => answer.status, () => "refused by the browser")""",
            f"{running.origin}/api/app",
        )
        assert told == "refused by the browser"
        trap.shutdown()
        assert here.exact.token_calls == 0


def test_a_program_that_has_ended_is_told(chromium: Any, here: CliFixture) -> None:
    with served(here, redirect_uri=REDIRECT) as running:
        person = Person(chromium, running, "nl")
        person.at("app")
        running.process.kill()
        running.process.wait()
        person.next()
        expect(person.page.get_by_role("alert")).to_contain_text("is beëindigd")
