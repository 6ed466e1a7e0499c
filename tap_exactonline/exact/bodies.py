"""What came in the body of an answer: of a good one, decoded or a failure that says why not; of a bad one, Exact's words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tap_exactonline.exact.errors import BrokenAnswer

Decoded = TypeVar("Decoded")

BOM = b"\xef\xbb\xbf"

UNREADABLE = {"__unreadable": True}
"""Stands in a mended page for what is not a number of JSON's: NaN, Infinity, 1e999."""

TOO_DEEP = "JSON that is nested too deeply ({} bytes)"

EMPTY_PAGE = b'{"d":{"results":[]}}'
"""What an answer 204 without a body stands for."""

NO_CONTENT = 204
# A list of all fields of the widest endpoint has about 7,000 characters.
_MAX_MESSAGE = 20_000
_XML_MESSAGE = re.compile(rb"<(?:\w+:)?message\b[^>]*>([^<]{1,20000})<")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REMEDY = "Nothing is lost: the next run goes on from here. If this lasts, report it with this line"


class MalformedPage(ValueError):
    """The body is not a page of Exact Online: truncated, no JSON, or without the ``d`` around it."""


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
    if status == NO_CONTENT:
        return decode(EMPTY_PAGE)
    body = body.removeprefix(BOM)
    if not body or body.isspace():
        raise BrokenAnswer("the answer is empty", _REMEDY, status=status)
    if is_markup(body) and not (xml and b"<html" not in body[:2000].lower()):
        raise WebPage("a web page came instead of data", _REMEDY, status=status)
    try:
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise  # valid JSON of another shape
        except (MalformedPage, msgspec.DecodeError, UnicodeDecodeError):
            mended = None if xml else mend(body)
            if mended is None:
                raise
            return decode(mended)
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


def decode_json(body: bytes) -> Any:
    """Decode JSON of any shape.

    Raises:
        MalformedPage: if it is not valid, or nested deeper than Python can follow.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise MalformedPage(f"no valid JSON ({len(body)} bytes)") from exc
    except RecursionError as exc:
        raise MalformedPage(TOO_DEEP.format(len(body))) from exc


def error_message(body: bytes) -> str:
    """Exact's own words out of the body of a failure, on one line: all of them, so that they can be understood.

    Returns an empty text for a web page, and for anything that is not an error text.
    """
    return " ".join(_message_of(body)[:_MAX_MESSAGE].split())


def _message_of(body: bytes) -> str:
    stripped = body.lstrip(BOM + b" \t\r\n")
    if is_markup(stripped):
        found = None if b"<html" in stripped[:2000].lower() else _XML_MESSAGE.search(stripped)
        return found[1].decode("utf-8", "replace") if found else ""
    try:
        document = decode_json(stripped)
    except MalformedPage:
        text = stripped[:_MAX_MESSAGE].decode("utf-8", "replace")
        # Broken JSON may hold rows; only a plain sentence is a message.
        return "" if text[:1] in "{[" else text
    if isinstance(document, str):
        return document
    if not isinstance(document, dict):
        return ""
    error = document.get("error", document.get("odata.error"))
    message = (
        error.get("message", "") if isinstance(error, dict) else document.get("error_description", error)
    )
    if isinstance(message, dict):
        message = message.get("value", "")
    return message if isinstance(message, str) else ""


def is_markup(body: bytes) -> bool:
    """Whether the body is HTML or XML rather than JSON."""
    return body.lstrip(BOM + b" \t\r\n")[:1] == b"<"
