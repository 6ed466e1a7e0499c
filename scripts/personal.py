"""Which streams and columns hold personal data, from the flags in ``catalogue/``, as Markdown for the documentation."""

from __future__ import annotations

from functools import cache

from scripts.catalogue import Personal, Resource, read
from tap_exactonline.endpoints import Endpoint, load

WORDS: dict[Personal, str] = {"yes": "personal", "maybe": "personal if a person stands behind it"}
_MOST_NAMED = 6


@cache
def _resources() -> dict[tuple[bool, str], Resource]:
    return {(one.beta, one.path.lower()): one for one in read() if one.current}


def resource(endpoint: Endpoint) -> Resource:
    """The endpoint's entry in the catalogue."""
    return _resources()[endpoint.beta, endpoint.path.lower()]


@cache
def columns(endpoint: Endpoint) -> dict[str, Personal]:
    """Column → how personal it is, of those that are."""
    flags = {field.name: field.personal for field in resource(endpoint).fields}
    return {
        field.column: personal for field in endpoint.fields if (personal := flags.get(field.name)) is not None
    }


def fact(endpoint: Endpoint) -> str:
    """What a stream's page says at a glance."""
    if resource(endpoint).about_person:
        return "**each row is about a person**"
    names = [f"`{name}`" for name, personal in columns(endpoint).items() if personal == "yes"]
    others = len(columns(endpoint)) - len(names)
    if not names and not others:
        return "none known, free text apart"
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    parts = [", ".join([*names[:_MOST_NAMED], *more])] if names else []
    if others:
        parts.append(f"{others} if a person stands behind {'them' if others > 1 else 'it'}")
    return "; ".join(parts)


def about_persons() -> str:
    """The streams of which each row is about a person, as a Markdown table."""
    lines = ["| stream | by default | scope |", "|---|:-:|---|"]
    lines += [
        f"| [{one.name}]({one.name}.md) | {'●' if one.selected else ''} | {one.scope or 'none known'} |"
        for one in load()
        if resource(one).about_person
    ]
    return "\n".join(lines)


def often() -> str:
    """The columns that most streams of the default selection hold, as a Markdown table."""
    found: dict[tuple[str, Personal], list[str]] = {}
    for one in load():
        if one.selected and not resource(one).about_person:
            for column, personal in columns(one).items():
                found.setdefault((column, personal), []).append(one.name)
    lines = ["| column | | streams of the default selection |", "|---|---|---|"]
    for (column, personal), names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        listed = ", ".join(f"[{name}]({name}.md)" for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"| `{column}` | {WORDS[personal]} | {listed}{more} |")
    return "\n".join(lines)
