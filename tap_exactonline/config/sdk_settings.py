"""The settings that the Singer SDK brings: their names, and a look at those that a person writes by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, StorageTarget
from singer_sdk.helpers.capabilities import BATCH_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from tap_exactonline.exact.errors import SettingsError

NAMES = frozenset(
    name for config in (STREAM_MAPS_CONFIG, FLATTENING_CONFIG, BATCH_CONFIG) for name in config["properties"]
)
"""Settings that are not a mistake."""

FAKER = frozenset(STREAM_MAPS_CONFIG["properties"]["faker_config"]["properties"])
"""Members of ``faker_config``."""

_MAPS = "stream_maps"
_ELSE = "__else__"
_NOTHING = "__NULL__"
_SEE_BATCH = "See https://sdk.meltano.com/en/latest/batch.html"
_SEE = "See https://sdk.meltano.com/en/latest/stream_maps.html"


def batch_config(raw: Mapping[str, Any]) -> BatchConfig | None:
    """The setting ``batch_config``: into which files records go; None for messages.

    Raises:
        SettingsError: If it is not as the SDK documents it, or wants a format that this tap does not write.
    """
    given = raw.get("batch_config")
    if not given:
        return None
    try:
        config = BatchConfig.from_dict(dict(given))
    except (TypeError, ValueError, KeyError) as exc:
        raise SettingsError("batch_config", "it has another form than the SDK documents", _SEE_BATCH) from exc
    encoding, storage = config.encoding, config.storage
    if not isinstance(encoding, BaseBatchFileEncoding) or not isinstance(storage, StorageTarget):
        raise SettingsError("batch_config", "it lacks encoding or storage", _SEE_BATCH)
    if encoding.compression == "none":
        encoding.compression = None
    if encoding.format != "jsonl" or encoding.compression not in (None, "gzip"):
        raise SettingsError(
            "batch_config.encoding", "the tap writes the format jsonl, with gzip or without", _SEE_BATCH
        )
    if not isinstance(storage.root, str) or "://" not in storage.root:
        raise SettingsError(
            "batch_config.storage.root", "it is not an address", "Write file:///path or s3://bucket/path"
        )
    if type(config.batch_size) is not int or config.batch_size < 1:
        raise SettingsError("batch_config.batch_size", "it is not a number of records", "Use 1 or more")
    return config


def check(raw: Mapping[str, Any]) -> None:
    """Look at the objects among them, before the SDK does: it stumbles over some.

    Raises:
        SettingsError: If one has another shape than the SDK documents.
    """
    batch_config(raw)
    for name in (_MAPS, "stream_map_config", "faker_config"):
        value = raw.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise SettingsError(name, "it is not an object", _SEE)
    for stream, rules in (raw.get(_MAPS) or {}).items():
        place = f"{_MAPS}.{stream}"[:120]
        if stream == _ELSE:
            _check_else(place, rules)
        else:
            _check_rules(place, rules)


def _check_rules(place: str, rules: Any) -> None:
    if rules is None or isinstance(rules, str):
        return
    if not isinstance(rules, Mapping):
        raise SettingsError(place, "it is neither an object nor null", _SEE)
    for member, rule in rules.items():
        where = f"{place}.{member}"[:160]
        if member == "__key_properties__":
            if not isinstance(rule, list) or not all(isinstance(column, str) for column in rule):
                raise SettingsError(where, "it is not a list of columns", _SEE)
        elif member == _ELSE:
            _check_else(where, rule)
        elif rule is not None and not isinstance(rule, str):
            raise SettingsError(where, "it is neither an expression in quotes nor null", _SEE)


def _check_else(place: str, rule: Any) -> None:
    if not (rule is None or rule == _NOTHING):
        raise SettingsError(place, f"it can only be null or {_NOTHING!r}, which leaves out all others", _SEE)
