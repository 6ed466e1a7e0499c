"""The page of all connections in a real browser: by mouse, by keyboard, in Dutch, on a phone, with 500 of them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tap_exactonline.config import parse
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.login.web.board import Board
from tests.support.boards import API, CLIENT, HOSTILE, keep, make_five, ran, settings
from tests.support.cli import REDIRECT, lab
from tests.support.login_page import Page, in_process

from .browser import NEEDS_CHROMIUM, Window, expect

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def location(tmp_path: Path) -> str:
    return make_five(f"{tmp_path}/")


@pytest.fixture
def served(location: str) -> Iterator[Page]:
    with in_process(Board(parse(settings(location)))) as page:
        yield page


def shows(window: Window, *names: str) -> None:
    """Wait until the list has these connections, in this order."""
    expect(window.page.locator("#rows .link")).to_have_text([*names])


def test_looking_after_connections_by_mouse(chromium: Any, served: Page, location: str) -> None:
    window = Window(chromium, served)
    page = window.page
    expect(page.get_by_role("status")).to_have_text("5 connections. 1 in trouble.")
    shows(window, "bakery", "cafe", "florist", "garage", "new")
    expect(page.get_by_text(HOSTILE.replace("\u202e", ""))).to_be_visible()

    page.get_by_role("link", name="Watch").click()
    shows(window, "garage", "florist", "bakery", "new", "cafe")
    expect(page.get_by_text("Logins that end within a week unless a run uses them: florist")).to_be_visible()
    expect(page.get_by_role("row", name="garage")).to_contain_text("once a person has acted")
    page.get_by_label("Show").select_option("ending")
    shows(window, "florist")
    page.get_by_label("Show").select_option("every")
    page.get_by_label("Find").fill("102")
    shows(window, "bakery")
    page.get_by_label("Find").fill("nobody")
    expect(page.get_by_text("No connection matches.")).to_be_visible()
    page.get_by_label("Find").fill("")

    page.get_by_role("button", name="garage").click()
    detail = page.get_by_role("dialog", name="garage")
    expect(detail.locator("#runs tr")).to_have_count(2)
    detail.get_by_role("button", name="Pause").click()
    expect(detail.get_by_role("button", name="Resume")).to_be_visible()
    detail.get_by_role("button", name="Rename …").click()
    detail.get_by_label("New name").fill("cafe")
    detail.get_by_role("button", name="Rename", exact=True).click()
    expect(detail.get_by_role("alert")).to_contain_text("There is a connection cafe already")
    page.clock.run_for(10_000)
    expect(detail.get_by_role("alert"), "the next look does not take it away").to_be_visible()
    detail.get_by_label("New name").fill("garage-2")
    detail.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("dialog", name="garage-2")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    detail = page.get_by_role("dialog")
    detail.get_by_role("button", name="Remove …").click()
    detail.get_by_role("button", name="Keep it").click()
    expect(detail.get_by_role("button", name="Remove …")).to_be_focused()
    detail.get_by_role("button", name="Remove …").click()
    detail.get_by_role("button", name="Forget the login").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    shows(window, "florist", "bakery", "new", "cafe")

    # What others do is seen without a click.
    ran(open_store(location, client_id=CLIENT, api_url=API, connection="bakery"), 4711)
    page.clock.run_for(10_000)
    expect(page.get_by_role("row", name="bakery")).to_contain_text("4,711")
    assert [text for text in window.complaints if "422" not in text] == []
    assert window.visited == {served.origin}
    for secret in ("hunter2", "access-of", "refresh-of"):
        assert secret not in page.content()


def test_by_keyboard_in_dutch_on_a_dark_phone(chromium: Any, served: Page) -> None:
    window = Window(chromium, served, "nl-NL", viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, keys = window.page, window.page.keyboard
    expect(page.get_by_role("heading", level=1)).to_have_text("Koppelingen met Exact Online")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 29)"
    keys.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    window.tab_to('a[href="#watch"]')
    keys.press("Enter")
    expect(page.get_by_role("link", name="Bewaken")).to_have_attribute("aria-current", "page")
    assert window.fits()
    page.locator(".skip").focus()
    keys.press("Enter")
    expect(page.get_by_role("link", name="Bewaken")).to_have_attribute("aria-current", "page")
    window.tab_to("#rows .link")
    keys.press("Enter")
    detail = page.get_by_role("dialog", name="garage")
    expect(detail.locator("#runs tr")).to_have_count(2)
    assert window.fits()
    window.tab_to("#remove")
    keys.press("Enter")
    expect(page.locator("#remove")).to_have_attribute("aria-expanded", "true")
    seen = page.locator("body").inner_text()
    window.tab_to("#remove-now")
    keys.press("Enter")
    expect(detail).to_be_hidden()
    shows(window, "florist", "bakery", "new", "cafe")
    window.tab_to("#rows .link")
    keys.press("Enter")
    expect(page.get_by_role("dialog", name="florist")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#rows .link").first).to_be_focused()
    said = "\n".join([seen, page.locator("body").inner_text()])
    own = re.sub(r"(Incomplete|Complete): .*", "", said)  # the sentences of runs are those of their log
    assert {"the", "and", "your", "not", "login's", "with", "unless", "run's"} & set(
        own.lower().split()
    ) == set()
    assert window.nameless() == []
    assert window.complaints == []


def test_five_hundred_connections_are_searched(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # nobody's login
    location = f"{tmp_path}/"
    store = keep(location, "customer-0", user="u", user_name="Klant")
    stored = store.load()
    assert stored is not None
    for number in range(1, 500):
        about = replace(
            stored.about, user_name=f"Klant {number} B.V.", divisions=tuple(range(number, number + 1000))
        )
        open_store(location, client_id=CLIENT, api_url=API, connection=f"customer-{number}").save(
            replace(stored, about=about, obtained_at=time.time())
        )
    with in_process(Board(parse(settings(location)))) as served:
        window = Window(chromium, served)
        page = window.page
        expect(page.get_by_role("status")).to_have_text("500 connections.")
        page.get_by_label("Find").fill("klant 17")
        expect(page.locator("#rows tr")).to_have_count(11)
        page.get_by_role("button", name="customer-177").click()
        expect(page.get_by_role("region", name="Administrations")).to_contain_text("1176")
        assert window.fits()


def test_a_connection_is_made_on_a_phone_among_a_thousand_administrations(
    chromium: Any, tmp_path: Path
) -> None:
    with lab(tmp_path, 111, 222) as here:
        for number in range(1_000):
            here.exact.add_division(5_000 + number, description=f"Klant {number} <b>& Zn</b>")
        here.exact.add_user("custA", 111, *range(5_000, 6_000))
        here.exact.oauth.user = "custA"
        with in_process(Board(parse(here.settings), REDIRECT)) as served:
            window = Window(chromium, served, viewport={"width": 360, "height": 740}, has_touch=True)
            page = window.page
            expect(page.get_by_text("There is no connection yet.")).to_be_visible()
            page.get_by_role("button", name="New connection").click()
            window.at("app")
            expect(page.get_by_role("heading", level=1)).to_have_text("New connection")
            page.get_by_label("Name of the connection").fill("Bakery!")
            window.next()
            expect(page.get_by_role("alert").first).to_contain_text("not a name for a connection")
            expect(page.get_by_label("Name of the connection")).to_be_focused()
            page.get_by_label("Name of the connection").fill("bakery")
            window.next()
            assert window.fits()
            window.at("login")
            assert window.fits()
            page.get_by_label("Address that you landed on").fill(window.consent())
            window.next()
            section = window.at("divisions")
            assert window.fits()
            page.get_by_role("radio", name="Only these").check()
            page.get_by_role("button", name="Untick all shown").click()
            page.get_by_label("Find by number or name").fill("klant 99")
            expect(section.locator("tbody tr")).to_have_count(11)
            page.get_by_role("button", name="Tick all shown", exact=True).click()
            expect(section.get_by_text("11 of 1,001 chosen")).to_be_visible()
            window.next()
            expect(window.at("test").get_by_text("All 11 administrations answer.")).to_be_visible()
            assert window.fits()
            window.next()
            section = window.at("settings")
            expect(section.locator("#environment")).to_contain_text("TAP_EXACTONLINE_CONNECTION=bakery")
            assert window.fits()
            page.get_by_role("checkbox", name="Active").uncheck()
            window.next()
            expect(page.get_by_role("row", name="bakery")).to_contain_text("paused")

            page.get_by_role("button", name="bakery").click()
            page.get_by_role("button", name="Choose administrations").click()
            section = window.at("divisions")
            expect(page.get_by_role("heading", level=1)).to_have_text("Administrations of bakery")
            expect(page.locator("#progress li")).to_have_count(3)
            page.get_by_role("radio", name="All, current and future").check()
            assert window.nameless() == []
            page.get_by_role("link", name="All connections").click()
            page.get_by_role("button", name="bakery").click()
            expect(page.get_by_role("region", name="Administrations")).to_contain_text("5990")
            page.get_by_role("button", name="Log in again").click()
            window.at("app")
            expect(page.get_by_label("Name of the connection")).to_have_value("bakery")
            expect(page.get_by_label("Name of the connection")).not_to_be_editable()
            assert [text for text in window.complaints if "422" not in text] == []
            assert window.visited == {served.origin, here.exact.url, "https://tap.example"}
            assert here.said_nothing_secret(page.content())
