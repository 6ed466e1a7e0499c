"""``tap-exactonline divisions`` and ``logout``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import CliFixture, lab

pytestmark = pytest.mark.process


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101) as made:
        made.exact.add_division(102, description="Bakkerij\x1b[31m Jansen", Country="BE", Currency="EUR")
        made.exact.add_division(103, status=2)
        made.exact.add_division(104, blocking_status=6)
        made.exact.add_division(105, in_scope=False, description="Somebody else's")
        yield made


def rows(here: CliFixture, **settings: Any) -> dict[int, dict[str, Any]]:
    done = here.run("divisions", "--format=json", "--config", here.logged_in(**settings))
    assert done.returncode == 0, done.stderr
    return {row["division"]: row for row in json.loads(done.stdout)["divisions"]}


def test_status_scope_and_selection_of_each(here: CliFixture) -> None:
    found = rows(here)
    assert {code: (r["status"], r["in_scope"], r["selected"]) for code, r in found.items()} == {
        101: ("active", True, True),
        102: ("active", True, True),
        103: ("archived", True, False),
        104: ("active", True, False),
        105: ("active", False, False),
    }
    assert found[104]["blocked"] == "being copied"
    assert found[105]["reason"] == "not granted to the app"
    assert found[102]["country"] == "BE"


def test_settings_say_which_are_read(here: CliFixture) -> None:
    found = rows(here, divisions=[102, 103, 999], exclude_divisions=[101])
    assert [code for code, row in found.items() if row["selected"]] == [102]
    assert found[101]["reason"] == "in exclude_divisions"
    assert found[103]["reason"] == "archived"
    assert found[999]["in_scope"] is False


def test_the_table_is_for_people(here: CliFixture) -> None:
    done = here.run("divisions", "--config", here.logged_in(divisions=[101]))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["number", "in", "Exact", "name", "country", "currency", "status", "read"]
    assert any(line.split()[0] == "101" and line.endswith("yes") for line in lines[1:6])
    assert any("102" in line and line.endswith("no: not in divisions") for line in lines)
    assert "1 of 5 administrations is read." in done.stdout
    assert "Manage companies" in done.stdout
    assert "\x1b" not in done.stdout, "a name must not steer the terminal"


def test_hundreds_are_listed_page_by_page(here: CliFixture) -> None:
    for code in range(1000, 1150):
        here.exact.add_division(code)
    assert len(rows(here)) == 155


def test_without_a_login_one_line_tells_to_log_in(here: CliFixture) -> None:
    done = here.run("divisions", "--config", here.config())
    assert done.returncode == 1
    assert done.stderr == (
        "Error: There is no login to Exact Online yet. Run 'tap-exactonline login', or set 'refresh_token'\n"
    )


def test_logout_forgets_the_login(here: CliFixture) -> None:
    config = here.logged_in()
    assert here.run("divisions", "--config", config).returncode == 0
    assert here.tokens.exists()

    refused = here.run("logout", "--config", config)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert here.tokens.exists()

    done = here.run("logout", "--yes", "--config", config)
    assert done.returncode == 0
    assert "is gone" in done.stdout
    assert "Take refresh_token out" in done.stdout
    assert not here.tokens.exists()
    again = here.run("logout", "--yes", "--config", config)
    assert again.returncode == 0
    assert "There was no login" in again.stdout


def test_logout_leaves_the_logins_of_other_apps(here: CliFixture) -> None:
    assert here.run("divisions", "--config", here.logged_in()).returncode == 0

    done = here.run("logout", "--yes", "--config", here.config(client_id="another-app"))

    assert "There was no login" in done.stdout
    assert here.run("divisions", "--config", here.config()).returncode == 0
