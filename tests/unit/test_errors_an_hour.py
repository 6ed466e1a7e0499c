"""Ten errors an hour block the app, whoever makes them: runs, ``check``, ``divisions``. The tap makes four at most.

Runs every five minutes, each without the state of the one before, as where the target fails each time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.commands import check, division_list
from tap_exactonline.endpoints import load
from tap_exactonline.exact.errors import ExactError
from tests.exact_online import ExactOnline, faults
from tests.support.in_process import InProcessRun, run_tap

pytestmark = pytest.mark.slow

ITEMS = "sync_logistics_items"
JOURNALS = "financial_journals"
MINUTES = 5
RUNS = 12
HOUR = 3600


class Home:
    """A stand-in that is strict about errors, and a folder with a login.

    Attributes:
        settings: Of the tap; may be changed between runs.
    """

    def __init__(self, exact: ExactOnline, folder: Path) -> None:
        self.exact = exact
        self.folder = folder
        self.settings: dict[str, Any] = {
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(folder / "tokens.json"),
        }

    def run(self, *streams: str, state: Any = None) -> InProcessRun:
        done = run_tap(
            self.exact, streams or (ITEMS, JOURNALS), state, home=self.folder, settings=self.settings
        )
        self.exact.clock.advance(MINUTES * 60)
        return done

    def check(self, capsys: pytest.CaptureFixture[str], *, quick: bool = False) -> dict[str, Any]:
        raw = {**self.settings, "api_url": self.exact.url}
        check.show(raw, catalog=None, state=None, everything=False, quick=quick, style="json")
        self.exact.clock.advance(MINUTES * 60)
        return dict(json.loads(capsys.readouterr().out))

    @property
    def most(self) -> int:
        """The most errors that one endpoint of one administration had within any hour."""
        times: dict[Any, list[float]] = defaultdict(list)
        for call in self.exact.log:
            if call.status in (400, 401, 403, 404) and call.path.lower().startswith("/api/v1"):
                times[call.division, call.stream or call.path.lower()].append(call.time)
        return max(
            (sum(at <= other < at + HOUR for other in found) for found in times.values() for at in found),
            default=0,
        )

    @property
    def blocked(self) -> bool:
        return any(call.status == 429 for call in self.exact.log)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    # Waits between tries; those of the login, which may be long, are not met here.
    monkeypatch.setattr("tap_exactonline.exact.attempts._LONGEST", 0.002)
    exact = ExactOnline()
    exact.limits(minute=10**6, day=10**7)
    for code in (101, 102):
        exact.add_division(code, rows={ITEMS: 2, JOURNALS: 2})
    with exact.serve():
        yield Home(exact, tmp_path)


def test_an_administration_opened_last_that_is_not_granted_is_not_asked_for_if_others_are_configured(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.exact.add_division(555, in_scope=False)
    home.exact.current = 555
    home.exact.switches.check_divisions_division = True
    home.settings["divisions"] = [101, 102]
    for _ in range(RUNS):
        assert home.run().complete
        assert home.check(capsys, quick=True)["ok"]
    assert home.exact.calls(555) == 0
    assert home.exact.calls(stream="system_me") <= 1, "only if a token seems to be refused"


def test_an_administration_opened_last_that_is_not_granted_does_not_block_the_list(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    state = home.run().state
    home.exact.add_division(555, in_scope=False)
    home.exact.current = 555
    home.exact.switches.check_divisions_division = True
    for _ in range(RUNS):
        assert home.run(state=state).complete, "one that the state knows is asked instead"
        assert not home.check(capsys, quick=True)["ok"]
        with pytest.raises(ExactError):
            division_list.show({**home.settings, "api_url": home.exact.url}, "json")
    assert home.most <= 4
    assert not home.blocked


@pytest.mark.parametrize("lost", [True, False], ids=["state lost", "state kept"])
def test_fields_that_are_refused_one_after_the_other(home: Home, lost: bool) -> None:
    names = [
        f.name
        for f in next(e for e in load() if e.name == ITEMS).fields
        if f.name not in ("ID", "Timestamp", "Modified")
    ]
    for name in names[:20]:
        home.exact.refuse_field(ITEMS, name)
    state = None
    for _ in range(RUNS):
        run = home.run(state=state)
        state = None if lost else run.state
    assert home.most <= 4
    assert not home.blocked


@pytest.mark.parametrize("kind", ["scope", "plain", "not_found"])
def test_what_is_not_covered_while_no_state_is_kept(home: Home, kind: Any) -> None:
    for division in home.exact.divisions.values():
        division.forbidden[ITEMS] = kind
    for number in range(RUNS):
        run = home.run()
        assert run.complete, (number, run.error)
        assert len(run.records(JOURNALS)) == 4
    assert home.most == 4
    # An hour after the first refusal it is asked again, and a scope that was given is noticed.
    for division in home.exact.divisions.values():
        division.forbidden.clear()
    home.exact.clock.advance(HOUR)
    home.run()  # learns from Exact's answers what time it is
    assert len(home.run().records(ITEMS)) == 4


def test_with_tokens_of_a_command_refusals_are_remembered_over_runs_too(home: Home) -> None:
    del home.settings["refresh_token"]
    printed = home.folder / "printed"
    home.settings["access_token_command"] = f"cat {printed}"
    for division in home.exact.divisions.values():
        division.forbidden[ITEMS] = "scope"
    for _ in range(RUNS):
        printed.write_text(json.dumps({"access_token": home.exact.issue_access_token(), "expires_in": 540}))
        assert home.run().complete
    assert home.most == 4
    assert str(printed) not in (home.folder / "tokens.json.notes").read_text()
    # Another command may give tokens of another app, which has the scope.
    for division in home.exact.divisions.values():
        division.forbidden.clear()
    home.settings["access_token_command"] = f"cat  {printed}"
    assert len(home.run().records(ITEMS)) == 4


def test_check_with_a_missing_scope(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    scopes = {endpoint.scope for endpoint in load() if endpoint.selected}
    missing = sorted(scopes - {"", "-", "Organization administration"})[:2]
    home.exact.scopes = scopes - set(missing)
    for number in range(RUNS):
        found = home.check(capsys)
        assert set(found["streams"]["without_scope"]) == set(missing), number
    assert home.most <= 4
    assert not home.blocked


def test_runs_and_checks_count_together(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = next(e for e in load() if e.name == ITEMS)
    home.exact.scopes = {e.scope for e in load()} - {endpoint.scope}
    for _ in range(RUNS // 2):
        home.run()
        home.check(capsys)
    assert home.most <= 4


@pytest.mark.parametrize("kind", ["plain", "not_found", "firewall", "unauthorized"])
def test_sync_timestamp_that_refuses_is_asked_once_in_an_administration(home: Home, kind: Any) -> None:
    streams = [e.name for e in load() if e.sync_timestamp and e.dated][:6]
    assert len(streams) == 6
    home.settings["start_date"] = "2020-01-01"
    for division in home.exact.divisions.values():
        division.forbidden["SyncTimestamp"] = kind
    home.run(*streams)
    asked = [call for call in home.exact.log if call.stream == "SyncTimestamp" and call.division == 101]
    assert len(asked) <= 3, "tries of one stream, and none of another"
    for _ in range(RUNS - 1):
        home.run(*streams)
    assert home.most <= 4
    assert not home.blocked


@pytest.mark.parametrize("what", ["scope", "plain", "firewall", "unknown_words", "iis"])
def test_current_me_that_refuses(home: Home, capsys: pytest.CaptureFixture[str], what: Any) -> None:
    home.exact.faults.add("system_me", faults.refusal(what), times=None)
    for _ in range(RUNS // 2):
        home.run()
        home.check(capsys, quick=True)
    assert 0 < home.most <= 4


@pytest.mark.parametrize("what", ["plain", "firewall", "unauthorized"])
def test_current_me_that_does_not_say_whose_a_new_login_is(home: Home, what: Any) -> None:
    assert home.run().complete
    home.settings["divisions"] = [101, 102]  # from now on nothing else asks it
    home.exact.clock.advance(700)
    home.settings["refresh_token"] = home.exact.issue_login(age=700)
    home.exact.faults.add("system_me", faults.refusal(what), times=None)
    for _ in range(RUNS):
        assert not home.run().complete
    assert home.most == 4
    home.exact.faults.clear()
    home.exact.clock.advance(HOUR)
    assert home.run().complete


def test_401_to_everything(home: Home) -> None:
    assert home.run().complete
    home.exact.faults.add(None, faults.unauthorized(), when=lambda call: call.stream != "token", times=None)
    home.exact.clear_log()
    for _ in range(RUNS):
        assert not home.run().complete
    assert home.most <= 4


# -- logins that are refused for good


def superseded(home: Home) -> None:
    home.exact.issue_login()
    home.exact.clock.advance(700)


def expired(home: Home) -> None:
    home.exact.clock.advance(40 * 86_400)


def wrong_secret(home: Home) -> None:
    home.settings["client_secret"] = "wrong"
    home.exact.clock.advance(700)


DEATHS: dict[str, Callable[[Home], None]] = {
    "superseded": superseded,
    "expired": expired,
    "wrong secret": wrong_secret,
}


@pytest.mark.parametrize("dies", DEATHS.values(), ids=DEATHS)
def test_a_login_that_is_dead_is_not_posted_in_every_run(
    home: Home, capsys: pytest.CaptureFixture[str], dies: Callable[[Home], None]
) -> None:
    assert home.run().complete
    dies(home)
    home.exact.clear_log()
    said = set()
    for _ in range(RUNS // 2):
        run = home.run()
        said.add(type(run.error))
        found = home.check(capsys, quick=True)
        assert not found["ok"]
    assert len(said) == 1, "it is told in the same way each time"
    assert "Exact Online said so at" in str(run.error)
    assert home.exact.token_calls == 1


def test_a_new_login_a_new_seed_and_a_new_secret_are_tried_at_once(home: Home) -> None:
    assert home.run().complete
    wrong_secret(home)
    for _ in range(2):
        assert not home.run().complete
    home.settings["client_secret"] = home.exact.client_secret
    assert home.run().complete, "the right secret"
    superseded(home)
    for _ in range(2):
        assert not home.run().complete
    home.settings["refresh_token"] = home.exact.issue_login()
    assert home.run().complete, "a new seed"


def test_an_app_that_was_mended_at_exact_is_found_within_hours(home: Home) -> None:
    assert home.run().complete
    true, home.exact.oauth.client_secret = home.exact.client_secret, "changed at Exact"
    home.exact.clock.advance(700)
    assert not home.run().complete
    home.exact.oauth.client_secret = true
    assert not home.run().complete
    path = home.folder / "tokens.json.notes"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.get("l", {})["at"] = line.get("l", {}).get("at", 0) - 2 * HOUR
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert home.run().complete


def test_notes_hold_no_secret(home: Home) -> None:
    for division in home.exact.divisions.values():
        division.forbidden[ITEMS] = "plain"
    assert home.run().complete
    superseded(home)
    assert not home.run().complete
    text = (home.folder / "tokens.json.notes").read_text()
    assert "logistics/items" in text
    assert "LoginSuperseded" in text
    for secret in {*home.exact.issued_tokens, home.exact.client_secret, home.exact.client_id}:
        assert secret not in text


def test_a_count_behind_a_full_page_that_is_refused_never_closes_the_endpoint(home: Home) -> None:
    home.exact.switches.next_on_full_page = False
    home.exact.add_division(103, rows={JOURNALS: 60})
    refusal = faults.json_body({"error": {"message": {"value": "Query option is not supported"}}}, 400)
    home.exact.faults.add(lambda call: "$inlinecount" in call.query, refusal, times=None)
    for _ in range(6):
        assert home.run(JOURNALS).complete
    assert home.most == 2
