"""The way in: ``tap-exactonline``. What can be typed stands in :mod:`tap_exactonline.commands.group`."""

from __future__ import annotations

import gc
import sys

from tap_exactonline import interrupts, stdout

_GARBAGE = 20_000
"""Objects after which Python looks for those that only refer to each other."""


def main() -> None:
    """Entry point of ``tap-exactonline``."""
    interrupts.end_at_once()
    try:
        stdout.take_over()
        try:
            _run()
        finally:
            sys.stdout.flush()
    except stdout.OutputError as exc:
        sys.exit(f"Error: {exc}")


def _run() -> None:
    if sys.argv[1:] == ["--version"]:
        _version()
        return
    # What is imported stays: looking through it for garbage, again and again, takes a seventh of the start-up.
    gc.disable()
    from tap_exactonline.tap import TapExactOnline

    gc.freeze()
    gc.enable()
    # A page is a thousand rows and more, which are free once nothing refers to them. By its usual threshold of 700, Python
    # would look through each page several times for circles that it never has: 3 % of a run.
    gc.set_threshold(_GARBAGE)
    TapExactOnline.cli()


def _version() -> None:
    """What the SDK would say, without importing it for that."""
    from importlib.metadata import version

    from tap_exactonline import DISTRIBUTION

    print(f"tap-exactonline v{version(DISTRIBUTION)}, Meltano SDK v{version('singer-sdk')}")  # noqa: T201


if __name__ == "__main__":
    main()
