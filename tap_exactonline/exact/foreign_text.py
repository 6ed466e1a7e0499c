"""Texts that others wrote, made fit for a log line: names of administrations, error texts, headers.

Such a text may repeat what the tap has sent (a gateway that quotes the request, a proxy's error page), and it may
hold characters that a terminal obeys: a line break forges a line of the log, an escape sequence hides one, a
bidirectional control turns its words around. Every text from outside goes through `clean_text` before it is shown.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MASK = "***"
"""What stands in place of a secret."""

PIECE = 8
"""Characters of a secret, in a row, that already count as the secret."""

_MOST_READ = 20_000
_MOST_SHOWN = 300
_HEADER = re.compile(r"\b(Bearer|Basic)\s+(?!\*\*\*)\S+", re.IGNORECASE)
# Words and names of fields are shorter or have no digit; dots, commas and slashes end a run, as in names of types, lists
# of fields and paths.
_LONG_RUN = re.compile(r"[\w!%+=~-]{40,}")
_NAME_LIKE = 100
# %2B, \u002b, \x2b, &#x2b;, &#43;, &plus;, the backslash before a slash, HTML's line break. Tokens and secrets are ASCII.
_CODED = re.compile(
    r"(?:%|\\x|\\u00|&#x0{0,6})(?P<hex>[0-9a-f]{2});?|&#0{0,6}(?P<number>[1-9]\d{1,2});|&[a-z]{2,8};"
    r"|\\(?=[^a-z0-9])|<w?br/?>"
)
# One in another: an address in a text in JSON.
_MOST_CODINGS = 3


def clean_text(text: str, secrets: Iterable[str] | None = None, most: int | None = None) -> str:
    """A foreign text on one line, without secrets and without characters that a terminal obeys.

    A secret is recognised as it is, encoded as in addresses, JSON or HTML (also twice), in base64 or hexadecimals, broken
    by blanks and signs, and in part: any eight of its characters in a row are masked. In a text that may hold secrets,
    whatever else looks like a token (forty characters and more, one of them a digit, without a blank, dot, comma or slash)
    is masked, too.

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


def shown(message: str) -> str:
    """Exact's words as a person is shown them: at most 300 characters."""
    return message if len(message) <= _MOST_SHOWN else message[: _MOST_SHOWN - 1] + "…"


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


class _Letter(NamedTuple):
    """A character as it was before somebody encoded it, and where the text has it."""

    letter: str
    start: int
    end: int


def _without(text: str, secrets: Iterable[str]) -> str:
    """The text with the secrets masked."""
    # What stands before a secret may look like the beginning of a coding, and eat some of it: "%" before "41…".
    as_it_is = _letters(text)
    letters = _decoded(as_it_is)
    # Once more without what may stand between them: commas, quotation marks, the colons of a dump in hexadecimals.
    only = [one for one in letters if one.letter.isalnum()]
    hidden = bytearray(len(text))
    for secret in secrets:
        given = _letters(secret)
        plain = "".join(one.letter for one in _decoded(given))
        _hide(hidden, as_it_is, {"".join(one.letter for one in given)} - {""})
        _hide(hidden, letters, {plain} - {""})
        _hide(hidden, only, {form for form in _forms(plain, secret) if len(form) >= PIECE})
    parts = []
    for place, letter in enumerate(text):
        if not hidden[place]:
            parts.append(letter)
        elif place == 0 or not hidden[place - 1]:
            parts.append(MASK)
    return "".join(parts)


def _letters(text: str) -> list[_Letter]:
    """The text without blanks, in lower case."""
    return [_Letter(_plain(letter), at, at + 1) for at, letter in enumerate(text) if letter not in " \ufffd"]


def _decoded(letters: list[_Letter]) -> list[_Letter]:
    """The same without the codings of addresses, JSON and HTML, one in another."""
    for _ in range(_MOST_CODINGS):
        done, fresh = 0, []
        for found in _CODED.finditer("".join(one.letter for one in letters)):
            start, end = found.span()
            fresh += letters[done:start]
            fresh += [
                _Letter(_plain(one), letters[start].start, letters[end - 1].end) for one in _meant(found)
            ]
            done = end
        if not done:
            break
        letters = [*fresh, *letters[done:]]
    return letters


def _meant(coded: re.Match[str]) -> str:
    if coded["hex"]:
        return chr(int(coded["hex"], 16))
    if coded["number"]:
        return chr(int(coded["number"]))
    return html.unescape(coded[0]) if coded[0].startswith("&") else ""


def _plain(letter: str) -> str:
    """In lower case, and as ASCII if it is another shape of such a letter."""
    plain = unicodedata.normalize("NFKC", letter).lower()
    return plain if len(plain) == 1 else letter


def _forms(plain: str, secret: str) -> Iterator[str]:
    """What letters and digits the secret leaves: as it is, as hexadecimals, in base64 from any place on."""
    data = secret.encode("utf-8", "replace")
    yield _alphanumeric(plain)
    yield data.hex()
    for before in range(3):
        yield _alphanumeric(base64.b64encode(bytes(before) + data).decode().lower()[before and before + 1 :])


def _alphanumeric(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


def _hide(hidden: bytearray, letters: list[_Letter], forms: Iterable[str]) -> None:
    """Note where the letters show a form, or a piece of it."""
    text = "".join(one.letter for one in letters)
    for form in forms:
        size = min(PIECE, len(form))
        pieces = {form[at : at + size] for at in range(len(form) - size + 1)}
        for at in range(len(text) - size + 1):
            if text[at : at + size] in pieces:
                start, end = letters[at].start, letters[at + size - 1].end
                hidden[start:end] = b"\1" * (end - start)
