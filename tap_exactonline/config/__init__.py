"""The settings as they were given, checked and turned into values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tap_exactonline.config import sdk_settings
from tap_exactonline.config.settings import SCHEMA, ZONES
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.secret_text import check_secret
from tap_exactonline.exact.urls import api_url_for, check_api_url
from tap_exactonline.shard import Shard

if TYPE_CHECKING:
    from tap_exactonline.extra_streams.stream import ExtraStream

_SECRETS = ("client_secret", "refresh_token", "access_token", "token_store_passphrase")
_MOST_SHOWN = 400
# An object or a long list in place of a value is not quoted: who knows what stands in it.
_QUOTED_WHOLE = re.compile(r"(?<=': )[\[{].{40,}[\]}]", re.DOTALL)
_DIGITS = re.compile(r"\s*\d{1,9}\s*")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, checked. ``start_date`` is in the administration's wall clock."""

    client_id: str
    client_secret: str
    refresh_token: str | None
    access_token: str | None
    country: str
    api_url: str
    divisions: tuple[int, ...] | None
    exclude_divisions: tuple[int, ...]
    shard: Shard
    only_schemas: bool
    start_date: datetime | None
    token_store: str | None
    token_store_passphrase: str | None
    max_parallel_divisions: int
    reserve_calls: int
    contract_calls: int | None
    max_response_mb: int
    tombstones: bool
    exact_names: bool
    hidden_fields: bool
    utc: bool
    zone: ZoneInfo
    user_agent: str | None
    extra_streams: tuple[ExtraStream, ...] = ()

    def __repr__(self) -> str:
        """No secrets."""
        return f"Config(api_url={self.api_url!r})"


def parse(raw: Mapping[str, Any]) -> Config:
    """Check the settings.

    Raises:
        SettingsError: Naming the first setting that is wrong, and what it should be. A secret that stands where it
            does not belong is not shown.
    """
    try:
        return _parse(raw)
    except SettingsError as exc:
        secrets = [value for name in _SECRETS if isinstance(value := raw.get(name), str)]
        exc.what = clean_text(_QUOTED_WHOLE.sub("the value", exc.what), secrets, most=_MOST_SHOWN)
        exc.args = (exc.what,)
        raise


def _parse(raw: Mapping[str, Any]) -> Config:
    sdk_settings.check(raw)
    country = _choice(raw, "country", "nl")
    zone = _zone(raw, country)
    start_date = _date(raw, "start_date", zone)
    return Config(
        client_id=_text(raw, "client_id") or "",
        client_secret=_secret(raw, "client_secret") or "",
        refresh_token=_secret(raw, "refresh_token"),
        access_token=_secret(raw, "access_token"),
        country=country,
        api_url=check_api_url(_text(raw, "api_url") or api_url_for(country)),
        divisions=_numbers(raw, "divisions"),
        exclude_divisions=_numbers(raw, "exclude_divisions") or (),
        shard=_shard(raw),
        only_schemas=bool(raw.get("only_schemas")),
        start_date=start_date,
        token_store=_text(raw, "token_store"),
        token_store_passphrase=_text(raw, "token_store_passphrase"),
        max_parallel_divisions=_integer(raw, "max_parallel_divisions", 8, least=1, most=64),
        reserve_calls=_integer(raw, "reserve_calls", 0, least=0),
        contract_calls=_integer(raw, "contract_calls", 0, least=0) or None,
        max_response_mb=_integer(raw, "max_response_mb", 64, least=1, most=2048),
        tombstones=_choice(raw, "deletions", "log") == "tombstones",
        exact_names=_choice(raw, "column_names", "snake_case") == "exact",
        hidden_fields=bool(raw.get("hidden_fields")),
        utc=_choice(raw, "timestamps", "local") == "utc",
        zone=zone,
        user_agent=_text(raw, "user_agent"),
        extra_streams=_extra_streams(raw, zone, start_date),
    )


