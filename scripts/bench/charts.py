"""The pictures of docs/performance.md, from the numbers of a benchmark.

    .venvs/bench/bin/python -m scripts.bench.charts docs/performance.json docs/images

Runs in an environment of its own (matplotlib), so it imports nothing of the tap.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

BLUE, GREY, ORANGE, GREEN = "#2458a6", "#9aa3ad", "#d9822b", "#3d9a5f"
_COLOURS = {"stock SDK tap": GREY, "this tap": BLUE, "floor": ORANGE}
_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")


def rates(sections: dict[str, Any], target: Path) -> None:
    """Rows a second: stock, this tap, floor; medians with lowest and highest."""
    names = [name for name in ("rate", "rate-partitions") if name in sections]
    if not names:
        return
    figure, axes = plt.subplots(1, len(names), figsize=(4.6 * len(names), 3.4), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        data = {label: found for label, found in sections[name]["data"].items() if label in _COLOURS}
        for at, (label, found) in enumerate(data.items()):
            speeds = [found["rows"] / wall for wall in found["wall"]]
            middle = median(speeds)
            spread = [[middle - min(speeds)], [max(speeds) - middle]]
            axis.bar(at, middle, 0.6, yerr=spread, capsize=4, color=_COLOURS[label])
            place = {"textcoords": "offset points", "ha": "center", "fontsize": 9}
            axis.annotate(f"{middle:,.0f}", (at, max(speeds)), (0, 5), **place)
        axis.set_xticks(range(len(data)), list(data))
        axis.set_title(sections[name]["title"].split(":")[0], fontsize=10)
        axis.yaxis.set_major_formatter(_THOUSANDS)
        axis.margins(y=0.15)
    axes[0][0].set_ylabel("rows/s to a pipe, whole process")
    _save(figure, target / "performance-rates.svg")


def scaling(sections: dict[str, Any], target: Path) -> None:
    """Rows a second by the number of administrations."""
    if "scaling" not in sections:
        return
    figure, axis = plt.subplots(figsize=(6.4, 4))
    counts: list[int] = []
    for (label, by_count), colour in zip(sections["scaling"]["data"].items(), (BLUE, GREEN), strict=True):
        counts = [int(count) for count in by_count]
        speeds = [[found["rows"] / wall for wall in found["wall"]] for found in by_count.values()]
        axis.plot(counts, [median(s) for s in speeds], "o-", color=colour, label=label)
        axis.fill_between(counts, [min(s) for s in speeds], [max(s) for s in speeds], color=colour, alpha=0.2)
    axis.plot(
        counts, [1000 * n for n in counts], "--", color=ORANGE, label="what Exact's minute allows (60 calls)"
    )
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(counts, [str(n) for n in counts])
    axis.yaxis.set_major_formatter(_THOUSANDS)
    axis.set_xlabel("administrations")
    axis.set_ylabel("rows/s, whole process")
    axis.set_title("300 ms a call, 1,000 rows of 60 columns a page", fontsize=10)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=9, loc="lower right")
    _save(figure, target / "performance-scaling.svg")


def profile(sections: dict[str, Any], target: Path) -> None:
    """Where the CPU time goes."""
    if "profile" not in sections:
        return
    data = dict(sorted(sections["profile"]["data"].items(), key=lambda item: item[1]))
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    axis.barh(list(data), [100 * share for share in data.values()], color=BLUE)
    for at, share in enumerate(data.values()):
        axis.annotate(
            f"{share:.0%}", (100 * share, at), (4, 0), textcoords="offset points", va="center", fontsize=9
        )
    axis.set_xlabel("% of the CPU time after start-up")
    axis.margins(x=0.12)
    _save(figure, target / "performance-profile.svg")


def _save(figure: Any, path: Path) -> None:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    # Without date and with fixed names inside, the same numbers give the same file.
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(numbers: str, target: str) -> None:
    """Draw what the numbers allow."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "performance"
    mpl.rcParams["svg.fonttype"] = "none"
    found = json.loads(Path(numbers).read_text(encoding="utf-8"))
    sections = {section["name"]: section for section in found["sections"]}
    Path(target).mkdir(parents=True, exist_ok=True)
    for draw in (rates, scaling, profile):
        draw(sections, Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:3])
