"""Which administrations there are, and which of them are read.

``system/Divisions`` lists what the user may open and the app was granted; ``hrm/Divisions`` and
``system/AllDivisions`` list those of one licence only, or such as answer 403 afterwards. It is an
endpoint *of* a division, so one has to be known before: one that is configured, else the one that the user opened last
(``current/Me``), else one that was read before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.ending import Ending, check_end
from tap_exactonline.exact.errors import (
    BrokenAnswer,
    DivisionError,
    DivisionNotInScope,
    DivisionUnavailable,
    EndpointMissing,
    ExactError,
    ForeignAnswer,
    QueryRefused,
    ScopeViolated,
    ServerFault,
    StreamError,
)
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.odata import Page, read_rows, select_query
from tap_exactonline.exact.paging import paginate
from tap_exactonline.exact.query_refusals import refused_field
from tap_exactonline.exact.refused_fields import MOST_REFUSALS, RefusedFields
from tap_exactonline.exact.responses import MANAGE_COMPANIES

Rows = Sequence[Mapping[str, Any]]

STREAM = "system_divisions"
SCOPE = "Organization administration"
PAGE_SIZE = 60
"""Administrations on a page of their list."""

MOVED, HR_LINKED = "DivisionMoveDate", "DivisionHRLinkUnlinkDate"

_ACTIVE = 1
_PUT_AWAY: Mapping[int | None, str] = {0: "inactive", 2: "archived"}
_BLOCKING = {
    1: "being backed up or restored",
    2: "being converted",
    3: "being converted",
    4: "waiting to be converted",
    5: "waiting to be copied",
    6: "being copied",
}
_NEEDED = (
    "Code",
    "Hid",
    "Description",
    "Status",
    "BlockingStatus",
    MOVED,
    HR_LINKED,
)
_FIELDS = (
    *_NEEDED,
    "Country",
    "Legislation",
    "Currency",
    "CustomerName",
    "ArchiveDate",
    "IsMainDivision",
    "Current",
)
_MOST_STARTS = 4
_MOST_FAULTS = 2
# What the app may do, and what the endpoint is asked for, does not depend on the administration.
_ALIKE_EVERYWHERE = (ScopeViolated, EndpointMissing, QueryRefused)
_MOST_NAME = 200


@dataclass(frozen=True, slots=True)
class Division:
    """One administration.

    Attributes:
        code: Its number in addresses.
        hid: The number that Exact Online shows to people.
        description: Its name.
        country: Two letters, such as ``NL``.
        legislation: Exact's code of the legislation.
        currency: Three letters, such as ``EUR``.
        status: 0 inactive, 1 active, 2 archived; None if Exact does not say.
        blocking_status: 0 none, else what keeps it closed; None if Exact does not say.
        move_date: When it moved to another database, as Exact writes it; only good for comparing. Timestamps from
            before are void. Empty: never. None: unknown, since Exact does not say.
        hr_link_date: When its HR data was linked or unlinked, which does the same to HR streams; else as `move_date`.
        is_main: Whether it is the main one of its licence.
        row: The row as it came.
    """

    code: int
    hid: str | None = None
    description: str = ""
    country: str | None = None
    legislation: str | None = None
    currency: str | None = None
    status: int | None = None
    blocking_status: int | None = None
    move_date: str | None = None
    hr_link_date: str | None = None
    is_main: bool = False
    row: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def closed(self) -> str:
        """Why it cannot be read, such as ``archived``; empty if it can."""
        return _PUT_AWAY.get(self.status) or self.busy

    @property
    def busy(self) -> str:
        """Why one that is neither inactive nor archived cannot be read now, such as ``being converted``; empty if it can."""
        if self.status not in (None, _ACTIVE, *_PUT_AWAY):
            return f"in status {self.status}"
        if not self.blocking_status or self.status in _PUT_AWAY:
            return ""
        return _BLOCKING.get(self.blocking_status, f"blocked (status {self.blocking_status})")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Division:
        """From a row of ``system/Divisions``; only ``Code`` is indispensable.

        Raises:
            KeyError, ValueError, TypeError, OverflowError: if the row has no number.
        """
        return cls(
            code=int(row["Code"]),
            hid=_shown(row.get("Hid")),
            description=_shown(row.get("Description")) or "",
            country=_shown(row.get("Country")),
            legislation=_shown(row.get("Legislation")),
            currency=_shown(row.get("Currency")),
            status=_number(row.get("Status")),
            blocking_status=_number(row.get("BlockingStatus")),
            move_date=_mark(row, MOVED),
            hr_link_date=_mark(row, HR_LINKED),
            is_main=row.get("IsMainDivision") in (True, 1, "true", "True", "1"),
            row=row,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The administrations to read, and an error for each other one that is wanted.

    Attributes:
        selected: Those to read.
        problems: Of configured ones that can't be read.
        closed_for_now: Where all are wanted: of those that Exact keeps closed for a while.
    """

    selected: list[Division]
    problems: list[DivisionError]
    closed_for_now: list[DivisionError]


