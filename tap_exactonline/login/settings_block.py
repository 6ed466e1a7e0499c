"""Ready-made settings to copy, without the secret."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tap_exactonline.config import Config
from tap_exactonline.exact.auth.store import DEFAULT, default_path
from tap_exactonline.exact.urls import api_url_for

SECRET_PLACE = "<the client secret>"  # noqa: S105 - where it belongs, not what it is


def environment_block(
    config: Config,
    redirect_uri: str,
    divisions: Sequence[int] | None = None,
    *,
    secret_place: str = SECRET_PLACE,
) -> str:
    """Lines for ``.env``.

    Args:
        config: The settings that the login was made with.
        redirect_uri: Of the app.
        divisions: Chosen administrations; None for all, also those to come.
        secret_place: What stands where the client secret belongs.
    """
    lines = [
        f"TAP_EXACTONLINE_CLIENT_ID={config.client_id}",
        f"TAP_EXACTONLINE_CLIENT_SECRET={secret_place}",
        f"TAP_EXACTONLINE_REDIRECT_URI={redirect_uri}",
    ]
    lines += [f"TAP_EXACTONLINE_{name.upper()}={value}" for name, value in _others(config, divisions)]
    return "\n".join(lines)


def meltano_block(config: Config, redirect_uri: str, divisions: Sequence[int] | None = None) -> str:
    """The tap's part of ``meltano.yml``; the secret stays in ``.env``."""
    values = [("client_id", config.client_id), ("redirect_uri", redirect_uri), *_others(config, divisions)]
    lines = ["plugins:", "  extractors:", "  - name: tap-exactonline", "    config:"]
    lines += [f"      {name}: {_plain(value)}" for name, value in values]
    return "\n".join(lines)


def _others(config: Config, divisions: Sequence[int] | None) -> list[tuple[str, str]]:
    found = []
    if config.api_url == api_url_for(config.country):
        found.append(("country", config.country))
    else:
        found.append(("api_url", config.api_url))
    if config.connection != DEFAULT:
        found.append(("connection", config.connection))
    if place := _token_file(config):
        found.append(("token_store", place))
    if divisions is not None:
        found.append(("divisions", f"[{', '.join(str(code) for code in divisions)}]"))
    return found


def _token_file(config: Config) -> str | None:
    """Where the login is, if runs would look elsewhere: Meltano has a default of its own.

    A database's address is left out: it may hold a password, and it is in the settings already.
    """
    if config.token_store:
        return config.token_store if "://" not in config.token_store else None
    if os.environ.get("MELTANO_SYS_DIR_ROOT"):
        return None
    return str(default_path(config.client_id, config.api_url))


def _plain(value: str) -> str:
    """A YAML scalar: quoted where YAML could take it for something else."""
    risky = not value or value[0] in "*&!|>%@`'\"{" or ": " in value or " #" in value or value.isdigit()
    return "'" + value.replace("'", "''") + "'" if risky and not value.startswith("[") else value
