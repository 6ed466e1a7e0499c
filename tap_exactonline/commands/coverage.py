"""What a survey means for the selected streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TypeVar

from tap_exactonline.commands.findings import Findings
from tap_exactonline.commands.survey import Survey, askable, one_per_scope
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.errors import DayBudgetSpent, ExactError

_SHOWN = 6
T = TypeVar("T")


def judge(
    found: Findings,
    survey: Survey,
    endpoints: Sequence[Endpoint],
    chosen_by: str,
    *,
    total: int,
    before: Collection[str] = (),
) -> None:
    """Add what was found about administrations and streams.

    A missing scope, right or licence makes a run fail only where rows came before, or where nothing else can be read:
    it leaves the stream out and goes on.

    Args:
        found: Takes the findings.
        survey: The answers.
        endpoints: The selected streams.
        chosen_by: Where the selection comes from.
        total: How many administrations a run reads.
        before: The streams that delivered rows before, as far as a state tells.
    """
    _administrations(found, survey, total)
    by_scope: dict[str, list[str]] = defaultdict(list)
    for endpoint in endpoints:
        by_scope[endpoint.scope].append(endpoint.name)
    lacking = {scope: by_scope[scope] for scope in survey.scopes}
    no_rights = {stream: codes for stream, codes in survey.no_rights.items() if codes}
    refused = {stream: exc for stream, exc in survey.refused.items() if stream not in no_rights}
    found.facts["streams"] = {
        "selected": len(endpoints),
        "selected_by": chosen_by,
        "asked_about_rights": len(survey.asked_rights),
        "without_scope": dict(sorted(lacking.items())),
        "without_rights": {stream: sorted(codes) for stream, codes in sorted(no_rights.items())},
        "not_covered": {stream: exc.what for stream, exc in sorted(refused.items())},
        "unclear": {stream: exc.what for stream, exc in sorted(survey.unclear.items())},
    }
    if lacking:
        _tell_scopes(found, lacking)
    if no_rights:
        found.add(
            "warning",
            "rights",
            f"the user may not read {_count(len(no_rights), 'stream')}; Exact Online then answers as if there were no rows",
            "Give the user who logged in the rights in Exact Online, or deselect the streams",
            [_where(stream, codes, len(survey.asked)) for stream, codes in _some(sorted(no_rights.items()))]
            + _rest(len(no_rights)),
        )
    if refused:
        found.add(
            "warning",
            "licence",
            f"{_count(len(refused), 'stream')} not covered by licence or country",
            "Deselect the streams, or have the module added",
            [f"{stream}: {exc.what}" for stream, exc in _some(sorted(refused.items()))] + _rest(len(refused)),
        )
    if survey.unclear:
        found.add(
            "failure",
            "streams",
            f"{_count(len(survey.unclear), 'stream')} refused, and not for scope, licence or rights: a run would be incomplete",
            "Try again later; if it lasts, report it with these lines",
            [f"{stream}: {exc.what}" for stream, exc in _some(sorted(survey.unclear.items()))]
            + _rest(len(survey.unclear)),
        )
    affected = {name for names in lacking.values() for name in names} | set(no_rights) | set(refused)
    still = sorted(affected.intersection(before))
    if still:
        found.add(
            "failure",
            "streams",
            f"{_count(len(still), 'stream')} of these delivered rows before: their tables stand still, and a run ends with 1",
            "Give back the scopes, rights or licence, or deselect the streams",
            _some(still) + _rest(len(still)),
        )
    affected |= set(survey.unclear)
    good = len(endpoints) - len(affected)
    if endpoints and not good:
        found.add("failure", "streams", "no selected stream can be read", "The lines above say why")
    text = f"{good} of {len(endpoints)} ({chosen_by}) have no obstacle that can be seen"
    details = []
    ours = askable(endpoints)
    rights, scopes = len({one.name for one in ours} & survey.asked_rights), len(survey.asked_scopes)
    all_scopes = len(one_per_scope(ours))
    if rights < len(ours) or scopes < all_scopes:
        details.append(
            f"asked: rights to {rights} of {len(ours)}, {scopes} of {all_scopes} scopes; --all asks about every one, "
            "which may take minutes"
        )
    found.add("ok" if not affected else "note", "streams", text, details=details)


def _administrations(found: Findings, survey: Survey, total: int) -> None:
    failures: dict[int, ExactError] = {**survey.closed, **survey.failures}
    found.facts["administrations"] |= {
        "asked": len(survey.asked),
        "not_answering": {str(code): exc.what for code, exc in sorted(failures.items())},
    }
    answering = len(survey.answering())
    rest = (
        "" if len(survey.asked) == total else f" ({len(survey.asked)} of {total} asked; --all asks every one)"
    )
    if answering:
        verb = "answers" if answering == 1 else "answer"
        found.add("ok", "administrations", f"{_count(answering, 'administration')} {verb}{rest}")
    for code, exc in sorted(failures.items())[:_SHOWN]:
        if not isinstance(exc, DayBudgetSpent):
            found.add("failure", "administrations", f"{code}: {exc.what}", exc.remedy)
    if len(failures) > _SHOWN:
        found.add("failure", "administrations", f"and {len(failures) - _SHOWN} more")


def _tell_scopes(found: Findings, lacking: dict[str, list[str]]) -> None:
    streams = sum(len(names) for names in lacking.values())
    found.add(
        "warning",
        "scopes",
        f"the app lacks {_count(len(lacking), 'scope')}, which leaves out {_count(streams, 'stream')}",
        "Add them to the app in the Exact Online App Centre, then log in once more: tap-exactonline login",
        [
            f"{scope}: {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"
            for scope, names in sorted(lacking.items())
        ],
    )


def _where(stream: str, codes: list[int], asked: int) -> str:
    if len(codes) == asked:
        return stream
    return f"{stream}: in {', '.join(str(code) for code in sorted(codes)[:_SHOWN])}{' …' if len(codes) > _SHOWN else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _some(items: list[T]) -> list[T]:
    return items[:_SHOWN]


def _rest(number: int) -> list[str]:
    return [f"and {number - _SHOWN} more"] if number > _SHOWN else []
