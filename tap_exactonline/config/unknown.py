"""What was set and has no effect, because nobody knows the name.

A misspelt setting must not pass in silence: with ``divisons: [101]`` all administrations would be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from tap_exactonline.config import sdk_settings
from tap_exactonline.config.settings import SCHEMA
from tap_exactonline.config.sources import PREFIX

_ALIKE = 0.6
_ALMOST_THE_SAME = 0.9
# Of the SDK: how much is logged.
_OTHER_VARIABLES = frozenset({"LOGLEVEL"})


def names() -> set[str]:
    """All settings that have a meaning."""
    return {*SCHEMA["properties"], *sdk_settings.NAMES}


def unknown_settings(raw: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each unknown setting, with the name that was probably meant.

    A name that begins with ``_``, ``$``, ``#`` or ``/`` is taken for a comment, which JSON lacks.
    """
    known = names()
    for name in raw:
        if name not in known and name[:1] not in {"_", "$", "#", "/"}:
            yield f"Setting {name[:80]!r} is unknown and has no effect{hint(name, known)}"
    faker = raw.get("faker_config")
    for name in faker if isinstance(faker, Mapping) else ():
        if name not in sdk_settings.FAKER:
            yield f"Setting 'faker_config': {name[:80]!r} is unknown and has no effect{hint(name, sdk_settings.FAKER)}"


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable ``TAP_EXACTONLINE_…`` that belongs to no setting.

    Meltano sets more of them: with two underscores for itself, and for a plugin that inherits from this one and has a
    longer name (``tap-exactonline-full``), each ending with the name of a setting.
    """
    known = {name.upper().replace("-", "_") for name in names()} | _OTHER_VARIABLES
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name == variable or not name or name in known:
            continue
        if "__" in f"_{name}" and name.replace("__", "_") not in known:
            continue
        endings = {setting for setting in known if name.endswith(f"_{setting}")}
        close = get_close_matches(name, sorted(known - endings), 1, _ALMOST_THE_SAME if endings else _ALIKE)
        if endings and not close:
            continue
        hint = f". Did you mean {PREFIX}{close[0]}?" if close else ""
        yield f"The variable {variable[:100]!r} belongs to no setting and has no effect{hint}"


def unknown_streams(raw: Mapping[str, Any], streams: Collection[str]) -> Iterator[str]:
    """A sentence for each stream map of a stream that does not exist.

    Args:
        raw: The settings, checked.
        streams: Names of all streams.
    """
    for name, rules in (raw.get("stream_maps") or {}).items():
        source = rules.get("__source__", name) if isinstance(rules, Mapping) else name
        if name.startswith("__") or any(fnmatchcase(stream, str(source)) for stream in streams):
            continue
        meant = hint(str(source), streams)
        yield f"Setting 'stream_maps': there is no stream {str(source)[:80]!r}, so that it has no effect{meant}"


def hint(name: str, known: Collection[str]) -> str:
    """``. Did you mean 'divisions'?``, or nothing if no known name is near."""
    plain = name.strip().lower().replace("-", "_")
    close = [plain] if plain in known else get_close_matches(plain, sorted(known), 1, _ALIKE)
    return f". Did you mean {close[0]!r}?" if close else ""
