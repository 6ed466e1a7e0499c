"""``tap-exactonline login --web``: one login, on a page."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import click

from tap_exactonline.config import parse
from tap_exactonline.console import next_steps
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.login.web.flow import PageFlow
from tap_exactonline.login.web.server import IDLE, serve


def log_in_by_page(
    raw: Mapping[str, Any], *, port: int, browser: bool, replace_user: bool = False, idle: float = IDLE
) -> None:
    """Serve the page until the person is done.

    Args:
        raw: The settings; the page asks for what is missing.
        port: Fixed port of the loopback address; 0 for any.
        browser: Open the page where there is a graphical browser.
        replace_user: Let the login replace that of another user.
        idle: Seconds without activity after which to end.

    Raises:
        ExactError: The page was left without a login.
    """
    stop = threading.Event()
    flow = PageFlow(parse(raw), str(raw.get("redirect_uri") or "").strip(), stop, replace_user=replace_user)
    serve(flow, what="The login page", port=port, browser=browser, stop=stop, idle=idle)
    for line in flow.summary():
        click.echo(f"\n{line}")
    if not flow.logged_in:
        raise ExactError("No login was made", "Start the login again")
    click.echo("\n".join(next_steps()))
