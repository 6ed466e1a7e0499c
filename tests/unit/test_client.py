"""The one request: what is sent, and how a good answer is read."""

from __future__ import annotations

import json
import threading

import msgspec
import pytest

from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import BrokenAnswer, NotExactOnline, SettingsError
from tap_exactonline.exact.odata import read_rows
from tests.support.scripted import Reply, chunked, rows, world, zipped


class Row(msgspec.Struct):
    ID: int


class Inside(msgspec.Struct):
    results: list[Row]


class Envelope(msgspec.Struct):
    d: Inside


@pytest.fixture
def w():
    with world() as made:
        yield made


def test_a_call_is_signed_and_says_who_asks(w):
    w.get()
    sent = w.server.requests[0].headers
    assert sent["Authorization"] == "Bearer token-1"
    assert sent["User-Agent"] == "tap-exactonline/test"
    assert sent["Accept"] == "application/json"
    assert "gzip" in sent["Accept-Encoding"]


def test_the_layout_of_addresses(w):
    w.get("sync/CRM/Accounts", query="$filter=Timestamp%20gt%201L&$select=ID,Name")
    w.get("current/Me", division=None, query="")
    w.get("budget/BudgetScenarios", beta=True)
    assert w.server.paths == [
        "/api/v1/101/sync/CRM/Accounts?$filter=Timestamp%20gt%201L&$select=ID,Name",
        "/api/v1/current/Me",
        "/api/v1/beta/101/budget/BudgetScenarios?$select=ID",
    ]


