"""The settings as they were given, checked and turned into values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tap_exactonline.config import sdk_settings
from tap_exactonline.config.settings import Config, read_settings
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.foreign_text import clean_text

__all__ = ["Config", "parse", "plain", "require_app"]

_SECRETS = (
    "client_secret",
    "refresh_token",
    "access_token",
    "access_token_command",
    "token_store_passphrase",
)
_MOST_SHOWN = 400
# An object or a long list in place of a value is not quoted: who knows what stands in it.
_QUOTED_WHOLE = re.compile(r"(?<=': )[\[{].{40,}[\]}]", re.DOTALL)


def parse(raw: Mapping[str, Any]) -> Config:
    """Check the settings.

    Raises:
        SettingsError: Naming the first setting that is wrong, and what it should be. A secret that stands where it
            does not belong is not shown.
    """
    try:
        sdk_settings.check(raw)
        return read_settings(raw)
    except SettingsError as exc:
        secrets = [value for name in _SECRETS if isinstance(value := raw.get(name), str)]
        exc.what = clean_text(_QUOTED_WHOLE.sub("the value", exc.what), secrets, most=_MOST_SHOWN)
        exc.args = (exc.what,)
        raise


def plain(raw: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """The settings as they were given, in the types that the SDK's own check demands: lists and numbers may come as text."""
    found = dict(raw)
    for name in ("divisions", "exclude_divisions"):
        if found.get(name):
            found[name] = list(getattr(config, name) or ())
    if "extra_streams" in found:
        found["extra_streams"] = [dict(extra.given) for extra in config.extra_streams]
    for name in ("max_parallel_divisions", "reserve_calls", "max_response_mb", "contract_calls"):
        if (number := getattr(config, name)) is not None:
            found[name] = number
    return found


def require_app(config: Config) -> None:
    """Check that there is something to log in with.

    Raises:
        SettingsError: If client id or secret is missing.
    """
    if config.access_token_command:
        return
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
