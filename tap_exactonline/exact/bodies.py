"""The body of a good answer: decoded, or an error that says why it could not be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from tap_exactonline.exact.errors import BrokenAnswer
from tap_exactonline.exact.odata import BOM, UNREADABLE, MalformedPage, is_markup

Decoded = TypeVar("Decoded")

EMPTY_PAGE = b'{"d":{"results":[]}}'
"""What an answer 204 without a body stands for."""

_NO_CONTENT = 204
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REMEDY = "Nothing is lost: the next run goes on from here. If this lasts, report it with this line"


class WebPage(BrokenAnswer):
    """HTML or XML came instead of JSON."""


def read_body(status: int, body: bytes, decode: Callable[[bytes], Decoded], *, xml: bool = False) -> Decoded:
    """Decode the body of an answer 200 or 204.

    Args:
        status: The HTTP status.
        body: The whole body.
        decode: Turns it into whatever is returned.
        xml: XML was asked for. A web page is none.

    Raises:
        BrokenAnswer: if it is empty, a web page, or ``decode`` cannot read it.
    """
    if status == _NO_CONTENT:
        return decode(EMPTY_PAGE)
    body = body.removeprefix(BOM)
    if not body or body.isspace():
        raise BrokenAnswer("the answer is empty", _REMEDY, status=status)
    if is_markup(body) and not (xml and b"<html" not in body[:2000].lower()):
        raise WebPage("a web page came instead of data", _REMEDY, status=status)
    try:
        return decode(body) if xml else _decode_or_mend(body, decode)
    except (MalformedPage, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BrokenAnswer(f"the answer cannot be read: {_describe(exc)}", _REMEDY, status=status) from exc


def mend(body: bytes) -> bytes | None:
    """Make JSON valid again that only has characters which JSON forbids, else None.

    .NET writes control characters unescaped and cuts texts in the middle of a surrogate pair. Such a
    page is the same at each repetition, so a retry does not help; the characters become U+FFFD, raw
    control characters are escaped, and what is not a number, or one that no float can hold, becomes `UNREADABLE`.
    """
    try:
        text = body.decode("utf-8-sig", "replace")
        document = json.loads(
            text, strict=False, parse_constant=lambda _: UNREADABLE, parse_float=_number, parse_int=_number
        )
        text = json.dumps(document, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return _SURROGATE.sub("\ufffd", text).encode()


def _number(text: str) -> float | int | dict[str, bool]:
    if not math.isfinite(number := float(text)):
        return UNREADABLE
    return number if not text.lstrip("-").isdecimal() else int(text)


def _decode_or_mend(body: bytes, decode: Callable[[bytes], Decoded]) -> Decoded:
    """Decode, and if only forbidden characters stand in the way, without them.

    Raises:
        MalformedPage, msgspec.DecodeError, UnicodeDecodeError, RecursionError: what ``decode`` raised.
    """
    try:
        return decode(body)
    except msgspec.ValidationError:
        raise  # valid JSON of another shape
    except (MalformedPage, msgspec.DecodeError, UnicodeDecodeError):
        mended = mend(body)
        if mended is None:
            raise
        return decode(mended)


def _describe(exc: MalformedPage | msgspec.DecodeError | UnicodeDecodeError | RecursionError) -> str:
    """Why a body could not be read, without a piece of it: only our own words and the place."""
    if isinstance(exc, MalformedPage):
        return str(exc)
    if isinstance(exc, RecursionError):
        return "it is nested too deeply"
    text = str(exc)
    if isinstance(exc, msgspec.ValidationError):
        # msgspec puts the place last; what stands before may quote a value.
        _, _, place = text.rpartition(" - at ")
        return f"unexpected type at {place}" if place != text else "unexpected type"
    return "no valid JSON"
