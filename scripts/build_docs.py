"""What the documentation says about the code, written from the code.

``python -m scripts.build_docs --readme`` renews the settings table in README.md; a test tells when that is due.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from singer_sdk.helpers.capabilities import FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from tap_exactonline.settings import SCHEMA
from tap_exactonline.tap import TapExactOnline

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
_BLOCK = "<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->"


def sdk_settings() -> frozenset[str]:
    """The names of the settings that the SDK adds."""
    return frozenset({**STREAM_MAPS_CONFIG["properties"], **FLATTENING_CONFIG["properties"]})


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


def main() -> int:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_docs", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="renew the settings table in README.md")
    arguments = parser.parse_args()
    if not arguments.readme:
        parser.print_help()
        return 2
    README.write_text(readme(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
