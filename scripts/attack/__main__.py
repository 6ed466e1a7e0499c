"""Attack the tap of this tree, and print what came of it: at most ten minutes, loopback only.

    python -m scripts.attack                         all of it
    python -m scripts.attack --only damage --seed 7  one theme, with other random choices
    python -m scripts.attack --write-docs            renew the figures in docs/security.md

The exit code is 0 if nothing went wrong and nothing was left out for want of time.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import signal
import sys
import time
from datetime import UTC, datetime

from scripts.attack.model import Effort, Figure
from scripts.attack.report import table, write

# Theme → seconds after which it tries nothing more, and those that the themes before it have left. Together less than
# ten minutes; a machine at rest needs five.
THEMES = {
    "damage": 80,
    "links": 10,
    "wire": 60,
    "secrets": 20,
    "files": 170,
    "renewal": 80,
    "memory": 110,
}
_HARD_LIMIT = 600


def main() -> int:
    """Attack, print, and perhaps write."""
    options = _options()
    if hasattr(signal, "alarm"):
        signal.alarm(_HARD_LIMIT)  # whatever hangs ends with the process
    figures: list[Figure] = []
    began = deadline = time.monotonic()
    short = []
    for theme in options.only or THEMES:
        deadline += THEMES[theme] * max(options.scale, 0.1)
        effort = Effort(options.seed, options.scale, deadline)
        print(f"{theme} …", end="", flush=True)
        start = time.monotonic()
        figures += importlib.import_module(f"scripts.attack.{theme}").attack(effort)
        print(f" {time.monotonic() - start:.0f} s", flush=True)
        if effort.late:
            short.append(theme)
    seconds = time.monotonic() - began
    print("", *table(figures), "", sep="\n")
    bad = sum(one.bad for one in figures)
    left_out = f"; out of time: {', '.join(short)}" if short else ""
    print(f"{sum(one.tried for one in figures):,} attacks in {seconds:.0f} s, {bad} went wrong{left_out}")
    if options.write_docs and short:
        print("docs/security.md is left as it is: it tells of whole attacks")
    elif options.write_docs:
        write(figures, _about(options.seed, seconds))
        print("docs/security.md has the new figures")
    return 1 if bad or short else 0


def _about(seed: int, seconds: float) -> str:
    day = datetime.now(UTC).strftime("%-d %B %Y")
    return (
        f"Measured on {day} with Python {platform.python_version()} on {platform.system()}, random seed {seed}, "
        f"in {seconds / 60:.0f} minutes."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", choices=list(THEMES), help="only this theme; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=1, help="other random choices")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the whole: 0.1 is quick")
    parser.add_argument("--write-docs", action="store_true", help="renew docs/security.md")
    options = parser.parse_args()
    if options.write_docs and (options.only or options.scale < 1):
        parser.error("--write-docs needs the whole attack")
    return options


if __name__ == "__main__":
    sys.exit(main())
