"""``tap-exactonline drift``: what has changed at Exact Online since this version of the tap was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import click

from tap_exactonline.commands.drift_report import Difference, Known, by_endpoint, differences, services
from tap_exactonline.connection import Connection
from tap_exactonline.console import connect
from tap_exactonline.exact.counted import counted
from tap_exactonline.exact.errors import (
    DayBudgetSpent,
    DivisionError,
    SettingsError,
    StreamError,
    TemporaryError,
)
from tap_exactonline.exact.metadata import read_metadata

_FUNCTIONS = "New functions. The tap calls none of them, since Exact declares changes as functions, too (users/UnlinkAllRoles):"
Status = Literal["compared", "no document", "failed"]


@dataclass(slots=True)
class Compared:
    """What became of one service.

    Attributes:
        status: ``no document`` if Exact has none there or does not show it to this login, ``failed`` if asking
            again later may help.
        note: Why it was not compared.
    """

    service: str
    status: Status = "compared"
    note: str = ""
    found: list[Difference] = field(default_factory=list)


def show(raw: Mapping[str, Any], names: Sequence[str], style: str) -> bool:
    """Compare and print.

    Args:
        raw: The settings.
        names: Only these services; empty for all.
        style: ``text`` or ``json``.

    Returns:
        Whether everything that was compared is as the tap's data files say, and something was.

    Raises:
        ExactError: Nothing can be asked.
    """
    wanted = choose(names)
    connection = connect(raw)
    division = _division(connection)
    click.echo(
        f"Asking for $metadata of {counted(len(wanted), 'service')} of administration {division}: {counted(len(wanted), 'call')} of its day.",
        err=True,
    )
    results = compare(connection, wanted, division)
    if style == "json":
        click.echo(json.dumps(_document(division, results), indent=1, ensure_ascii=False))
    else:
        for line in _lines(results):
            click.echo(line)
    compared = any(one.status == "compared" for one in results)
    return compared and not any(one.found or one.status == "failed" for one in results)


def choose(names: Sequence[str]) -> list[Known]:
    """The services of some names: ``sync/CRM`` is one of them, ``crm`` all that end so.

    Raises:
        SettingsError: There is no such service.
    """
    everything = services()
    if not names:
        return everything
    chosen = []
    for name in names:
        text = name.strip("/").lower()
        found = [
            one for one in everything if text == one.title.lower() or one.path.lower().endswith(f"/{text}")
        ]
        if not found:
            known = sorted({one.path.rpartition("/")[2].lower() for one in everything})
            raise SettingsError("--service", f"{name!r} is unknown", f"Use one of {', '.join(known)}")
        chosen += [one for one in found if one not in chosen]
    return chosen


def compare(connection: Connection, wanted: Sequence[Known], division: int) -> list[Compared]:
    """Ask service after service. What can't be had is told and does not stop the others.

    Raises:
        ExactError: Of a kind that concerns all services: the login, the administration.
    """
    results = []
    spent: DayBudgetSpent | None = None
    for one in wanted:
        result = Compared(one.title)
        results.append(result)
        if spent is not None:
            result.status, result.note = "failed", spent.what
            continue
        try:
            document = read_metadata(connection.client, one.path, division, beta=one.beta)
        except DayBudgetSpent as exc:
            spent = exc
            result.status, result.note = "failed", f"{exc.what}. {exc.remedy}"
        except StreamError as exc:
            result.status, result.note = "no document", exc.what
        except TemporaryError as exc:
            result.status, result.note = "failed", exc.what
        else:
            result.found = differences(one, document)
    return results


def _division(connection: Connection) -> int:
    chosen = connection.chosen
    if not chosen.selected:
        raise next(
            iter(chosen.problems),
            DivisionError("there is no administration to ask", "`tap-exactonline divisions` lists them"),
        )
    return chosen.selected[0].code


def _document(division: int, results: Sequence[Compared]) -> dict[str, Any]:
    return {
        "division": division,
        "services": [{"service": one.service, "status": one.status, "note": one.note} for one in results],
        "differences": [{"service": one.service, **asdict(what)} for one in results for what in one.found],
    }


def _lines(results: Sequence[Compared]) -> list[str]:
    lines = []
    functions = [what for one in results for what in one.found if what.what == "new function"]
    readable = [what for one in results for what in one.found if what.what != "new function"]
    for path, found in by_endpoint(readable).items():
        name = found[0].stream
        lines.append(f"{path} ({name})" if name and found[0].what != "new endpoint" else path)
        lines += [f"  {_sentence(what)}" for what in found]
    if functions:
        lines += ["", _FUNCTIONS, *(f"  {what.path}" for what in functions)]
    compared = [one for one in results if one.status == "compared"]
    missing = [one for one in results if one.status == "no document"]
    failed = [one for one in results if one.status == "failed"]
    if lines:
        lines.append("")
    if missing:
        lines.append(f"Not compared, because Exact shows no $metadata there: {_listed(missing)}")
        lines.append(f"  {missing[0].service}: {missing[0].note}")
    lines += [f"Not compared: {one.service}: {one.note}" for one in failed]
    count = sum(len(one.found) for one in compared)
    said = f"{count} differences." if count else "all as this version of the tap knows it."
    lines.append(
        f"{counted(len(compared), 'service')} compared: {said}" if compared else "Nothing could be compared."
    )
    if any(what.what in ("new endpoint", "new field") for what in readable):
        lines.append("New fields and endpoints can be read at once by the setting extra_streams.")
    return lines


def _sentence(one: Difference) -> str:
    change = {"new": one.now, "gone": f"was {one.was}", "retyped": f"{one.was} → {one.now}"}
    if one.what == "new endpoint":
        return f"new endpoint, {one.now}"
    if one.what == "endpoint gone":
        return "endpoint gone"
    word = "new" if one.what.startswith("new ") else one.what.rpartition(" ")[2]
    return f"{one.what}: {one.name} ({change[word]})"


def _listed(results: Sequence[Compared]) -> str:
    return ", ".join(one.service for one in results)
