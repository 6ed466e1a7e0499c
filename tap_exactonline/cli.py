"""The commands a person types."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of ``tap-exactonline``."""
    from tap_exactonline.exact.errors import ExactError
    from tap_exactonline.tap import RunIncomplete, TapExactOnline

    try:
        TapExactOnline.cli()
    except (ExactError, RunIncomplete) as exc:
        TapExactOnline.logger.error("%s", exc)
        sys.exit(1)


if __name__ == "__main__":
    main()
