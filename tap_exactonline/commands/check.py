"""``tap-exactonline check``: would a run succeed, and if not, what is to be done?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any

import click
from msgspec.structs import replace

from tap_exactonline.commands.coverage import judge
from tap_exactonline.commands.estimate import estimate
from tap_exactonline.commands.findings import Findings
from tap_exactonline.commands.selection import known_streams, remembered, selected
from tap_exactonline.commands.survey import Survey, ask
from tap_exactonline.config import require_app
from tap_exactonline.connection import Connection
from tap_exactonline.console import connect
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.auth.tokens import LoginStatus
from tap_exactonline.exact.clock import local_time
from tap_exactonline.exact.counted import are, counted
from tap_exactonline.exact.errors import ExactError, NotLoggedIn
from tap_exactonline.sync.state.state import State

_DAY = 86400.0
_SOON = 7 * _DAY
_MINUTE = 60.0


def show(
    raw: Mapping[str, Any],
    *,
    catalog: IO[str] | None,
    state: IO[str] | None,
    everything: bool,
    quick: bool,
    style: str,
) -> bool:
    """Print what was found; returns whether a run would succeed.

    Args:
        raw: The settings.
        catalog: Which streams.
        state: What was read before.
        everything: Ask every administration about every stream.
        quick: Look no further than the list of administrations.
        style: ``text`` or ``json``.
    """
    found = Findings()
    try:
        _look(found, raw, catalog=catalog, state=state, everything=everything, quick=quick)
    except ExactError as exc:
        found.add("failure", _topic(exc), exc.what if not exc.stream else str(exc), exc.remedy)
    click.echo(found.as_json() if style == "json" else found.as_text())
    return found.good


def _topic(error: ExactError) -> str:
    kind = type(error).__mro__
    names = {one.__name__ for one in kind}
    for name, topic in (
        ("SettingsError", "settings"),
        ("TokenStoreError", "token store"),
        ("LoginError", "login"),
        ("DivisionError", "administrations"),
    ):
        if name in names:
            return topic
    return "Exact Online"


def _look(
    found: Findings,
    raw: Mapping[str, Any],
    *,
    catalog: IO[str] | None,
    state: IO[str] | None,
    everything: bool,
    quick: bool,
) -> None:
    connection = connect(raw)
    streams = known_streams(connection.config)
    endpoints, chosen_by = selected(catalog, streams)
    known = remembered(state, streams)
    require_app(connection.config)
    found.facts["api_url"] = connection.config.api_url
    before = _store(found, connection)
    _administrations(found, connection)
    _login(found, connection, before)
    divisions = connection.chosen.selected
    survey = Survey([])
    if divisions and quick:
        found.add("ok", "administrations", f"{len(divisions)} of {len(connection.accessible)} will be read")
    elif divisions:
        survey = ask(connection, endpoints, divisions, everything=everything)
        judge(found, survey, endpoints, chosen_by, total=len(divisions), before=_delivered(known))
    if not quick:
        _calls(found, connection, endpoints, known, survey, has_state=state is not None)
    found.facts["calls_of_this_check"] = connection.client.calls()
    if found.good and connection.has_record:
        _note_test(connection)


def _note_test(connection: Connection) -> None:
    """Keep with the login that all was well."""
    with contextlib.suppress(NotLoggedIn):  # an access token alone has no record
        connection.store.change(lambda about: replace(about, tested_at=time.time()))


def _delivered(state: State) -> set[str]:
    """The streams of which rows came before in some administration."""
    return {name for name in state.streams() if any(mark.delivered for _, mark in state.bookmarks(name))}


def _store(found: Findings, connection: Connection) -> LoginStatus:
    """Is the token store readable and writable?"""
    where = connection.store.describe()
    found.facts["token_store"] = {"where": where, "ok": False}
    alone = not connection.has_record
    if not alone:
        connection.store.probe()
        found.add("ok", "token store", f"{where}: readable and writable")
    found.facts["token_store"]["ok"] = True
    return connection.credentials.status()


def _administrations(found: Findings, connection: Connection) -> None:
    """Which administrations are there to read? This is also the first use of the login."""
    chosen, every = connection.chosen, connection.accessible
    found.facts["administrations"] = {
        "accessible": len(every),
        "selected": [division.code for division in chosen.selected],
    }
    for problem in [*chosen.problems, *chosen.closed_for_now]:
        found.add("failure", "administrations", f"{problem.division}: {problem.what}", problem.remedy)
    if not chosen.selected:
        found.add(
            "failure",
            "administrations",
            f"none of the {len(every)} that the login may open can be read",
            "tap-exactonline divisions says why for each of them",
        )


def _login(found: Findings, connection: Connection, before: LoginStatus) -> None:
    """How old is the login, and when does it die?"""
    now, after = time.time(), connection.credentials.status()
    found.facts["login"] = {
        "kind": after.kind,
        "logged_in_at": _iso(after.logged_in_at),
        "last_renewed_at": _iso(after.obtained_at),
        "dies_unless_used_before": _iso(after.refresh_expires_at),
        "seconds_left_before_this_check": (
            round(before.refresh_expires_at - now) if before.refresh_expires_at else None
        ),
    }
    if after.refresh_expires_at is None:
        found.add(
            "warning",
            "login",
            "the configured access_token works now, and ends ten minutes after it was made",
            "For more than one short run, log in: tap-exactonline login",
        )
        return
    text = (
        f"works. A person logged in {_ago(after.logged_in_at, now)}, it was renewed {_ago(after.obtained_at, now)}; it "
        f"dies on {_day(after.refresh_expires_at)} if nothing uses it before"
    )
    found.add("ok", "login", text)
    left = (before.refresh_expires_at or after.refresh_expires_at) - now
    if left < _SOON:
        found.add(
            "note",
            "login",
            f"it was {counted(max(0, int(left / _DAY)), 'day')} away from dying before this check renewed it",
            "Let a run come at least once a week: unused for 30 days, a login is gone",
        )


def _calls(
    found: Findings,
    connection: Connection,
    endpoints: list[Endpoint],
    known: State,
    survey: Survey,
    *,
    has_state: bool,
) -> None:
    """What is left of today, and what does the next run need?"""
    divisions = connection.chosen.selected
    need = estimate(endpoints, divisions, known, connection.config)
    budgets = {d.code: connection.client.budget(d.code) for d in divisions}
    left = {code: budget.day_left for code, budget in budgets.items() if budget.day_left is not None}
    reserve = connection.config.reserve_calls
    found.facts["calls_left_today"] = {str(code): value for code, value in left.items()}
    found.facts["next_run"] = {
        "calls_at_least": need.total,
        "calls_at_least_in_one_administration": need.most,
        "streams_from_the_beginning": need.first,
        "streams_read_in_full": need.full,
    }
    if left:
        least = min(left, key=lambda code: left[code])
        limit = budgets[least].day_limit
        of = f" of {limit:,}" if limit else ""
        where = (
            f"in {least}"
            if len(left) == 1
            else f"in {least}, the least of {counted(len(left), 'administration')}"
        )
        found.add("ok", "calls today", f"{left[least]:,}{of} left {where}")
    short = [code for code, calls in need.calls.items() if code in left and left[code] - reserve < calls]
    for code in short[:3]:
        spared = f" ({reserve:,} of them reserved)" if reserve else ""
        found.add(
            "failure",
            "calls today",
            f"{code} has {counted(left[code], 'call')} left{spared}, and a run needs {need.calls[code]:,} at least",
            "Wait until the day is over (midnight UTC), or select fewer streams",
        )
    if divisions:
        found.add(
            "note",
            "next run",
            _expectation(need.most, need.total, len(divisions)),
            details=_more(need, has_state),
        )
    for code, problem in survey.closed.items():
        if type(problem).__name__ == "DayBudgetSpent" and code not in short:
            found.add("failure", "calls today", f"{code}: {problem.what}", problem.remedy)


def _expectation(most: int, total: int, divisions: int) -> str:
    together = f", {total:,} in all {divisions} together" if divisions > 1 else ""
    return f"at least {counted(most, 'call')} in an administration{together}, and one more for each page"


def _more(need: Any, has_state: bool) -> list[str]:
    lines = []
    if need.first:
        why = "" if has_state else " (no --state was given, so all count as first reads)"
        lines.append(
            f"{counted(len(need.first), 'stream')} {are(len(need.first))} read from the beginning{why}: a page is 1,000 rows, 60 for some"
        )
    if need.full:
        lines.append(
            f"{counted(len(need.full), 'stream')} without a bookmark {are(len(need.full))} read in full each time"
        )
    return lines


def _iso(moment: float | None) -> str | None:
    try:
        return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _day(moment: float) -> str:
    return local_time(moment, "%Y-%m-%d %H:%M")


def _ago(moment: float | None, now: float) -> str:
    if moment is None:
        return "at an unknown time"
    seconds = max(0.0, now - moment)
    if seconds < _MINUTE:
        return "just now"
    for size, name in ((_DAY, "day"), (3600.0, "hour"), (_MINUTE, "minute")):
        if seconds >= size:
            count = int(seconds / size)
            return f"{count} {name}{'s' if count != 1 else ''} ago"
    return "just now"
