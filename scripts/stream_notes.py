"""What a reader of single streams must know, and neither the data file nor the schema tells.

Facts about Exact with their source beside them; none was seen in a live administration by us.
"""

from __future__ import annotations

# Invantive's forum, topics 1222 and 1855: an invoice of one line is three rows.
_LINES = (
    "**Lines 0 and 9999 are not sales.** Line 0 is the total of the entry and line 9999 its VAT. What was sold is in the "
    "lines between them (`line_number NOT IN (0, 9999)`), with the sign of the books: negative, as revenue is credit."
)
# The reference's list of transaction types; the effect is described by iwebdevnl (July 2026).
_CLOSINGS = (
    "**Closings are lines, too.** Lines of `type` 310 (a period) and 320 to 328 (a year) turn each profit-and-loss account "
    "back when it is closed. Leave them out to see the result of a closed year, keep them for a trial balance."
)

NOTES: dict[str, tuple[str, ...]] = {
    "sync_sales_invoice_sales_invoices": (
        f"{_LINES} `salesinvoice_sales_invoices` has one row for each invoice, with positive amounts.",
    ),
    "sync_financial_transaction_lines": (
        (
            "**Line 0 is the total of an entry and line 9999 its VAT.** Both are bookings like the others, so a trial balance "
            "needs them; a count or a sum of the other lines does not. Debit is positive, credit negative."
        ),
        _CLOSINGS,
    ),
    # iwebdevnl, July 2026.
    "financial_reporting_balance": (
        "`amount` is the movement of the period, not the balance at its end. There are several rows for one account and period.",
    ),
    # Fields and texts of boostu-exactonline-mcp, by a live user.
    "vat_vat_codes": ("`percentage` is a fraction: 0.21 for 21 %.",),
    "bulk_financial_transaction_lines": (_CLOSINGS,),
    "financialtransaction_transaction_lines": (_CLOSINGS,),
    # The reference's description of LineType, Status and EndDate.
    "sync_cashflow_payment_terms": (
        (
            "**Open items**: `line_type` 20 is a receivable, 22 a payable; `end_date` is the day since when the item is no longer "
            "open, and empty while it is. `status` is 20 open, 30 selected, 40 processed, 50 matched."
        ),
        "Which sign an open item has, sources contradict each other about. Compare the sum with the control account once.",
    ),
}
"""Stream → paragraphs in Markdown."""

# Invantive's forum, topic 3769.
STALE = (
    "Names that belong to other rows ({names}) are as of this row's last change: they do not follow when the other row is "
    "renamed. Join them by `division` and id."
)
