"""What is checked in the texts of a whole page at once, since value by value it would take longer than reading them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tap_exactonline.sync.values import Unreadable

_NUL = re.compile(rb"(\\\\)|\\u0000")
_FEW = 200

_HEX = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_FORM = b"00000000-0000-0000-0000-000000000000\n"
# As PostgreSQL reads them: with or without hyphens between groups of four digits, perhaps in braces.
_UUID = re.compile(r"(?P<brace>\{)?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})(?(brace)\})")


def without_nul(body: bytes) -> tuple[bytes, int]:
    """JSON without the character U+0000 in any text or name, and how many there were.

    PostgreSQL and others can't store it: one in one row would stop the load of all rows, in every run again.
    """
    if not _may_hold_nul(body):
        return body, 0
    count = 0

    def keep(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found[1]:
            return found[1]  # an escaped backslash; what follows is text
        count += 1
        return b""

    return _NUL.sub(keep, body), count


def _may_hold_nul(body: bytes) -> bool:
    """Whether a closer look is worth while. A page has few backslashes, unless the server escapes all slashes."""
    at = body.find(b"\\")
    for _ in range(_FEW):
        if at < 0:
            return False
        if body[at + 1 : at + 6] == b"u0000":
            return True
        at = body.find(b"\\", at + 2)
    # From the end: that way CPython looks for the backslash and not for one of the many zeros. Twice as fast.
    return at >= 0 and body.rfind(b"\\u0000", at) >= 0


def all_uuids(texts: Iterable[str | None]) -> bool:
    """Whether all texts that are there have the canonical form of a UUID. An empty text counts as none."""
    joined = "\n".join(filter(None, texts)).encode("utf-8", "replace") + b"\n"
    return joined == b"\n" or joined.translate(_HEX) == _FORM * (len(joined) // len(_FORM))


def uuid_text(text: str) -> str | None:
    """A UUID in its canonical form, which every target takes; None for a blank text.

    Raises:
        Unreadable: If it is no UUID.
    """
    plain = text.strip()
    if not plain:
        return None
    found = _UUID.fullmatch(plain)
    if found is None:
        raise Unreadable("no UUID")
    digits = found[2].replace("-", "")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
