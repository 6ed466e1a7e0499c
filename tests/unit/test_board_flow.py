"""From the page of all connections: new ones, another login, another choice. The stand-in and the server are in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tap_exactonline.config import parse
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.login.web.board import Board
from tests.exact_online import faults
from tests.support.cli import REDIRECT, CliFixture, consent, lab
from tests.support.login_page import Page, Reply, in_process


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    """Customer A opens 111 and 112, customer B opens 222; both log in with one app."""
    with lab(tmp_path, 111, 112, 222) as made:
        made.exact.add_user("custB", 222)
        made.exact.add_user("custA", 111, 112)
        yield made


@pytest.fixture
def page(here: CliFixture) -> Iterator[Page]:
    with in_process(Board(parse(here.settings), REDIRECT)) as served:
        served.enter()
        yield served


def stored(here: CliFixture, name: str) -> Tokens | None:
    return open_store(
        str(here.tokens), client_id=here.exact.client_id, api_url=here.exact.url, connection=name
    ).load()


def log_in(here: CliFixture, page: Page, user: str, name: str, begin: str = "new", **app: Any) -> Reply:
    """Up to the administrations."""
    here.exact.oauth.user = user
    asked = {} if begin == "new" else {"connection": name}
    assert page.post(begin, asked).status == 200
    begun = page.post("app", {"connection": name, **app})
    return page.post("code", {"pasted": consent(begun.json()["address"])}) if begun.status == 200 else begun


def connect(here: CliFixture, page: Page, user: str, name: str, divisions: list[int] | None = None) -> None:
    """A connection from its beginning to its end."""
    assert log_in(here, page, user, name).status == 200
    page.post("choose", {"divisions": divisions})
    assert page.post("save", {"active": True}).status == 200


def told(page: Page) -> dict[str, dict[str, Any]]:
    return {one["connection"]: one for one in page.get("/api/connections").json()["connections"]}


def test_a_new_connection_from_name_to_save(here: CliFixture, page: Page) -> None:
    begun = log_in(here, page, "custA", "bakery").json()
    assert (begun["purpose"], begun["connection"], begun["user"]) == ("new", "bakery", "custA")
    assert [one["division"] for one in begun["divisions"]] == [111, 112]
    assert told(page)["bakery"]["active"] is False, "who leaves now leaves nothing that runs read"
    page.post("choose", {"divisions": [112]})
    assert page.post("test", {"division": 112}).json()["works"] is True
    assert "TAP_EXACTONLINE_CONNECTION=bakery" in page.post("settings").json()["environment"]
    assert page.post("save", {"active": True}).json() == {"finished": True}
    found = told(page)["bakery"]
    assert (found["active"], found["divisions"], found["user"]) == (True, [112], "custA")
    assert found["tested_at"]
    assert page.get("/api/overview").json() == {"board": True, "purpose": None}
    done = here.exact.log
    assert not [call for call in done if call.status >= 400]


def test_it_may_be_saved_as_paused_and_only_what_was_tested_counts(here: CliFixture, page: Page) -> None:
    log_in(here, page, "custA", "bakery")
    page.post("choose", {"divisions": None})
    page.post("test", {"division": 111})
    page.post("save", {"active": False})
    found = told(page)["bakery"]
    assert (found["active"], found["tested_at"], found["divisions"]) == (False, None, None)


def test_a_failing_administration_is_not_taken_for_well(here: CliFixture, page: Page) -> None:
    log_in(here, page, "custB", "garage")
    page.post("choose", {"divisions": [222]})
    here.exact.divisions[222].licence_ok = False
    assert page.post("test", {"division": 222}).json()["works"] is False
    page.post("save", {"active": True})
    assert told(page)["garage"]["tested_at"] is None


def test_the_choice_is_changed_with_the_login_that_is_there(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery", [111])
    page.post("pause", {"connection": "bakery", "paused": True})
    calls = here.exact.token_calls
    assert page.post("choice", {"connection": "bakery"}).status == 200
    begun = page.get("/api/overview").json()
    assert (begun["logged_in"], begun["chosen"], begun["active"]) == (True, [111], False)
    assert [one["division"] for one in begun["divisions"]] == [111, 112]
    assert page.post("choose", {"divisions": [222]}).status == 422, "not of this customer"
    page.post("choose", {"divisions": [111, 112]})
    page.post("save", {"active": True})
    found = told(page)["bakery"]
    assert (found["divisions"], found["active"]) == ([111, 112], True)
    assert here.exact.token_calls == calls, "the access token is still good"
    assert page.post("code", {"pasted": "x"}).status in {404, 422}


def test_logging_in_again_keeps_name_choice_and_state(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery", [111])
    page.post("pause", {"connection": "bakery", "paused": True})
    before = stored(here, "bakery")
    page.post("again", {"connection": "bakery"})
    assert page.get("/api/overview").json()["active"] is False
    again = log_in(here, page, "custA", "bakery", begin="again").json()
    assert (again["connection"], again["chosen"], again["active"]) == ("bakery", [111], False)
    page.post("choose", {"divisions": again["chosen"]})
    page.post("save", {"active": again["active"]})
    after = stored(here, "bakery")
    assert before is not None
    assert after is not None
    assert after.refresh_token != before.refresh_token
    assert (after.about.divisions, after.about.paused) == ((111,), True)


def test_another_users_login_never_replaces_one(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery")
    reply = log_in(here, page, "custB", "bakery", begin="again")
    assert (reply.status, reply.json()["error"]["kind"]) == (422, "OtherUser")
    assert told(page)["bakery"]["user"] == "custA"
    assert page.post("choice", {"connection": "bakery"}).status == 200, "the login that was there works"
    assert [one["division"] for one in page.get("/api/overview").json()["divisions"]] == [111, 112]


def test_a_name_that_is_taken_or_is_none_is_told_before_anybody_logs_in(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery")
    taken = log_in(here, page, "custB", "bakery")
    assert (taken.status, taken.json()["error"]["kind"]) == (422, "NameTaken")
    for name in ("", "../x", "Bakery", "x" * 65, "<b>"):
        reply = log_in(here, page, "custB", name)
        assert (reply.status, reply.json()["error"]["kind"]) == (422, "SettingsError.connection")
    assert told(page).keys() == {"bakery"}


def test_two_connections_of_one_user_are_told(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "first")
    log_in(here, page, "custA", "second")
    assert page.post("others").json() == {"same_user": ["first"]}


def test_app_and_country_of_the_page_can_not_be_changed_by_a_request(here: CliFixture, page: Page) -> None:
    log_in(here, page, "custA", "bakery", client_id="someone-elses-app", country="be")
    assert told(page).keys() == {"bakery"}
    assert page.get("/api/overview").json()["client_id"] == here.exact.client_id


def test_without_settings_the_first_connection_names_the_app(here: CliFixture) -> None:
    bare = {"api_url": here.exact.url, "token_store": str(here.tokens)}
    with in_process(Board(parse(bare))) as page:
        page.enter()
        assert page.get("/api/connections").json()["connections"] == []
        app = {
            "client_id": here.exact.client_id,
            "client_secret": here.exact.client_secret,
            "redirect_uri": REDIRECT,
        }
        texts = [log_in(here, page, "custA", "bakery", **app).text]
        page.post("choose", {"divisions": None})
        texts.append(page.post("save", {"active": True}).text)
        texts.append(page.get("/api/connections").text)
        assert told(page).keys() == {"bakery"}
        page.post("new")
        begun = page.get("/api/overview").json()
        assert (begun["has_secret"], begun["redirect_uri"], begun["fixed_app"]) == (True, REDIRECT, True)
    assert here.said_nothing_secret(*texts, str(begun))


def test_without_the_secret_a_choice_is_refused_with_what_to_do(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery")
    settings = {name: value for name, value in here.settings.items() if name != "client_secret"}
    with in_process(Board(parse(settings))) as other:
        other.enter()
        reply = other.post("choice", {"connection": "bakery"})
    assert (reply.status, reply.json()["error"]["kind"]) == (422, "SettingsError.client_secret")


def test_a_dead_login_is_told_when_its_choice_is_to_be_changed(here: CliFixture, page: Page) -> None:
    connect(here, page, "custA", "bakery")
    here.exact.clock.advance(31 * 86_400)
    with in_process(Board(parse(here.settings))) as other:
        other.enter()
        here.exact.faults.add(faults.Match(path="current/Me"), faults.status(401), times=5)
        reply = other.post("choice", {"connection": "bakery"})
        assert reply.status == 422
        assert reply.json()["error"]["what"]
        assert other.get("/api/overview").json()["purpose"] is None, "nothing was begun"


def test_a_configured_refresh_token_is_not_spent_for_a_connection_that_is_opened(
    here: CliFixture, page: Page
) -> None:
    connect(here, page, "custA", "bakery")
    here.exact.oauth.user = "custB"
    foreign = here.exact.issue_login()
    calls = here.exact.token_calls
    with in_process(Board(parse({**here.settings, "refresh_token": foreign}))) as other:
        other.enter()
        assert other.post("choice", {"connection": "bakery"}).status == 200
    assert here.exact.token_calls == calls


def test_a_tunnel_brings_the_redirect_of_this_login_and_nothing_else(here: CliFixture, page: Page) -> None:
    back = f"/callback?code={here.exact.authorize_code(REDIRECT)}&state=guess"
    assert page.get(back, Host="tap.example", Cookie=None).status == 403, "nobody is logging in"
    here.exact.oauth.user = "custA"
    page.post("new")
    address = page.post("app", {"connection": "bakery"}).json()["address"]
    assert page.get(back, Host="tap.example", Cookie=None).status == 400
    landed = consent(address).removeprefix("https://tap.example")
    assert page.get(landed, Host="tap.example", Cookie=None).status == 200
    assert page.get("/api/overview").json()["logged_in"] is True
    assert page.get("/api/connections", Host="tap.example").status == 403


@pytest.mark.parametrize("step", ["app", "code", "choose", "test", "settings", "save", "others"])
def test_no_step_is_there_before_something_was_begun(page: Page, step: str) -> None:
    assert page.post(step, {"active": True}).status == 404


@pytest.mark.parametrize("purpose", ["again", "choice"])
def test_a_connection_whose_renaming_was_cut_off_is_left_alone(
    here: CliFixture, page: Page, purpose: str
) -> None:
    connect(here, page, "custA", "bakery")
    store = open_store(
        str(here.tokens), client_id=here.exact.client_id, api_url=here.exact.url, connection="bakery"
    )
    store.change(lambda about: replace(about, moving_to="baker"))
    reply = page.post(purpose, {"connection": "bakery"})
    assert reply.status == 422
    assert "connections rename bakery baker" in reply.json()["error"]["remedy"]
    assert "renaming to baker was cut off" in told(page)["bakery"]["trouble"]
    assert page.post("rename", {"connection": "bakery", "name": "baker"}).status == 200
    assert told(page)["baker"]["state"] == "good"


def test_a_store_in_another_place_is_not_mixed_up(here: CliFixture, page: Page) -> None:
    open_store(
        str(here.tokens), client_id=here.exact.client_id, api_url="https://proxy.example", connection="far"
    ).save(Tokens(access_token="a", refresh_token="r", obtained_at=1.0))
    reply = page.post("again", {"connection": "far"})
    assert (reply.status, reply.json()["error"]["kind"]) == (422, "SettingsError.api_url")