def recall_refused(refused: RefusedFields, stored: object) -> None:
    """Take over which fields of the list Exact refused in an earlier run."""
    refused.recall(stored, set(_FIELDS) - {"Code"})


def list_divisions(
    client: ExactClient,
    first: Iterable[int] = (),
    fallback: Iterable[int] = (),
    refused: RefusedFields | None = None,
    told: Callable[[Rows], None] = lambda _: None,
) -> list[Division]:
    """All administrations that the login may open, in the order of their numbers.

    Args:
        client: The client.
        first: Administrations to ask through before any other: the configured ones. The one that the user opened last
            need not be granted to the app, and would be refused in every run.
        fallback: Others to ask through where Exact refuses those, and the one that the user opened last.
        refused: Fields of the list that Exact does not know; what it refuses is added.
        told: Is given the rows of ``current/Me``, if that is asked.

    Raises:
        DivisionError, StreamError: if no administration to ask through is granted: what is wrong with the first.
        ExactError: as the client.
    """
    refused = RefusedFields() if refused is None else refused
    problem: ExactError | None = None
    faults = 0
    for start in _starts(client, list(first), list(fallback), told):
        if isinstance(start, ExactError):
            problem = problem or start
            continue
        try:
            return _read_all(client, start, refused)
        except _ALIKE_EVERYWHERE:
            raise
        except (DivisionError, StreamError) as exc:
            problem = problem or exc
        except ServerFault as exc:
            # One administration's database may be down; if another's is as well, it is not the administration.
            faults += 1
            problem = problem or exc
            if faults == _MOST_FAULTS:
                break
    assert problem is not None  # noqa: S101 -- there is at least one start
    raise problem


def _starts(
    client: ExactClient, first: list[int], fallback: list[int], told: Callable[[Rows], None]
) -> Iterator[int | ExactError]:
    """The administrations to ask through, each once; an error in place of the one that the user opened last."""
    tried = list(dict.fromkeys(first))[:_MOST_STARTS]
    yield from tried
    try:
        current: int | ExactError = current_division(client, told)
    except (StreamError, DivisionError, ServerFault, ForeignAnswer, BrokenAnswer) as exc:
        current = exc
    if current not in tried:
        yield current
    yield from [code for code in dict.fromkeys(fallback) if code not in {*tried, current}][:_MOST_STARTS]


def ask_me(client: ExactClient) -> list[dict[str, Any]]:
    """The row of ``current/Me``: whose login it is, and which administration that user opened last.

    Raises:
        ExactError: as the client.
    """

    def ask(*fields: str) -> list[dict[str, Any]]:
        context = RequestContext("current/Me", None, STREAM, SCOPE)
        return client.get(context, query=select_query(fields), decode=read_rows).rows

    try:
        return ask("CurrentDivision", "UserID", "FullName")
    except QueryRefused:
        return ask("CurrentDivision")


def current_division(client: ExactClient, told: Callable[[Rows], None] = lambda _: None) -> int:
    """The administration that the user opened last. It changes by a click, so read nothing else from it.

    Args:
        client: The client.
        told: Is given the rows of ``current/Me``, which say whose login it is, too.

    Raises:
        ExactError: as the client.
    """
    rows = ask_me(client)
    told(rows)
    division = _number(rows[0].get("CurrentDivision")) if rows else None
    if division is None:
        raise BrokenAnswer("current/Me names no administration", "Set divisions", stream=STREAM)
    return division


