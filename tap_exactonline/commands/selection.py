"""Which streams the next run reads, and from where: what ``check`` needs to know of catalog and state."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import IO, Any

from tap_exactonline.catalog import CatalogError, check_known, check_shape, selected_only
from tap_exactonline.config import Config
from tap_exactonline.config.sources import parse_object
from tap_exactonline.endpoints import Endpoint, load
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.sync.own_streams import OWN_STREAMS
from tap_exactonline.sync.state.envelope import unwrap
from tap_exactonline.sync.state.state import State, StateError


def known_streams(config: Config) -> dict[str, Endpoint]:
    """All streams by name: Exact's, and those of the setting ``extra_streams``."""
    return {one.name: one for one in (*load(), *(extra.endpoint for extra in config.extra_streams))}


def selected(catalog: IO[str] | None, known: Mapping[str, Endpoint]) -> tuple[list[Endpoint], str]:
    """The selected streams, and where that is said: a catalog, Meltano, or the default.

    Raises:
        SettingsError: The catalog can't be used.
    """
    if catalog is not None:
        return _from_catalog(parse_object(catalog.read(), "--catalog", "the catalog"), known), "the catalog"
    patterns = _meltano_patterns()
    if patterns:
        return _from_patterns(patterns, known), "Meltano's select"
    return [endpoint for endpoint in known.values() if endpoint.selected], "the default selection"


def remembered(state: IO[str] | None, known: Mapping[str, Endpoint]) -> State:
    """The state; blank without one. What ``meltano state get`` prints is understood, too.

    Raises:
        SettingsError: The state can't be used.
    """
    if state is None:
        return State()
    try:
        return State.read(unwrap(parse_object(state.read(), "--state", "the state")), known)[0]
    except StateError as exc:
        raise SettingsError("--state", str(exc).removeprefix("state: ")) from exc


def _from_catalog(catalog: Mapping[str, Any], known: Mapping[str, Endpoint]) -> list[Endpoint]:
    try:
        check_shape(catalog)
        names = [entry["tap_stream_id"] for entry in selected_only(catalog)["streams"]]
        check_known(names, {*known, *OWN_STREAMS})
    except CatalogError as exc:
        raise SettingsError("--catalog", str(exc).removeprefix("Catalog: ")) from exc
    return [known[name] for name in names if name in known]


def _meltano_patterns() -> Sequence[str]:
    """What Meltano tells the plugin of the project's ``select``."""
    try:
        value = json.loads(os.environ.get("MELTANO_EXTRACT__SELECT") or "[]")
    except ValueError:
        return ()
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else ()


def _from_patterns(patterns: Sequence[str], known: Mapping[str, Endpoint]) -> list[Endpoint]:
    """Streams with at least one selected column; ``!stream.*`` takes a stream out."""
    wanted = [pattern.partition(".")[0] for pattern in patterns if not pattern.startswith("!")]
    unwanted = [
        pattern[1:].partition(".")[0]
        for pattern in patterns
        if pattern.startswith("!") and pattern.partition(".")[2] in ("", "*")
    ]
    return [
        endpoint
        for endpoint in known.values()
        if any(fnmatchcase(endpoint.name, name) for name in wanted)
        and not any(fnmatchcase(endpoint.name, name) for name in unwanted)
    ]
