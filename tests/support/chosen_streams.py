"""Which streams are tested one by one: one of each kind and type on every run, all of them every night."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tap_exactonline.endpoints import Endpoint, load

# `make test-all` sets it.
ALL_STREAMS = "ALL_STREAMS"
# Streams that the tap treats in a way of their own.
_KNOWN_BY_NAME = frozenset({"sync_deleted", "system_divisions", "system_me"})


def traits(endpoint: Endpoint) -> frozenset[str]:
    """What makes the tap read an endpoint, or describe its columns, in another way than the next one."""

    def found() -> Iterator[str]:
        if endpoint.name in _KNOWN_BY_NAME:
            yield endpoint.name
        yield f"{endpoint.kind}, {endpoint.page_size} rows a page"
        yield f"{endpoint.kind} by {endpoint.bookmark}"
        yield f"{endpoint.kind}, key of {len(endpoint.key)}"
        yield from (f"{endpoint.kind}, key is {endpoint.field(name).type}" for name in endpoint.key)
        yield from (f"{endpoint.kind}, {'hidden ' * field.hidden}{field.type}" for field in endpoint.fields)
        for name in ("beta", "login_wide", "hr", "select_required", "deprecated", "selected"):
            if getattr(endpoint, name):
                yield f"{endpoint.kind}, {name}"
        for name in ("entity_type", "sync_timestamp", "filters", "write_only"):
            if getattr(endpoint, name):
                yield f"{endpoint.kind} with {name}"

    return frozenset(found())


def one_of_each() -> tuple[Endpoint, ...]:
    """The fewest endpoints that show every trait, as a greedy choice finds them: the same ones each time."""
    missing = frozenset[str]().union(*map(traits, load()))
    chosen: list[Endpoint] = []
    while missing:
        best = min(load(), key=lambda endpoint: (-len(traits(endpoint) & missing), len(endpoint.fields)))
        missing -= traits(best)
        chosen.append(best)
    return tuple(sorted(chosen, key=lambda endpoint: endpoint.name))


def chosen() -> tuple[Endpoint, ...]:
    """All endpoints if that is asked for, else one of each."""
    return load() if os.environ.get(ALL_STREAMS) else one_of_each()
