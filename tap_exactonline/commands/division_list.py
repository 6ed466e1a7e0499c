"""``tap-exactonline divisions``: which administrations there are, and which of them are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click

from tap_exactonline.connection import Connection
from tap_exactonline.console import connect, table
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.counted import are, counted
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import ExactError, LoginError, Stopped
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.odata import read_rows, select_query
from tap_exactonline.exact.paging import FixedQuery, paginate

_BLOCKING = {
    0: "",
    1: "backup or restore",
    2: "conversion",
    3: "conversion",
    4: "waiting for conversion",
    5: "waiting for copy",
    6: "being copied",
}
_STATUS = {0: "inactive", 1: "active", 2: "archived", None: "unknown"}


@dataclass(frozen=True, slots=True)
class ListedDivision:
    """One administration as it is shown.

    Attributes:
        division: Its number, as the setting ``divisions`` wants it.
        name: Its name.
        hid: The number that Exact Online's screens show.
        country: Two letters.
        currency: Three letters.
        status: ``active``, ``inactive``, ``archived`` or ``unknown``.
        blocked: What keeps it closed for a while; "" if nothing does.
        in_scope: Whether the login may open it.
        selected: Whether a run reads it.
        reason: Why not.
    """

    division: int
    name: str
    hid: str | None
    country: str | None
    currency: str | None
    status: str
    blocked: str
    in_scope: bool
    selected: bool
    reason: str


def show(raw: Mapping[str, Any], style: str) -> None:
    """Print the list.

    Args:
        raw: The settings.
        style: ``text`` or ``json``.

    Raises:
        ExactError: The list can't be had.
    """
    connection = connect(raw)
    rows = listed(connection)
    if style == "json":
        click.echo(json.dumps({"divisions": [asdict(row) for row in rows]}, indent=1, ensure_ascii=False))
        return
    head = ("number", "in Exact", "name", "country", "currency", "status", "read")
    cells = [
        (
            str(row.division),
            row.hid or "-",
            clean_text(row.name, most=44) or "-",
            row.country or "-",
            row.currency or "-",
            f"{row.status}, {row.blocked}" if row.blocked else row.status,
            "yes" if row.selected else f"no: {row.reason}",
        )
        for row in rows
    ]
    for line in table(head, cells, right=(0, 1)):
        click.echo(line)
    chosen = sum(row.selected for row in rows)
    click.echo(f"\n{chosen} of {counted(len(rows), 'administration')} {are(chosen)} read.")
    if any(not row.in_scope for row in rows):
        click.echo(
            "To grant more to the app: My Exact Online > Security centre > App permissions > Manage companies."
        )


def listed(connection: Connection) -> list[ListedDivision]:
    """Every administration that the login, its licence or the settings know, in the order of their numbers."""
    granted = {division.code: division for division in connection.accessible}
    chosen = {division.code for division in connection.chosen.selected}
    others: dict[int, Division] = {}
    if granted:
        others = {
            one.code: one for one in _of_licence(connection.client, min(granted)) if one.code not in granted
        }
    config = connection.config
    for code in config.divisions or ():
        if code not in granted and code not in others:
            others[code] = Division(code)
    rows = []
    for code, division in sorted((granted | others).items()):
        in_scope = code in granted
        rows.append(
            ListedDivision(
                division=code,
                name=division.description,
                hid=division.hid,
                country=division.country,
                currency=division.currency,
                status=_STATUS.get(division.status, str(division.status)),
                blocked=_BLOCKING.get(division.blocking_status or 0, "blocked"),
                in_scope=in_scope,
                selected=code in chosen,
                reason="" if code in chosen else _why_not(connection, division, in_scope=in_scope),
            )
        )
    return rows


def _why_not(connection: Connection, division: Division, *, in_scope: bool) -> str:
    if not in_scope:
        return "not granted to the app"
    if division.code in connection.config.exclude_divisions:
        return "in exclude_divisions"
    return division.closed or "not in divisions"


def _of_licence(client: ExactClient, start: int) -> list[Division]:
    """What else belongs to the licence, whether the login may open it or not; nothing if Exact does not say."""
    fields = ["Code", "Description", "Status", "BlockingStatus", "Country", "Currency", "Hid"]
    found = []
    try:
        query = FixedQuery(select_query(fields), read_rows)
        context = RequestContext("system/AllDivisions", start, "system_all_divisions")
        for page in paginate(client, context, query):
            found += [Division.of(row) for row in page.rows]
    except (LoginError, Stopped):
        raise
    except (ExactError, KeyError, TypeError, ValueError, OverflowError):
        return found
    return found
