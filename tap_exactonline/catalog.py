"""The catalog that a run is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from singer_sdk.exceptions import ConfigValidationError


def selected_only(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog without the streams that are not selected: they cost start-up time and memory."""
    kept = []
    for entry in catalog.get("streams", []):
        root: dict[str, Any] = next(
            (item["metadata"] for item in entry.get("metadata", []) if not item.get("breadcrumb")), {}
        )
        selected = root.get("selected", entry.get("selected", root.get("selected-by-default")))
        if selected is False or (selected is None and root.get("inclusion") != "automatic"):
            continue
        kept.append(entry)
    return {**catalog, "streams": kept}


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Look whether all selected streams are known.

    Raises:
        ConfigValidationError: If one is unknown.
    """
    for name in names:
        if name not in known:
            text = (
                f"Catalog: stream {name!r} is unknown to this version of tap-exactonline. Deselect it, or renew the catalog "
                "(`meltano run --refresh-catalog`, or `tap-exactonline --discover`)"
            )
            raise ConfigValidationError(text, errors=[text])
