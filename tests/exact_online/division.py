"""One administration: its tables, its counter of rowversions, its rights."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_exactonline.endpoints import Endpoint, by_name, load

from . import generate
from .store import Row, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exact import ExactOnline
    from .front import Refusal

LISTS = ("system_divisions", "system_all_divisions", "hrm_divisions", "system_me")

MERGED = frozenset(
    {"sync_sales_invoice_sales_invoices", "sync_financial_sales_entries", "sync_financial_purchase_entries"}
)
"""Sync endpoints that show a document's total and VAT as rows beside its lines (api-facts, section 13)."""


@cache
def variants() -> dict[tuple[str, tuple[str, ...], bool], list[Endpoint]]:
    """The endpoints that read the same table: one entity, one business key, one form of rows."""
    out: dict[tuple[str, tuple[str, ...], bool], list[Endpoint]] = {}
    for endpoint in load():
        out.setdefault((endpoint.entity, endpoint.key, endpoint.name in MERGED), []).append(endpoint)
    return out


class Division:
    """An administration; all attributes may be changed at any time.

    Attributes:
        code: Its number in the URL.
        status: 0 inactive, 1 active, 2 archived.
        blocking_status: 0 none; 1 to 6 while a back-up, conversion or copy runs.
        move_date: When it was last moved to another database.
        hr_link_date: When its HR data was last linked or unlinked.
        in_scope: Whether the user granted it to the app.
        licence_ok: Otherwise everything answers 403, licence expired.
        forbidden: Stream name to the kind of refusal, see :data:`tests.exact_online.front.Refusal`; ``rights`` is an
            empty 200, and UserHasRights says no.
        refuses: Every call of the administration is refused in this way.
        same_licence: Whether it belongs to the licence that hrm/Divisions and AllDivisions show.
        extra: More values for its row in system/Divisions.

    ``rows`` is a number for every table (the log of deletions stays empty then), or a number for each
    named stream.
    """

    def __init__(
        self,
        exact: ExactOnline,
        code: int,
        *,
        description: str | None = None,
        status: int = 1,
        blocking_status: int = 0,
        move_date: datetime | None = None,
        in_scope: bool = True,
        rows: int | Mapping[str, int] = 0,
        first_rowversion: int = 9_950,
        **extra: Any,
    ) -> None:
        self.exact = exact
        self.code = code
        self.description = description or f"Administration {code}"
        self.status = status
        self.blocking_status = blocking_status
        self.move_date = move_date
        self.hr_link_date: datetime | None = None
        self.in_scope = in_scope
        self.licence_ok = True
        self.same_licence = True
        self.forbidden: dict[str, Refusal] = {}
        self.refuses: Refusal | None = None
        self.created = exact.now() - timedelta(days=400)
        self.modified = self.created
        self.extra: dict[str, Any] = {}
        for name, value in extra.items():
            if name in ("licence_ok", "same_licence", "hr_link_date", "forbidden", "refuses"):
                setattr(self, name, value)
            elif any(f.name == name for list_name in LISTS for f in by_name(list_name).fields):
                self.extra[name] = value
            else:
                raise TypeError(f"a division has no {name!r}")
        self._rv = first_rowversion
        self._reserved: dict[str, tuple[list[Endpoint], int, int]] = {}
        self._tables: dict[str, Table] = {}  # by name of the first endpoint
        self._declare(rows)

    def _declare(self, rows: int | Mapping[str, int]) -> None:
        """Reserve rowversions for every table, so that the order of reading changes nothing."""
        if not isinstance(rows, int) and (unknown := set(rows) - {e.name for e in load()}):
            raise KeyError(f"no such stream: {sorted(unknown)}")
        for endpoints in variants().values():
            names = [e.name for e in endpoints]
            if isinstance(rows, int):
                count = 0 if "sync_deleted" in names else rows  # no tombstones for what never was
            else:
                count = max(rows.get(n, 0) for n in names)
            deletions, count = (count, 0) if "sync_deleted" in names else (0, count)
            count = count if endpoints[0].key else min(count, 1)  # settings: one row, no key
            self._reserved |= dict.fromkeys(names, (endpoints, count, self._rv + 1))
            self._rv += count
            for number in range(deletions):
                old = self.exact.now() - timedelta(days=50, minutes=-number)
                known = (1, 2, 9, 52, 21, 59, 99, 33)[number % 8]
                key = generate.guid(self.exact.seed, self.code, "deleted", number)
                self.table("sync_deleted").insert(
                    EntityKey=key, EntityType=known, DeletedBy=None, DeletedDate=old
                )

    @property
    def rowversion(self) -> int:
        """The highest Timestamp given out; may be raised, to come past 2**53 for example."""
        return self._rv

    @rowversion.setter
    def rowversion(self, value: int) -> None:
        if value < self._rv:
            raise ValueError("a rowversion never falls; use ExactOnline.move_division")
        self._rv = value

    def next_rv(self) -> int:
        self._rv += 1
        return self._rv

    def table(self, stream: str) -> Table:
        """The table behind a stream; KeyError for an unknown one. It is made when it is first asked for."""
        endpoints, count, first_rv = self._reserved[stream]
        name = endpoints[0].name
        if name not in self._tables:
            self._tables.setdefault(name, Table(self, endpoints, count, first_rv))  # threads may meet here
        return self._tables[name]

    def log_deletion(self, entity_type: int, key: Any, when: datetime | None = None) -> dict[str, Any]:
        """Write a line into sync/Deleted; for tests, also of an entity type that nobody knows."""
        table = self.table("sync_deleted")
        who = generate.guid(self.exact.seed, "user")
        return table.insert(
            EntityKey=str(key), EntityType=entity_type, DeletedBy=who, DeletedDate=when or self.exact.now()
        )  # fmt: skip

    def purge_deletions(self) -> None:
        """Forget what is older than the log's memory."""
        limit = self.exact.now() - timedelta(days=self.exact.switches.deleted_days)
        table = self.table("sync_deleted")
        when = table.getter("DeletedDate")

        def old(row: Row) -> bool:
            moment = when(row)
            return moment is not None and moment < limit

        table.purge(old)

    def restamp(self, first: int, *, hr_only: bool = False) -> None:
        """New Timestamps for every table, or for the HR ones, counting on from ``first``."""
        self._rv = first
        for table in dict.fromkeys(map(self.table, self._reserved)):
            if not hr_only or any(e.hr for e in table.endpoints):
                table.restamp(self.next_rv)

    def as_row(self, endpoint: Endpoint, current: int) -> dict[str, Any]:
        """Its row in one of the lists of divisions."""
        known: dict[str, Any] = {
            "Code": self.code,
            "Description": self.description,
            "Status": self.status,
            "BlockingStatus": self.blocking_status,
            "DivisionMoveDate": self.move_date,
            "DivisionHRLinkUnlinkDate": self.hr_link_date,
            "Created": self.created,
            "Modified": self.modified,
            "Hid": 9007199254740993 + self.code,
            "HID": 9007199254740993 + self.code,
            "Current": self.code == current,
            "Main": False,
            "Country": "NL",
            "Currency": "EUR",
            "Legislation": "NL",
            "Customer": generate.guid(self.exact.seed, "customer"),
            "CustomerCode": f"{1:>18}",
            "CustomerName": "Stand-in B.V.",
            "ArchiveDate": self.modified if self.status == 2 else None,
            "IsMainDivision": self.code == current,
            "IsPracticeDivision": False,
            "IsDossierDivision": False,
            "IsHRDivision": False,
            **self.extra,
        }
        return {field.name: known.get(field.name) for field in endpoint.fields}


def me(exact: ExactOnline) -> dict[str, Any]:
    """The one row of current/Me."""
    current = exact.current_division()
    offset = exact.utc_offset_hours()
    known: dict[str, Any] = {
        "UserID": generate.guid(exact.seed, f"user{exact.asking}"),
        "CurrentDivision": current,
        "AccountingDivision": current,
        "FullName": exact.asking or "Stand In",
        "FirstName": "Stand",
        "LastName": "In",
        "UserName": "stand.in",
        "Email": "stand.in@example.com",
        "Language": "EN-US",
        "LanguageCode": "EN",
        "Legislation": 1,
        "IsClientUser": False,
        "ServerTime": exact.now().isoformat(timespec="milliseconds"),
        "ServerUtcOffset": offset,
    }
    return {field.name: known.get(field.name) for field in by_name("system_me").fields}
