"""An answer that is not good: whether it is Exact's at all, and which of its words the tap knows.

A sentence counts as known only if it says that something is missing for good. Whatever else it says is not understood,
and what is not understood is never taken for a matter of licence or rights. Sources: texts recorded in public issues
and forums (picqer/exact-php-client #453, #509, #591; forums.invantive.com 407, 718, 1601); they come in English and
in Dutch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

import msgspec

from tap_exactonline.exact.bodies import BOM, error_message, is_markup
from tap_exactonline.exact.foreign_text import clean_text

_NAMESPACE = b"http://schemas.microsoft.com/ado/2007/08/dataservices"
_XML_ERROR = re.compile(rb"<(?:\w+:)?error\b")
# Plain text: `re` compiles and keeps a pattern when it is first used, which most runs never do.
_ALONE = r"(?:forbidden|verboden|access (?:is )?denied|toegang (?:is )?geweigerd)\W*"
# What a user or a customer may lack, and what such a one is not.
_THING = (
    r"(?:rights?|permissions?|access(?! token)|licen[cs]es?|modules?|authori[sz]ations?|"
    r"rechten|toegang|licenties?|bevoegdheid|bevoegdheden|autorisaties?)\b"
)
_STATE = r"(?:authori[sz]ed|licen[cs]ed|entitled|permitted|bevoegd|gemachtigd|geautoriseerd)\b"
# Between "not" and the thing only words that say nothing else may stand: "not check your rights" is another matter.
_FILLING = (
    r"(?:(?:have|has|had|been|be|include|covered?|part|in|of|by|for|the|an?|any|your|this|required|necessary|sufficient|enough|proper|valid|"
    r"hebben|heeft|de|het|een|van|voor|uw|deze|dit|juiste|vereiste|nodige|benodigde|voldoende|geldige)\s+)*"
)
_GIVEN = (
    r"(?:included|granted|assigned|purchased|activated|enabled|inbegrepen|verleend|toegekend|aangeschaft|geactiveerd|actief|"
    r"toereikend)\b"
)
_RIGHTS = (
    rf"\b(?:no|insufficient|missing|lacks?|lacking|without|geen|onvoldoende|zonder)\s+{_FILLING}(?:user\s+)?{_THING}",
    rf"(?:\b(?:not|niet)|n['\u2019]t)\s+{_FILLING}(?:{_THING}|{_STATE})",
    rf"\b{_THING}(?:\s+[\w']+){{0,3}}?\s+(?:is\s+|are\s+)?(?:missing|insufficient|ontbre\w+|onvoldoende)\b",
    rf"\b{_THING}(?:\s+[\w']+){{0,3}}?\s+(?:not|niet)\s+(?:been\s+)?{_GIVEN}",
)
_MISSING = (
    r"\bresource\s+(?:(?:is|was|could|can|be)\s+)*(?:not|cannot)\s+(?:be\s+)?found\b",
    r"\b(?:bron|resource|pagina|endpoint)\s+(?:(?:is|werd|wordt|kan|kon)\s+)*niet\s+(?:worden\s+)?gevonden\b",
    r"^niet gevonden\W*$",
)
# A sentence of this kind tells of a moment, or of something that failed, even if it speaks of rights.
_OTHERWISE = (
    r"temporar|tijdelijk|try again|\blater\b|opnieuw|maintenance|onderhoud|time.?out|\bbusy\b|\bbezet\b|moment|"
    r"server|database|connect|verbinding|network|session|sessie|expired|verlopen|token|signature|requests|quota|\blimit|"
    r"restor|herstel|convert|conver[st]i|back-?up|\bcache|respond|fail|\berror|\bfout|verif|factor|\bip.?ad|\bterms\b|voorwaarden"
)
_MOST_REASON = 100

USER_REASONS = {
    "blockeduser": "the user who logged in is blocked",
    "inactiveuser": "the user who logged in is inactive",
}
_KEY_BLOCK = r"too many (?:err|failed|faulty|wrong)|error (?:rate )?limit|(?:api )?key (?:is |has been )?(?:temporarily )?blocked"
_DAY = r"\b(?:daily|per day|day limit|dag(?:elijks\w*|limiet)?)\b"


class Form(Enum):
    """What the body of a failed answer is."""

    EXACT = "one of Exact's errors"
    OAUTH = "an OAuth error"
    PLAIN = "an error in the form of newer services"
    PAGE = "a web page"
    EMPTY = "no body"
    OTHER = "a body that is not one of Exact's errors"


class Answer(msgspec.Struct, frozen=True):
    """What there is to know about a failed answer, without its body.

    Attributes:
        status: The HTTP status.
        message: Exact's own words, all of them.
        reason: The header ``Reason``.
        form: Whether the body is an error of Exact's, or what else.
    """

    status: int
    message: str = ""
    reason: str = ""
    form: Form = Form.EXACT

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str] = ()) -> Answer:
        """Pick what matters out of an answer; ``secrets`` do not show even if it quotes them."""
        secrets = tuple(secrets)
        message = clean_text(error_message(body), secrets)
        reason = clean_text(headers.get("Reason") or "", secrets, most=_MOST_REASON)
        return cls(status, message, reason, form_of(body))

    @property
    def plain_reason(self) -> str:
        """The letters of the reason, in lower case."""
        return re.sub(r"[^a-z]", "", self.reason.lower())

    @property
    def about_user(self) -> bool:
        """Whether the user, and not the token, is refused."""
        return self.plain_reason in USER_REASONS

    @property
    def about_day(self) -> bool:
        """Whether a 429 names the day's limit in its text."""
        return bool(_search(_DAY, self.message))

    @property
    def about_errors(self) -> bool:
        """Whether the answer says that the key is blocked for too many errors."""
        return bool(_search(_KEY_BLOCK, f"{self.message} {self.reason}"))

    @property
    def about_rights(self) -> bool:
        """Whether Exact says, in words that are known, that the licence or the user's rights do not suffice."""
        alone = re.fullmatch(_ALONE, self.message.strip(), re.IGNORECASE)
        return bool(alone) or self._says(_RIGHTS)

    @property
    def about_missing(self) -> bool:
        """Whether Exact says, in words that are known, that there is no such endpoint."""
        return self._says(_MISSING)

    @property
    def about_scope(self) -> bool:
        """Whether Exact says that the app registration lacks a scope."""
        named = "scope violated" in self.message.lower() or "scopeviolat" in self.plain_reason
        return named and self.form is Form.EXACT

    def _says(self, patterns: Iterable[str]) -> bool:
        """Whether the message is one of these sentences, and of nothing else."""
        if _search(_OTHERWISE, self.message):
            return False
        return any(_search(pattern, self.message) for pattern in patterns)


