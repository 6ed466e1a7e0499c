"""Texts that others wrote, made fit for a log line: names of administrations, error texts, headers.

Such a text may repeat what the tap has sent (a gateway that quotes the request, a proxy's error page), and it may
hold characters that a terminal obeys: a line break forges a line of the log, an escape sequence hides one, a
bidirectional control turns its words around. Every text from outside goes through `clean_text` before it is shown.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
"""What stands in place of a secret."""

PIECE = 8
"""Characters of a secret, in a row, that already count as the secret."""

_MOST_READ = 20_000
_HEADER = re.compile(r"\b(Bearer|Basic)\s+(?!\*\*\*)\S+", re.IGNORECASE)
# Words and names of fields are shorter or have no digit; dots, commas and slashes end a run, as in names of types, lists
# of fields and paths.
_LONG_RUN = re.compile(r"[\w!%+=~-]{40,}")
_NAME_LIKE = 100


def clean_text(text: str, secrets: Iterable[str] | None = None, most: int | None = None) -> str:
    """A foreign text on one line, without secrets and without characters that a terminal obeys.

    A secret is recognised as it is, URL-encoded, escaped as in JSON or HTML, broken by blanks, and in part: any eight
    of its characters in a row are masked. In a text that may hold secrets, whatever else looks like a token (forty
    characters and more, one of them a digit, without a blank, dot, comma or slash) is masked, too.

    Args:
        text: What came from outside. Only the first 20,000 characters are looked at.
        secrets: What must not show. None for a name, which is not searched for secrets.
        most: Characters of the result at most; the rest is cut with "…". None keeps all.
    """
    plain = "".join(_shown(text[:_MOST_READ]))
    if secrets is not None:
        plain = _without(plain, secrets)
        plain = _LONG_RUN.sub(_masked_run, _HEADER.sub(rf"\1 {MASK}", plain))
    plain = " ".join(plain.split())
    return plain if most is None or len(plain) <= most else plain[: most - 1] + "…"


def _masked_run(run: re.Match[str]) -> str:
    is_name = len(run[0]) < _NAME_LIKE and not any(letter.isdigit() for letter in run[0])
    return run[0] if is_name else MASK


def _shown(text: str) -> Iterator[str]:
    for letter in text:
        if letter.isprintable():
            yield letter
        elif letter.isspace():
            yield " "
        elif unicodedata.category(letter) != "Cf":
            yield "\ufffd"
        # Format characters (bidirectional controls, zero-width ones, soft hyphens) show nothing: nothing is kept.


def _without(text: str, secrets: Iterable[str]) -> str:
    """The text with the secrets masked."""
    places = [place for place, letter in enumerate(text) if letter not in " \ufffd"]
    squeezed = "".join(_lower(text[place]) for place in places)
    hidden = bytearray(len(text))
    for secret in secrets:
        for form in _forms(secret):
            for start, end in _found(squeezed, form):
                hidden[places[start] : places[end - 1] + 1] = b"\1" * (places[end - 1] + 1 - places[start])
    parts = []
    for place, letter in enumerate(text):
        if not hidden[place]:
            parts.append(letter)
        elif place == 0 or not hidden[place - 1]:
            parts.append(MASK)
    return "".join(parts)


def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else letter


def _forms(secret: str) -> set[str]:
    """What the secret may look like in a text, without blanks and in lower case."""
    encoded = secret.encode("utf-8", "replace")
    forms = {
        secret,
        quote(encoded, safe=""),
        quote_plus(encoded),
        json.dumps(secret)[1:-1],
        html.escape(secret),
    }
    return {"".join(_lower(letter) for letter in form if not letter.isspace()) for form in forms} - {""}


def _found(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Where the text holds the form or a piece of it."""
    size = min(PIECE, len(form))
    pieces = {form[start : start + size] for start in range(len(form) - size + 1)}
    for start in range(len(text) - size + 1):
        if text[start : start + size] in pieces:
            yield start, start + size
