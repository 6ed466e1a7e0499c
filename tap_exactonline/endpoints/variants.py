"""The reads that a stream's parameters make (setting ``extra_streams``); one without parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import msgspec

from tap_exactonline.endpoints import Endpoint

# A text in quotes, in which braces are only characters, or a place to fill in.
PARTS = re.compile(r"'(?:[^']|'')*'|\{([^{}]*)\}")


class Variant(msgspec.Struct, frozen=True):
    """One read of an endpoint: which values its parameters have.

    Attributes:
        query: Name → literal, for the address.
        filter: The endpoint's own filter with the values in it, or None.
        values: Of each parameter, in the order of ``Endpoint.parameters``.
    """

    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    filter: str | None = None
    values: tuple[Any, ...] = ()


def variants(endpoint: Endpoint) -> Iterator[Variant]:
    """The reads that make the whole: one for each combination of values."""
    choices = [tuple(zip(one.literals, one.values, strict=True)) for one in endpoint.parameters]
    for chosen in product(*choices):
        literals = {one.name: text for one, (text, _) in zip(endpoint.parameters, chosen, strict=True)}
        yield Variant(
            {one.name: literals[one.name] for one in endpoint.parameters if one.sent},
            filled(endpoint.filter, literals.__getitem__) if endpoint.filter else None,
            tuple(value for _, value in chosen),
        )


def filled(template: str, value: Callable[[str], str]) -> str:
    """The template with values in the place of what stands in braces."""
    return PARTS.sub(lambda match: match[0] if match[1] is None else value(match[1].strip()), template)
