"""What the commands share when they talk to a person."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tap_exactonline.config import parse
from tap_exactonline.connection import Connection
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import TokenStoreError
from tap_exactonline.exact.foreign_text import clean_text

TRIES = 3
TOKEN_TIMEOUT = 15.0
"""A person waits: fewer tries and seconds than in a run."""


def connect(raw: Mapping[str, Any]) -> Connection:
    """From the settings to Exact, telling on standard error when there is a wait.

    Raises:
        SettingsError: A setting is wrong.
    """
    connection = Connection(
        parse(raw), threading.Event(), tell_wait, max_tries=TRIES, token_timeout=TOKEN_TIMEOUT
    )
    with contextlib.suppress(TokenStoreError):  # whoever needs the store will tell
        _ = connection.about
    return connection


def tell_wait(division: int | None, seconds: float, why: str) -> None:
    """One line on standard error."""
    where = f"division {division}: " if division is not None else ""
    click.echo(f"{where}waiting {seconds:.0f} s: {why}", err=True)


def interactive() -> bool:
    """Whether a person sits at the other end."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str, *, hidden: bool = False) -> str:
    """Ask a person, and ask again until there is an answer.

    Not by `click.prompt`: Python's own prompt goes to standard error, which Meltano keeps for its log, so that a
    person would wait for a question and the program for an answer.

    Args:
        question: Without colon.
        hidden: Do not show what is typed.

    Raises:
        click.Abort: The input has ended.
    """
    while True:
        if hidden:
            # It asks by itself, once nothing is shown any more of what is typed.
            answer = getpass.getpass(f"{question}: ", stream=sys.stdout)
        else:
            click.echo(f"{question}: ", nl=False)
            answer = sys.stdin.readline()
            if not answer:
                raise click.Abort
        if answer.strip():
            return answer.strip()


def confirm(question: str) -> bool:
    """Ask for yes or no; anything but yes is no."""
    click.echo(f"{question} [y/N]: ", nl=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ja")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows in columns; ``right`` names the columns that are set to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return [
        "  ".join(
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]


def name_of(division: Division) -> str:
    """The administration's name for a line of text."""
    return clean_text(division.description, most=60) or "(without name)"


def next_steps() -> list[str]:
    """What to type after a login."""
    if os.environ.get("MELTANO_PROJECT_ROOT") or os.environ.get("MELTANO_ENVIRONMENT"):
        return [
            "Next: meltano invoke tap-exactonline:check",
            "      meltano run tap-exactonline <your target>",
        ]
    return ["Next: tap-exactonline check --config …      tells whether a run would succeed"]
