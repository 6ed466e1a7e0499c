"""What people type besides `meltano run`, and that meltano.yml says what the code says."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import yaml

from scripts.build_hub import selection
from scripts.meltano_project import ROOT, executable
from tap_exactonline.endpoints import load
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import ExactOnline

from .conftest import DIVISIONS, ProjectFactory, run, settings

DEFINITION = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR = DEFINITION["plugins"]["extractors"][0]


def test_config_test_is_quick_and_leaves_the_login_whole(
    new_project: ProjectFactory, exact: ExactOnline
) -> None:
    project = new_project()

    done = project.run("config", "test", "tap-exactonline", timeout=60)

    assert done.returncode == 0, done.stdout
    assert "Plugin configuration is valid" in done.stdout
    assert exact.calls() < 3 * len(DIVISIONS) + 10, "a test of the settings must not read every stream"
    # Meltano stops the tap with SIGTERM at the first record. The rotated token must have survived that.
    run(project, "target-jsonl")
    assert exact.token_calls == 1


def test_config_test_fails_on_a_wrong_secret(new_project: ProjectFactory) -> None:
    project = new_project(env={"TAP_EXACTONLINE_CLIENT_SECRET": "not-the-secret"})

    done = project.run("config", "test", "tap-exactonline", timeout=60)

    assert done.returncode != 0
    assert "client_secret" in done.stdout
    assert "not-the-secret" not in done.stdout


def test_config_env_reads_the_environment(
    exact: ExactOnline, tmp_path: Path, new_project: ProjectFactory
) -> None:
    variables = new_project().environment() | settings(
        exact,
        TAP_EXACTONLINE_DIVISIONS=json.dumps([DIVISIONS[1]]),
        TAP_EXACTONLINE_TOKEN_STORE=str(tmp_path / "tokens.json"),
    )

    done = subprocess.run(
        [executable("tap-exactonline"), "--config=ENV"],
        cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    messages = [
        json.loads(line) for line in done.stdout.split("\n") if line
    ]  # not splitlines: U+2028 is in the data
    records = Counter(message["stream"] for message in messages if message["type"] == "RECORD")
    assert records["sync_crm_accounts"] == len(exact.table(DIVISIONS[1], "sync_crm_accounts"))
    assert {
        m["record"]["division"] for m in messages if m.get("stream") == "sync_crm_accounts" and "record" in m
    } == {DIVISIONS[1]}
    assert messages[-1]["type"] == "STATE"


def test_select_list_knows_all_streams_without_a_login(new_project: ProjectFactory) -> None:
    project = new_project()
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
        project.env.pop(f"TAP_EXACTONLINE_{name}")

    done = project.run("select", "tap-exactonline", "--list", "--all", "--json", timeout=120)

    if done.returncode:
        done = project.run("select", "tap-exactonline", "--list", "--all", timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
    missing = [endpoint.name for endpoint in load() if endpoint.name not in done.stdout]
    assert not missing


def test_meltano_yml_selects_what_the_data_file_selects() -> None:
    assert EXTRACTOR["select"] == selection()


# Settings that the SDK adds; it changes their texts with each release.
SDK_OWN = {
    "batch_config",
    "stream_maps",
    "stream_map_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
}


def test_meltano_yml_declares_the_settings_of_the_code() -> None:
    properties = TapExactOnline.config_jsonschema["properties"]
    declared = {setting["name"]: setting for setting in EXTRACTOR["settings"]}
    assert set(declared) - SDK_OWN == set(properties) - SDK_OWN
    kinds = {"integer": "integer", "boolean": "boolean", "array": "array", "object": "object"}
    for name, schema in properties.items():
        if name in SDK_OWN:
            continue
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        expected = next((kinds[kind] for kind in types if kind in kinds), "string")
        if "enum" in schema:
            expected = "options"
            assert [option["value"] for option in declared[name]["options"]] == [
                v for v in schema["enum"] if v is not None
            ]
        if schema.get("format") in ("date", "date-time"):
            expected = "date_iso8601"
        assert declared[name].get("kind", "string") == expected, name
        assert declared[name].get("sensitive", False) == bool(schema.get("secret")), name
        assert declared[name]["description"] == schema["description"], name
        assert declared[name]["label"] == schema["title"], name
        if "default" in schema:
            assert declared[name]["value"] == schema["default"], name


def test_meltano_yml_declares_the_capabilities_of_the_code() -> None:
    assert sorted(EXTRACTOR["capabilities"]) == sorted(
        str(item.value) for item in TapExactOnline.capabilities
    )


def test_commands_of_meltano_yml_exist() -> None:
    for name, command in EXTRACTOR.get("commands", {}).items():
        config, word = command["args"].split()
        assert config == "--config=ENV"
        done = subprocess.run(
            [executable("tap-exactonline"), word, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