def require_app(config: Config) -> None:
    """Check that there is something to log in with.

    Raises:
        SettingsError: If client id or secret is missing.
    """
    if config.access_token and not config.refresh_token and not config.client_id:
        return
    for name, value in (("client_id", config.client_id), ("client_secret", config.client_secret)):
        if not value:
            raise SettingsError(
                name,
                "it is missing",
                "Register an app at apps.exactonline.com and fill in its id and secret (docs/connecting.md); settings "
                "are read from --config FILE or, with --config=ENV, from variables TAP_EXACTONLINE_…",
            )


def _shard(raw: Mapping[str, Any]) -> Shard:
    text = _text(raw, "shard")
    if not text:
        return Shard()
    if raw.get("emit_activate_version_messages"):
        raise SettingsError(
            "shard",
            "it does not go together with emit_activate_version_messages",
            "A version covers a whole table, so each part would declare the rows of the others gone. Turn one of them off; "
            "deletions: tombstones works in parts, too",
        )
    return Shard.parse(text)


def _extra_streams(
    raw: Mapping[str, Any], zone: ZoneInfo, start_date: datetime | None
) -> tuple[ExtraStream, ...]:
    if not raw.get("extra_streams"):
        return ()
    # Most runs define none, and need not read the functions' data file.
    from tap_exactonline.extra_streams.definitions import define  # noqa: PLC0415

    return define(raw["extra_streams"], datetime.now(zone).replace(tzinfo=None), start_date)


def _text(raw: Mapping[str, Any], name: str) -> str | None:
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


def _secret(raw: Mapping[str, Any], name: str) -> str | None:
    text = _text(raw, name)
    check_secret(name, text)
    return text


def _choice(raw: Mapping[str, Any], name: str, default: str) -> str:
    value = raw.get(name)
    allowed = SCHEMA["properties"][name]["enum"]
    if value is None or value == "":
        return default
    if value not in allowed:
        raise SettingsError(name, f"{value!r} is unknown", f"Use one of {', '.join(allowed)}")
    return str(value)


def _numbers(raw: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    values = raw.get(name)
    if values is None or values in ("", []):
        return None
    if not isinstance(values, list | tuple):
        raise SettingsError(
            name, f"{values!r} is not a list", "Write numbers of administrations, as in [123456, 234567]"
        )
    numbers = []
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool):
            numbers.append(value)
        elif isinstance(value, str) and _DIGITS.fullmatch(value):
            numbers.append(int(value))
        else:
            raise SettingsError(
                name,
                f"{value!r} is not the number of an administration",
                "`tap-exactonline divisions` lists the numbers (they are not the codes shown in Exact's own screens)",
            )
    return tuple(numbers)


def _integer(raw: Mapping[str, Any], name: str, default: int, *, least: int, most: int | None = None) -> int:
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


def _zone(raw: Mapping[str, Any], country: str) -> ZoneInfo:
    name = _text(raw, "timezone")
    try:
        return ZoneInfo(name or ZONES[country])
    except (KeyError, ValueError, OSError) as exc:
        raise SettingsError(
            "timezone", f"{name!r} is not a known time zone", "Use a name such as Europe/Amsterdam"
        ) from exc


def _date(raw: Mapping[str, Any], name: str, zone: ZoneInfo) -> datetime | None:
    text = _text(raw, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise SettingsError(
            name, f"{text!r} is not a valid date", "Write it as 2024-01-31 or 2024-01-31T09:00:00"
        ) from exc
    midnight = (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
    if moment.tzinfo is None or (midnight and moment.utcoffset() == datetime.now(UTC).utcoffset()):
        # Meltano and others write a plain date as midnight UTC.
        return moment.replace(tzinfo=None)
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError as exc:
        raise SettingsError(
            name,
            f"{text!r} lies outside the calendar in the time zone {zone}",
            "Write it without a time zone",
        ) from exc
