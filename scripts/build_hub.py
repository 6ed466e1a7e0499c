"""Meltano Hub's definition of the tap, from `tap-exactonline --about --format=json` and the words below.

``python -m scripts.build_hub`` renews plugins/hub/tap-exactonline.yml; a test tells when that is due. Variant and
repository come from the address in pyproject.toml. Settings look as the Hub's own script (hub-utils, ``update_sdk``) would
write them, because it merges them again each week: a run of it must change nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from tap_exactonline.endpoints import load
from tap_exactonline.endpoints.spelling import stream
from tap_exactonline.sync.run_log import RUN_LOG
from tap_exactonline.tap import TapExactOnline

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "plugins/hub/tap-exactonline.yml"

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY: str = _PROJECT["urls"]["Repository"]
# What `meltano add` installs. Once the package is on a registry, this line becomes `PIP_URL = DISTRIBUTION`.
PIP_URL = f"git+{REPOSITORY}.git"

# The Hub's script takes a text setting for a password if its name holds one of these.
_SECRET_WORDS = ("password", "id", "token", "key", "secret")
PLACEHOLDERS = {
    "client_id": "00000000-0000-0000-0000-000000000000",
    "divisions": "[123456, 234567]",
    "exclude_divisions": "[345678]",
    "start_date": "2024-01-01",
    "timezone": "Europe/Amsterdam",
    "token_store": "postgresql+psycopg://user:password@host/database",
}

PREREQ = """\
An app registered at Exact Online (App centre > Manage apps) with a redirect address that begins with `https://`,
and a user of Exact Online with the right to read what you want to copy.
"""

SETTINGS_PREAMBLE = """\
Set `client_id` and `client_secret` of the app, and the `country` that it is registered at. Then log in once:

```sh
meltano invoke tap-exactonline:login
```

The tap keeps the login in a store of its own (`token_store`), because Exact Online replaces its tokens every ten
minutes and accepts each refresh token once. Neither `refresh_token` nor `access_token` has to be configured.
"""

NEXT_STEPS = """\
1. Log in, once and in a browser:

   ```sh
   meltano invoke tap-exactonline:login
   ```

1. See what the login may read, and what a run costs in calls:

   ```sh
   meltano invoke tap-exactonline:check
   meltano invoke tap-exactonline:divisions
   ```

1. Load it:

   ```sh
   meltano run tap-exactonline target-postgres
   ```
"""

USAGE = """\
## Streams

There is a stream for each of the {everything} endpoints that a plain GET can read, named by its path: `sync/CRM/Accounts` is
`sync_crm_accounts`. By default {chosen} are selected, for each entity the cheapest one; HR and payroll are not among them. The
first selection of your own replaces that list, so put it into your project before you change it:

```sh
meltano config set tap-exactonline _select '{selection}'
meltano select tap-exactonline crm_account_classifications '*'
```

Streams that begin with `sync_` bring 1,000 rows a call and only what changed. `sync_deleted` names the rows that were
deleted.

## Limits

Exact Online allows an app 60 calls a minute and 5,000 a day for each administration, unless the contract says
otherwise. The tap reads what is left from the answers and waits or stops before a call would be refused; the next run
goes on from there.

## Troubleshooting

- *There is no login to Exact Online yet*: `meltano invoke tap-exactonline:login`.
- *The stored login was renewed by somebody else*: two programs use the same login. Let all runs share one
  `token_store`, give other programs an app of their own, and log in again.
- *The app registration lacks the scope …*: add it to the app, then log in again.
- New columns or streams do not appear after an upgrade: `meltano run --refresh-catalog tap-exactonline …`.
"""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that people can read them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def variant() -> str:
    """The Hub's name for who publishes the tap: the owner of the repository."""
    return REPOSITORY.split("/")[-2].lower()


