"""The page of all connections: what it tells, and that it keeps to itself as the login page does."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tap_exactonline.config import parse
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.auth.tokens import Tokens, fingerprint
from tap_exactonline.exact.notes import LoginRefusal
from tap_exactonline.login.web.board import Board
from tests.support.boards import API, CLIENT, HOSTILE, keep, make_five, ran, settings
from tests.support.login_page import Page, in_process


@pytest.fixture
def five(path: Path) -> str:
    return make_five(str(path))


@pytest.fixture
def page(five: str) -> Iterator[Page]:
    with in_process(Board(parse(settings(five)))) as served:
        served.enter()
        yield served


def told(page: Page) -> dict[str, dict[str, Any]]:
    return {one["connection"]: one for one in page.get("/api/connections").json()["connections"]}


def test_each_connection_is_told_with_its_state_and_its_last_run(location: str) -> None:
    board = Board(parse(settings(make_five(location))))
    found = {one["connection"]: one for one in board.connections()["connections"]}
    assert {name: one["state"] for name, one in found.items()} == {
        "bakery": "good", "garage": "trouble", "florist": "ending", "cafe": "paused", "new": "good",
    }  # fmt: skip
    bakery = found["bakery"]
    assert (bakery["user"], bakery["divisions"], bakery["country"]) == (HOSTILE, [101, 102], "nl")
    assert (bakery["last_run"]["rows"], bakery["last_run"]["calls"]) == (12, 7)
    assert found["garage"]["last_run"]["said"].endswith("once a person has acted.")
    assert found["new"]["country"] == "be"
    assert found["new"]["last_run"] is None
    ran(open_store(location, client_id=CLIENT, api_url=API, connection="florist"), 99)
    again = {one["connection"]: one for one in board.connections()["connections"]}
    assert again["florist"]["last_run"]["rows"] == 99
    assert again["bakery"] == bakery


def test_the_runs_of_one_connection_come_latest_first(page: Page) -> None:
    runs = page.post("runs", {"connection": "garage", "host": "start.exactonline.nl"}).json()["runs"]
    assert [(run["rows"], run["complete"]) for run in runs] == [(0, False), (3, True)]
    nothing = page.post("runs", {"connection": "garage", "host": "start.exactonline.be"})
    assert nothing.status == 422
    assert "There is no connection garage" in nothing.text


def test_a_change_is_seen_by_the_next_look(page: Page, five: str) -> None:
    assert told(page)["bakery"]["active"] is True
    store = open_store(five, client_id=CLIENT, api_url=API, connection="bakery")
    store.change(lambda about: replace(about, paused=True))
    assert told(page)["bakery"]["active"] is False
    ran(store, 99)
    assert told(page)["bakery"]["last_run"]["rows"] == 99
    store.delete()
    assert "bakery" not in told(page)


def test_a_login_that_exact_refused_is_trouble_until_there_is_another(page: Page, five: str) -> None:
    store = open_store(five, client_id=CLIENT, api_url=API, connection="bakery")
    notes = store.notes()
    said = LoginRefusal(
        fingerprint("refresh-of-bakery"), "app", "LoginExpired", "It has expired", "Log in", 400, time.time()
    )
    notes.login = said
    notes.flush()
    found = told(page)["bakery"]
    assert (found["state"], found["trouble"], found["remedy"]) == ("trouble", "It has expired", "Log in")
    keep(five, "bakery")
    store.save(Tokens(access_token="x", refresh_token="another", obtained_at=time.time(), logged_in_at=2.0))
    assert told(page)["bakery"]["state"] == "good"


def test_connections_are_paused_renamed_and_removed(page: Page, five: str) -> None:
    bakery = {"connection": "bakery", "host": "start.exactonline.nl"}
    for paused in (True, False):
        assert page.post("pause", {**bakery, "paused": paused}).json() == {}
        assert told(page)["bakery"]["active"] is not paused
    assert page.post("rename", {**bakery, "name": "baker"}).status == 200
    found = told(page)
    assert "bakery" not in found
    assert (found["baker"]["user"], found["baker"]["last_run"]["rows"]) == (HOSTILE, 12)
    assert page.post("remove", {"connection": "baker", "host": "start.exactonline.nl"}).status == 200
    assert told(page).keys() == {"garage", "florist", "cafe", "new"}
    assert open_store(five, client_id=CLIENT, api_url=API, connection="baker").load() is None


@pytest.mark.parametrize(
    ("action", "asked", "kind"),
    [
        ("rename", {"connection": "garage", "name": "cafe"}, "NameTaken"),
        ("rename", {"connection": "garage", "name": "../x"}, "SettingsError.connection"),
        ("rename", {"connection": "garage"}, "SettingsError.connection"),
        ("rename", {"connection": "garage", "name": ["x"]}, "SettingsError.connection"),
        ("remove", {"connection": "nobody"}, "ConnectionMissing"),
        ("remove", {}, "ConnectionMissing"),
        ("remove", {"connection": {"a": 1}}, "ConnectionMissing"),
        ("pause", {"connection": "garage", "host": "evil.example", "paused": True}, "ConnectionMissing"),
    ],
)
def test_what_can_not_be_done_is_told_and_changes_nothing(
    page: Page, action: str, asked: dict[str, Any], kind: str
) -> None:
    before = told(page)
    reply = page.post(action, asked)
    assert (reply.status, reply.json()["error"]["kind"]) == (422, kind)
    assert told(page) == before


def test_no_answer_has_a_secret(page: Page) -> None:
    texts = [
        page.get("/").text,
        page.get("/api/connections").text,
        page.post("runs", {"connection": "bakery", "host": ""}).text,
        page.post("runs", {"connection": "nobody"}).text,
    ]
    for secret in ("hunter2", "access-of", "refresh-of", page.token):
        assert not [text for text in texts if secret in text], secret


def test_a_record_that_can_not_be_read_is_told_and_the_others_come(tmp_path: Path) -> None:
    location = f"{tmp_path}/"
    keep(location, "plain")
    keep(location, "sealed", passphrase="another")
    with in_process(Board(parse(settings(location)))) as page:
        page.enter()
        found = told(page)
    assert found["plain"]["state"] == "good"
    assert found["sealed"]["state"] == "trouble"
    assert "no passphrase is set" in found["sealed"]["trouble"]


def test_encrypted_records_come_a_few_at_a_time_and_are_decrypted_once(tmp_path: Path) -> None:
    location = f"{tmp_path}/"
    for number in range(3):
        keep(location, f"c{number}", passphrase="hunter2")
    looks = iter([0.0, 0.0, 9.0, 9.0, *([9.0] * 3), *([99.0] * 4)])
    board = Board(parse(settings(location, token_store_passphrase="hunter2")), clock=lambda: next(looks))
    first, second, third = board.connections(), board.connections(), board.connections()
    assert [(len(one["connections"]), one["unread"]) for one in (first, second, third)] == [
        (1, 2),
        (3, 0),
        (3, 0),
    ]


def test_without_an_app_there_is_nothing_to_list() -> None:
    board = Board(parse({}))
    assert board.connections() == {"client_id": "", "connections": [], "unread": 0}


def test_a_store_that_can_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("nonsense")
    with in_process(Board(parse(settings(str(tmp_path / "tokens.json"))))) as page:
        page.enter()
        reply = page.get("/api/connections")
    assert reply.status == 422
    assert reply.json()["error"]["kind"] == "TokenStoreError"


# -- to whom it does not answer ----------------------------------------------------------------------


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Page]:
    """A page whose code nobody has typed yet."""
    keep(f"{tmp_path}/", "bakery")
    with in_process(Board(parse(settings(f"{tmp_path}/"))), arrive=0.3) as served:
        yield served


ACTIONS = sorted(Board(parse({})).actions())


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None},
        {"X_Login_Token": None},
        {"X_Login_Token": "guess"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": None},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Content_Type": "text/plain"},
    ],
)
def test_nothing_is_done_or_told_for_others(closed: Page, headers: dict[str, str | None]) -> None:
    closed.enter()
    assert closed.get("/api/connections").status == 200
    assert [action for action in ACTIONS if closed.post(action, **headers).status != 403] == []
    if not headers.keys() & {
        "Origin",
        "Sec_Fetch_Site",
        "Content_Type",
    }:  # those that change something have them
        assert closed.get("/api/connections", **headers).status == 403


def test_the_code_can_not_be_replayed(closed: Page) -> None:
    assert closed.get("/api/connections").status == 403
    assert closed.enter().status == 200
    thief = Page(None, closed.address, closed.code)
    assert thief.enter().status == 403
    assert thief.get("/").status == 403
    assert thief.get("/api/connections").status == 403


@pytest.mark.parametrize(
    "path",
    ["/../board.py", "/%2e%2e/%2e%2e/cli.py", "/board.html", "/index.html", "//etc/passwd", "/page/../texts.json", "/api/../board.js", "/board.js/", "/api/none"],
)  # fmt: skip
def test_nothing_lies_outside_of_the_page(closed: Page, path: str) -> None:
    closed.enter()
    assert closed.get(path).status == 404


def raw(page: Page, data: bytes) -> bytes:
    """Send bytes and read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as line:
        line.sendall(data)
        answer = b""
        try:
            while part := line.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{",
    ],
)
def test_a_request_that_never_ends_is_cut_off(closed: Page, data: bytes) -> None:
    assert b"200" not in raw(closed, data)
    assert closed.enter().status == 200


def test_so_many_lines_may_be_open_at_once_and_no_more(tmp_path: Path) -> None:
    keep(f"{tmp_path}/", "bakery")
    with in_process(Board(parse(settings(f"{tmp_path}/"))), arrive=3600.0) as page:
        lines = [socket.create_connection(("127.0.0.1", page.port), timeout=20) for _ in range(70)]
        assert [line.recv(10) for line in lines[64:]] == [b""] * 6
        for line in lines:
            line.close()
        for _ in range(2_000):  # until the server has noticed that they are gone
            if raw(page, b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"):
                break
        assert page.enter().status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_a_huge_request_is_refused(closed: Page, data: bytes) -> None:
    answer = raw(closed, data)
    assert answer[9:10] in (b"4", b""), answer[:40]
    assert closed.enter().status == 200


def test_every_answer_forbids_foreign_content(closed: Page) -> None:
    closed.enter()
    for path in ("/", "/board.js", "/board.css", "/common.js", "/api/connections", "/nothing"):
        policy = closed.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_answer_is_json_that_can_not_become_a_page(page: Page) -> None:
    reply = page.get("/api/connections")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert HOSTILE in [one["user"] for one in json.loads(reply.text)["connections"]]
