"""No connection, or not to Exact Online: proxies, certificates, unknown hosts and web pages."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tap_exactonline.exact.errors import BrokenAnswer, NotExactOnline, SettingsError, Unreachable
from tests.unit.client_pages import HTML, PAGE, SECRET_ROW, after_a_good_answer
from tests.unit.scripted import Reply, trickle, world


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


def test_a_proxy_that_is_down(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://me:pa55word@127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    with world(max_tries=1) as w, pytest.raises(Unreachable, match="proxy") as caught:
        w.get()
    assert "pa55word" not in str(caught.value)


def test_a_malformed_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    with world() as w, pytest.raises(SettingsError, match="PROXY"):
        w.get()


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


def test_over_tls(tmp_path, monkeypatch):
    with world(read_timeout=0.2, max_tries=1) as w:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(w.server.encrypt(tmp_path)))
        w.client = w.new_client(read_timeout=0.2, max_tries=1)
        w.say(PAGE, Reply(body=PAGE.body, headers={"Content-Length": "100000"}, deliver=trickle(4)), PAGE)
        assert len(w.get().rows) == 200
        begin = time.monotonic()
        with pytest.raises(Unreachable, match="not complete"):
            w.get()
        assert 0.8 < time.monotonic() - begin < 3
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
