"""``tap-exactonline check``: it tells beforehand what a run would find out the hard way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.commands.estimate import estimate
from tap_exactonline.commands.survey import sample
from tap_exactonline.config import parse
from tap_exactonline.endpoints import load
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.divisions import Division
from tap_exactonline.sync.state.state import State
from tests.support.cli import CliFixture, lab

pytestmark = pytest.mark.process

STREAMS = len([endpoint for endpoint in load() if endpoint.selected])


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path) as made:
        yield made


def check(
    here: CliFixture, *options: str, config: str | None = None, code: int = 0, **env: str
) -> dict[str, Any]:
    done = here.run("check", "--format=json", "--config", config or here.logged_in(), *options, **env)
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is (code == 0)
    assert here.said_nothing_secret(done.stdout, done.stderr)
    return found


def said(found: dict[str, Any], topic: str, status: str) -> str:
    lines = [line for line in found["findings"] if (line["topic"], line["status"]) == (topic, status)]
    assert lines, found["findings"]
    return " ".join(" ".join([line["text"], *line["details"], line["remedy"]]) for line in lines)


def test_all_is_well(here: CliFixture) -> None:
    found = check(here)
    assert found["token_store"]["ok"]
    assert found["administrations"]["selected"] == [101, 102, 103]
    assert found["streams"]["selected"] == STREAMS
    assert found["next_run"]["calls_at_least"] >= 3 * (STREAMS - 1)
    assert all(4_900 < left <= 5_000 for left in found["calls_left_today"].values())
    assert not here.exact.errors_4xx
    assert {line["status"] for line in found["findings"]} <= {"ok", "note"}
    assert when_tested(here)


def when_tested(here: CliFixture) -> float:
    """When the record says that all was well."""
    store = open_store(str(here.tokens), client_id=here.exact.client_id, api_url=here.exact.url)
    stored = store.load()
    assert stored is not None
    return stored.about.tested_at


def test_it_is_one_screen_for_a_person(here: CliFixture) -> None:
    done = here.run("check", "--config", here.logged_in())
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 40
    assert max(len(line) for line in lines if "/" not in line) <= 110, "a path is never broken"
    assert lines[-1] == "A run would succeed."


def test_it_costs_few_calls_and_quick_almost_none(here: CliFixture) -> None:
    check(here)
    counted = [call for call in here.exact.log if call.division and call.stream != "UserHasRights"]
    assert len(counted) <= 35, "one for each scope, and the list of administrations"
    here.exact.clear_log()
    check(here, "--quick", config=here.config())
    assert here.exact.calls() <= 2


def test_in_a_minute_of_few_calls_it_asks_less_and_does_not_wait(tmp_path: Path) -> None:
    with lab(tmp_path, 101) as here:
        here.exact.limits(minute=20)
        found = check(here)
        # It stays within the minute's budget, so nothing has to wait for the next minute.
        assert here.exact.calls(101) <= 20
        assert "--all asks about every one" in said(found, "streams", "ok")
        assert not [call for call in here.exact.log if call.status == 429]


def test_missing_scopes_rights_and_licences_are_warnings_with_a_remedy(here: CliFixture) -> None:
    here.exact.scopes = {endpoint.scope for endpoint in load()} - {"Sales contracts"}
    for division in here.exact.divisions.values():
        division.forbidden["sync_crm_accounts"] = "rights"
        division.forbidden["sync_logistics_items"] = "licence"
        division.forbidden["vat_vat_codes"] = "rights"

    found = check(here, "--all")

    lacking = [e.name for e in load() if e.selected and e.scope == "Sales contracts"]
    assert found["streams"]["without_scope"] == {"Sales contracts": lacking}
    assert found["streams"]["without_rights"] == {
        "sync_crm_accounts": [101, 102, 103],
        "vat_vat_codes": [101, 102, 103],
    }
    assert "App Centre" in said(found, "scopes", "warning")
    assert "Give the user" in said(found, "rights", "warning")
    text = here.run("check", "--config", here.config()).stdout
    assert "not bring everything that is selected" in text


@pytest.mark.parametrize("kind", ["unknown_words", "unknown_reason", "unauthorized"])
def test_a_refusal_that_is_not_understood_fails(here: CliFixture, kind: Any) -> None:
    for division in here.exact.divisions.values():
        division.forbidden |= {endpoint.name: kind for endpoint in load() if endpoint.scope == "Crm accounts"}
    found = check(here, code=1)
    (stream,) = found["streams"]["unclear"]
    assert stream in said(found, "streams", "failure")


def test_an_administration_that_exact_keeps_closed_fails(here: CliFixture) -> None:
    here.exact.divisions[102].blocking_status = 1
    found = check(here, "--quick", code=1)
    assert "102: wanted, and Exact keeps it closed now" in said(found, "administrations", "failure")


def test_what_came_before_and_is_not_covered_now_fails(here: CliFixture) -> None:
    for division in here.exact.divisions.values():
        division.forbidden["sync_crm_accounts"] = "rights"
    partition = {"context": {"division": 101}, "replication_key": "timestamp", "replication_key_value": 5}
    state = {"bookmarks": {"sync_crm_accounts": {"partitions": [partition]}}}
    (here.folder / "state.json").write_text(json.dumps(state))
    assert check(here)["ok"]
    found = check(here, "--state", str(here.folder / "state.json"), config=here.config(), code=1)
    assert "sync_crm_accounts" in said(found, "streams", "failure")


def test_a_selection_of_which_nothing_can_be_read_fails(here: CliFixture) -> None:
    for division in here.exact.divisions.values():
        division.forbidden["vat_vat_codes"] = "plain"
    found = check(here, code=1, MELTANO_EXTRACT__SELECT=json.dumps(["vat_vat_codes.*"]))
    assert "no selected stream" in said(found, "streams", "failure")


def test_no_rights_are_found_in_the_sample_too(here: CliFixture) -> None:
    for division in here.exact.divisions.values():
        division.forbidden["sync_crm_accounts"] = "rights"
    assert "sync_crm_accounts" in check(here)["streams"]["without_rights"]


def test_an_administration_that_does_not_answer_fails_and_the_others_are_asked(here: CliFixture) -> None:
    here.exact.divisions[102].licence_ok = False
    found = check(here, code=1)
    assert set(found["administrations"]["not_answering"]) == {"102"}
    assert "licence" in said(found, "administrations", "failure")
    assert found["streams"]["asked_about_rights"] > 50


def test_a_configured_administration_that_is_not_granted_fails(here: CliFixture) -> None:
    found = check(here, config=here.logged_in(divisions=[101, 777]), code=1)
    assert "777" in said(found, "administrations", "failure")
    assert not when_tested(here)


def test_no_administration_at_all_fails(here: CliFixture) -> None:
    found = check(here, config=here.logged_in(exclude_divisions=[101, 102, 103]), code=1)
    assert "none of the 3" in said(found, "administrations", "failure")


def test_too_few_calls_for_a_run_fail(here: CliFixture) -> None:
    here.exact.spend(102, 4_940)
    found = check(here, code=1)
    assert "102" in said(found, "calls today", "failure")
    reserved = check(here, config=here.config(reserve_calls=4_990), code=1)
    assert not reserved["ok"]


def test_a_spent_day_fails(here: CliFixture) -> None:
    here.exact.spend(103, 5_000)
    assert "103" in said(check(here, code=1), "calls today", "failure")


def test_no_login_fails_and_says_what_to_do(here: CliFixture) -> None:
    found = check(here, config=here.config(), code=1)
    assert "tap-exactonline login" in said(found, "login", "failure")


def test_a_login_that_soon_dies_is_noted(here: CliFixture) -> None:
    found = check(here, config=here.config(refresh_token=here.exact.issue_login(age=27 * 86_400)))
    assert found["login"]["dies_unless_used_before"]
    stored = json.loads(here.tokens.read_text())
    for record in stored["logins"].values():
        record["tokens"]["obtained_at"] -= 26 * 86_400
    here.tokens.write_text(json.dumps(stored))
    here.exact.clock.advance(700)
    assert "days away from dying" in said(check(here, config=here.config()), "login", "note")


def test_a_store_that_can_not_be_written_fails(here: CliFixture) -> None:
    blocked = here.folder / "a-file"
    blocked.write_text("")
    found = check(here, config=here.logged_in(token_store=str(blocked / "tokens.json")), code=1)
    assert str(blocked) in said(found, "token store", "failure")
    assert here.exact.token_calls == 0


def test_a_dead_exact_fails_within_a_person_s_patience(here: CliFixture) -> None:
    config = here.logged_in()
    here.exact.stop()
    found = check(here, config=config, code=1)  # ends within a minute, or fails
    assert found["findings"][-1]["remedy"]


def test_catalog_and_state_decide_about_the_estimate(here: CliFixture) -> None:
    catalog = {
        "streams": [
            {"tap_stream_id": name, "stream": name, "schema": {}, "metadata": [{"breadcrumb": [], "metadata": {"selected": on}}]}
            for name, on in (("sync_crm_accounts", True), ("financial_journals", True), ("vat_vat_codes", False))
        ]
    }  # fmt: skip
    state = {
        "bookmarks": {
            "sync_crm_accounts": {
                "partitions": [
                    {"context": {"division": code}, "replication_key": "timestamp", "replication_key_value": 5, "move_date": ""}
                    for code in (101, 102, 103)
                ]
            }
        }
    }  # fmt: skip
    (here.folder / "catalog.json").write_text(json.dumps(catalog))
    (here.folder / "state.json").write_text(json.dumps({"singer_state": state}))

    found = check(
        here, "--catalog", str(here.folder / "catalog.json"), "--state", str(here.folder / "state.json")
    )

    assert found["streams"]["selected_by"] == "the catalog"
    assert found["next_run"]["calls_at_least"] == 3 * 2 + 1
    assert found["next_run"]["streams_from_the_beginning"] == ["financial_journals"]


def test_under_meltano_its_select_counts(here: CliFixture) -> None:
    select = json.dumps(
        ["sync_crm_*.*", "!sync_crm_accounts.*", "!sync_crm_contacts.email", "vat_vat_codes.id"]
    )
    found = check(here, MELTANO_EXTRACT__SELECT=select)
    expected = [e.name for e in load() if e.name.startswith("sync_crm_") and e.name != "sync_crm_accounts"]
    assert found["streams"]["selected"] == len(expected) + 1


def test_a_run_needs_what_the_estimate_says(here: CliFixture) -> None:
    """The promise is "at least", and with a page for each stream it is exact."""
    config = here.logged_in(divisions=[101, 102])
    expected = check(here, config=config)["next_run"]["calls_at_least"]
    here.exact.clear_log()

    assert here.run("--config", config).returncode == 0

    counted = [c for c in here.exact.log if c.division and c.stream != "UserHasRights"]
    assert len(counted) == expected


def test_estimates_for_tombstones_and_a_start_date() -> None:
    divisions = [Division(code) for code in (1, 2)]
    one = [
        next(endpoint for endpoint in load() if endpoint.sync_timestamp and endpoint.name != "sync_deleted")
    ]
    plain = estimate(one, divisions, State(), parse({}))
    assert plain.calls == {1: 2, 2: 1}
    assert plain.total == 3
    dated = estimate(one, divisions, State(), parse({"start_date": "2024-01-01", "deletions": "tombstones"}))
    assert dated.calls == {1: 4, 2: 3}
    # Running contracts are read whole: Exact is not asked where a date lies.
    contracts = [endpoint for endpoint in load() if endpoint.name == "sync_subscription_subscriptions"]
    assert contracts[0].sync_timestamp
    assert estimate(contracts, divisions, State(), parse({"start_date": "2024-01-01"})).calls == {1: 2, 2: 1}


def test_a_sample_is_spread_evenly() -> None:
    divisions = [Division(code) for code in range(1000)]
    chosen = [division.code for division in sample(divisions)]
    assert len(set(chosen)) == 25
    assert chosen[:3] == [0, 40, 80]
    assert sample(divisions[:5]) == divisions[:5]


def test_hundreds_of_administrations_are_sampled_unless_all_are_wanted(here: CliFixture) -> None:
    for code in range(1000, 1100):
        here.exact.add_division(code)
    found = check(here)
    assert found["administrations"]["asked"] == 25
    assert "--all asks every one" in said(found, "administrations", "ok")
