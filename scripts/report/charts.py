"""The charts of the demo's page and of docs/models.md, as SVG.

    .venvs/report/bin/python -m scripts.report.charts FOLDER < figures.json

Runs in an environment of its own (matplotlib), so it imports nothing of the tap.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.ticker import FuncFormatter

Rows = list[dict[str, Any]]

INK, MUTED, LINE = "#1d2736", "#667085", "#e4e7ec"
PALETTE = ("#2458a6", "#5aa9a3", "#d9a441", "#8d6cab", "#c0605d", "#7d8ca3")
GOOD, FAIR, BAD, WORSE = "#3d9a5f", "#8cc3a0", "#e0a070", "#c0504d"
AGES = {
    "not_due": ("not due", "#b9c9e3"), "days_1_30": ("1 to 30", "#f2cf8d"), "days_31_60": ("31 to 60", "#e7a765"),
    "days_61_90": ("61 to 90", "#d67a55"), "over_90": ("over 90", "#b5443f"),
}  # fmt: skip


def _thousands(value: float, _: int = 0) -> str:
    return f"{value / 1000:,.0f}k" if abs(value) >= 1000 else f"{value:,.0f}"


def _days(rows: Rows) -> list[date]:
    return [date.fromisoformat(row["month"]) for row in rows]


def _by(rows: Rows, column: str) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return dict(sorted(found.items()))


def _axis(size: tuple[float, float] = (6.2, 3.3)) -> tuple[Any, Any]:
    figure, axis = plt.subplots(figsize=size)
    axis.yaxis.set_major_formatter(FuncFormatter(_thousands))
    axis.grid(axis="y", color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    return figure, axis


def _months(axis: Any, *, every: int = 12) -> None:
    axis.xaxis.set_major_locator(MonthLocator(bymonth=range(1, 13, every)))
    axis.xaxis.set_major_formatter(DateFormatter("%b %Y"))


def _legend(axis: Any, **more: Any) -> None:
    axis.legend(frameon=False, fontsize=9, labelcolor=MUTED, **more)


def revenue(rows: Rows) -> Any:
    """Revenue by month, administrations on top of each other."""
    figure, axis = _axis((11, 3.2))
    below: dict[date, float] = defaultdict(float)
    for colour, (name, mine) in zip(PALETTE, _by(rows, "division_name").items(), strict=False):
        days = _days(mine)
        values = [row["revenue"] for row in mine]
        axis.bar(days, values, width=24, bottom=[below[day] for day in days], color=colour, label=name)
        for day, value in zip(days, values, strict=True):
            below[day] += value
    _months(axis, every=6)
    _legend(axis, ncols=3, loc="upper left")
    axis.margins(y=0.2)
    return figure


def ages(rows: Rows) -> Any:
    """Open items by days behind the due date: to receive and to pay in each administration."""
    figure, axis = plt.subplots(figsize=(5.2, 3.3))
    names = [f"{row['division_name']}\n{row['side']}" for row in rows]
    left = [0.0] * len(rows)
    for column, (label, colour) in AGES.items():
        values = [row[column] for row in rows]
        axis.barh(names, values, left=left, color=colour, label=label, height=0.62)
        left = [a + b for a, b in zip(left, values, strict=True)]
    for at, total in enumerate(left):
        axis.annotate(
            f"{total:,.0f}",
            (total, at),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=MUTED,
        )
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axis.grid(axis="x", color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.margins(x=0.16)
    _legend(axis, title="days overdue", title_fontsize=9, loc="lower right")
    return figure


def mrr(rows: Rows) -> Any:
    """Monthly recurring revenue, and what changed it."""
    figure, (above, under) = plt.subplots(
        2, 1, figsize=(6.2, 3.7), sharex=True, gridspec_kw={"height_ratios": (3, 2), "hspace": 0.12}
    )
    days = _days(rows)
    above.fill_between(days, [row["mrr"] for row in rows], step="mid", color=PALETTE[0], alpha=0.18)
    above.step(days, [row["mrr"] for row in rows], where="mid", color=PALETTE[0], linewidth=2)
    gains, losses = [0.0] * len(rows), [0.0] * len(rows)
    for kind, colour in (("new", GOOD), ("expansion", FAIR), ("contraction", BAD), ("churn", WORSE)):
        values = [row[kind] for row in rows]
        base = gains if kind in ("new", "expansion") else losses
        under.bar(days, values, bottom=base, width=24, color=colour, label=kind)
        base[:] = [a + b for a, b in zip(base, values, strict=True)]
    under.axhline(0, color=MUTED, linewidth=0.8)
    for axis in (above, under):
        axis.yaxis.set_major_formatter(FuncFormatter(_thousands))
        axis.grid(axis="y", color=LINE, linewidth=0.8)
        axis.set_axisbelow(True)
    above.set_ylim(bottom=0)
    under.margins(y=0.1)
    _months(under)
    # Where the recurring revenue is still small: over the bars it would hide some.
    handles, labels = under.get_legend_handles_labels()
    _legend(above, handles=handles, labels=labels, ncols=2, loc="upper left")
    return figure


def cash(rows: Rows) -> Any:
    """Cash and bank at the end of each month."""
    figure, axis = _axis()
    for colour, (name, mine) in zip(PALETTE, _by(rows, "division_name").items(), strict=False):
        axis.plot(_days(mine), [row["balance"] for row in mine], color=colour, linewidth=2, label=name)
    axis.axhline(0, color=MUTED, linewidth=0.8)
    _months(axis)
    _legend(axis, loc="upper left")
    axis.margins(y=0.15)
    return figure


def best(rows: Rows) -> Any:
    """The best customers: the last 365 days and those before them."""
    figure, axis = plt.subplots(figsize=(5, 3.1))
    names = [row["account_name"] for row in rows]
    places = range(len(rows))
    axis.barh(
        [at + 0.19 for at in places],
        [row["revenue_year_before"] for row in rows],
        0.34,
        color="#c9d5e8",
        label="the year before",
    )
    axis.barh(
        [at - 0.19 for at in places],
        [row["revenue_year"] for row in rows],
        0.34,
        color=PALETTE[0],
        label="last 365 days",
    )
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axis.grid(axis="x", color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.margins(x=0.08)
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(
        handles[::-1],
        labels[::-1],
        frameon=False,
        fontsize=9,
        labelcolor=MUTED,
        ncols=2,
        loc="lower left",
        bbox_to_anchor=(0, 1),
    )
    return figure


def health(rows: Rows) -> Any:
    """Who has been silent for longer than usual: days of silence against the usual days between two purchases."""
    figure, axis = plt.subplots(figsize=(6.2, 3.5))
    most = max((row["revenue_year"] + row["revenue_year_before"] for row in rows), default=1.0) or 1.0
    for risk, colour, label in ((False, PALETTE[1], "as usual"), (True, WORSE, "at risk")):
        mine = [row for row in rows if bool(row["is_at_risk"]) is risk]
        sizes = [20 + 380 * (row["revenue_year"] + row["revenue_year_before"]) / most for row in mine]
        axis.scatter(
            [row["usual_days"] for row in mine], [max(row["days_silent"], 0.5) for row in mine], sizes,
            color=colour, alpha=0.65, linewidths=0, label=label,
        )  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    low, high = axis.get_xlim()
    axis.plot([low, high], [2 * low, 2 * high], "--", color=MUTED, linewidth=1)
    axis.set_xlim(low, high)
    for which in (axis.xaxis, axis.yaxis):
        which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "today"))
        which.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axis.set_xlabel("usual days between two purchases", color=MUTED, fontsize=9)
    axis.set_ylabel("days since the last purchase", color=MUTED, fontsize=9)
    axis.grid(color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    _legend(axis, loc="lower right")
    return figure


CHARTS = {"revenue": revenue, "ages": ages, "mrr": mrr, "cash": cash, "best": best, "health": health}


def style() -> None:
    """Text stays text, in the page's own font; the same figures give the same file."""
    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.fonttype": "none", "svg.hashsalt": "exact-online", "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
            "font.size": 9, "text.color": INK, "axes.edgecolor": LINE, "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED,
            "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
            "xtick.major.size": 0, "ytick.major.size": 0, "ytick.minor.size": 0, "xtick.minor.size": 0,
        }
    )  # fmt: skip


def main(words: Iterable[str]) -> None:
    """Draw all charts into the folder that is named."""
    (folder,) = map(Path, words)
    figures = json.load(sys.stdin)
    style()
    for name, chart in CHARTS.items():
        figure = chart(figures[name])
        figure.savefig(folder / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
