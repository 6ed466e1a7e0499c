"""How a setting is read: from what a person wrote to a value, or one sentence that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline.exact.auth.store import DEFAULT, check_name
from tap_exactonline.exact.auth.tokens import check_secret
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.urls import api_url_for, check_api_url
from tap_exactonline.shard import Shard

Reader = Callable[[Mapping[str, Any], str], Any]
"""From all settings and the name of one to its value; raises `SettingsError`."""

ZONES = {
    "nl": "Europe/Amsterdam",
    "be": "Europe/Brussels",
    "de": "Europe/Berlin",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
    "uk": "Europe/London",
    "us": "America/New_York",
}
"""Country → time zone of its administrations' wall clock. Exact documents CET; the last two are a guess."""

_DIGITS = re.compile(r"\s*\d{1,9}\s*")


def text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise SettingsError(name, "it must be text")
    if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise SettingsError(name, "it holds half a character", "Write it again")
    if "\0" in value:
        raise SettingsError(
            name, "it holds a NUL character", "Write it again; it was copied from somewhere odd"
        )
    return value.strip() or None


def text_or_empty(raw: Mapping[str, Any], name: str) -> str:
    return text(raw, name) or ""


def any_text(raw: Mapping[str, Any], name: str) -> str | None:
    """Of a setting that only `login` uses, which checks it."""
    value = raw.get(name)
    return value if isinstance(value, str) else None


def secret_text(raw: Mapping[str, Any], name: str) -> str | None:
    value = text(raw, name)
    check_secret(name, value)
    return value


def secret_or_empty(raw: Mapping[str, Any], name: str) -> str:
    return secret_text(raw, name) or ""


def flag(raw: Mapping[str, Any], name: str) -> bool:
    return bool(raw.get(name))


def numbers(raw: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    values = raw.get(name)
    if values is None or values in ("", []):
        return None
    if not isinstance(values, list | tuple):
        raise SettingsError(
            name, f"{values!r} is not a list", "Write numbers of administrations, as in [123456, 234567]"
        )
    found = []
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool):
            found.append(value)
        elif isinstance(value, str) and _DIGITS.fullmatch(value):
            found.append(int(value))
        else:
            raise SettingsError(
                name,
                f"{value!r} is not the number of an administration",
                "`tap-exactonline divisions` lists the numbers (they are not the codes shown in Exact's own screens)",
            )
    return tuple(found)


def numbers_or_none(raw: Mapping[str, Any], name: str) -> tuple[int, ...]:
    return numbers(raw, name) or ()


def choice(default: str, allowed: Sequence[str]) -> Reader:
    """One of several words."""

    def read(raw: Mapping[str, Any], name: str) -> str:
        value = raw.get(name)
        if value is None or value == "":
            return default
        if value not in allowed:
            raise SettingsError(name, f"{value!r} is unknown", f"Use one of {', '.join(allowed)}")
        return str(value)

    return read


def integer(default: int, least: int, most: int | None = None) -> Reader:
    """A whole number within bounds."""

    def read(raw: Mapping[str, Any], name: str) -> int:
        value = raw.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise SettingsError(name, f"{value!r} is not a whole number")
        if value < least or (most is not None and value > most):
            raise SettingsError(
                name, f"{value} is out of range", f"Use {least} or more" + (f", up to {most}" if most else "")
            )
        return value

    return read


def zone(raw: Mapping[str, Any], name: str) -> ZoneInfo:
    given = text(raw, name)
    try:
        return ZoneInfo(given or ZONES[choice("nl", list(ZONES))(raw, "country")])
    except (KeyError, ValueError, OSError) as exc:
        raise SettingsError(
            name, f"{given!r} is not a known time zone", "Use a name such as Europe/Amsterdam"
        ) from exc


def start_date(raw: Mapping[str, Any], name: str) -> datetime | None:
    given = text(raw, name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as exc:
        raise SettingsError(
            name, f"{given!r} is not a valid date", "Write it as 2024-01-31 or 2024-01-31T09:00:00"
        ) from exc
    midnight = (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
    if moment.tzinfo is None or (midnight and moment.utcoffset() == datetime.now(UTC).utcoffset()):
        # Meltano and others write a plain date as midnight UTC.
        return moment.replace(tzinfo=None)
    here = zone(raw, "timezone")
    try:
        return moment.astimezone(here).replace(tzinfo=None)
    except OverflowError as exc:
        raise SettingsError(
            name,
            f"{given!r} lies outside the calendar in the time zone {here}",
            "Write it without a time zone",
        ) from exc


def token_command(raw: Mapping[str, Any], name: str) -> str | None:
    command = text(raw, name)
    for other in ("access_token", "refresh_token"):
        if command and text(raw, other):
            raise SettingsError(name, f"it does not go together with {other}", "Leave one of them out")
    return command


def connection(raw: Mapping[str, Any], name: str) -> str:
    return check_name(text(raw, name) or DEFAULT)


def api_url(raw: Mapping[str, Any], name: str) -> str:
    country = choice("nl", list(ZONES))(raw, "country")
    return check_api_url(text(raw, name) or api_url_for(country))


def shard(raw: Mapping[str, Any], name: str) -> Shard:
    given = text(raw, name)
    if not given:
        return Shard()
    if raw.get("emit_activate_version_messages"):
        raise SettingsError(
            name,
            "it does not go together with emit_activate_version_messages",
            "A version covers a whole table, so each part would declare the rows of the others gone. Turn one of them off; "
            "deletions: tombstones works in parts, too",
        )
    return Shard.parse(given)


def contract_calls(raw: Mapping[str, Any], name: str) -> int | None:
    return integer(0, least=0)(raw, name) or None
