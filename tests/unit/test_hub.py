"""The definition for Meltano Hub is what the script makes of the code, and what the Hub accepts."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from scripts import build_hub
from scripts.build_docs import ROOT
from scripts.build_hub import TARGET, about, commands, definition, rendered, selection
from tap_exactonline import DISTRIBUTION
from tap_exactonline.endpoints import load

# The definition is built from `--about`.
pytestmark = pytest.mark.process

SCHEMAS = ROOT / "tests/data/hub-schema"


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return about()


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    """The Hub's own schemas, which refer to each other by `$id`."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.rglob("*.json"))]
    resources = [(document["$id"], DRAFT7.create_resource(document)) for document in documents]
    # One of them refers to its neighbours by path, as seen from its own directory.
    resources += [(f"../{name}", resource) for name, resource in resources if "/" in name]
    registry: Registry[Any] = Registry().with_resources(resources)
    (top,) = [document for document in documents if document["$id"] == "extractors.schema.json"]
    return Draft7Validator(top, registry=registry)


def test_the_committed_definition_is_what_the_script_makes(facts: dict[str, Any]) -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(definition(facts)), (
        "run `python -m scripts.build_hub`"
    )


@pytest.mark.parametrize("owner", ["OWNER", "Example-Owner"])
def test_the_hub_accepts_the_definition(
    facts: dict[str, Any], validator: Draft7Validator, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_hub, "REPOSITORY", f"https://github.com/{owner}/tap-exactonline")
    found = yaml.safe_load(rendered(definition(facts)))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)] == []
    assert found["variant"] == owner.lower()
    assert found["repo"] == f"https://github.com/{owner}/tap-exactonline"


def test_what_is_installed_is_a_package_or_the_repository() -> None:
    """One line of the script chooses, and what it chooses is what the page for newcomers is tested with."""
    assert build_hub.PIP_URL in {DISTRIBUTION, f"git+{build_hub.REPOSITORY}.git"}


def test_the_hubs_script_would_write_the_settings_as_they_are(facts: dict[str, Any]) -> None:
    """By hub-utils of August 2025, which derives them from `--about` each week."""
    settings = definition(facts)["settings"]
    for one in settings:
        name, words = one["name"], one["description"].split()
        # A text with one of these in its name is a password to it, and what is a password is sensitive.
        secret = any(word in name for word in ("password", "id", "token", "key", "secret"))
        assert one["kind"] != "string" or not secret, name
        assert (one["kind"] == "password") == one.get("sensitive", False), name
        assert one["kind"] != "password" or secret, name
        for option in one.get("options", ()):
            label = {"gzip": "GZIP", "jsonl": "JSONL"}.get(option["value"])
            assert option["label"] == (label or option["value"].replace("_", " ").title())
        # It parts words at a dot in their middle, and writes what follows a full stop with a capital.
        kept = ("http", '"', "`", "()", ".com")
        assert not [word for word in words if "." in word[1:-1] and not any(mark in word for mark in kept)], (
            name
        )
        for sentence in one["description"].split(". "):
            assert sentence[0] == sentence.capitalize()[0] or sentence[0].isupper(), name
    # Members of objects are settings of their own, and nothing but these.
    assert {one["name"] for one in settings if "." in one["name"]} == {
        "batch_config.encoding.compression",
        "batch_config.encoding.format",
        "batch_config.storage.prefix",
        "batch_config.storage.root",
        "faker_config.locale",
        "faker_config.seed",
    }
    assert {"stream_maps", "stream_map_config"} <= {
        one["name"] for one in settings if one["kind"] == "object"
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "token"), ("name", None), ("capabilities", ["sorcery"]), ("quality", None), ("surprise", 1)],
)
def test_the_schemas_refuse_what_is_wrong(
    facts: dict[str, Any], validator: Draft7Validator, name: str, value: object
) -> None:
    found = definition(facts)
    if name == "kind":
        found["settings"][0]["kind"] = value
    elif value is None:
        del found[name]
    else:
        found[name] = value
    assert not validator.is_valid(found)


def test_keys_are_in_order(facts: dict[str, Any]) -> None:
    found = yaml.safe_load(rendered(definition(facts)))
    assert list(found) == sorted(found)
    names = [setting["name"] for setting in found["settings"]]
    assert names == sorted(names)
    assert all(list(setting) == sorted(setting) for setting in found["settings"])
    assert found["capabilities"] == sorted(found["capabilities"])


def test_secrets_are_what_the_code_calls_secret(facts: dict[str, Any]) -> None:
    sensitive = {one["name"] for one in definition(facts)["settings"] if one.get("sensitive")}
    secrets = {
        "client_secret", "refresh_token", "access_token", "access_token_command", "token_store",
        "token_store_passphrase",
    }  # fmt: skip
    # The Hub's script counts the client's id among them, for its name.
    assert sensitive == secrets | {"client_id"}


def test_groups_of_required_settings_name_settings(facts: dict[str, Any]) -> None:
    found = definition(facts)
    names = {setting["name"] for setting in found["settings"]}
    assert all(set(group) <= names for group in found["settings_group_validation"])


def test_texts_name_streams_and_commands_that_exist(facts: dict[str, Any]) -> None:
    found = definition(facts)
    texts = "\n".join(found[name] for name in ("prereq", "settings_preamble", "next_steps", "usage"))
    assert set(re.findall(r"tap-exactonline:(\w+)", texts)) <= set(commands())
    streams = {endpoint.name for endpoint in load()}
    named = set(re.findall(r"meltano select tap-exactonline (\w+)", texts))
    named |= set(re.findall(r"`(sync_\w+[a-z])`", texts))
    assert named
    assert named <= streams


def test_the_logo_is_a_picture_that_stands_alone() -> None:
    logo = (ROOT / "plugins/hub/exactonline.svg").read_text(encoding="utf-8")
    assert logo.startswith("<svg ")
    # No fonts, pictures or scripts from elsewhere.
    assert not re.findall(r"href|<text|<script|<style|url\((?!#)", logo)


@pytest.mark.parametrize("page", ["docs/first-table.md", "plugins/hub/tap-exactonline.yml"])
def test_the_selection_that_people_copy_is_the_default(page: str) -> None:
    (copied,) = re.findall(
        r"_select '(\[.*?\])'", (ROOT / page).read_text(encoding="utf-8").replace("\n", " ")
    )
    assert json.loads(copied) == selection()


def test_the_patterns_of_the_default_selection_select_just_that() -> None:
    patterns = [pattern.removesuffix(".*") for pattern in selection()]
    matched = {
        endpoint.name
        for endpoint in load()
        if any(fnmatchcase(endpoint.name, pattern) for pattern in patterns)
    }
    assert matched == {endpoint.name for endpoint in load() if endpoint.selected}
    # Meltano lets an exclusion win over what a user selects later.
    assert not [pattern for pattern in patterns if pattern.startswith("!")]
    (extractor,) = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    assert extractor["select"] == selection()


def test_hr_and_payroll_are_read_only_if_selected() -> None:
    group = [endpoint for endpoint in load() if endpoint.group == "hr_payroll"]
    assert sum(endpoint.kind == "sync" for endpoint in group) == 15
    assert not [endpoint.name for endpoint in group if endpoint.selected]
    # The two patterns in docs/streams.md select all of its sync streams and nothing else.
    assert {endpoint.name for endpoint in group if endpoint.kind == "sync"} == {
        endpoint.name for endpoint in load() if endpoint.name.startswith(("sync_hrm_", "sync_payroll_"))
    }
