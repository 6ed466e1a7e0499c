"""A company's books as rows of the stand-in; what has changed since the last time is inserted, updated or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .company import START
from .ids import Ids, Rows, Values, moment
from .rows_ledger import ledger_rows
from .rows_master import master_rows
from .rows_open import open_rows
from .rows_trade import trade_rows
from .rows_work import work_rows

if TYPE_CHECKING:
    from tests.exact_online import ExactOnline

    from .company import Company


class Publisher:
    """Shows a company in one administration.

    Args:
        exact: The stand-in; the administration exists and has no rows.
        division: Its number.
        company: Whose books they are.
    """

    def __init__(self, exact: ExactOnline, division: int, company: Company) -> None:
        self.company = company
        self._exact = exact
        self._division = division
        self._ids = Ids(exact.seed, division)
        self._shown: dict[str, Rows] = {}

    def publish(self) -> dict[str, tuple[int, int, int]]:
        """Bring the administration up to the company's day.

        Returns:
            Stream → rows inserted, updated and deleted; only streams in which something happened.
        """
        done: dict[str, tuple[int, int, int]] = {}
        with self._exact.lock:
            for stream, rows in self.rows().items():
                counts = self._apply(stream, rows, self._shown.get(stream, {}))
                self._shown[stream] = rows
                if any(counts):
                    done[stream] = counts
        return done

    def rows(self) -> dict[str, Rows]:
        """All rows of the company: stream → key → Exact's fields."""
        company, ids = self.company, self._ids
        return (
            master_rows(company, ids, START)
            | ledger_rows(company, ids)
            | open_rows(company, ids)
            | trade_rows(company, ids)
            | work_rows(company, ids, START)
        )

    def _apply(self, stream: str, rows: Rows, shown: Rows) -> tuple[int, int, int]:
        table = self._exact.table(self._division, stream)
        for key in shown.keys() - rows.keys():
            table.delete(key)
        changed = [key for key in rows.keys() & shown.keys() if rows[key] != shown[key]]
        for key in changed:
            table.update(key, **self._fitting(stream, rows[key], changed=True))
        added = [key for key in rows if key not in shown]
        for key in added:
            table.put(key, **self._fitting(stream, rows[key]))
        return len(added), len(changed), len(shown.keys() - rows.keys())

    def _fitting(self, stream: str, values: Values, *, changed: bool = False) -> dict[str, Any]:
        """The values that the table has a column for; its key is given apart."""
        table = self._exact.table(self._division, stream)
        known = table.fields.keys() - {*table.key}
        fitting = {name: value for name, value in values.items() if name in known}
        if changed and "Modified" in known:
            fitting["Modified"] = max(moment(self.company.today, 17), self._exact.now())
        return fitting
