"""The catalog that a run is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from singer_sdk.exceptions import ConfigValidationError


class _Item(msgspec.Struct):
    metadata: msgspec.Raw
    breadcrumb: tuple[str, ...] = ()


class _Entry(msgspec.Struct):
    metadata: list[_Item] = []
    selected: bool | None = None


class _Catalog(msgspec.Struct):
    streams: list[msgspec.Raw]


def prune(text: str) -> str:
    """As :func:`selected_only`, before the text becomes objects: those of a whole catalog take 20 MB.

    A text that is no catalog is returned as it is; whoever reads it says what is wrong.
    """
    try:
        kept = [raw for raw in msgspec.json.decode(text, type=_Catalog).streams if _wanted(raw)]
    except (msgspec.DecodeError, UnicodeError):
        return text
    return msgspec.json.encode(_Catalog(kept)).decode()


def _wanted(raw: msgspec.Raw) -> bool:
    entry = msgspec.json.decode(raw, type=_Entry)
    root = next((item.metadata for item in entry.metadata if not item.breadcrumb), None)
    return _selected(msgspec.json.decode(root, type=dict[str, Any]) if root else {}, entry.selected)


def _selected(root: Mapping[str, Any], entry: Any) -> bool:
    """Whether a stream is selected, by its own metadata and by the older mark beside them."""
    selected = root.get("selected", root.get("selected-by-default") if entry is None else entry)
    return root.get("inclusion") == "automatic" if selected is None else selected is not False


def selected_only(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog without the streams that are not selected: they cost start-up time and memory."""
    kept = []
    for entry in catalog.get("streams", []):
        root: dict[str, Any] = next(
            (item["metadata"] for item in entry.get("metadata", []) if not item.get("breadcrumb")), {}
        )
        if _selected(root, entry.get("selected")):
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
