"""How many calls the next run needs at least."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import msgspec

from tap_exactonline.config import Config
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.divisions import PAGE_SIZE, Division
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.sync.state.resets import regenerated
from tap_exactonline.sync.state.state import State
from tap_exactonline.sync.stream_read import LOG, ONCE


class Estimate(msgspec.Struct, frozen=True):
    """Calls of the next run if nothing were new.

    Attributes:
        calls: Division → calls that it needs at least.
        first: Streams that some division reads from the beginning.
        full: Streams that are read in full each time.
    """

    calls: dict[int, int]
    first: list[str]
    full: list[str]

    @property
    def total(self) -> int:
        """Calls of all administrations together."""
        return sum(self.calls.values())

    @property
    def most(self) -> int:
        """Calls of the administration that needs most."""
        return max(self.calls.values(), default=0)


def estimate(
    endpoints: Sequence[Endpoint], divisions: Sequence[Division], state: State, config: Config
) -> Estimate:
    """Count one call for each stream and administration, and what surely comes on top.

    Args:
        endpoints: The selected streams.
        divisions: The administrations to read.
        state: What was read before.
        config: The settings.
    """
    if not divisions:
        return Estimate({}, [], [])
    calls = {division.code: 0 for division in divisions}
    home = divisions[0].code
    calls[home] += -(-len(divisions) // PAGE_SIZE)
    first: dict[str, None] = {}
    full: dict[str, None] = {}
    for endpoint in endpoints:
        if endpoint.name in ONCE or endpoint.login_wide:
            calls[home] += 0 if endpoint.login_wide else 1
            continue
        for division in divisions:
            bookmark = state.get(endpoint.name, division.code)
            calls[division.code] += _at_least(endpoint, bookmark, division, config)
            if endpoint.bookmark is None and endpoint.kind != "sync":
                full[endpoint.name] = None
            elif not bookmark.begun:
                first[endpoint.name] = None
    if config.tombstones and all(endpoint.name != LOG for endpoint in endpoints):
        for division in divisions:
            calls[division.code] += 1
    return Estimate(calls, list(first), list(full))


def _at_least(endpoint: Endpoint, bookmark: Bookmark, division: Division, config: Config) -> int:
    new = not bookmark.begun or regenerated(endpoint, bookmark, division) is not None
    asks_where_to_start = new and endpoint.dated and config.start_date and endpoint.sync_timestamp
    reads = prod(len(parameter.values) for parameter in endpoint.parameters)
    return reads + 1 if asks_where_to_start else reads
