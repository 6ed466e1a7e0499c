"""The state as it is after time has passed without a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from .subjects import LOG_FORGETS


def _changed(
    state: Mapping[str, Any] | None, change: Callable[[dict[str, Any]], None]
) -> dict[str, Any] | None:
    """A copy of the state with each object in it changed."""
    if state is None:
        return None
    copy = json.loads(json.dumps(state))

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            change(value)
        for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inside)

    walk(copy)
    return dict(copy)


def merged(partial: Mapping[str, Any], completed: Mapping[str, Any] | None) -> dict[str, Any]:
    """The state that Meltano hands to the run after one with ``--full-refresh`` (Meltano 4.4, ``meltano.core.utils.merge``).

    Args:
        partial: What the run with ``--full-refresh`` wrote.
        completed: What it found, and did not hand to the tap.
    """
    made = dict(completed or {})
    for name, value in partial.items():
        made[name] = merged(value, made.get(name)) if isinstance(value, dict) else value
    return made


def partly(
    begun: Mapping[str, Any] | None, state: Mapping[str, Any], streams: Collection[str]
) -> dict[str, Any]:
    """The state with which a run began, and of some streams what a later one says."""
    found = {**(begun or {})}
    later = {name: entry for name, entry in state["bookmarks"].items() if name in streams}
    found["bookmarks"] = {**found.get("bookmarks", {}), **later}
    return found


def older(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state as it is after two months in which no run took place."""

    def change(inside: dict[str, Any]) -> None:
        inside.pop("refused", None)
        if "read_at" in inside:
            inside["read_at"] = (datetime.fromisoformat(inside["read_at"]) - LOG_FORGETS).isoformat()

    return _changed(state, change)


def without_doubt(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state as it is when the week is over for which the tap does not ask again what was refused."""
    long_ago = "2020-01-01T00:00:00+00:00"

    def change(inside: dict[str, Any]) -> None:
        if isinstance(learnt := inside.get("learnt"), dict):
            learnt.get("fields", {}).update(dict.fromkeys(learnt.get("fields", {}), long_ago))
            learnt.pop("filter", None)

    return _changed(state, change)


def without_refusals(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state as it is when the tap dares to ask again what was refused."""

    def change(inside: dict[str, Any]) -> None:
        inside.pop("refused", None)

    return _changed(state, change)
