"""The streams of the histories, what may happen to them, and the count of what was tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from tests.exact_online import faults

LOG = "sync_deleted"
SYNC = (
    "sync_financial_gl_classifications",
    "sync_hrm_schedules",
    "sync_inventory_stock_positions",  # no Modified
    "sync_sales_order_goods_deliveries",  # EntryID is its key
)
MODIFIED = ("bulk_financial_gl_accounts", "hrm_costunits")
FULL = (
    "bulk_documents_document_attachments",
    "openingbalance_current_year_processed",  # a key of two columns
    "read_financial_journal_status_list",  # one of three, and no pages
)
ONCE = "system_divisions"

LOG_FORGETS = timedelta(days=70)

Change = Literal["insert", "update", "delete", "recreate", "replace"]
Place = tuple[str, int]


class Diverged(AssertionError):
    """The target does not hold what the source holds."""


@dataclass(slots=True)
class Tally:
    """What was tried, over all histories."""

    histories: int = 0
    runs: int = 0
    cut: int = 0
    checks: int = 0
    rows: int = 0

    def add(self, other: Mapping[str, int]) -> None:
        for name, value in other.items():
            setattr(self, name, getattr(self, name) + value)


TALLY = Tally()


def hiccups() -> dict[str, Callable[[], faults.Action]]:
    """What the network and Exact's machines do now and then."""
    return {
        "503": lambda: faults.status(503),
        "500 after": lambda: faults.status(500, faults.HTML),
        "reset": faults.reset,
        "reset after": lambda: faults.reset(after=True),
        "midway": lambda: faults.reset_midway(0.6),
        "truncated": lambda: faults.truncated(0.7),
        "html": faults.html,
        "empty": faults.empty,
        "twice": faults.duplicate_row,
        "new field": faults.extra_field,
        "firewall": faults.firewall,
        "maintenance": faults.redirect,
        "not authorized": faults.unauthorized,
        "unknown reason": lambda: faults.refusal("unknown_reason"),
        "empty refusal": lambda: faults.refusal("empty"),
        "other administration": lambda: faults.foreign_rows(999),
    }
