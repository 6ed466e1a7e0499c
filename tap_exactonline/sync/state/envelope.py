"""The Singer state in whatever a person or a program has wrapped around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_exactonline.sync.state.state import StateError

_OWN = frozenset({"bookmarks", "state_version"})
_WRAPPED = "singer_state"
_REMEDY = "Give a state that this tap wrote, or what `meltano state get` prints"


def unwrap(value: Mapping[str, Any], *, levels: int = 2) -> dict[str, Any]:
    """Take the state out of its envelope.

    Args:
        value: A state of this tap; or ``{"singer_state": …}``, which `meltano state get` prints; or ``{"completed": …,
            "partial": …}``, which Meltano's state backends store; or a STATE message of Singer; or nothing at all.
        levels: How many envelopes may be around it.

    Returns:
        The state, still unchecked.

    Raises:
        StateError: If there is no state in it, or more than one. Ignored, it would mean to read everything again.
    """
    if not value or _OWN & set(value):
        if _WRAPPED in value:
            raise StateError(f"state: there are two, one inside and one beside {_WRAPPED!r}. {_REMEDY}")
        return dict(value)
    contents = _contents(value) if levels else None
    if contents is None:
        unknown = ", ".join(repr(name[:40]) for name in sorted(value)[:5])
        raise StateError(f"state: it has no 'bookmarks', and the tap does not know {unknown}. {_REMEDY}")
    found = []
    for name, content in contents.items():
        if content is not None and not isinstance(content, dict):
            raise StateError(f"state: {name!r} is not an object. {_REMEDY}")
        if content:
            found.append(unwrap(content, levels=levels - 1))
    states = [state for state in found if state]
    if len(states) > 1:
        raise StateError(
            "state: it has a completed and a partial state, which Meltano merges. Give what `meltano state get` prints"
        )
    return states[0] if states else {}


def _contents(value: Mapping[str, Any]) -> Mapping[str, object] | None:
    """What an envelope holds, by the name of the member; None for what is not an envelope."""
    members = set(value)
    if members == {_WRAPPED} or members <= {"completed", "partial"}:
        return value
    if members == {"type", "value"} and value["type"] == "STATE":
        return {"value": value["value"]}
    return None
