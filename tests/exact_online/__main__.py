"""Start the stand-in for a person and print the settings to use."""

# ruff: noqa: T201  (a program for a person)
from __future__ import annotations

import argparse
import sys
import threading

from . import ExactOnline


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.exact_online", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--divisions", type=int, default=3, help="how many administrations (101, 102, …)")
    parser.add_argument("--rows", type=int, default=200, help="rows in every table of each administration")
    parser.add_argument(
        "--stream",
        action="append",
        default=[],
        metavar="NAME=ROWS",
        help="only these tables have rows; repeatable",
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="time that each API call takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minute", type=int, default=60, help="calls a minute and administration")
    parser.add_argument("--day", type=int, default=5000, help="calls a day and administration")
    parser.add_argument("--client-id", help="instead of the built-in one")
    parser.add_argument("--client-secret", help="instead of a random one")
    parser.add_argument(
        "--redirect-uri", action="append", default=[], help="registered with the app; repeatable"
    )
    args = parser.parse_args()

    exact = ExactOnline(seed=args.seed, latency=args.latency_ms / 1000)
    exact.oauth.client_id = args.client_id or exact.client_id
    exact.oauth.client_secret = args.client_secret or exact.client_secret
    exact.redirect_uris.update(args.redirect_uri)
    exact.limits(minute=args.minute, day=args.day)
    named = {name: int(rows) for name, _, rows in (item.partition("=") for item in args.stream)}
    for number in range(args.divisions):
        exact.add_division(101 + number, rows=named or args.rows)
    with exact.serve(args.port) as url:
        print(f"api_url={url}")
        print(f"client_id={exact.client_id}")
        print(f"client_secret={exact.client_secret}")
        print(f"refresh_token={exact.issue_login()}")
        print(f"Consent page: {url}/api/oauth2/auth; Ctrl-C ends.", file=sys.stderr)
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)


if __name__ == "__main__":
    main()
