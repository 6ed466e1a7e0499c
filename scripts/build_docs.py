"""The documentation: gathered from docs/, from the data file and from the code, and built into a site.

``python -m scripts.build_docs`` builds the site into site/ (`make docs` does, after preparing what it needs);
``--readme`` only renews the settings table in README.md. A test tells when that is due.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from singer_sdk.helpers.capabilities import BATCH_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from scripts import personal
from scripts.build_docs_streams import bulk_twins, entity_types, group, index, page
from tap_exactonline.config.settings import SCHEMA
from tap_exactonline.endpoints import load
from tap_exactonline.tap import TapExactOnline

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
CONFIG = ROOT / "mkdocs.yml"
ZENSICAL = ROOT / ".venvs/docs/bin/zensical"
_BLOCK = "<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->"


def sdk_settings() -> frozenset[str]:
    """The names of the settings that the SDK adds."""
    return frozenset(
        {
            **STREAM_MAPS_CONFIG["properties"],
            **FLATTENING_CONFIG["properties"],
            **BATCH_CONFIG["properties"],
        }
    )


def own_settings() -> dict[str, dict[str, Any]]:
    """The tap's own settings, by name, as JSON Schema."""
    # The SDK extends the very schema that it is given, so what is in it depends on what ran before.
    return {name: schema for name, schema in SCHEMA["properties"].items() if name not in sdk_settings()}


def all_settings() -> dict[str, dict[str, Any]]:
    """All settings that `--about` shows: the tap's own and those that the SDK adds."""
    tap = TapExactOnline(config={}, validate_config=False)
    return dict(tap.config_jsonschema["properties"])


def settings_table() -> str:
    """A Markdown table of the tap's own settings."""
    lines = ["| setting | meaning | default |", "|---|---|---|"]
    for name, schema in own_settings().items():
        words = [" ".join(str(schema.get("description", "")).split())]
        if schema.get("enum"):
            words.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".")
        if schema.get("secret"):
            words.append("**Secret.**")
        default = schema.get("default")
        shown = (
            "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        )
        lines.append(f"| `{name}` | {' '.join(words).replace('|', '&#124;')} | {shown} |")
    return "\n".join(lines)


def with_block(text: str, name: str, content: str) -> str:
    """Replace what stands between the two markers of a name.

    Raises:
        ValueError: The markers are missing.
    """
    pattern = re.compile(
        re.escape(f"<!-- {name}: begin -->") + r".*?" + re.escape(f"<!-- {name}: end -->"), re.DOTALL
    )
    if not pattern.search(text):
        raise ValueError(f"no markers '<!-- {name}: begin -->' … '<!-- {name}: end -->'")
    return pattern.sub(lambda _: _BLOCK.format(name=name, text=content), text)


def readme() -> str:
    """README.md as it should be."""
    return with_block(README.read_text(encoding="utf-8"), "settings", settings_table())


def settings_page() -> str:
    """The page about all settings."""
    env = "\n".join(f"| `{name}` | `TAP_EXACTONLINE_{name.upper()}` |" for name in own_settings())
    sdk = "\n".join(
        f"| `{name}` | {' '.join(str(schema.get('description', '')).split())} |"
        for name, schema in all_settings().items()
        if name in sdk_settings()
    )
    return f"""# Settings

`client_id` and `client_secret` are required. With Meltano say `meltano config set tap-exactonline NAME VALUE`: secrets go to
`.env`, the rest to `meltano.yml`. Without Meltano write them as JSON into a file (`--config config.json`), or as variables
(`--config=ENV`; the commands `login`, `check`, `divisions` and so on take them without it, too); a list is JSON there too, as in
`[123456, 234567]`. A `.env` file above the place where the tap is installed is read as well; a variable that is set wins over it.

<div class="names" markdown>

{settings_table()}

</div>

## Added by the SDK

For [inline stream maps](https://sdk.meltano.com/en/latest/stream_maps.html) and flattening. Without them records take a
shorter way through the tap and are written several times as fast.

| setting | meaning |
|---|---|
{sdk}

## As variables

| setting | variable |
|---|---|
{env}
"""


def plan_table() -> str:
    """What plans cost: calls of a run that finds nothing new, and how often a day it fits."""
    plans = [
        ("a dozen streams", 12),
        ("the default", sum(one.selected for one in load())),
        ("everything", len(load())),
    ]
    lines = [
        "| administrations | " + " | ".join(f"{name} ({streams})" for name, streams in plans) + " |",
        "|--:|" + "--:|" * len(plans),
    ]
    for divisions in (1, 5, 25, 100, 400):
        cells = []
        for _, streams in plans:
            calls = divisions * streams + -(-divisions // 60)
            runs = min(5000 // streams, 20000 // calls)
            often = f"{runs} a day" if runs else "less than once a day"
            cells.append(f"{calls:,} calls, {often}")
        lines.append(f"| {divisions} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def stage(directory: Path) -> Path:
    """Gather all pages of the site in a directory, which is emptied first."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(DOCS, directory)
    reference = directory / "reference"
    reference.mkdir()
    for endpoint in load():
        (reference / f"{endpoint.name}.md").write_text(page(endpoint), encoding="utf-8")
    (reference / "index.md").write_text(index(), encoding="utf-8")
    (directory / "settings.md").write_text(settings_page(), encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (directory / "changelog.md").write_text(changelog, encoding="utf-8")
    (directory / "images").mkdir(exist_ok=True)
    shutil.copy(ROOT / "plugins/hub/exactonline.svg", directory / "images/logo.svg")
    generated = {
        "<!-- entity types -->": entity_types().replace("](", "](reference/"),
        "<!-- plan -->": plan_table(),
        "<!-- bulk twins -->": bulk_twins().replace("](", "](reference/"),
        "<!-- about persons -->": personal.about_persons().replace("](", "](reference/"),
        "<!-- personal columns -->": personal.often().replace("](", "](reference/"),
        "<!-- group hr_payroll -->": group("hr_payroll").replace("](", "](reference/"),
    }
    for path in directory.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for marker, content in generated.items():
            text = text.replace(marker, content)
        path.write_text(text, encoding="utf-8")
    return directory


def build(home: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the site below a directory; any warning fails it.

    Args:
        home: Gets build/docs with the pages and site/ with the result.

    Raises:
        FileNotFoundError: Zensical is not installed.
    """
    if not ZENSICAL.exists():
        raise FileNotFoundError(f"{ZENSICAL.relative_to(ROOT)} is missing: run `make docs` in {ROOT}")
    stage(home / "build/docs")
    config = home / CONFIG.name
    if config != CONFIG:
        shutil.copy(CONFIG, config)
    return subprocess.run(
        [str(ZENSICAL), "build", "--clean", "--strict", "--config-file", str(config)],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main() -> int:
    """Build what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_docs", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="only renew the settings table in README.md")
    if parser.parse_args().readme:
        README.write_text(readme(), encoding="utf-8")
        return 0
    done = build()
    # It colours every letter, on a terminal or not.
    print(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout), end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
