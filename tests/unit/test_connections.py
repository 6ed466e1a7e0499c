"""Several customers behind one app, by the command line: their logins are never mixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scripts.postgres import Postgres
from tests.support.cli import CliFixture, lab
from tests.support.tap_runs import TapRun, catalog

pytestmark = pytest.mark.process


@pytest.fixture(params=["file", "postgres"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CliFixture]:
    """Customer A opens 111, customer B opens 222; both log in with the same app and store."""
    with lab(tmp_path, 111, 222) as made:
        made.exact.add_user("custB", 222)
        made.exact.add_user("custA", 111)
        if request.param == "postgres":
            database: Postgres = request.getfixturevalue("database")
            made.settings["token_store"] = database.sqlalchemy_url
        yield made


def log_in(here: CliFixture, user: str, *arguments: str, **settings: Any) -> tuple[int, str, str]:
    here.exact.oauth.user = user
    return here.log_in(
        "--config", here.config(**settings), "--redirect-uri", "https://tap.example/callback", *arguments
    )


@cache
def accounts() -> str:
    """A catalog with one stream."""
    return json.dumps(catalog(["sync_crm_accounts"]))


def read(here: CliFixture, *arguments: str, **settings: Any) -> TapRun:
    path = here.folder / "catalog.json"
    path.write_text(accounts())
    done = here.run("--config", here.config(**settings), "--catalog", str(path), *arguments)
    return TapRun(done.returncode, done.stdout, done.stderr)


def divisions(run: TapRun) -> set[int]:
    return {record["division"] for record in run.records("sync_crm_accounts")}


def listed(here: CliFixture, **settings: Any) -> dict[str, dict[str, Any]]:
    done = here.run("connections", "--format=json", "--config", here.config(**settings))
    assert done.returncode == 0, done.stderr
    assert here.said_nothing_secret(done.stdout, done.stderr)
    return {one["connection"]: one for one in json.loads(done.stdout)["connections"]}


def save_state(here: CliFixture, run: TapRun) -> str:
    path = here.folder / "state.json"
    path.write_text(json.dumps(run.state))
    return str(path)


def test_the_login_of_another_customer_is_refused(here: CliFixture) -> None:
    assert log_in(here, "custA")[0] == 0
    code, out, err = log_in(here, "custB")
    assert code == 1
    assert "This login is of custB, and the connection belongs to custA" in err
    assert here.said_nothing_secret(out, err)
    run = read(here)
    assert run.code == 0, run.err
    assert divisions(run) == {111}


def test_each_customer_has_a_connection_of_its_own(here: CliFixture) -> None:
    for user in ("custA", "custB"):
        assert log_in(here, user, connection=user.lower())[0] == 0
    for user, code in (("custA", 111), ("custB", 222), ("custA", 111)):
        run = read(here, connection=user.lower())
        assert (run.code, divisions(run)) == (0, {code}), run.err
    found = listed(here)
    assert {name: one["user"] for name, one in found.items()} == {"custa": "custA", "custb": "custB"}
    assert found["custa"]["last_run"]["complete"] is True
    assert found["custa"]["last_run"]["rows"] == sum(read(here, connection="custa").counts.values())


def test_without_a_connection_of_that_name_nothing_is_read(here: CliFixture) -> None:
    log_in(here, "custA", connection="custa")
    run = read(here, connection="custb")
    assert run.code == 1
    assert not run.messages
    assert "no login" in run.err.lower()


def test_a_configured_token_of_another_user_never_replaces_a_login(here: CliFixture) -> None:
    log_in(here, "custA")
    here.exact.oauth.user = "custB"
    foreign = here.exact.issue_login()
    for _ in range(2):  # it stays so, also once the token is spent
        run = read(here, refresh_token=foreign)
        assert run.code == 1
        assert "The configured refresh_token is of custB, and the connection belongs to custA" in run.err
        assert not run.messages
    run = read(here)
    assert (run.code, divisions(run)) == (0, {111}), run.err


def test_a_new_token_of_the_same_user_is_taken(here: CliFixture) -> None:
    log_in(here, "custA")
    run = read(here, refresh_token=here.exact.issue_login())
    assert (run.code, divisions(run)) == (0, {111}), run.err
    assert listed(here)["default"]["user"] == "custA"


def test_the_state_of_another_login_is_refused_before_anything_is_written(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    log_in(here, "custB", connection="b")
    state = save_state(here, read(here, connection="a"))
    run = read(here, "--state", state, connection="b")
    assert run.code == 1
    assert not run.messages
    assert "The state is another login's" in run.err
    mark = json.loads(Path(state).read_text())["login"]
    here.exact.people["custB"] = (111, 222)  # who takes over the administrations of A
    adopted = read(here, "--state", state, connection="b", adopt_state=mark)
    assert (adopted.code, divisions(adopted)) == (0, {222}), adopted.err
    assert adopted.state is not None
    assert adopted.state["login"] != mark
    assert read(here, "--state", save_state(here, adopted), connection="b").code == 0


def test_a_replaced_user_needs_the_state_to_be_adopted(here: CliFixture) -> None:
    log_in(here, "custA")
    state = save_state(here, read(here))
    assert log_in(here, "custB", "--replace")[0] == 0
    assert listed(here)["default"]["user"] == "custB"
    run = read(here, "--state", state)
    assert (run.code, run.messages) == (1, [])


def test_a_state_from_before_is_marked_and_goes_on(here: CliFixture) -> None:
    log_in(here, "custA")
    state = dict(read(here).state or {})
    del state["login"]
    path = here.folder / "old.json"
    path.write_text(json.dumps(state))
    run = read(here, "--state", str(path))
    assert run.code == 0, run.err
    assert (run.state or {})["login"]


def test_a_paused_connection_reads_nothing_and_says_so(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    calls = len(here.exact.log)
    assert here.run("connections", "pause", "a", "--config", here.config()).returncode == 0
    run = read(here, connection="a")
    assert (run.code, run.messages, len(here.exact.log)) == (0, [], calls)
    assert "The connection a is paused" in run.err
    assert listed(here)["a"]["active"] is False
    assert here.run("connections", "resume", "a", "--config", here.config()).returncode == 0
    assert divisions(read(here, connection="a")) == {111}


def test_the_check_costs_no_call(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    before = len(here.exact.log)
    read(here, connection="a")
    asked = [call for call in here.exact.log[before:] if "current/Me" in call.path]
    assert len(asked) == 1, "the one that finds the first administration"
    before = len(here.exact.log)
    read(here, connection="a", divisions=[111])
    assert not [call for call in here.exact.log[before:] if "current/Me" in call.path]


def test_the_choice_of_administrations_is_kept_with_the_login(here: CliFixture) -> None:
    here.exact.people["custA"] = (111, 222)
    log_in(here, "custA", connection="a", divisions=[111])
    assert divisions(read(here, connection="a")) == {111}
    assert divisions(read(here, connection="a", divisions=[222])) == {222}, "the settings win"
    assert here.run("connections", "choose", "a", "222", "--config", here.config()).returncode == 0
    assert divisions(read(here, connection="a")) == {222}


def test_the_address_comes_from_the_connection(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    run = read(here, connection="a", api_url=None)
    assert (run.code, divisions(run)) == (0, {111}), run.err


def test_rename_and_remove(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    config = here.config()
    assert here.run("connections", "rename", "a", "customer-17", "--config", config).returncode == 0
    assert divisions(read(here, connection="customer-17")) == {111}
    assert here.run("connections", "remove", "customer-17", "--config", config).returncode == 1, (
        "nobody to ask"
    )
    done = here.run("connections", "remove", "customer-17", "--yes", "--config", config)
    assert done.returncode == 0, done.stderr
    assert listed(here) == {}


def test_two_connections_of_one_user_are_told(here: CliFixture) -> None:
    log_in(here, "custA", connection="a")
    code, _, err = log_in(here, "custA", connection="b")
    assert code == 0
    assert "The connection a is of the same user" in err


def test_a_name_that_cannot_be_one_is_refused(here: CliFixture) -> None:
    run = read(here, connection="../b")
    assert run.code == 1
    assert "this is not a name for a connection" in run.err
