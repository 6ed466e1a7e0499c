"""The catalog that a run is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

REMEDY = "Make a new one with `tap-exactonline --discover`, or let Meltano do it: `meltano run --refresh-catalog …`"


class CatalogError(ValueError):
    """The catalog can't be used. The message says where it is wrong and what to do."""


# -- which streams are selected, looked up in the text --------------------------------------------------


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

    A text that is not a catalog is returned as it is; whoever reads it says what is wrong.
    """
    try:
        kept = [raw for raw in msgspec.json.decode(text, type=_Catalog).streams if _wanted(raw)]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
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


# -- its shape ------------------------------------------------------------------------------------------


_Type = Literal["string", "number", "integer", "boolean", "object", "array", "null"]


class _Schema(msgspec.Struct):
    type: _Type | list[_Type] | None = None
    properties: "dict[str, _Schema] | None" = None  # noqa: UP037 - msgspec resolves it when it is first used
    items: "_Schema | None" = None  # noqa: UP037
    required: list[str] | None = None


class _Marks(msgspec.Struct, rename="kebab"):
    inclusion: Literal["available", "automatic", "unsupported"] | None = None
    selected: bool | None = None
    selected_by_default: bool | None = None
    table_key_properties: list[str] | None = None
    replication_key: str | None = None
    forced_replication_method: str | None = None


class _Described(msgspec.Struct):
    breadcrumb: list[str]
    metadata: _Marks


class _Stream(msgspec.Struct):
    tap_stream_id: Annotated[str, msgspec.Meta(min_length=1)]
    stream: str | None = None
    selected: bool | None = None
    metadata: list[_Described] = []
    schema: _Schema = msgspec.field(default_factory=_Schema)
    key_properties: list[str] | None = None
    replication_key: str | None = None
    replication_method: str | None = None


def check_shape(catalog: Mapping[str, Any]) -> None:
    """Look whether a catalog is built as Singer says, so far as a run depends on it.

    Raises:
        CatalogError: If it is not.
    """
    streams = catalog.get("streams")
    if not isinstance(streams, list):
        raise CatalogError(f"Catalog: it has no list 'streams'. {REMEDY}")
    seen: set[str] = set()
    for position, entry in enumerate(streams, 1):
        try:
            stream = msgspec.convert(entry, _Stream)
            msgspec.json.encode(entry)  # its schema is written as it is
        except msgspec.ValidationError as exc:
            raise CatalogError(f"Catalog: {_place(entry, position)}: {_plain(exc)}. {REMEDY}") from exc
        except UnicodeEncodeError as exc:
            raise CatalogError(
                f"Catalog: {_place(entry, position)}: it holds half a character. {REMEDY}"
            ) from exc
        if stream.tap_stream_id in seen:
            raise CatalogError(f"Catalog: stream {stream.tap_stream_id!r} is there twice. {REMEDY}")
        seen.add(stream.tap_stream_id)
        if stream.stream not in {None, stream.tap_stream_id}:
            raise CatalogError(
                f"Catalog: stream {stream.tap_stream_id!r} has another name in 'stream'. To rename a table, use the "
                "setting stream_maps (`__alias__`)"
            )


def _place(entry: Any, position: int) -> str:
    name = entry.get("tap_stream_id") if isinstance(entry, dict) else None
    return f"stream {name[:80]!r}" if name and isinstance(name, str) else f"stream number {position}"


def _plain(exc: msgspec.ValidationError) -> str:
    """``Expected `array`, got `int` - at `$.metadata[...].breadcrumb` `` → ``metadata[...].breadcrumb: expected …``."""
    what, _, where = str(exc).partition(" - at `$")
    what = what[:1].lower() + what[1:]
    where = where.rstrip("`").lstrip(".")
    return f"{where}: {what}" if where else what


# -- what is in it --------------------------------------------------------------------------------------


def for_a_run(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog as a run takes it in.

    Args:
        catalog: One whose shape is right.

    Raises:
        CatalogError: If a stream has no key.
    """
    return with_methods(with_keys(selected_only(catalog)))


def selected_only(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog without the streams that are not selected: they cost start-up time and memory.

    Args:
        catalog: One whose shape is right.
    """
    kept = [entry for entry in catalog["streams"] if _selected(_root(entry), entry.get("selected"))]
    return {**catalog, "streams": kept}


def with_keys(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog with each stream's key where the SDK looks for it: beside the metadata, not only in them.

    Args:
        catalog: One whose shape is right.

    Raises:
        CatalogError: If a stream has none in either place. A target would append each row again with every change; an
            empty list says that this is wanted.
    """
    streams = []
    for entry in catalog["streams"]:
        key = entry.get("key_properties")
        if key is None:
            key = _root(entry).get("table-key-properties")
        if key is None:
            raise CatalogError(
                f"Catalog: stream {entry['tap_stream_id']!r} has no 'key_properties'. {REMEDY}"
            )
        streams.append({**entry, "key_properties": key})
    return {**catalog, "streams": streams}


def with_methods(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog with each stream's replication method where the SDK looks for it; Meltano writes it into the metadata.

    Args:
        catalog: One whose shape is right.
    """
    streams = []
    for entry in catalog["streams"]:
        marks = _root(entry)
        wish = marks.get("replication-method") or marks.get("forced-replication-method")
        streams.append({**entry, "replication_method": wish or entry.get("replication_method")})
    return {**catalog, "streams": streams}


def _root(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the metadata say of the stream as a whole."""
    return next((item["metadata"] for item in entry.get("metadata", []) if not item["breadcrumb"]), {})


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Look whether all selected streams are known.

    Raises:
        CatalogError: If one is unknown.
    """
    for name in names:
        if name not in known:
            raise CatalogError(
                f"Catalog: stream {name!r} is unknown to this version of tap-exactonline. Deselect it, or renew the catalog "
                "(`meltano run --refresh-catalog`, or `tap-exactonline --discover`)"
            )
