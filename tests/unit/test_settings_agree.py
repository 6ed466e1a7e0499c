"""README, meltano.yml, .env.example and the code say the same about settings, capabilities and the selection."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from scripts.build_docs import README, ROOT, all_settings, own_settings, readme
from scripts.build_hub import commands
from tap_exactonline.endpoints import load
from tap_exactonline.tap import TapExactOnline

# Only of use with a package that the tap does not bring along.
NOT_OFFERED = {"faker_config"}


@pytest.fixture(scope="module")
def plugin() -> dict[str, Any]:
    """The tap as meltano.yml describes it."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (found,) = [entry for entry in project["plugins"]["extractors"] if entry["name"] == "tap-exactonline"]
    return found


def kind(name: str, schema: dict[str, Any]) -> str:
    """What Meltano calls the type of a setting."""
    if schema.get("enum"):
        return "options"
    if schema.get("format") == "date-time" or name.endswith("_date"):
        return "date_iso8601"
    (type_,) = [type_ for type_ in schema["type"] if type_ != "null"]
    return type_


def words(text: str) -> str:
    return " ".join(text.split())


def test_readme_shows_the_settings_of_the_code() -> None:
    assert README.read_text(encoding="utf-8") == readme(), "run `python -m scripts.build_docs --readme`"


def test_every_setting_of_the_code_can_be_configured_in_meltano(plugin: dict[str, Any]) -> None:
    names = [setting["name"] for setting in plugin["settings"]]
    assert sorted(names) == sorted(all_settings().keys() - NOT_OFFERED)


@pytest.mark.parametrize("name", list(own_settings()))
def test_meltano_describes_a_setting_as_the_code_does(plugin: dict[str, Any], name: str) -> None:
    schema = own_settings()[name]
    (setting,) = [setting for setting in plugin["settings"] if setting["name"] == name]
    assert setting["kind"] == kind(name, schema)
    assert setting.get("sensitive", False) == schema.get("secret", False)
    assert setting.get("value") == schema.get("default")
    assert [option["value"] for option in setting.get("options", [])] == schema.get("enum", [])
    assert setting["label"] == schema["title"]
    assert words(setting["description"]) == words(schema["description"])


@pytest.mark.slow
def test_meltano_sets_nothing_for_the_settings_of_the_sdk(plugin: dict[str, Any]) -> None:
    for setting in plugin["settings"]:
        if setting["name"] not in own_settings():
            assert setting["kind"] == kind(setting["name"], all_settings()[setting["name"]])
            assert "value" not in setting


def test_the_loader_takes_out_what_postgres_cannot_hold() -> None:
    """U+0000 never leaves the tap, but a stream map may make one."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (loader,) = [entry for entry in project["plugins"]["loaders"] if entry["name"] == "target-postgres"]
    assert loader["config"]["sanitize_null_text_characters"] is True


def test_meltano_knows_the_capabilities(plugin: dict[str, Any]) -> None:
    assert sorted(plugin["capabilities"]) == sorted(str(one.value) for one in TapExactOnline.capabilities)


def test_meltano_knows_the_commands(plugin: dict[str, Any]) -> None:
    assert plugin["commands"] == commands()


def test_meltano_selects_what_the_code_selects(plugin: dict[str, Any]) -> None:
    patterns = plugin["select"]
    assert not [pattern for pattern in patterns if pattern.startswith("!")]
    chosen = {
        endpoint.name
        for endpoint in load()
        if any(fnmatchcase(f"{endpoint.name}.any_column", pattern) for pattern in patterns)
    }
    assert chosen == {endpoint.name for endpoint in load() if endpoint.selected}


def test_the_sample_environment_names_known_settings() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = re.findall(r"^#?\s?(TAP_EXACTONLINE_\w+)=", text, re.MULTILINE)
    assert "TAP_EXACTONLINE_CLIENT_ID" in names
    assert {name.removeprefix("TAP_EXACTONLINE_").lower() for name in names} <= set(own_settings())


def test_the_sample_environment_sets_nothing() -> None:
    """A copy that nobody has filled in must not hide what the shell, a CI or meltano.yml says."""
    assert dotenv_values(ROOT / ".env.example") == {}


def test_readme_counts_the_streams() -> None:
    text = README.read_text(encoding="utf-8")
    everything, chosen = len(load()), sum(endpoint.selected for endpoint in load())
    assert f"{everything} streams" in text
    assert f"{chosen} of the {everything} streams" in text
