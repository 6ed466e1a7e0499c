"""What the tests in a real browser share."""

from __future__ import annotations

import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.cli import REDIRECT
from tests.support.login_page import Page

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=20_000)  # a busy machine takes its time

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine: apt-get install chromium, or another package manager's",
)


class Window:
    """A browser with one window on a page, once the code was typed.

    Attributes:
        page: Playwright's page.
        complaints: What the browser's console and its content policy complained about.
        visited: Every origin that was asked for something.
    """

    def __init__(self, chromium: Any, served: Page, locale: str = "en-GB", **options: Any) -> None:
        options.setdefault("viewport", {"width": 900, "height": 900})
        self.context = chromium.new_context(locale=locale, **options)
        self.context.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.visited: set[str] = set()
        self.context.on(
            "request", lambda r: self.visited.add("{0.scheme}://{0.netloc}".format(urlsplit(r.url)))
        )
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.clock.install()  # a test may let it jump
        self.page.goto(served.address)
        self.page.locator("#code").fill(served.code)
        self.page.locator("#code").press("Enter")

    def next(self) -> None:
        self.page.locator("section:not([hidden]) .primary").last.click()

    def at(self, step: str) -> Any:
        """Wait for a step and return its section."""
        section = self.page.locator(f"#step-{step}")
        section.wait_for(state="visible")
        assert self.page.locator("main > section:visible").count() == 1
        return section

    def consent(self, answer: str = "yes") -> str:
        """Open Exact's page from ours, answer it, and return the address that the browser landed on."""
        self.context.route(f"{REDIRECT}**", lambda route: route.fulfill(status=404, body="no such page"))
        with self.context.expect_page() as opened:
            self.page.locator("#to-exact").click()
        exact = opened.value
        exact.locator(f"button[value={answer}]").click()
        exact.wait_for_url(f"{REDIRECT}**")
        landed = str(exact.url)
        exact.close()
        return landed

    def tab_to(self, target: str) -> None:
        """Press the Tab key until it is there."""
        for _ in range(60):
            if self.page.evaluate("(wanted) => document.activeElement.matches(wanted)", target):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} can't be reached with the Tab key")

    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        )

    def nameless(self) -> list[str]:
        """What a person who does not see the page can't tell apart."""
        return list(
            self.page.evaluate(
                """() => [...document.querySelectorAll("button, a[href], input, select, textarea, [role=group], nav, dialog")]
                  .filter((one) => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby")
                    || one.textContent.trim() || (one.labels && one.labels.length)
                    || document.querySelector(`label[for="${one.id}"]`)))
                  .map((one) => one.outerHTML)"""
            )
        )
