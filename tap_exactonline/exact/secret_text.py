"""What tokens and client secrets may look like, and why a pasted one can't be one. The text itself is never shown."""

from __future__ import annotations

import unicodedata

from tap_exactonline.exact.errors import SettingsError

_QUOTES = set("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb")
_BREAKS = set("\r\n\v\f\x85\u2028\u2029")


def is_sendable(token: str) -> bool:
    """Whether a token can stand in a header: visible ASCII characters only, as all of Exact's are."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def check_secret(setting: str, text: str | None) -> None:
    """Refuse what can't be a token or a client secret; None passes.

    Raises:
        SettingsError: if it holds a character that none has. The message says of what kind and where, not which.
    """
    for place, letter in enumerate(text or "", start=1):
        if not is_sendable(letter):
            raise SettingsError(
                setting,
                f"its character {place} is {_kind(letter)}, which no token or secret has",
                "Copy it again, in one piece, without line breaks and quotation marks",
            )


def _kind(letter: str) -> str:
    if letter in _BREAKS:
        return "a line break"
    if letter.isspace():
        return "a blank"
    if letter in _QUOTES:
        return "a typographic quotation mark"
    if unicodedata.category(letter) in ("Cf", "Cc", "Cs", "Cn", "Co"):
        return "an invisible one"
    return "not an ASCII one"
