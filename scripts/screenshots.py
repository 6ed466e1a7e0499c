"""Photograph the pages for docs/images: ``python -m scripts.screenshots``, or with ``web`` only that of all connections.

The page is the real one, driven in Chromium against the stand-in. Only what would confuse a reader is put right on its
way to the browser: the stand-in's address and the temporary folder.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, ViewportSize, sync_playwright

from scripts.demo_web import REDIRECT, stage
from scripts.meltano_project import ROOT, executable
from tap_exactonline.config import parse
from tap_exactonline.login.web.board import Board
from tests.exact_online import ExactOnline
from tests.support.login_page import in_process

IMAGES = ROOT / "docs/images"
STORE = "/home/anna/exact/.meltano/tap-exactonline/tokens.json"
NAMES = (
    "Bakkerij De Vries B.V.",
    "De Vries Vastgoed B.V.",
    "Holding De Vries B.V.",
    "Webwinkel Zonnebloem",
    "Stichting Dorpshuis",
    "De Vries België BV",
    "Oude administratie 2015",
)
BOARD = ViewportSize(width=1000, height=600)
WIDE, PHONE = ViewportSize(width=820, height=600), ViewportSize(width=390, height=600)


def stand_in() -> ExactOnline:
    """Administrations of a small group of companies."""
    exact = ExactOnline()
    exact.oauth.client_id = "1f0c7a52-8d3e-4b61-9c0e-5a7d2b94e6f1"
    exact.redirect_uris.add(REDIRECT)
    for place, name in enumerate(NAMES):
        country = "BE" if "België" in name else "NL"
        exact.add_division(
            1203417 + place * 1013, description=name, status=2 if "2015" in name else 1, Country=country
        )
    return exact


def tidy(route: Route, url: str, store: str) -> None:
    """Show Exact's Dutch address and a plausible folder, and the settings as inside of a Meltano project."""
    reply = route.fetch()
    text = reply.text().replace(store, STORE)
    text = re.sub(r"(TAP_EXACTONLINE_)API_URL=" + re.escape(url), r"\1COUNTRY=nl", text)
    text = re.sub(r"\\nTAP_EXACTONLINE_TOKEN_STORE=[^\\]*|\\n +token_store: [^\\]*", "", text)
    text = text.replace(f"api_url: {url}", "country: nl").replace(
        '"own_address": true', '"own_address": false'
    )
    route.fulfill(response=reply, body=text)


def photograph(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


def read_entrance(said: Iterable[str]) -> tuple[str, str]:
    """The page's address and the code to type there, from what the program prints."""
    lines = iter(said)
    address = next(found[0] for line in lines if (found := re.search(r"http://127\S+", line)))
    return address, next(found[1] for line in lines if (found := re.search(r"code there: (\S+)", line)))


def enter(page: Page, address: str, code: str) -> None:
    page.goto(address)
    page.fill("#code", code)
    page.press("#code", "Enter")


def walk(exact: ExactOnline, url: str, language: str, size: ViewportSize, wanted: dict[str, str]) -> None:
    """Go through the page and photograph the steps in ``wanted`` (step → name of the image)."""
    folder = Path(tempfile.mkdtemp())
    store = str(folder / "tokens.json")
    (folder / "config.json").write_text(json.dumps({"api_url": url, "token_store": store}))
    command: list[str | Path] = [
        executable("tap-exactonline"),
        "login",
        "--web",
        "--config",
        folder / "config.json",
    ]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address, code = read_entrance(program.stdout or ())

    def shoot(page: Page, step: str) -> None:
        page.wait_for_selector(f"#step-{step}:not([hidden])")
        if step in wanted:
            photograph(page, wanted[step])

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport=size, locale=language)
        page: Any = context.new_page()
        page.route("**/api/*", lambda route: tidy(route, url, store))
        enter(page, address, code)
        page.fill("#client_id", exact.client_id)
        page.fill("#client_secret", exact.client_secret)
        page.fill("#redirect_uri", REDIRECT)
        shoot(page, "app")
        page.click("#form-app .primary")
        page.wait_for_selector("#step-login:not([hidden])")
        context.route(f"{REDIRECT}**", lambda route: route.fulfill(status=404, body="-"))
        with context.expect_page() as opened:
            page.click("#to-exact")
        opened.value.click("button[value=yes]")
        opened.value.wait_for_url(f"{REDIRECT}**")
        landed = opened.value.url
        opened.value.close()
        page.fill("#pasted", landed)
        shoot(page, "login")
        page.click("#form-code .primary")
        page.wait_for_selector("#step-divisions:not([hidden])")
        page.check("[name=scope][value=some]")
        page.click("#division-1207469")
        shoot(page, "divisions")
        page.click("#form-divisions .primary")
        page.locator("#tests .good").nth(4).wait_for()
        page.wait_for_timeout(300)
        shoot(page, "test")
        page.click("#to-settings")
        shoot(page, "settings")
        page.click("#finish")
        page.wait_for_selector("#step-end:not([hidden])")
        browser.close()
    program.wait(timeout=20)
    shutil.rmtree(folder)


