"""Exact or the network fails for a moment: the page is asked for again, within bounds."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest

from tap_exactonline.exact.errors import (
    BrokenAnswer,
    NotExactOnline,
    ServerFault,
    SettingsError,
    Stopped,
    TemporaryError,
    Unreachable,
)
from tap_exactonline.exact.outage import Outage
from tests.unit.scripted import (
    Reply,
    chunked_half,
    half,
    problem,
    reset,
    reset_before,
    rows,
    silence,
    trickle,
    world,
    zipped,
)

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
SECRET_ROW = "Jansen-and-sons"
PAGE = rows(*({"ID": str(i), "Name": SECRET_ROW} for i in range(200)))


@pytest.fixture
def w():
    with world() as made:
        made.say(rows())  # Exact has answered well before
        made.get("current/Me", division=None)
        made.server.requests.clear()
        yield made


PASSING = {
    "408": problem(408),
    "500": problem(500, "An error occurred"),
    "502": Reply(502, HTML, {"Content-Type": "text/html"}),
    "503": Reply(503, b""),
    "504": Reply(504, HTML),
    "599": Reply(599, b""),
    "reset before the answer": reset_before(),
    "reset inside the body": Reply(body=PAGE.body, deliver=half(reset)),
    "body shorter than announced": Reply(body=PAGE.body, deliver=half()),
    "chunked body without end": Reply(
        body=PAGE.body, headers={"Transfer-Encoding": "chunked"}, deliver=chunked_half
    ),
    "no length, cut": Reply(
        body=PAGE.body, headers={"Content-Length": "", "Connection": "close"}, deliver=half()
    ),
    "truncated JSON": Reply(body=PAGE.body[:1000]),
    "truncated gzip": Reply(body=zipped(PAGE).body[:100], headers={"Content-Encoding": "gzip"}),
    "no gzip": Reply(body=PAGE.body, headers={"Content-Encoding": "gzip"}),
    "empty body": Reply(body=b""),
    "blank body": Reply(body=b" \r\n"),
    "web page with 200": Reply(body=HTML, headers={"Content-Type": "text/html"}),
    "XML with 200": Reply(body=b'<?xml version="1.0"?><feed/>'),
    "JSON without d": Reply(body=b'{"error":{"message":{"value":"x"}}}'),
    "JSON of another kind": Reply(body=b'"hello"'),
    "d without rows": Reply(body=b'{"d":null}'),
    "results null": Reply(body=b'{"d":{"results":null}}'),
    "row null": Reply(body=b'{"d":{"results":[null]}}'),
    "no UTF-8 in the JSON": Reply(body=b'{"d":{"results":[}}\xff'),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_costs_a_repetition_of_the_whole_page(w, fault):
    w.say(fault, PAGE)
    page = w.get()
    assert [row["ID"] for row in page.rows] == [str(i) for i in range(200)]
    assert w.server.paths == ["/api/v1/101/crm/Accounts?$select=ID"] * 2
    assert len(w.stop.waits) == 1
    assert 0.5 <= w.stop.waits[0] <= 1.0
    assert w.client.calls(101) == 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_lasting_fault_is_given_up_and_told_in_one_line(w, fault):
    w.server.default = fault
    with pytest.raises(TemporaryError) as caught:
        w.get(stream="crm_accounts")
    assert len(w.server.requests) == 6
    assert all(
        least <= wait <= 2 * least for wait, least in zip(w.stop.waits, (0.5, 1, 2, 4, 8), strict=True)
    )
    text = str(caught.value)
    assert text.startswith("division 101, stream crm_accounts: ")
    assert "\n" not in text
    for leak in (SECRET_ROW, "token-1", "$select", "Sign in"):
        assert leak not in text
    assert [told[0] for told in w.told] == [101] * 5
    assert w.told[0][2].endswith("try 2 of 6")


def test_the_kinds_of_temporary_errors(w):
    for fault, kind, status in (
        (problem(503), ServerFault, 503),
        (reset_before(), Unreachable, None),
        (Reply(body=b""), BrokenAnswer, 200),
        (Reply(body=PAGE.body, deliver=half()), BrokenAnswer, None),
    ):
        w.server.default = fault
        w.client = w.new_client(max_tries=2)
        with pytest.raises(kind) as caught:
            w.get()
        assert caught.value.status == status


def test_tries_are_bounded_in_time_too(w):
    w.client = w.new_client(max_retry_time=0)
    w.server.default = Reply(503)
    with pytest.raises(ServerFault):
        w.get()
    assert len(w.server.requests) == 1


def test_a_server_in_maintenance_may_ask_for_more_patience(w):
    w.say(Reply(503, b"", {"Retry-After": "40"}), rows())
    w.get()
    assert w.stop.waits == [40.0]


def test_the_next_page_begins_with_fresh_patience(w):
    for _ in range(3):
        w.say(*[Reply(503)] * 5, rows())
        w.get()
    assert len(w.server.requests) == 18


# -- bounded in time -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False], ids=["before the answer", "inside the body"])
def test_a_hanging_answer_ends(before):
    with world(read_timeout=0.1, max_tries=1) as w:
        hang = (
            Reply(status=0, deliver=silence(1.5))
            if before
            else Reply(body=PAGE.body, deliver=half(silence_in))
        )
        w.server.default = hang
        begin = time.monotonic()
        with pytest.raises(Unreachable, match=r"0\.1 s"):
            w.get()
        assert time.monotonic() - begin < 1.4


def silence_in(_handler):
    time.sleep(1.5)


def test_a_trickling_answer_ends():
    with world(read_timeout=0.1, max_tries=1) as w:
        w.server.default = Reply(body=PAGE.body, headers={"Content-Length": "100000"}, deliver=trickle(3))
        begin = time.monotonic()
        with pytest.raises(Unreachable, match="not complete"):
            w.get()
        assert 0.4 < time.monotonic() - begin < 2


def test_a_slow_but_steady_answer_is_good():
    with world(read_timeout=0.4) as w:
        w.say(
            Reply(body=PAGE.body, headers={"Content-Length": "", "Connection": "close"}, deliver=trickle(0.6))
        )
        assert len(w.get().rows) == 200
        assert len(w.server.requests) == 1


def test_a_stop_ends_an_answer_that_trickles():
    with world(stop=threading.Event()) as w:
        w.client = w.new_client(stop=(stop := threading.Event()))
        w.server.default = Reply(body=PAGE.body, headers={"Content-Length": "100000"}, deliver=trickle(3))
        threading.Timer(0.2, stop.set).start()
        begin = time.monotonic()
        with pytest.raises(Stopped):
            w.get()
        assert time.monotonic() - begin < 1.5


def test_a_stop_ends_the_waiting(w):
    w.server.default = Reply(503)
    w.stop.on_wait = w.stop.set
    with pytest.raises(Stopped):
        w.get()
    assert len(w.server.requests) == 1
    with pytest.raises(Stopped):
        w.get(division=202)
    assert len(w.server.requests) == 1


def test_a_real_stop_signal_ends_a_real_wait():
    with world() as w:
        stop = threading.Event()
        w.client = w.new_client(stop=stop, clock=time.time, retry_base=30)
        w.server.default = Reply(503)
        threading.Timer(0.1, stop.set).start()
        begin = time.monotonic()
        with pytest.raises(Stopped):
            w.get()
        assert time.monotonic() - begin < 2


def test_a_stop_ends_the_queue_for_a_division():
    with world() as w:
        stop = threading.Event()
        w.client = w.new_client(stop=stop)
        w.server.delay = 1.0

        def read() -> None:
            with contextlib.suppress(Stopped):
                w.get()

        busy = threading.Thread(target=read, daemon=True)
        busy.start()
        while not w.server.requests:
            time.sleep(0.01)
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Stopped):
            w.get()
        assert len(w.server.requests) == 1
        busy.join()


# -- no server -------------------------------------------------------------------------------------


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


# -- outages ---------------------------------------------------------------------------------------


def test_during_an_outage_of_the_network_streams_do_not_wait_one_by_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with world() as w:
        w.client = w.new_client(api_url=f"http://127.0.0.1:{port}")
        for number in range(60):
            with pytest.raises(Unreachable, match="refused") as caught:
                w.get(f"crm/Accounts{number}", division=number % 3)
        assert len(w.stop.waits) == 25
        assert w.client.calls() == 30
        assert "not tried" in str(caught.value)
        assert str(caught.value).startswith("division 2, stream crm_accounts: ")


def test_during_a_maintenance_each_page_is_tried_once_and_a_good_answer_ends_it(w):
    w.server.default = Reply(503)
    for number in range(8):
        with pytest.raises(ServerFault):
            w.get(f"crm/Accounts{number}")
    assert len(w.server.requests) == 5 * 6 + 3
    w.say(rows(), Reply(503), rows())
    w.get("crm/A")
    w.get("crm/B")
    assert len(w.server.requests) == 36


def test_a_host_is_tried_again_after_a_while():
    now = 0.0
    outage = Outage(lambda: now)
    for _ in range(4):
        outage.gave_up(Unreachable("down"))
    outage.check()
    outage.gave_up(Unreachable("down"))
    with pytest.raises(Unreachable, match="5 failures in a row: down"):
        outage.check()
    assert outage.tries(6) == 1
    now = 300.0
    outage.check()
    outage.answered()
    assert outage.tries(6) == 6