def form_of(body: bytes) -> Form:
    """Tell Exact's own error from everything that may come in its place.

    Exact's is ``{"error": {"message": {"value": "…"}}}``, with ``odata.error`` for ``error`` in newer OData, and the
    same in XML where XML was asked for. The token endpoint's is ``{"error": "invalid_request"}``. With a text as ``message``
    it is the form of today's gateways and clouds, and of OData 4, which Exact does not speak.
    """
    stripped = body.lstrip(BOM + b" \t\r\n")
    if not stripped:
        return Form.EMPTY
    if is_markup(stripped):
        head = stripped[:1000]
        return Form.EXACT if _NAMESPACE in head and _XML_ERROR.search(head) else Form.PAGE
    try:
        return _form_in(msgspec.json.decode(stripped))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Form.OTHER


def _form_in(document: object) -> Form:
    error = document.get("error", document.get("odata.error")) if isinstance(document, dict) else None
    if isinstance(error, str):
        return Form.OAUTH
    message = error.get("message") if isinstance(error, dict) else None
    if isinstance(message, str):
        return Form.PLAIN
    return Form.EXACT if isinstance(message, dict) and isinstance(message.get("value"), str) else Form.OTHER


def _search(pattern: str, text: str) -> re.Match[str] | None:
    return re.search(pattern, text, re.IGNORECASE)
