"""A setting that nobody knows is told, with the name that was probably meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.build_docs import all_settings
from tap_exactonline.config import sdk_settings
from tap_exactonline.config.unknown import names, unknown_settings, unknown_streams, unknown_variables
from tests.support.cli import CliFixture, lab


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101, 102) as made:
        yield made


def warnings(text: str) -> list[str]:
    return [line for line in text.splitlines() if "has no effect" in line]


@pytest.mark.process
def test_a_misspelt_setting_is_told_once_before_the_run(here: CliFixture) -> None:
    done = here.run("--config", here.logged_in(divisons=[101]))
    assert done.returncode == 0, done.stderr
    (line,) = warnings(done.stderr)
    assert "| WARNING" in line
    assert "Setting 'divisons' is unknown and has no effect. Did you mean 'divisions'?" in line
    assert done.stderr.index(line) < done.stderr.index("Reading")


@pytest.mark.process
@pytest.mark.parametrize("arguments", [["divisions"], ["check", "--quick", "--format=json"]])
def test_commands_tell_it_too_and_what_they_print_stays_clean(here: CliFixture, arguments: list[str]) -> None:
    done = here.run(*arguments, "--config", here.logged_in(divisons=[101]), TAP_EXACTONLINE_CONTRY="nl")
    assert done.returncode == 0, done.stderr
    setting, variable = warnings(done.stderr)
    assert setting == "Warning: Setting 'divisons' is unknown and has no effect. Did you mean 'divisions'?"
    assert variable.startswith("Warning: The variable 'TAP_EXACTONLINE_CONTRY' belongs to no setting")
    assert variable.endswith("Did you mean TAP_EXACTONLINE_COUNTRY?")
    assert "no effect" not in done.stdout


@pytest.mark.process
@pytest.mark.parametrize("arguments", [["--discover"], ["--about", "--format=json"]])
def test_discovery_and_about_stand_it(here: CliFixture, arguments: list[str]) -> None:
    done = here.run("--config", here.config(divisons=[101]), *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.process
def test_a_variable_is_told_with_and_without_the_environment_as_source(here: CliFixture) -> None:
    config = here.logged_in()
    for source in ([], ["--config=ENV"]):
        done = here.run("--config", config, *source, "--test", TAP_EXACTONLINE_DIVISONS="[101]")
        assert done.returncode == 0, done.stderr
        (line,) = warnings(done.stderr)
        assert "'TAP_EXACTONLINE_DIVISONS' belongs to no setting" in line
        assert "Did you mean TAP_EXACTONLINE_DIVISIONS?" in line


@pytest.mark.parametrize(
    "variable",
    [
        "TAP_EXACTONLINE_DIVISIONS",
        "TAP_EXACTONLINE_STREAM_MAPS",
        "TAP_EXACTONLINE_LOGLEVEL",
        "TAP_EXACTONLINE__SELECT",  # Meltano's
        "TAP_EXACTONLINE__SELECT_FILTER",
        "TAP_EXACTONLINE_FULL_DIVISIONS",  # of a plugin tap-exactonline-full that inherits from this one
        "TAP_EXACTONLINE_SALES_CLIENT_ID",
        "TAP_EXACTONLINE_FULL_COLUMN_NAMES",
        "TAP_EXACTONLINE_2_DIVISIONS",
        "TAP_EXACTONLINE_FULL__LOG_PARSER",
        "TAP_EXACTONLINES",
        "PATH",
    ],
)
def test_what_belongs_to_somebody_is_not_told(variable: str) -> None:
    assert not list(unknown_variables({variable: "x"}))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DIVISONS", "DIVISIONS"),
        ("EXCLUDED_DIVISIONS", "EXCLUDE_DIVISIONS"),
        ("TOKENSTORE", "TOKEN_STORE"),
        ("TOKEN__STORE", "TOKEN_STORE"),
        ("CLIENTID", "CLIENT_ID"),
        ("XYZZY", None),
    ],
)
def test_the_nearest_variable_is_named(name: str, meant: str | None) -> None:
    (said,) = unknown_variables({f"TAP_EXACTONLINE_{name}": "x"})
    assert said.partition(". Did you mean ")[2] == (f"TAP_EXACTONLINE_{meant}?" if meant else "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("divisons", "divisions"),
        ("Country", "country"),
        ("client-id", "client_id"),
        ("startdate", "start_date"),
        ("excluded_divisions", "exclude_divisions"),
        ("stream_map", "stream_maps"),
        ("flattening_depth", "flattening_max_depth"),
        ("xyzzy", None),
    ],
)
def test_the_nearest_name_is_named(name: str, meant: str | None) -> None:
    (said,) = unknown_settings({name: 1})
    assert said == f"Setting {name!r} is unknown and has no effect" + (
        f". Did you mean {meant!r}?" if meant else ""
    )


def test_no_setting_that_is_documented_is_unknown() -> None:
    documented: dict[str, Any] = dict.fromkeys([*all_settings(), *sdk_settings.NAMES])
    assert {"stream_maps", "stream_map_config", "faker_config", "flattening_enabled", "batch_config"} < set(
        documented
    )
    assert not list(unknown_settings({**documented, "_remark": "for a person", "$schema": "…", "//": "…"}))
    assert not list(unknown_variables({f"TAP_EXACTONLINE_{name.upper()}": "" for name in documented}))


@given(st.sampled_from(sorted(names())), st.data())
def test_one_wrong_letter_is_enough_and_the_right_name_is_found(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    wrong = name[:at] + data.draw(st.sampled_from(["", "q", name[at] * 2])) + name[at + 1 :]
    if wrong in names() or wrong.startswith("_"):
        return
    (said,) = unknown_settings({wrong: 1})
    close = said.partition("Did you mean ")[2].rstrip("?").strip("'")
    assert close in names()


@pytest.mark.process
def test_nested_names_are_looked_at(here: CliFixture) -> None:
    done = here.run(
        "--config",
        here.logged_in(
            faker_config={"sed": 1},
            stream_maps={
                "sync_crm_acounts": {"code": None},
                "crm_*": {"code": None},
                "copy": {"__source__": "system_division"},
                "other": {"__source__": "financial_journals"},
                "__else__": None,
            },
        ),
    )
    said = "\n".join(warnings(done.stderr))
    assert "'faker_config': 'sed' is unknown and has no effect. Did you mean 'seed'?" in said
    assert (
        "there is no stream 'sync_crm_acounts', so that it has no effect. Did you mean 'sync_crm_accounts'?"
        in said
    )
    assert (
        "there is no stream 'system_division', so that it has no effect. Did you mean 'system_divisions'?"
        in said
    )
    assert len(warnings(done.stderr)) == 3


@pytest.mark.process
def test_an_unknown_member_of_an_extra_stream_is_refused(here: CliFixture) -> None:
    done = here.run("--config", here.logged_in(extra_streams=[{"path": "crm/Accounts", "fliter": "x"}]))
    assert done.returncode == 1
    assert "fliter" in done.stderr
    assert "Did you mean filter?" in done.stderr


def test_a_pattern_that_meets_a_stream_is_no_mistake() -> None:
    assert not list(unknown_streams({"stream_maps": {"*_journals": None}}, ["financial_journals"]))
    assert len(list(unknown_streams({"stream_maps": {"*_journal": None}}, ["financial_journals"]))) == 1
