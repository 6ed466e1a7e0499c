"""The redirect address: what it may be, and what a person brings back from it."""

from __future__ import annotations

import hmac
from typing import Literal
from urllib.parse import unquote, urlsplit

from tap_exactonline.exact.errors import LoginError, SettingsError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.urls import is_loopback

Kind = Literal["empty", "authorize_page", "no_code", "denied", "refused", "no_state", "other_state"]

_MOST = 20_000
_PLAIN_CODE = 8


class RedirectError(LoginError):
    """What came back from Exact's login page can't be used. ``kind`` tells programs why."""

    def __init__(self, kind: Kind, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.kind: Kind = kind


def check_redirect_uri(uri: str) -> str:
    """The redirect address as it goes to Exact: unchanged, for it has to equal the registered one.

    Raises:
        SettingsError: Exact would not have accepted it at registration (Exact, OAuth step 1).
    """
    text = uri.strip()
    example = "Copy it from the app's registration; it looks like https://www.example.com/exact"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or any(letter.isspace() or ord(letter) < 32 for letter in text):  # noqa: PLR2004 - control characters
        raise SettingsError("redirect_uri", "this is not a web address", example)
    if parts.scheme != "https" or is_loopback(host):
        raise SettingsError(
            "redirect_uri",
            "Exact Online accepts public https addresses only, not this computer's own",
            f"{example}. Nothing has to answer there: you copy the address out of the browser",
        )
    if parts.fragment:
        raise SettingsError("redirect_uri", "it must not contain '#'", example)
    return text


def read_code(pasted: str, state: str, *, bare: bool) -> str:
    """The authorization code in what a person pasted: the address they landed on, or the code alone.

    The code is decoded once, as Exact asks (``%21`` becomes ``!``).

    Args:
        pasted: The address, its query, or the code.
        state: What was sent along to the login page; an address must bring it back.
        bare: Whether the code alone will do. Only where nobody but the person can be the one who pastes.

    Raises:
        RedirectError: There is no usable code in it.
    """
    text = pasted.strip().strip("'\"<>").strip()
    if not text or len(text) > _MOST:
        raise RedirectError("empty", "Nothing usable was pasted", "Paste the address that you landed on")
    if "=" not in text and "://" not in text:
        if len(text) < _PLAIN_CODE or any(letter.isspace() for letter in text):
            raise _no_code()
        if not bare:
            raise _no_state("A code alone does not show that it belongs to this login")
        return unquote(text) if "%" in text else text
    values = _query(text)
    if "response_type" in values:
        raise RedirectError(
            "authorize_page",
            "This is the address of the login page itself",
            "Open it, log in and allow access; then paste the address that you land on",
        )
    if "error" in values:
        raise _said_no(values)
    code = values.get("code")
    if not code:
        raise _no_code()
    check_state(values.get("state"), state)
    return code


def check_state(found: str | None, state: str) -> None:
    """Make sure that an answer belongs to this very login.

    Raises:
        RedirectError: It does not.
    """
    if not found:
        raise _no_state("The address has lost its 'state', so nothing shows that it belongs to this login")
    if not hmac.compare_digest(found.encode(), state.encode()):
        raise RedirectError(
            "other_state",
            "The address belongs to another login than this one",
            "Open the address shown here, log in again and paste what you land on",
        )


def _query(text: str) -> dict[str, str]:
    """Names and values; a plus sign stays one, since a code may hold it."""
    query = text.split("?", 1)[-1].split("#", 1)[0]
    values: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        values.setdefault(name.strip().lower(), unquote(value.strip()))
    return values


def _no_state(what: str) -> RedirectError:
    return RedirectError("no_state", what, "Copy the whole address that you landed on")


def _no_code() -> RedirectError:
    return RedirectError(
        "no_code",
        "There is no code in what was pasted",
        "After you allow access, Exact Online sends you to the redirect address with '?code=…' in it; paste that address",
    )


def _said_no(values: dict[str, str]) -> RedirectError:
    if values["error"] == "access_denied":
        return RedirectError(
            "denied",
            "Access was not allowed on Exact Online's page",
            "Start the login again and choose to allow it",
        )
    said = clean_text(values.get("error_description") or values["error"], (), most=200)
    return RedirectError(
        "refused",
        f"Exact Online refused the login: {said}",
        "Compare client_id and redirect_uri with the app's registration",
    )