def test_a_netrc_of_the_user_does_not_replace_the_token(w, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    w.get()
    assert w.server.requests[0].headers["Authorization"] == "Bearer token-1"


def test_cookies_are_not_sent_back(w):
    w.say(rows(Set_Cookie="division=101; Path=/"))
    w.get()
    w.get(division=202)
    assert "Cookie" not in w.server.requests[1].headers


def test_connections_are_kept_and_belong_to_a_thread(w):
    for _ in range(3):
        w.get()
    other = threading.Thread(target=w.get)
    other.start()
    other.join()
    connections = [request.connection for request in w.server.requests]
    assert len(set(connections[:3])) == 1
    assert connections[3] != connections[0]


@pytest.mark.parametrize(
    "reply",
    [
        rows({"ID": "a"}),
        zipped(rows({"ID": "a"})),
        Reply(body=b"\xef\xbb\xbf" + rows({"ID": "a"}).body),
        Reply(body=rows({"ID": "a"}).body, headers={"Content-Type": "text/html"}),
        Reply(body=rows({"ID": "a"}).body, headers={"Transfer-Encoding": "chunked"}, deliver=chunked),
        Reply(
            body=zipped(rows({"ID": "a"})).body,
            headers={"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"},
            deliver=chunked,
        ),
        Reply(body=b'{"d":[{"ID":"a"}]}'),
        Reply(body=b'{"d":{"ID":"a","__metadata":{"uri":"x"}}}'),
    ],
    ids=["plain", "gzip", "bom", "wrong type", "chunked", "chunked gzip", "array", "object"],
)
def test_every_form_of_a_good_answer(w, reply):
    w.say(reply)
    assert w.get().rows == [{"ID": "a"}]
    assert len(w.server.requests) == 1


def test_no_content_is_an_empty_page(w):
    w.say(Reply(204, b""))
    assert w.get().rows == []
    assert len(w.server.requests) == 1


@pytest.mark.slow
def test_a_page_of_38_megabytes(w):
    name = "x" * 37_900
    body = json.dumps({"d": {"results": [{"ID": str(i), "Name": name} for i in range(1000)]}}).encode()
    assert len(body) > 37_900_000
    for reply in (Reply(body=body), zipped(Reply(body=body))):
        w.say(reply)
        assert [row["ID"] for row in w.get().rows] == [str(i) for i in range(1000)]


def test_characters_that_json_forbids_do_not_block_a_stream(w):
    # As .NET sends them: a raw control character, half of a surrogate pair, not a number.
    w.say(Reply(body=b'{"d":{"results":[{"a":"x\x01y","b":"cut \\ud83d","c":NaN,"d":"\\u00e9","e":1.5}]}}'))
    assert w.get().rows == [{"a": "x\x01y", "b": "cut \ufffd", "c": None, "d": "é", "e": 1.5}]
    assert len(w.server.requests) == 1


def test_a_typed_decoder_gets_the_body(w):
    decoder = msgspec.json.Decoder(Envelope)
    w.say(rows({"ID": 7, "Unknown": "x"}))
    assert w.get(decode=decoder.decode).d.results == [Row(7)]
    w.say(Reply(204, b""))
    assert w.get(decode=decoder.decode).d.results == []


def test_calls_are_counted_with_their_repetitions(w):
    w.say(rows(), Reply(503), rows(), rows())
    w.get()
    w.get()
    w.get(division=202)
    assert (w.client.calls(101), w.client.calls(202), w.client.calls(303), w.client.calls()) == (3, 1, 0, 4)


# -- following -------------------------------------------------------------------------------------


def test_a_next_link_is_followed_verbatim(w):
    link = f"{w.server.url}/api/v1/101/crm/Accounts?$select=ID&$skiptoken=guid'0a1b'"
    w.client.follow(link, RequestContext("crm/accounts", 101), decode=read_rows)
    assert w.server.paths == ["/api/v1/101/crm/Accounts?$select=ID&$skiptoken=guid'0a1b'"]


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/api/v1/101/crm/Accounts",
        "https://{host}/api/v1/101/crm/Accounts",
        "ftp://{host}/api/v1/101/crm/Accounts",
        "http://evil.example/api/v1/101/crm/Accounts",
        "//evil.example/api/v1/101/crm/Accounts",
        "http://{host}@evil.example/api/v1/101/crm/Accounts",
        "http://user:secret@{host}/api/v1/101/crm/Accounts",
        "http://evil.example\\@{host}/api/v1/101/crm/Accounts",
        "http://{host}/api/v1/202/crm/Accounts?$skiptoken=101",
        "http://{host}/docs/SysAttachment.aspx?division=101",
        "http://{host}/api/../docs/101/x",
        "http://{host}/api/%2e%2e/docs/101/x",
        "http://[broken/api/v1/101/x",
        "http://{host}:99999/api/v1/101/x",
        "http://{host}/api/v1/101/crm/Accounts\r\nX: y",
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_refused_and_sees_no_token(w, link):
    link = link.replace("{host}", w.server.url.removeprefix("http://"))
    with pytest.raises(BrokenAnswer) as caught:
        w.client.follow(link, RequestContext("crm/Accounts", 101, "crm_accounts"), decode=read_rows)
    assert w.server.requests == []
    assert "division 101, stream crm_accounts" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_link_without_host_stays_here(w):
    w.client.follow(
        "/api/v1/101/crm/Accounts?$skiptoken=1", RequestContext("crm/Accounts", 101), decode=read_rows
    )
    assert w.server.paths == ["/api/v1/101/crm/Accounts?$skiptoken=1"]


@pytest.mark.parametrize(
    "path",
    [
        "users/UnlinkAllRoles?userId='1'",
        "crm/Contacts?$skiptoken=1",
        "crm/Accounts/Contacts?$skiptoken=1",
        "crm/Accounts(guid'0a1b')/Contacts",
        "bulk/CRM/Accounts?$skiptoken=1",
        "crm/Accounts%2FContacts",
        "crm/AccountsX",
        "crm",
    ],
)
def test_a_link_to_another_endpoint_is_not_followed(w, path):
    for link in (f"{w.server.url}/api/v1/101/{path}", f"/api/v1/101/{path}"):
        with pytest.raises(BrokenAnswer, match="to another endpoint; it was not followed"):
            w.client.follow(link, RequestContext("crm/Accounts", 101), decode=read_rows)
    assert w.server.requests == []


@pytest.mark.parametrize("beta", [True, False])
def test_a_link_out_of_the_beta_is_another_endpoint(w, beta):
    link = f"{w.server.url}/api/v1/{'' if beta else 'beta/'}101/crm/Accounts"
    with pytest.raises(BrokenAnswer, match="another endpoint"):
        w.client.follow(link, RequestContext("crm/Accounts", 101, beta=beta), decode=read_rows)
    same = f"{w.server.url}/Api/V1/{'Beta/' if beta else ''}101/CRM/Accounts?x"
    w.client.follow(same, RequestContext("crm/Accounts", 101, beta=beta), decode=read_rows)
    assert len(w.server.requests) == 1


def test_a_redirect_is_not_followed(w):
    with world() as elsewhere:
        w.say(Reply(302, b"", {"Location": f"{elsewhere.server.url}/api/v1/101/crm/Accounts"}))
        with pytest.raises(NotExactOnline, match="redirects"):
            w.get()
        assert elsewhere.server.requests == []
    assert len(w.server.requests) == 1


# -- side by side ----------------------------------------------------------------------------------


def test_calls_of_a_division_are_serial_and_divisions_run_side_by_side(w):
    w.server.delay = 0.03
    threads = [threading.Thread(target=w.get, kwargs={"division": 100 + i % 3}) for i in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.server.most_busy_by == {"100": 1, "101": 1, "102": 1}
    assert w.server.most_busy > 1
    assert w.client.calls() == 9


def test_the_address_is_checked_at_once(w):
    with pytest.raises(SettingsError, match="api_url"):
        w.new_client(api_url="http://start.exactonline.nl")


@pytest.mark.parametrize("agent", ["tap\r\nX-Evil: 1", " tap", "täp", "tap\x00"])
def test_a_user_agent_that_no_header_may_have(w, agent):
    with pytest.raises(SettingsError, match="user_agent"):
        w.new_client(user_agent=agent)


def test_an_address_that_no_host_has(w):
    w.client = w.new_client(api_url="https://*.example")
    with pytest.raises(SettingsError, match="api_url"):
        w.get()
    assert w.stop.waits == []
