"""What Exact says about a query that it refuses (400): the only place that interprets these sentences.

Three things can be learnt: a field that the endpoint does not know, fields of which a filter must use one, and fields
that may not be used in a filter. A sentence that says none of them in a known form teaches nothing: a guess would drop a
column, or rows. Sources: the sentences about filters are Exact's own (threads 468, 500 and 591 of picqer/exact-php-client).
The one about an unknown field was never published. Exact's filters are read by .NET's parser for OData (thread 52 there), so
the forms that Microsoft's libraries use are known, in English and as far as possible in the languages of Exact's countries.

The patterns are plain text here. `re` compiles and keeps them when they are first used, which most runs never do, and
compiling them takes a tenth of the time in which the tap's own modules are imported.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable

_NAME = r"[A-Za-z_]\w*"
# A name in quotes, typographic ones made plain. What holds more than a name, as a type with its dots, is none.
_QUOTED = rf"'\s?({_NAME})\s?'"
_QUOTES = str.maketrans(dict.fromkeys('"`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e', "'"))
_NOUN = (
    r"(?:propert(?:y|ies)|fields?|columns?|members?|terms?|eigenschap(?:pen|snaam)?|veld(?:en|naam)?|kolom(?:men|naam)?"
    r"|propriétés?|champs?|colonnes?|termes?|Eigenschaft(?:en|sname)?|Feld(?:er|name)?|Spalten?"
    r"|propiedad(?:es)?|campos?|columnas?|términos?)"
)
_NAMED = (
    r"(?:names?|named|called|with\s+(?:the\s+)?name|met\s+de\s+naam|genaamd|nommée?s?|appelée?s?|mit\s+dem\s+Namen"
    r"|namens|con\s+el\s+nombre|llamad[oa]s?|denominad[oa]s?)"
)
_UNKNOWN = r"(?:unknown|invalid|undefined|unrecognized|onbekende?|ongeldige?|inconnue?|unbekannte|ungültige)"
_ABSENT = (
    r"(?:(?:does|do|did)\s+not|is\s+not|is\s+no|was\s+not|were\s+not|not|cannot|can\s*not|could\s+not|can't|couldn't|doesn't|isn't"
    r"|is\s+(?:invalid|unknown|undefined|unrecognized|niet|onbekend|ongeldig)|bestaat\s+niet|kan\s+niet|komt\s+niet|werd\s+niet"
    r"|n'existe|n'est|est\s+introuvable|existiert\s+nicht|ist\s+(?:nicht|unbekannt|ungültig)|no\s+existe|no\s+es)"
)

_IN_QUOTES = (
    # property named 'X' · The property name 'X' · Term 'X' · Eigenschap met de naam 'X'
    rf"\b{_NOUN}\b(?:\s+{_NAMED}\b)?\s*:?\s*{_QUOTED}",
    # 'X' is not a property of type … Not: type 'X' is not …
    rf"(?<!\btype ){_QUOTED}\s+(?:is|was|ist|est|es|n'est)\s+(?:not\s+an?|no|geen|keine?|pas\s+une?)\s+(?:\w+\s+)?{_NOUN}\b",
)
# The same without quotes. A bare word is a name only where the sentence has room for nothing else.
_BARE = (
    rf"\b{_NOUN}\s+{_NAMED}\b\s*:?\s*({_NAME})\b(?!\.\w)",
    rf"\b(?:no|geen|keine?|aucune?|ninguna)\s+{_NOUN}\s+({_NAME})\s+(?:exists?|bestaat|aanwezig|gevonden|found|on|in|op)\b",
    rf"\b{_UNKNOWN}\s+{_NOUN}\s*:?\s*({_NAME})\b(?!\.\w)",
    rf"\b{_NOUN}\s+({_NAME})\s+(?:specified\b.*?\s)?{_ABSENT}\b",
)
# Names of fields and types, which may be words of any sort.
_NAMES = rf"{_QUOTED}|\b\w+(?:\.\w+)+"
# What is missing or wrong, somewhere in the sentence: "A filter must hold the property 'X'" is not a refusal of X.
_REFUSES = (
    r"\b(?:not?|cannot|\w+n't|unknown|invalid|unable|undefined|unrecognized|niet|geen|onbekende?|ongeldige?|pas|inconnue?|introuvable"
    r"|impossible|invalide|nicht|keine?|unbekannte?|ungültige?)\b"
)
_FILTER = r"\bfilter(?:s|ing|ed|en)?\b"
_DEMANDS = r"mandatory\s+filter|\$filter\s+parameter\s+with\s+one\s+of|verplicht\w*\s+filter|filter\w*\s+(?:is\s+)?verplicht"
_UNSUPPORTED = r"\bfilter(?:ing)?\b.*\bnot\s+supported\b(?:\s*:\s*(.*))?"
_NO_SELECT = r"\$select\b|\bquery\s+options?\b"


def refused_field(message: str, asked: Collection[str]) -> str | None:
    """The field that Exact does not know, if its sentence names one.

    Args:
        message: Exact's own words, all of them.
        asked: The names in ``$select``.

    Returns:
        One of ``asked``; None if the sentence names none of them as a property, or several as such.
    """
    text = html.unescape(message).translate(_QUOTES)
    prose = re.sub(_NAMES, " ", text)
    if not _search(_REFUSES, prose) or _search(_FILTER, prose):
        return None
    named = _names(text, _IN_QUOTES) or _names(text, _BARE)
    found = named.intersection(asked)
    return found.pop() if len(found) == 1 else None


def _names(text: str, patterns: Iterable[str]) -> set[str]:
    return {match[1] for pattern in patterns for match in re.finditer(pattern, text, re.IGNORECASE)}


def _search(pattern: str, text: str) -> re.Match[str] | None:
    return re.search(pattern, text, re.IGNORECASE)


def demanded_fields(message: str) -> tuple[str, ...] | None:
    """The fields of which a filter must use one, in Exact's order; None if the sentence demands no filter."""
    if not _search(_DEMANDS, message):
        return None
    return tuple(dict.fromkeys(re.findall(_NAME, message.rpartition(":")[2])))


def unsupported_filter(message: str) -> tuple[str, ...] | None:
    """The fields that may not be used in a filter, empty if none is named; None if the sentence is about something else."""
    found = _search(_UNSUPPORTED, message)
    return tuple(dict.fromkeys(re.findall(_NAME, found[1] or ""))) if found else None


def refuses_select(message: str) -> bool:
    """Whether the sentence is about ``$select`` or query options as such, which functions may not take."""
    return bool(_search(_NO_SELECT, message))
