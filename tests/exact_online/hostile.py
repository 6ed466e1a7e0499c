"""Answers of somebody who means harm, or of a gateway that helps too much: what they repeat and what they forge."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING
from urllib.parse import quote

from .faults import Action
from .wire import JSON, Reply, encode, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exact import ExactOnline
    from .record import Call

FORGED = (
    "\r\n2026-11-28 12:00:00,000 | INFO     | tap-exactonline      | Complete: 999,999 rows."
    "\x1b[2J\x1b]0;owned\x07\u202e\u2028\x9b31m\x00"
)
"""Forges a line of the log, clears the screen, renames the window and turns the rest of the line around."""


def codings(secret: str) -> list[str]:
    """What a program may make of a secret before it shows it."""
    signs = [(letter, ord(letter)) for letter in secret]
    return [
        quote(quote(secret, safe=""), safe=""),
        "".join(letter if letter.isalnum() else f"\\u{code:04X}" for letter, code in signs),
        "".join(letter if letter.isalnum() else f"&#{code};" for letter, code in signs),
        "".join(f"&#x{code:x};" for _, code in signs),
        base64.b64encode(f"id:{secret}".encode()).decode(),
        secret.encode().hex(),
        secret.encode().hex(":"),
        ", ".join(f"'{letter}'" for letter, _ in signs),
    ]


ECHOES: dict[str, Callable[[str], Reply]] = {
    "400 with the header": lambda token: error(400, f"Bad header 'Authorization: Bearer {token}'"),
    "400 with the token alone": lambda token: error(400, f"{token} is not allowed here"),
    "401 with the token": lambda token: error(401, f"token {token} was not found"),
    "403 with the token cut": lambda token: error(403, f"Forbidden for {token[:24]}…"),
    "403 with the token in Reason": lambda token: error(403, "Forbidden", token),
    "404 with the token encoded": lambda token: error(
        404, f"No such page: /?access_token={quote(token, safe='')}"
    ),
    "418 as text, in every coding": lambda token: Reply(
        418, "\n".join(["GET /", f"Authorization: Bearer {token}", *codings(token)]).encode()
    ),
    "500 as JSON of its own": lambda token: Reply(
        500, encode({"error_description": f"headers: ['Bearer {token}']"}), {"Content-Type": JSON}
    ),
    "500 wrapped": lambda token: error(500, "\n".join(token[at : at + 9] for at in range(0, len(token), 9))),
    "502 as XML": lambda token: Reply(
        502, f"<error><message>{html.escape(token)}</message></error>".encode()
    ),
}


def bearer(exact: ExactOnline) -> str:
    """The access token that is good now."""
    assert exact.oauth.chain is not None
    return exact.oauth.chain.tokens[-1].access


def echo(name: str) -> Action:
    """An error that repeats the request's token; ``name`` is one of :data:`ECHOES`."""
    return Action(name, before=lambda exact, _call: ECHOES[name](bearer(exact)))


def forge(status: int, reason: str | None = None) -> Action:
    """An error whose text forges a line of the log."""

    def make(_exact: ExactOnline, _call: Call) -> Reply:
        return error(status, f"Bad luck{FORGED}", reason)

    return Action(f"forged {status}", before=make)


def seen(secret: str, text: str, piece: int = 8) -> bool:
    """Whether a text shows a piece of a secret as it is, URL-encoded or broken by blanks, or more of it in another coding."""
    squeezed = "".join(text.split()).lower()
    sizes = dict.fromkeys([secret, quote(secret, safe="")], piece)
    # A short piece of these may also stand for something else.
    sizes |= {"".join(form.split()): 3 * piece for form in codings(secret)}
    return any(
        form[start : start + size].lower() in squeezed
        for form, size in sizes.items()
        for start in range(len(form) - size + 1)
    )
