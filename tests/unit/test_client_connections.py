"""No connection, or not to Exact Online: proxies, certificates, unknown hosts and web pages."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Callable

import pytest
import requests

from tap_exactonline.exact.auth.grants import GrantOutcome, TokenEndpoint
from tap_exactonline.exact.errors import BrokenAnswer, NotExactOnline, SettingsError, Unreachable
from tap_exactonline.exact.transport import Bounds, Transport
from tests.exact_online.raw import head, raw_server
from tests.support import scripted
from tests.support.client_pages import HTML, PAGE, SECRET_ROW, after_a_good_answer
from tests.support.scripted import Reply, trickle, world


@pytest.fixture
def w():
    with after_a_good_answer() as made:
        yield made


def test_a_refused_connection():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with world() as w:
        w.client = w.new_client(api_url=f"http://127.0.0.1:{port}")
        with pytest.raises(Unreachable, match="refused"):
            w.get()
        assert len(w.stop.waits) == 5


def test_an_unknown_host(monkeypatch):
    def lookup(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    with world(max_tries=2) as w:
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        with pytest.raises(Unreachable, match="DNS"):
            w.get()
        assert len(w.stop.waits) == 1


ELSEWHERE = f"https://{scripted.ELSEWHERE}"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def proxy(monkeypatch) -> Callable[[str], None]:
    """Lets the environment name a proxy for every address."""

    def set_to(address: str) -> None:
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

    return set_to


def test_a_proxy_that_is_down(proxy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    proxy(f"http://me:pa55word@127.0.0.1:{port}")
    with world(api_url=ELSEWHERE, max_tries=1) as w, pytest.raises(Unreachable, match="proxy") as caught:
        w.get()
    assert "pa55word" not in str(caught.value)
    answer = TokenEndpoint(ELSEWHERE, "id", "secret", "test").refresh("token")
    assert answer.outcome is GrantOutcome.NOT_SENT
    assert "pa55word" not in answer.text


def test_an_environment_proxy_is_used_and_sees_no_token(proxy, tmp_path, monkeypatch):
    with world(max_tries=1) as w, raw_server() as tunnel:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(w.server.encrypt(tmp_path)))

        def relay(connection, _came):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", w.server.port)) as there:
                pump = threading.Thread(target=_pump, args=(there, connection), daemon=True)
                pump.start()
                _pump(connection, there)

        tunnel.handler = relay
        proxy(tunnel.url)
        w.client = w.new_client(api_url=ELSEWHERE)
        w.say(PAGE)
        assert len(w.get().rows) == 200
        assert tunnel.requests[0].startswith(f"CONNECT {scripted.ELSEWHERE}:443 ".encode())
        assert b"token-1" not in b"".join(tunnel.requests)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://x:99999", "foo://x", "socks5://x"])
def test_a_malformed_proxy(proxy, address):
    proxy(address)
    with world(api_url=ELSEWHERE) as w, pytest.raises(SettingsError):
        w.get()
    assert TokenEndpoint(ELSEWHERE, "id", "secret", "test").refresh("token").outcome is GrantOutcome.UNUSABLE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_reached_without_a_proxy(proxy, host):
    """Else the client secret and the refresh token would go to the proxy in clear."""
    with raw_server() as spy:
        proxy(spy.url)
        with world() as w:
            w.say(PAGE)
            w.client = w.new_client(api_url=w.server.url.replace("127.0.0.1", host), max_tries=1)
            with contextlib.suppress(Unreachable):
                w.get()
            assert len(w.server.requests) == (host != "[::1]")  # nobody listens there
            answer = TokenEndpoint(w.client.api_url, "id", "secret", "test").refresh("token")
            assert answer.outcome is not GrantOutcome.UNUSABLE
        assert spy.requests == []


def test_a_proxy_that_trickles(proxy):
    with raw_server() as slow:
        slow.handler = lambda connection, _came: slow.trickle(connection, itertools.repeat(b"X"))
        proxy(slow.url)
        bounds = Bounds(connect=2, silence=1, total=0.5)
        with pytest.raises(Unreachable, match="not complete"):
            Transport(ELSEWHERE, "test", bounds).get(f"{ELSEWHERE}/api/v1/current/Me", "token-1")
        assert slow.requests[0].startswith(b"CONNECT start.exactonline.test:443")
        assert b"token-1" not in slow.requests[0]


def test_a_proxy_that_wants_a_login(w):
    w.say(Reply(407, HTML))
    with pytest.raises(NotExactOnline, match="HTTPS_PROXY"):
        w.get()
    assert len(w.server.requests) == 1


def test_a_certificate_that_is_not_trusted(tmp_path):
    with world() as w:
        w.server.encrypt(tmp_path)
        w.client = w.new_client()
        with pytest.raises(NotExactOnline, match="REQUESTS_CA_BUNDLE"):
            w.get()
        assert w.stop.waits == []
        answer = TokenEndpoint(w.server.url, "id", "secret", "test").refresh("token")
        assert answer.outcome is GrantOutcome.UNUSABLE
        assert "REQUESTS_CA_BUNDLE" in str(answer.error)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_of_certificates_that_is_none(tmp_path, monkeypatch, content):
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with world() as w:
        w.server.encrypt(tmp_path)
        w.client = w.new_client()
        with pytest.raises(SettingsError, match="REQUESTS_CA_BUNDLE"):
            w.get()
        answer = TokenEndpoint(w.server.url, "id", "secret", "test").refresh("token")
        assert answer.outcome is GrantOutcome.UNUSABLE


@pytest.mark.slow
def test_over_tls(tmp_path, monkeypatch):
    with world() as w:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(w.server.encrypt(tmp_path)))
        w.client = w.new_client(read_timeout=0.6, max_tries=1)
        w.say(PAGE, Reply(body=PAGE.body, headers={"Content-Length": "100000"}, deliver=trickle()), PAGE)
        assert len(w.get().rows) == 200
        with pytest.raises(Unreachable, match="not complete after 3 s"):
            w.get()
        assert len(w.get().rows) == 200


# -- not Exact Online ------------------------------------------------------------------------------


def test_web_pages_from_the_very_first_answer_on_are_not_exact_online():
    with world() as w:
        w.server.default = Reply(body=HTML)
        with pytest.raises(NotExactOnline) as caught:
            w.get("current/Me", division=None)
        assert len(w.server.requests) == 2
        assert "country" in str(caught.value)
        assert w.server.url in str(caught.value)


def test_a_web_page_at_first_and_then_data_is_exact_online():
    with world() as w:
        w.say(Reply(body=HTML), PAGE)
        assert len(w.get().rows) == 200


def test_a_host_without_me_is_not_exact_online():
    with world() as w:
        w.server.default = Reply(404, HTML)
        with pytest.raises(NotExactOnline, match="api_url"):
            w.get("current/Me", division=None)
        assert len(w.server.requests) == 1


def test_json_of_another_shape_names_the_place_and_no_value(w):
    import msgspec

    decoder = msgspec.json.Decoder(dict[str, dict[str, list[dict[str, int]]]])
    w.client = w.new_client(max_tries=1)
    w.say(Reply(body=json.dumps({"d": {"results": [{"Amount": SECRET_ROW}]}}).encode()))
    with pytest.raises(BrokenAnswer, match=r"\$\[\.\.\.\]") as caught:
        w.get(decode=decoder.decode)
    assert SECRET_ROW not in str(caught.value)


# -- what a session does once


def test_each_request_has_its_own_address_and_token_and_the_environment_is_looked_at_once(monkeypatch):
    looked: list[str] = []

    def look(url: str, **_: object) -> dict[str, str]:
        looked.append(url)
        return {}

    monkeypatch.setattr(requests.sessions, "get_environ_proxies", look)
    targets = {
        "/api/v1/101/crm/Accounts?$select=ID&$filter=Name%20eq%20'%C3%A9'": None,
        "/api/v1/101/crm/Accounts?$skiptoken=guid'1 2'&x=é|%zz#part": "/api/v1/101/crm/Accounts?$skiptoken=guid'1%202'&x=%C3%A9%7C%25zz",
        "": "/",
    }
    with raw_server() as server:
        server.handler = lambda connection, _: server.send(
            connection, head(200, "Content-Length: 2", "Connection: close") + b"{}"
        )
        transport = Transport(server.url, "test", Bounds(5, 5, 5))
        for number, target in enumerate(targets):
            transport.get(server.url + target, f"token-{number}", xml=number == 1)
        transport.close()
        came = [request.decode().split("\r\n") for request in server.requests]
    assert [lines[0] for lines in came] == [
        f"GET {sent or given} HTTP/1.1" for given, sent in targets.items()
    ]
    for number, lines in enumerate(came):
        assert f"Authorization: Bearer token-{number}" in lines
        assert f"Accept: application/{'xml' if number == 1 else 'json'}" in lines
        assert sum(line.startswith("Authorization") for line in lines) == 1
    assert len(looked) == 1
