"""The page itself: one file of HTML that needs no network and no script."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import date
from html import escape
from typing import Any

from .figures import Figures

_CHARTS = {
    "revenue": (
        "Revenue by month",
        "From the ledger accounts of type 110, closings left out, so closed years show what was earned.",
        "wide",
    ),
    "ages": ("Open items by age", "What was open at the end of the day, by days behind the due date.", ""),
    "cash": ("Cash and bank", "Balance at the end of each month.", ""),
    "mrr": ("Monthly recurring revenue", "What was invoiced for subscriptions, and what changed it.", ""),
    "health": (
        "Customers by silence",
        "Size is revenue. Above the dashed line a customer has been silent for more than twice as long as usual.",
        "",
    ),
}
_AGES = {
    "not_due": "not due", "days_1_30": "1-30", "days_31_60": "31-60", "days_61_90": "61-90", "over_90": "over 90", "total": "total",
}  # fmt: skip
_STYLE = """
:root{--ink:#1d2736;--muted:#667085;--line:#e4e7ec;--paper:#fff;--ground:#f5f7fa;--blue:#2458a6;--good:#2f7d4d;--bad:#b5443f}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 48px}
header h1{margin:0;font-size:28px;letter-spacing:-.01em}
header p{margin:4px 0 24px;color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin-bottom:14px}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:14px}
.card{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.wide{grid-column:1/-1}
.tile small{color:var(--muted);display:block}
.tile b{font-size:24px;letter-spacing:-.01em;font-variant-numeric:tabular-nums;display:block}
.good{color:var(--good)}.bad{color:var(--bad)}
h2{margin:0;font-size:16px}
.card>p{margin:2px 0 10px;color:var(--muted);font-size:13px}
.card img{width:100%;display:block}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{font-weight:500;color:var(--muted);border-bottom:1px solid var(--line)}
td,th{padding:4px 8px;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left;padding-left:0}
tbody tr:nth-child(odd) td{background:#fafbfc}
tfoot td{border-top:2px solid var(--ink);font-weight:600}
footer{margin-top:20px;color:var(--muted);font-size:13px}
@media(max-width:820px){.grid{grid-template-columns:1fr}}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""


def money(value: float) -> str:
    """Whole cents, with a minus that is as wide as a digit."""
    text = f"{abs(value):,.2f}"
    return f"&minus;{text}" if round(value, 2) < 0 else text


def whole(value: float) -> str:
    text = f"{abs(value):,.0f}"
    return f"&minus;{text}" if round(value) < 0 else text


def table(head: Iterable[str], rows: Iterable[Iterable[Any]], foot: Iterable[Any] = ()) -> str:
    """A table of texts and amounts; the first column is text."""

    def line(cells: Iterable[Any], tag: str = "td") -> str:
        texts = (money(cell) if isinstance(cell, float) else escape(str(cell)) for cell in cells)
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    end = list(foot)
    return (
        f'<div class="scroll"><table><thead>{line(head, "th")}</thead><tbody>{"".join(map(line, rows))}</tbody>'
        + (f"<tfoot>{line(end)}</tfoot>" if end else "")
        + "</table></div>"
    )


def _card(title: str, text: str, body: str, kind: str = "") -> str:
    return f'<section class="card {kind}"><h2>{escape(title)}</h2><p>{escape(text)}</p>{body}</section>'


def _chart(svg: str, title: str) -> str:
    code = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{code}">'


def trial_balance(found: Figures) -> tuple[str, float]:
    """The table, and debit less credit of all administrations."""
    names = sorted({row["division_name"] for row in found["trial_balance"]})
    balances: dict[tuple[str, str], dict[str, float]] = {}
    for row in found["trial_balance"]:
        mine = balances.setdefault((row["gl_account_code"], row["gl_account"]), {})
        mine[row["division_name"]] = row["closing_balance"]
    rows = [
        [f"{code} {name}", *(mine.get(division, 0.0) for division in names), float(sum(mine.values()))]
        for (code, name), mine in balances.items()
        if any(mine.values())
    ]
    sums = [float(round(sum(cells), 2)) for cells in zip(*(row[1:] for row in rows), strict=True)]
    text = table(["ledger account", *names, "together"], rows, ["debit less credit", *sums])
    return text, max(map(abs, sums), default=0.0)


def _tiles(found: Figures, difference: float) -> str:
    owed = [row for row in found["ages"] if row["side"] == "to receive"]
    total, due = (sum(row[name] for row in owed) for name in ("total", "not_due"))
    last = found["results"][-1]
    cash = {row["division_name"]: row["balance"] for row in found["cash"]}
    risk = [row for row in found["health"] if row["is_at_risk"]]
    tiles = [
        (
            "Debit less credit",
            money(difference),
            "good" if not difference else "bad",
            "the trial balance adds up",
        ),
        (f"Revenue {last['year']}", whole(last["revenue"]), "", f"result {whole(last['result'])}"),
        ("To receive", whole(total), "", f"{whole(total - due)} of it overdue"),
        ("Cash and bank", whole(sum(cash.values())), "", "all administrations"),
        (
            "Recurring revenue",
            whole(found["mrr"][-1]["mrr"]) if found["mrr"] else "0",
            "",
            "in the last month that was invoiced",
        ),
        (
            "Customers at risk",
            str(len(risk)),
            "bad" if risk else "good",
            f"of {len(found['health'])} with a rhythm",
        ),
    ]
    return "".join(
        f'<div class="card tile"><small>{escape(title)}</small><b class="{kind}">{value}</b><small>{escape(text)}</small></div>'
        for title, value, kind, text in tiles
    )


def page(found: Figures, charts: Mapping[str, str]) -> str:
    """The page.

    Args:
        found: What the tables say.
        charts: Name of the chart → SVG.
    """
    (when,) = found["as_of"]
    day = date.fromisoformat(when["day"])
    balance, difference = trial_balance(found)
    cards = [
        _card(title, text, _chart(charts[name], title), kind) for name, (title, text, kind) in _CHARTS.items()
    ]
    best = table(
        ["customer", "administration", "last 365 days", "year before", "overdue"],
        (
            [
                row["account_name"],
                row["division_name"],
                row["revenue_year"],
                row["revenue_year_before"],
                row["overdue"],
            ]
            for row in found["best"]
        ),
    )
    results = table(
        ["", "revenue", "cost of goods", "other", "result"],
        (
            [str(row["year"]), row["revenue"], row["cost_of_goods"], row["other"], row["result"]]
            for row in found["results"]
        ),
    )
    items = table(
        ["", *_AGES.values()],
        ([f"{row['division_name']}, {row['side']}", *(row[name] for name in _AGES)] for row in found["ages"]),
    )
    cards += [
        _card("The five best customers", "By revenue of the last 365 days.", _chart(charts["best"], "The five best customers")),
        _card("Results", "Before the entries that close periods and years.", results),
        _card("The five best customers", "What they bought, and what of it is overdue.", best, "wide"),
        _card("Open items", "By days behind the due date; what is to be paid is positive, too.", items, "wide"),
        _card("Trial balance", "Balances at the end of the last period, debit positive. They add up to nothing.", balance, "wide"),
    ]  # fmt: skip
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Books as of {day:%d %B %Y}</title><style>{_STYLE}</style></head>
<body><main>
<header><h1>Books as of {day.day} {day:%B %Y}</h1>
<p>{len({row["division_name"] for row in found["trial_balance"]})} administrations, amounts in {escape(when["currency"])}.
From Exact Online by tap-exactonline, built by the dbt package, read from PostgreSQL.</p></header>
<div class="tiles">{_tiles(found, difference)}</div>
<div class="grid">{"".join(cards)}</div>
<footer>Companies, people and amounts are invented.</footer>
</main></body></html>
"""
