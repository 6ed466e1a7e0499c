"""Where the settings come from: files and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers import _typing
from singer_sdk.helpers._util import load_json

from tap_exactonline.exact.errors import SettingsError

ENVIRONMENT = "ENV"
PREFIX = "TAP_EXACTONLINE_"


def read_object(path: str | Path, option: str) -> dict[str, Any]:
    """Read a JSON object from a file.

    Args:
        path: The file.
        option: Name of the command line's option, for messages.

    Raises:
        SettingsError: The file is missing, unreadable or not a JSON object. Its content is not quoted.
    """
    try:
        file = Path(path).expanduser().open(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise SettingsError(
            option, f"there is no file {path}", f"Give the path of a JSON file{_or_environment(option)}"
        ) from exc
    except (OSError, ValueError, RuntimeError) as exc:
        raise _unreadable(option, path, exc) from exc
    with file:
        return parse_object(read_text(file, option, path), option, str(path))


def read_text(file: IO[str], option: str, name: str | Path) -> str:
    """The content of an open file.

    Raises:
        SettingsError: It can't be read, or is not text.
    """
    try:
        return file.read()
    except (OSError, UnicodeDecodeError) as exc:
        raise _unreadable(option, name, exc) from exc


def _unreadable(option: str, name: str | Path, exc: Exception) -> SettingsError:
    if isinstance(exc, UnicodeDecodeError):
        why = "it is not UTF-8 text"
    else:
        why = (exc.strerror if isinstance(exc, OSError) else None) or type(exc).__name__
    return SettingsError(option, f"{name} can't be read: {why}", "Give the path of a JSON file")


def parse_object(text: str, option: str, name: str) -> dict[str, Any]:
    """Understand the content of a JSON file.

    Raises:
        SettingsError: It is not a JSON object. The content is not quoted, since it may hold secrets.
    """
    try:
        value: Any = load_json(text)
    except ValueError as exc:
        line, column = getattr(exc, "lineno", None), getattr(exc, "colno", None)
        where = f" (line {line}, column {column})" if line else ""
        what = "is empty" if not text.strip() else f"is not valid JSON{where}"
        raise SettingsError(option, f"{name} {what}", _remedy(option)) from None
    except RecursionError:
        raise SettingsError(option, f"{name} is nested too deeply", _remedy(option)) from None
    if not isinstance(value, dict):
        raise SettingsError(option, f"{name} does not hold a JSON object, {{…}}", _remedy(option))
    return value


def _or_environment(option: str) -> str:
    return f", or {ENVIRONMENT} for variables {PREFIX}…" if option == "--config" else ""


def _remedy(option: str) -> str:
    return {
        "--state": "Restore the file from a backup; without --state everything is read again",
        "--catalog": "Make a new one with tap-exactonline --discover",
    }.get(option, "Correct the file")


def environment_settings(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The settings given as variables ``TAP_EXACTONLINE_…``, converted as the schema says.

    An empty variable counts as absent. A list may also be written as ``101,102``. A ``.env`` file is read as every tap
    of the SDK reads it, but a variable that is set already keeps its value, as it does with Meltano.

    Args:
        schema: JSON schema of the settings.

    Raises:
        SettingsError: A variable does not fit its setting; the value is not quoted.
    """
    _load_dotenv()
    found: dict[str, Any] = {}
    for name, property_schema in schema["properties"].items():
        variable = PREFIX + name.upper().replace("-", "_")
        text = os.environ.get(variable, "").strip()
        if not text:
            continue
        if _typing.is_array_type(property_schema) and text[0] not in "[{":
            found[name] = [item.strip() for item in text.split(",") if item.strip()]
            continue
        one = {"properties": {name: property_schema}}
        try:
            found |= parse_environment_config(one, PREFIX, dotenv_path=os.devnull)
        except ValueError as exc:
            raise SettingsError(name, f"the variable {variable} is {_expected(property_schema)}") from exc
    return found


def _load_dotenv() -> None:
    """Read a ``.env`` file for what the environment does not say.

    The SDK writes it over the environment. Meltano does not, so that ``check`` and ``run`` would see different settings.
    """
    before = dict(os.environ)
    parse_environment_config({"properties": {}}, PREFIX)
    os.environ.update(before)


def _expected(schema: Mapping[str, Any]) -> str:
    if _typing.is_integer_type(dict(schema)):
        return "not a whole number"
    if _typing.is_array_type(dict(schema)):
        items = _typing.is_object_type(schema.get("items") or {})
        return "not a JSON list of objects" if items else "not a JSON list such as [123456, 234567]"
    return "not a JSON object"