def about() -> dict[str, Any]:
    """What the installed tap says about itself.

    Raises:
        subprocess.CalledProcessError: It does not run.
    """
    command = [sys.executable, "-m", "tap_exactonline.cli", "--about", "--format=json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def commands() -> dict[str, dict[str, str]]:
    """The commands beside the Singer tap itself, with the first line of their help."""
    group = TapExactOnline.cli
    if not isinstance(group, click.Group):
        raise TypeError("the tap has no commands")
    return {
        name: {"args": f"--config=ENV {name}", "description": str(command.help).splitlines()[0]}
        for name, command in sorted(group.commands.items())
    }


def selection() -> list[str]:
    """The default selection as Meltano's patterns: a whole service at once where all of it is selected.

    There is no pattern that excludes: Meltano lets an exclusion win over every later `meltano select` of the same stream.
    """
    prefixes: list[str] = []
    for prefix in sorted({_prefix(endpoint.path) for endpoint in load() if endpoint.kind == "sync"}, key=len):
        same = [endpoint for endpoint in load() if endpoint.name.startswith(prefix)]
        if all(endpoint.selected for endpoint in same) and not prefix.startswith(tuple(prefixes)):
            prefixes.append(prefix)
    rest = [
        endpoint.name
        for endpoint in load()
        if endpoint.selected and not endpoint.name.startswith(tuple(prefixes))
    ]
    return [f"{prefix}*.*" for prefix in sorted(prefixes)] + [f"{name}.*" for name in (*rest, RUN_LOG)]


def _prefix(path: str) -> str:
    """What the names of a service's streams begin with."""
    return stream(path.rpartition("/")[0]) + "_"


def setting(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """One setting as the Hub describes it."""
    described: dict[str, Any] = {
        "name": name,
        "label": schema.get("title") or option_label(name),
        "description": " ".join(str(schema.get("description", "")).split()),
        "kind": hub_kind(name, schema),
    }
    if described["kind"] == "options":
        described["options"] = [
            {"label": option_label(str(value)), "value": str(value)} for value in schema["enum"]
        ]
    if described["kind"] == "password":
        described["sensitive"] = True
    if schema.get("default") is not None:
        described["value"] = schema["default"]
    if name in PLACEHOLDERS:
        described["placeholder"] = PLACEHOLDERS[name]
    return described


def hub_kind(name: str, schema: Mapping[str, Any]) -> str:
    """The kind that the Hub's script gives a setting: by its name, if it is a text."""
    kind = _type(name, schema)
    if kind != "string":
        return {"number": "decimal"}.get(kind, kind)
    if name in {"start_date", "end_date"}:
        return "date_iso8601"
    if any(word in name for word in _SECRET_WORDS):
        return "password"
    return "options" if schema.get("enum") else "string"


def _type(name: str, schema: Mapping[str, Any]) -> str:
    types = schema.get("type") or ("array" if name == "faker_config.locale" else "string")
    return types if isinstance(types, str) else next(one for one in types if one != "null")


def option_label(value: str) -> str:
    """A label as the Hub's script makes it: `snake_case` becomes `Snake Case`."""
    words = re.sub(r"[_.-]", " ", value).title()
    return words.replace("Gzip", "GZIP").replace("Jsonl", "JSONL")


def members(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `--about` as the Hub counts them: the members of an object are settings of their own."""
    found: dict[str, Any] = {}
    for name, schema in properties.items():
        inner = members(schema.get("properties") or {})
        found |= {f"{name}.{member}": part for member, part in inner.items()} or {name: schema}
    return found


def definition(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The whole definition.

    Args:
        facts: See :func:`about`.
    """
    settings = [setting(name, schema) for name, schema in members(facts["settings"]["properties"]).items()]
    return {
        "name": facts["name"],
        "namespace": facts["name"].replace("-", "_"),
        "variant": variant(),
        "repo": REPOSITORY,
        "label": "Exact Online",
        "description": "Cloud accounting and ERP software for small and medium-sized businesses",
        "domain_url": "https://start.exactonline.nl/docs/HlpRestAPIResources.aspx",
        "logo_url": "/assets/logos/extractors/exactonline.svg",
        "pip_url": PIP_URL,
        "executable": facts["name"],
        "keywords": ["accounting", "api", "erp", "exact", "meltano_sdk"],
        "maintenance_status": "active",
        "quality": "silver",
        "supported_python_versions": list(facts["supported_python_versions"]),
        "capabilities": sorted(facts["capabilities"]),
        "log_parser": "singer-sdk",
        "settings": sorted(settings, key=lambda one: one["name"]),
        "settings_group_validation": [["client_id", "client_secret"], ["access_token"]],
        "select": selection(),
        "commands": commands(),
        "prereq": PREREQ,
        "settings_preamble": SETTINGS_PREAMBLE,
        "next_steps": NEXT_STEPS,
        "usage": USAGE.format(
            everything=len(load()),
            chosen=sum(endpoint.selected for endpoint in load()),
            selection=json.dumps(selection()),
        ),
    }


def rendered(found: Mapping[str, Any]) -> str:
    """The definition as the Hub's linter wants it: keys in order."""
    return yaml.dump(dict(found), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=80)


def main(arguments: Iterable[str] | None = None) -> int:
    """Write the definition."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_hub", description=__doc__)
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(None if arguments is None else list(arguments))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(rendered(definition(about())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
