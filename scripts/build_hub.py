"""Meltano Hub's definition of the tap, from `tap-exactonline --about --format=json` and the words below.

``python -m scripts.build_hub`` renews plugins/hub/tap-exactonline.yml; a test tells when that is due. For the pull
request to the Hub, ``--owner NAME`` adds what only the publisher knows: the variant's name and the repository.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from tap_exactonline import DISTRIBUTION
from tap_exactonline.endpoints import load
from tap_exactonline.endpoints.spelling import stream
from tap_exactonline.tap import TapExactOnline

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "plugins/hub/tap-exactonline.yml"

# Only of use with a package that the tap does not bring along.
NEEDLESS = {"faker_config"}

# The Hub's own script guesses kinds from names: whatever holds "id", "token", "key" or "secret" would become a
# password (client_id, hidden_fields). Here the kind comes from the schema, and a password is what the code calls secret.
KINDS = {"start_date": "date_iso8601"}
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
    return [f"{prefix}*.*" for prefix in sorted(prefixes)] + [f"{name}.*" for name in rest]


def _prefix(path: str) -> str:
    """What the names of a service's streams begin with."""
    return stream(path.rpartition("/")[0]) + "_"


def setting(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """One setting as the Hub describes it."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    (kind,) = [one for one in types if one != "null"]
    described: dict[str, Any] = {
        "name": name,
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "description": " ".join(str(schema.get("description", "")).split()),
        "kind": KINDS.get(name, kind),
    }
    if schema.get("enum"):
        described["kind"] = "options"
        described["options"] = [{"label": str(value), "value": str(value)} for value in schema["enum"]]
    if schema.get("default") is not None:
        described["value"] = schema["default"]
    if schema.get("secret"):
        described["sensitive"] = True
    if name in PLACEHOLDERS:
        described["placeholder"] = PLACEHOLDERS[name]
    return described


def definition(facts: Mapping[str, Any], owner: str | None = None) -> dict[str, Any]:
    """The whole definition.

    Args:
        facts: See :func:`about`.
        owner: Who publishes the repository; None while nobody does.
    """
    settings = [
        setting(name, schema)
        for name, schema in facts["settings"]["properties"].items()
        if name not in NEEDLESS
    ]
    found: dict[str, Any] = {
        "name": facts["name"],
        "namespace": facts["name"].replace("-", "_"),
        "variant": (owner or DISTRIBUTION).lower(),
        "label": "Exact Online",
        "description": "Cloud accounting and ERP software for small and medium-sized businesses",
        "domain_url": "https://start.exactonline.nl/docs/HlpRestAPIResources.aspx",
        "logo_url": "/assets/logos/extractors/exactonline.svg",
        "pip_url": DISTRIBUTION,
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
    if owner:
        found["repo"] = f"https://github.com/{owner}/tap-exactonline"
    return found


def rendered(found: Mapping[str, Any]) -> str:
    """The definition as the Hub's linter wants it: keys in order."""
    return yaml.dump(dict(found), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=100)


def main(arguments: Iterable[str] | None = None) -> int:
    """Write the definition."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_hub", description=__doc__)
    parser.add_argument("--owner", help="account that publishes the repository")
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(None if arguments is None else list(arguments))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(rendered(definition(about(), options.owner)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