def tidy_board(route: Route) -> None:
    """Show Exact's Dutch environment."""
    reply = route.fetch()
    route.fulfill(
        response=reply,
        body=reply.text()
        .replace('"country": ""', '"country": "nl"')
        .replace('"own_address": true', '"own_address": false'),
    )


def boards() -> None:
    """Photograph the page of all connections of `make demo-web`."""
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as made, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language, size, dark in (("en-GB", BOARD, False), ("nl-NL", PHONE, True)):
            with in_process(Board(parse(made.settings), REDIRECT)) as served:
                context = browser.new_context(
                    viewport=size, locale=language, color_scheme="dark" if dark else "light"
                )
                page = context.new_page()
                page.route("**/api/*", tidy_board)
                enter(page, served.address, served.code)
                page.wait_for_selector("#rows tr")
                if dark:
                    page.click("a[href='#watch']")
                    photograph(page, "web-2-bewaken-telefoon")
                    continue
                photograph(page, "web-1-connections")
                page.click("a[href='#watch']")
                photograph(page, "web-2-watch")
                page.click("text=garage-jansen")
                page.wait_for_selector("#runs tr")
                page.set_viewport_size({"width": 1000, "height": 1100})
                page.mouse.move(0, 0)
                page.locator("#detail").screenshot(path=IMAGES / "web-3-detail.png")
                page.set_viewport_size(size)
                page.click("#close")
                page.click("#new")
                page.wait_for_selector("#step-app:not([hidden])")
                page.fill("#connection", "customer-17")
                photograph(page, "web-4-new")
        browser.close()


def shrink(image: Path) -> None:
    """A page of few colours needs no more than 128; done where Pillow is installed."""
    with contextlib.suppress(ImportError):
        from PIL import Image

        with Image.open(image) as picture:
            small = picture.convert("RGB").quantize(128)
        small.save(image, optimize=True)


def main() -> None:
    """Write all images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    boards()
    if "web" not in sys.argv[1:]:
        logins()
    for image in sorted([*IMAGES.glob("login-*.png"), *IMAGES.glob("web-*.png")]):
        shrink(image)
        print(f"{image.relative_to(ROOT)}: {image.stat().st_size / 1024:.0f} KiB")


def logins() -> None:
    """Photograph the login page."""
    everything = {
        "app": "login-1-app",
        "login": "login-2-log-in",
        "divisions": "login-3-administrations",
        "test": "login-4-test",
        "settings": "login-5-settings",
    }
    for language, size, wanted in (
        ("en-GB", WIDE, everything),
        ("nl-NL", WIDE, {"divisions": "login-3-administraties"}),
        ("nl-NL", PHONE, {"login": "login-2-telefoon"}),
    ):
        exact = stand_in()
        with exact.serve() as url:
            walk(exact, url, language, size, wanted)


if __name__ == "__main__":
    main()