def choose(
    divisions: Sequence[Division], wanted: Sequence[int] | None, excluded: Sequence[int] | None
) -> Chosen:
    """Pick the administrations to read.

    Args:
        divisions: What `list_divisions` returned.
        wanted: Setting ``divisions``; None or empty means all that are open.
        excluded: Setting ``exclude_divisions``; wins over ``wanted``.
    """
    left_out = set(excluded or ())
    by_code = {division.code: division for division in divisions}
    if not wanted:
        others = [division for code, division in by_code.items() if code not in left_out]
        return Chosen(
            selected=[division for division in others if not division.closed],
            problems=[],
            closed_for_now=[_closed_for_now(division) for division in others if division.busy],
        )
    selected: list[Division] = []
    problems: list[DivisionError] = []
    for code in dict.fromkeys(wanted):
        if code in left_out:
            continue
        division = by_code.get(code)
        if division is None:
            problems.append(_absent(code, divisions))
        elif division.closed:
            problems.append(
                DivisionUnavailable(
                    f"{division.description or 'the administration'} is {division.closed}",
                    "Take it out of divisions, or open it in Exact Online",
                    division=code,
                )
            )
        else:
            selected.append(division)
    return Chosen(selected, problems, closed_for_now=[])


def _closed_for_now(division: Division) -> DivisionError:
    error = DivisionError(
        f"wanted, and Exact keeps it closed now: it is {division.busy}",
        "A run after that goes on from here; or leave it out: exclude_divisions",
        division=division.code,
    )
    error.temporary = True
    return error


def _absent(code: int, divisions: Sequence[Division]) -> DivisionNotInScope:
    for division in divisions:
        if division.hid == str(code):
            return DivisionNotInScope(
                f"{code} is the number that Exact Online shows for {division.description}; in addresses it is {division.code}",
                f"Write {division.code} into divisions",
                division=code,
            )
    return DivisionNotInScope(
        "configured, but the login may not read it",
        f"{MANAGE_COMPANIES}; or correct the number, see tap-exactonline divisions",
        division=code,
    )


def _read_all(client: ExactClient, start: int, refused: RefusedFields) -> list[Division]:
    found: dict[int, Division] = {}
    context = RequestContext("system/Divisions", start, STREAM, SCOPE)
    query, ending = _ListQuery(refused), Ending(PAGE_SIZE)
    for page in paginate(client, context, query):
        ending.page(len(page.rows))
        for row in page.rows:
            try:
                division = Division.of(row)
            except (KeyError, TypeError, ValueError, OverflowError) as exc:
                raise BrokenAnswer("system/Divisions has a row without a number", stream=STREAM) from exc
            found[division.code] = division
    check_end(client, ending, context, query.form()[0])
    return [found[code] for code in sorted(found)]


class _ListQuery:
    """The query of the list. The reference is not the service: it does without a field that Exact does not know.

    Args:
        refused: Fields that Exact does not know; what it refuses is added.
    """

    def __init__(self, refused: RefusedFields) -> None:
        self._refused = refused
        self._refusals = 0
        self._asked: list[str] = []

    def form(self) -> tuple[str, Callable[[bytes], Page[dict[str, Any]]]]:
        # After two refusals it would take too many to find out about the rest one by one.
        wanted = _FIELDS if self._refusals < MOST_REFUSALS - 1 else _NEEDED
        self._asked = [name for name in wanted if name not in self._refused.names]
        return select_query(self._asked), read_rows

    def learn(self, refusal: QueryRefused) -> None:
        self._refusals += 1
        named = refused_field(refusal.message, self._asked)
        # Nothing depends on the others: they are for people who look at the list.
        spare = [name for name in self._asked if name not in _NEEDED] if named is None else [named]
        if self._refusals == MOST_REFUSALS or named == "Code" or not spare:
            raise refusal
        for name in spare:
            self._refused.refuse(name)

    def answered(self) -> None:
        self._refused.answered(self._asked)


def _mark(row: dict[str, Any], name: str) -> str | None:
    """A date that is compared with an earlier one. Only an answer that has the field says that there is none."""
    return (_text(row[name]) or "") if name in row else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _shown(value: Any) -> str | None:
    """A text that is shown to people; `Division.row` keeps it as it came."""
    text = _text(value)
    return None if text is None else clean_text(text, most=_MOST_NAME) or None


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
