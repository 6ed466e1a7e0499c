"""Each fault of the stand-in reaches the client as it says, strikes as often as it says, and no more."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock, call

import pytest
import requests

from tests.exact_online import Clock, ExactOnline, faults
from tests.exact_online.client import Client, message

STREAM = "sync_crm_accounts"
WHERE = "101/sync/CRM/Accounts"


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    made = ExactOnline(Clock.manual())
    made.add_division(101, rows=5)
    made.add_division(102, rows=5)
    with made.serve():
        yield made


@pytest.fixture
def client(exact: ExactOnline) -> Client:
    return Client(exact)


def ask(client: Client) -> requests.Response:
    return client.get(WHERE, select="ID,Name,Timestamp")


@pytest.mark.parametrize(
    ("action", "status", "body"),
    [
        (faults.status(503), 503, b""),
        (faults.status(502, faults.HTML), 502, faults.HTML),
        (faults.status(408), 408, b""),
        (faults.html(), 200, faults.HTML),
        (faults.empty(), 200, b""),
        (faults.no_content(), 204, b""),
        (faults.error_block(), 429, None),
        (faults.not_found(), 404, None),
        (faults.expired_token(), 401, b""),
        (faults.too_many("none"), 429, b""),
        (faults.json_body({"d": None}), 200, b'{"d":null}'),
    ],
)
def test_answers_in_place_of_the_page(
    exact: ExactOnline, client: Client, action: faults.Action, status: int, body: bytes | None
) -> None:
    fault = exact.faults.add(STREAM, action, times=2)
    for _ in range(2):
        answer = ask(client)
        assert answer.status_code == status
        assert body is None or answer.content == body
    assert ask(client).status_code == 200
    assert fault.hits == 2


@pytest.mark.parametrize(
    ("headers", "exceeded", "names"),
    [
        ("full", "minute", 6), ("minute", "minute", 3), ("day", "day", 3), ("none", "minute", 0),
    ],
)  # fmt: skip
def test_429_forms(exact: ExactOnline, client: Client, headers: Any, exceeded: str, names: int) -> None:
    exact.faults.add(STREAM, faults.too_many(headers, exceeded))
    got = {k: v for k, v in ask(client).headers.items() if k.lower().startswith("x-ratelimit")}
    assert len(got) == names
    prefix = "X-RateLimit-Minutely-" if exceeded == "minute" else "X-RateLimit-"
    assert got.get(prefix + "Remaining", "0") == "0"


@pytest.mark.parametrize("kind", ["scope", "division", "licence", "plain"])
def test_403_forms(exact: ExactOnline, client: Client, kind: Any) -> None:
    exact.faults.add(STREAM, faults.forbidden(kind))
    answer = ask(client)
    assert answer.status_code == 403
    assert message(answer).startswith("Forbidden")
    assert ("Reason" in answer.headers) is (kind in ("division", "licence"))


def test_connections_that_break(exact: ExactOnline, client: Client) -> None:
    exact.faults.add(STREAM, faults.reset())
    with pytest.raises(requests.ConnectionError):
        ask(client)
    exact.faults.add(STREAM, faults.reset_midway())
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(client)
    exact.faults.add(STREAM, faults.hang(0.1))
    with pytest.raises(requests.ConnectionError):
        ask(client)
    assert ask(client).status_code == 200


def test_a_slow_body_arrives_whole(
    exact: ExactOnline, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = Mock(wraps=asyncio.sleep)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    exact.faults.add(STREAM, faults.slow(0.2, parts=4))
    slow = ask(client)
    assert sleep.mock_calls.count(call(0.05)) >= 3, "the pauses between four parts"
    assert slow.json() == ask(client).json()


def test_truncated_json_has_a_length_that_agrees(exact: ExactOnline, client: Client) -> None:
    exact.faults.add(STREAM, faults.truncated())
    answer = ask(client)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)


def rows(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(client).json()["d"]["results"]
    return found


def test_pages_that_are_altered(exact: ExactOnline, client: Client) -> None:
    good = rows(client)
    for action, want in (
        (faults.duplicate_row(), [*good, good[-1]]),
        (faults.extra_field("New", 1), [r | {"New": 1} for r in good]),
        (faults.null_field("ID"), [r | {"ID": None} for r in good]),
        (faults.missing_field("Name"), [{k: v for k, v in r.items() if k != "Name"} for r in good]),
        (faults.edit_rows(lambda page: page.reverse()), good[::-1]),
    ):
        exact.faults.add(STREAM, action)
        assert rows(client) == want, action.name
    exact.faults.add(STREAM, faults.next_to("https://evil.example/api/v1/101/x"))
    assert ask(client).json()["d"]["__next"] == "https://evil.example/api/v1/101/x"
    exact.faults.add(STREAM, faults.content_type("text/html"))
    answer = ask(client)
    assert answer.headers["Content-Type"] == "text/html"
    assert json.loads(answer.content)["d"]["results"] == good


def test_conditions_and_the_nth_call(exact: ExactOnline, client: Client) -> None:
    exact.faults.add(faults.Match(stream="crm_accounts", division=102, nth=2), faults.status(500))
    codes = [client.get(f"{d}/crm/Accounts", select="ID").status_code for d in (101, 102, 101, 102, 102)]
    assert codes == [200, 200, 200, 500, 200]
    exact.faults.add(lambda call: "skiptoken" in str(call.query), faults.status(500), times=None)
    assert client.get("101/crm/Accounts", select="ID").status_code == 200
    assert client.get("101/crm/Accounts", select="ID", skiptoken="guid'{}'").status_code == 500
    exact.faults.clear()
    assert client.get("101/crm/Accounts", select="ID").status_code == 200


@pytest.mark.parametrize(
    ("action", "status", "body"),
    [(faults.empty(), 200, b""), (faults.status(502), 502, b""), (faults.too_early(), 400, None)],
)
def test_token_endpoint_faults(
    exact: ExactOnline, client: Client, action: faults.Action, status: int, body: bytes | None
) -> None:
    token = exact.issue_login()
    exact.faults.add("token", action)
    answer = client.refresh(token)
    assert answer.status_code == status
    assert body is None or answer.content == body


def test_faults_count_for_budget_and_error_limit(exact: ExactOnline, client: Client) -> None:
    exact.faults.add(STREAM, faults.not_found(), times=None)
    assert ask(client).headers["X-RateLimit-Remaining"] == "4999"
    codes = [ask(client).status_code for _ in range(11)]
    assert codes == [404] * 10 + [429]
    assert len(exact.errors_4xx) == 12


def test_accept_decides_the_format(exact: ExactOnline, client: Client) -> None:
    url = f"{exact.url}/api/v1/101/crm/Accounts?$select=ID,Name"
    atom = client.session.get(url, headers={"Accept": "*/*"}, timeout=5)
    assert atom.headers["Content-Type"].startswith("application/atom+xml")
    entries = ET.fromstring(atom.content.decode()).findall("{http://www.w3.org/2005/Atom}entry")
    assert len(entries) == 5
    assert client.session.get(url, headers={"Accept": "application/xml"}, timeout=5).status_code == 415


def test_metadata_describes_a_service(exact: ExactOnline, client: Client) -> None:
    url = f"{exact.url}/api/v1/101/bulk/CRM/$metadata"
    found = client.session.get(url, headers={"Accept": "application/xml"}, timeout=5)
    names = {
        e.get("Name")
        for e in ET.fromstring(found.content).iter("{http://schemas.microsoft.com/ado/2008/09/edm}EntityType")
    }
    assert names == {"Accounts", "Addresses", "Contacts", "QuotationLines", "Quotations"}
    assert client.session.get(url, timeout=5).status_code == 415


def test_gzip_only_for_who_asks(exact: ExactOnline, client: Client) -> None:
    client.session.headers["Accept-Encoding"] = "gzip"
    zipped = ask(client)
    assert zipped.headers["Content-Encoding"] == "gzip"
    client.session.headers["Accept-Encoding"] = "identity"
    plain = ask(client)
    assert "Content-Encoding" not in plain.headers
    assert plain.json() == zipped.json()


def test_unknown_paths_and_other_methods(exact: ExactOnline, client: Client) -> None:
    assert client.get("101/crm/Nothing").status_code == 404
    assert client.get("abc").status_code == 404
    assert client.session.post(f"{exact.url}/api/v1/{WHERE}", json={}, timeout=5).status_code == 405


def test_control_from_another_process(exact: ExactOnline) -> None:
    control = f"{exact.url}/_control"
    client = Client(exact)
    login = requests.post(f"{control}/login", timeout=5).json()
    client.sign(client.refresh(login["refresh_token"]).json()["access_token"])
    order = {
        "stream": STREAM,
        "division": 101,
        "insert": 2,
        "update": 1,
        "delete": 1,
        "values": {"Name": "Hi"},
    }
    made = requests.post(f"{control}/mutate", json=order, timeout=5).json()
    assert [len(made[k]) for k in ("inserted", "updated", "deleted")] == [2, 1, 1]
    got = {r["ID"]: r["Name"] for r in rows(client)}
    assert [got.get(k) for k in (*made["inserted"], *made["updated"], *made["deleted"])] == ["Hi"] * 3 + [
        None
    ]
    assert requests.get(f"{control}/rows?stream={STREAM}", timeout=5).json() == {STREAM: 11}
    stats = requests.get(f"{control}/stats", timeout=5).json()
    assert stats["per_stream"] == {"token": 1, STREAM: 1}
    assert stats["divisions"]["101"]["calls"] == 1


@pytest.mark.process
def test_started_by_a_person() -> None:
    command = [
        sys.executable,
        "-m",
        "tests.exact_online",
        "--port",
        "0",
        "--divisions",
        "2",
        "--stream",
        "crm_accounts=3",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            settings = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
            token = requests.post(
                f"{settings['api_url']}/api/oauth2/token",
                data={
                    "grant_type": "refresh_token",
                    "refresh_token": settings["refresh_token"],
                    "client_id": settings["client_id"],
                    "client_secret": settings["client_secret"],
                },
                timeout=5,
            ).json()["access_token"]
            for path, count in (("system/Divisions", 2), ("crm/Accounts", 3), ("crm/Contacts", 0)):
                answer = requests.get(
                    f"{settings['api_url']}/api/v1/101/{path}",
                    headers={"Authorization": f"bearer {token}", "Accept": "application/json"},
                    timeout=5,
                )
                assert len(answer.json()["d"]["results"]) == count
        finally:
            process.terminate()


FRONT = {
    "firewall": (faults.firewall(), 403, b"Access Denied"),
    "firewall, busy": (faults.firewall(503), 503, b"Access Denied"),
    "iis": (faults.refusal("iis"), 404, b"404 - File or directory not found."),
    "no body": (faults.refusal("empty"), 403, b""),
    "unknown reason": (faults.refusal("unknown_reason"), 403, b"Forbidden"),
    "unknown words": (faults.refusal("unknown_words"), 403, b"reconciliation"),
    "wrong division": (faults.refusal("wrong_division"), 403, b"Forbidden"),
    "401, empty": (faults.unauthorized(), 401, b""),
    "401, words": (faults.unauthorized("words"), 401, b"gemachtigd"),
    "401, page": (faults.unauthorized("page"), 401, b"Object moved"),
    "maintenance": (faults.redirect(), 302, b"Object moved"),
    "as the token endpoint": (faults.oauth_error(), 400, b'{"error":"invalid_request"}'),
}


@pytest.mark.parametrize(("action", "status", "part"), FRONT.values(), ids=FRONT)
def test_what_stands_before_exact_may_answer_for_it(
    exact: ExactOnline, client: Client, action: faults.Action, status: int, part: bytes
) -> None:
    exact.faults.add(STREAM, action)
    answer = ask(client)
    assert answer.status_code == status
    assert part in answer.content
    assert ask(client).status_code == 200, "the token is good all the while"


def test_an_administration_or_an_endpoint_may_answer_so_for_good(exact: ExactOnline, client: Client) -> None:
    exact.divisions[101].refuses = "unauthorized"
    exact.divisions[102].forbidden["UserHasRights"] = "not_found"
    assert [ask(client).status_code for _ in range(2)] == [401, 401]
    assert client.get("102/sync/CRM/Accounts", select="ID").status_code == 200
    assert client.get("102/users/UserHasRights?endpoint='crm/Accounts'&action='GET'").status_code == 404


def test_errors_of_current_me_count_as_well(exact: ExactOnline, client: Client) -> None:
    exact.faults.add("system_me", faults.refusal("plain"), times=None)
    found = [client.get("current/Me").status_code for _ in range(13)]
    assert found == [403] * 11 + [429] * 2


def test_an_answer_may_hold_rows_of_another_administration(exact: ExactOnline, client: Client) -> None:
    def owners(**ask: str) -> list[tuple[str, int | None]]:
        rows = client.get(WHERE, **{"select": "ID,Division", **ask}).json()["d"]["results"]
        return [(row["__metadata"]["uri"].split("/")[5], row.get("Division")) for row in rows]

    exact.faults.add(STREAM, faults.foreign_rows(102, slice(1, 3)))
    assert owners() == [("101", 101), ("102", 102), ("102", 102), ("101", 101), ("101", 101)]
    exact.faults.add(STREAM, faults.other_administration(102))
    assert owners() == [("102", 102)] * 5
    exact.faults.add(STREAM, faults.other_administration(102))
    theirs = [row["ID"] for row in client.get(WHERE, select="ID").json()["d"]["results"]]
    assert set(theirs) == set(exact.table(102, STREAM).keys())
