"""The program as it is typed: the SDK's options, the commands beside them, and what goes wrong before Exact is asked."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import CliFixture, lab
from tests.support.in_process import catalog

pytestmark = pytest.mark.process


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101) as made:
        yield made


def test_the_options_of_the_sdk_still_work(here: CliFixture) -> None:
    assert here.run("--version").stdout.startswith("tap-exactonline v")
    about = json.loads(here.run("--about", "--format=json").stdout)
    assert about["name"] == "tap-exactonline"
    assert "client_id" in about["settings"]["properties"]
    catalog = json.loads(here.run("--discover").stdout)
    assert len(catalog["streams"]) > 300
    schema = here.run("--config", here.config(), "--test=schema")
    assert schema.returncode == 0
    assert json.loads(schema.stdout.splitlines()[0])["type"] == "SCHEMA"


def test_help_names_options_and_commands_and_comes_at_once(here: CliFixture) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = here.run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for word in ("--config", "--catalog", "--state", "--discover", "login", "divisions", "check", "logout"):
        assert word in done.stdout
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 1.5, "0.4 s of the processor, on an idle machine"


def test_a_run_and_a_test_of_the_connection_still_work(here: CliFixture) -> None:
    config = here.logged_in()
    assert here.run("--config", config, "--test").returncode == 0
    catalog = here.folder / "catalog.json"
    found = json.loads(here.run("--discover").stdout)
    for stream in found["streams"]:
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = stream["tap_stream_id"] == "sync_crm_accounts"
    catalog.write_text(json.dumps(found))
    state = here.folder / "state.json"
    state.write_text("{}")

    done = here.run("--config", config, "--catalog", str(catalog), "--state", str(state))

    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.strip().split("\n")]
    assert {m["stream"] for m in messages if m["type"] == "RECORD"} == {"sync_crm_accounts"}
    assert messages[-1]["type"] == "STATE"


@pytest.mark.parametrize("place", ["before", "after", "both", "environment", "nowhere"])
def test_settings_may_stand_before_or_after_the_command(here: CliFixture, place: str) -> None:
    config = here.logged_in()
    other = here.folder / "other.json"
    other.write_text(json.dumps({"exclude_divisions": [101]}))
    arguments = {
        "before": ["--config", config, "divisions"],
        "after": ["divisions", "--config", config],
        "both": ["--config", config, "divisions", "--config", str(other)],
        "environment": ["--config=ENV", "divisions"],
        "nowhere": ["divisions"],
    }[place]
    env = {f"TAP_EXACTONLINE_{k.upper()}": v for k, v in json.loads(Path(config).read_text()).items()}

    done = here.run(*arguments, **(env if place in ("environment", "nowhere") else {}))

    assert done.returncode == 0, done.stderr
    assert ("in exclude_divisions" in done.stdout) is (place == "both")


def test_the_environment_does_not_add_to_a_file(here: CliFixture) -> None:
    config = here.logged_in()
    done = here.run("divisions", "--config", config, TAP_EXACTONLINE_EXCLUDE_DIVISIONS="[101]")
    assert done.returncode == 0, done.stderr
    assert "in exclude_divisions" not in done.stdout


@pytest.mark.parametrize(
    ("command", "content", "said"),
    [
        ([], None, "there is no file"),
        (["--test"], None, "there is no file"),
        (["check"], None, "there is no file"),
        ([], "", "is empty"),
        ([], '{"client_secret": "hush-hush",}', "not valid JSON (line 1"),
        (["--discover"], '{"client_secret": "hush-hush",}', "not valid JSON (line 1"),
        (["logout"], '["hush-hush"]', "does not hold a JSON object"),
        (["login"], b"\xff\xfe\x00hush-hush", "not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_config_file_that_can_not_be_used_is_one_line(
    here: CliFixture, command: list[str], content: str | bytes | None, said: str
) -> None:
    path = here.folder / "broken.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    done = here.run("--config", str(path), *command)

    assert done.returncode == 1
    errors = done.stderr.strip().splitlines()
    assert len(errors) == 1, done.stderr
    assert "--config" in errors[0]
    assert "broken.json" in errors[0]
    assert said in errors[0]
    assert "hush-hush" not in done.stderr


@pytest.mark.parametrize(
    ("option", "content"),
    [
        ("--catalog", ""),
        ("--state", ""),
        ("--catalog", "{"),
        ("--state", "[]"),
        ("--state", b"\xff\xfe"),
        ("--catalog", b"{}\xff"),
        ("--catalog", "[" * 100_000),
        ("--state", '{"a":' * 100_000),
        ("--state", "9" * 5000),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else repr(value),
)
def test_a_broken_catalog_or_state_is_one_line(here: CliFixture, option: str, content: str | bytes) -> None:
    path = here.folder / "file.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    done = here.run("--config", here.config(), option, str(path))

    assert done.returncode == 1
    assert option in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert here.exact.calls() == 0


def test_a_catalog_and_a_state_may_begin_with_a_byte_order_mark(here: CliFixture) -> None:
    """As some editors on Windows write them."""
    words = ["--config", here.logged_in()]
    for option, content in (("--catalog", catalog(["system_divisions"])), ("--state", {"bookmarks": {}})):
        path = here.folder / f"file{option}.json"
        path.write_text(json.dumps(content), encoding="utf-8-sig")
        words += [option, str(path)]
    done = here.run(*words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "variable", "value", "said"),
    [
        ([], "RESERVE_CALLS", "many", "not a whole number"),
        (["check"], "RESERVE_CALLS", "many", "not a whole number"),
        ([], "DIVISIONS", "[101", "not a JSON list"),
        (["divisions"], "DIVISIONS", "one,two", "not the number of an administration"),
        (["check"], "COUNTRY", "xx", "Use one of"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(
    here: CliFixture, command: list[str], variable: str, value: str, said: str
) -> None:
    done = here.run("--config=ENV", *command, **{f"TAP_EXACTONLINE_{variable}": value})

    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert variable.lower() in text.lower()
    assert said in text
    assert "Traceback" not in text


def test_empty_variables_count_as_absent_and_lists_may_be_plain(here: CliFixture) -> None:
    env = {f"TAP_EXACTONLINE_{k.upper()}": v for k, v in here.settings.items()}
    env["TAP_EXACTONLINE_REFRESH_TOKEN"] = here.exact.issue_login()
    here.exact.add_division(202)
    here.exact.add_division(303)

    done = here.run(
        "--config=ENV", "divisions", "--format=json",
        **env, TAP_EXACTONLINE_DIVISIONS="101, 303", TAP_EXACTONLINE_RESERVE_CALLS="", TAP_EXACTONLINE_START_DATE="",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [d["division"] for d in json.loads(done.stdout)["divisions"] if d["selected"]] == [101, 303]


@pytest.mark.parametrize("command", ["login", "divisions", "check"])
def test_no_app_is_a_setting_to_fill_in(here: CliFixture, command: str) -> None:
    done = here.run(
        command,
        "--config",
        here.config(client_id=None),
        *(["--redirect-uri=https://x.example"] * (command == "login")),
    )
    assert done.returncode == 1
    assert "client_id" in done.stdout + done.stderr


def test_who_runs_a_command_without_settings_is_sent_to_the_page_about_them(here: CliFixture) -> None:
    for command in ("divisions", "check"):
        done = here.run(command)
        text = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 1
        assert "docs/connecting.md" in text
        assert "--config=ENV" in text


def test_what_nobody_expected_keeps_its_traceback(here: CliFixture) -> None:
    (here.folder / "sitecustomize.py").write_text(
        "import tap_exactonline.commands.division_list as d\n"
        "def broken(*_): raise RuntimeError('nobody thought of this')\n"
        "d.show = broken\n"
    )
    done = here.run("divisions", "--config", here.config(), PYTHONPATH=str(here.folder))
    assert done.returncode == 1
    assert "nobody thought of this" in done.stderr
    assert "Traceback" in done.stderr


def test_an_access_token_alone_works_until_it_ends(here: CliFixture) -> None:
    token = here.exact.issue_access_token()
    config = here.config(access_token=token, client_id=None, client_secret=None)

    done = here.run("--config", config, "--test")
    assert done.returncode == 0, done.stderr
    listed = here.run("divisions", "--config", config)
    assert listed.returncode == 0, listed.stderr
    checked = here.run("check", "--config", config, "--quick")
    assert checked.returncode == 0, checked.stdout
    assert "ten minutes" in checked.stdout

    here.exact.oauth.revoke()
    for ended in (here.run("--config", config), here.run("divisions", "--config", config)):
        assert ended.returncode == 1
        assert "no longer accepts the configured access_token" in ended.stderr
        assert "tap-exactonline login" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert token not in ended.stderr
    assert here.exact.token_calls == 0
