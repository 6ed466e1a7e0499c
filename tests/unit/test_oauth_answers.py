"""What an answer of the token endpoint means, and what it does to the stored login."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tap_exactonline.exact.auth.grants import GrantOutcome, TokenAnswer, TokenEndpoint, read_answer
from tap_exactonline.exact.auth.renewal import Renewal, after_failure, granted
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import LoginError

NOW = 1_763_640_000.0


def refusal(error: str, description: str) -> bytes:
    return json.dumps({"error": error, "error_description": description}).encode()


@pytest.mark.parametrize(
    ("status", "body", "headers", "outcome"),
    [
        (
            400,
            refusal("access_denied", "Rate limit exceeded: access_token not expired"),
            {},
            GrantOutcome.TOO_EARLY,
        ),
        (
            401,
            refusal("access_denied", "Rate limit exceeded: access_token not expired"),
            {},
            GrantOutcome.TOO_EARLY,
        ),
        (400, b"", {"Reason": "TooEarlyToRefreshTokens, wait"}, GrantOutcome.TOO_EARLY),
        (
            429,
            refusal("access_denied", "Rate limit exceeded: access_token not expired"),
            {},
            GrantOutcome.TOO_EARLY,
        ),
        (401, refusal("unauthorized_client", "Old refresh token used."), {}, GrantOutcome.SUPERSEDED),
        (
            400,
            refusal("invalid_request", "The refresh token expired at 1/2/2026 and it is now 3/4/2026."),
            {},
            GrantOutcome.EXPIRED,
        ),
        (400, refusal("invalid_client", "Client authentication failed."), {}, GrantOutcome.APP_REFUSED),
        (401, refusal("unauthorized_client", "The client is unknown"), {}, GrantOutcome.APP_REFUSED),
        (400, refusal("invalid_grant", ""), {}, GrantOutcome.REFUSED),
        (400, refusal("invalid_request", "Something new"), {}, GrantOutcome.REFUSED),
        (403, b"<html>Access denied by the firewall</html>", {}, GrantOutcome.BUSY),
        (400, b"", {}, GrantOutcome.BUSY),
        (403, b'{"message": "Forbidden"}', {}, GrantOutcome.BUSY),
        (400, b'{"error": {"message": {"value": "An error occurred"}}}', {}, GrantOutcome.BUSY),
        (400, refusal("temporarily_unavailable", ""), {}, GrantOutcome.BUSY),
        (400, refusal("access_denied", "Rate limit exceeded"), {}, GrantOutcome.BUSY),
        (429, b"", {}, GrantOutcome.BUSY),
        (408, b"", {}, GrantOutcome.UNCERTAIN),
        (500, b"oops", {}, GrantOutcome.UNCERTAIN),
        (504, b"<html>", {}, GrantOutcome.UNCERTAIN),
        (200, b"", {}, GrantOutcome.UNCERTAIN),
        (200, b"  ", {}, GrantOutcome.UNCERTAIN),
        (200, b"<html>", {}, GrantOutcome.UNCERTAIN),
        (200, b'{"access_token": "a', {}, GrantOutcome.UNCERTAIN),
        (200, b"[]", {}, GrantOutcome.UNCERTAIN),
        (200, b"\xff\xfe", {}, GrantOutcome.UNCERTAIN),
        (200, b'{"access_token": 5}', {}, GrantOutcome.UNCERTAIN),
        (204, b"", {}, GrantOutcome.UNCERTAIN),
        (302, b"", {}, GrantOutcome.STRANGE),
        (404, b"<html>", {}, GrantOutcome.STRANGE),
        (200, b'{"access_token": "a"}', {}, GrantOutcome.GRANTED),
    ],
)
def test_meaning(status: int, body: bytes, headers: dict[str, str], outcome: GrantOutcome) -> None:
    assert read_answer(status, headers, body).outcome is outcome


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("600", 600),
        (600, 600),
        ("599.5", 599.5),
        (None, 600),
        ("soon", 600),
        (-1, 600),
        ("nan", 600),
        ([], 600),
    ],
)
def test_lifetime_comes_as_text_or_number(given: Any, seconds: float) -> None:
    answer = read_answer(200, {}, json.dumps({"access_token": "a", "expires_in": given}).encode())
    assert answer.expires_in == seconds


def test_refusal_that_rotates_is_noticed() -> None:
    body = json.dumps({"error_description": "access_token not expired", "refresh_token": "next"}).encode()
    assert read_answer(400, {}, body).refresh_token == "next"


@settings(deadline=None)
@given(
    st.text("abcdefgh!.-_", min_size=6, max_size=300),
    st.text(max_size=50),
    st.text(max_size=50),
    st.sampled_from([200, 400, 401, 403, 500]),
)
def test_text_never_holds_what_was_sent(secret: str, before: str, after: str, status: int) -> None:
    body = refusal("invalid_request", f"{before}{secret}{after}")
    answer = read_answer(status, {}, body, (secret,))
    assert secret not in f"{answer.text} {answer!r}"


def test_text_never_holds_long_random_words() -> None:
    token = "gAAAAV" + "x9Yz" * 30
    assert token not in read_answer(400, {}, refusal("invalid_grant", f"The token {token} is odd")).text


def test_hundred_megabytes_are_not_read() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sent = 0

    def serve() -> None:
        nonlocal sent
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
            try:
                for _ in range(1600):
                    sent += connection.send(b"x" * 65536)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    answer = TokenEndpoint(url, "id", "secret", "test").refresh("token")
    thread.join(10)
    listener.close()
    assert answer.outcome is GrantOutcome.UNCERTAIN
    assert sent < 50_000_000


def test_connection_that_ends_before_the_answer_is_uncertain_and_one_that_never_was_is_not() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    endpoint = TokenEndpoint(url, "id", "secret", "test")
    assert endpoint.refresh("token").outcome is GrantOutcome.UNCERTAIN
    thread.join(10)
    listener.close()
    answer = endpoint.refresh("token")
    assert answer.outcome is GrantOutcome.NOT_SENT
    assert "refused" in answer.text


def test_netrc_and_proxies_do_not_touch_the_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    got: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        got.append(connection.recv(65536))
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"access_token": "a"}')
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    TokenEndpoint(f"http://127.0.0.1:{port}", "id", "secret", "test").refresh("token")
    thread.join(10)
    listener.close()
    assert b"authorization" not in got[0].lower()
    assert b"secret" not in got[0].split(b"\r\n")[0]  # never in the address


# -- the record ----------------------------------------------------------------------------------

STORED = Tokens(
    access_token="a", refresh_token="r", obtained_at=NOW - 580, logged_in_at=NOW - 9e5, seed="s", version=7
)
FAILURES = [o for o in GrantOutcome if o is not GrantOutcome.GRANTED]


@settings(deadline=None)
@given(
    st.sampled_from(FAILURES),
    st.sampled_from([0.0, NOW - 100]),
    st.integers(0, 50),
    st.booleans(),
    st.floats(0, 600),
)
def test_no_failure_ever_loses_a_token(
    outcome: GrantOutcome, lost: float, tries: int, is_seed: bool, retry_after: float
) -> None:
    spend = "seed" if is_seed else "r"
    base = replace(STORED, tries=tries)
    renewal = Renewal(spend, base, is_seed=is_seed, stored=base)
    base = replace(base, attempted_at=lost, attempt_of=renewal.spend_print) if lost else base
    renewal = Renewal(spend, base, is_seed=is_seed, stored=base)
    marked = replace(base, attempted_at=NOW - 1, attempt_of=renewal.spend_print)
    record = after_failure(renewal, marked, TokenAnswer(outcome, "said", 400, retry_after=retry_after), NOW)
    if isinstance(record, Exception):
        assert outcome not in {
            GrantOutcome.TOO_EARLY,
            GrantOutcome.NOT_SENT,
            GrantOutcome.BUSY,
            GrantOutcome.UNCERTAIN,
        }
        assert not isinstance(record, LoginError) or "login" in str(record) or "client_id" in str(record)
        return
    assert (record.access_token, record.refresh_token) == ("a", "r")
    assert (record.obtained_at, record.logged_in_at, record.seed) == (NOW - 580, NOW - 9e5, "s")
    assert NOW < record.not_before <= NOW + 1800
    assert record.tries == tries + 1
    # An attempt stays open exactly as long as Exact may hold an answer that nobody has seen.
    assert record.attempted_at == (NOW - 1 if outcome is GrantOutcome.UNCERTAIN else lost)


def test_success_closes_the_attempt_and_remembers_the_seeds() -> None:
    renewal = Renewal("new seed", STORED, is_seed=True, stored=STORED)
    record = granted(renewal, TokenAnswer(GrantOutcome.GRANTED, access_token="a2", refresh_token="r2"), NOW)
    assert (record.access_token, record.refresh_token, record.obtained_at) == ("a2", "r2", NOW)
    assert (record.attempted_at, record.not_before, record.tries, record.trouble) == (0, 0, 0, "")
    assert record.seed == renewal.spend_print
    assert record.knows_seed("s")
    assert record.logged_in_at == NOW


def test_success_without_a_new_refresh_token_keeps_the_old_one() -> None:
    renewal = Renewal("r", STORED, is_seed=False, stored=STORED)
    record = granted(renewal, TokenAnswer(GrantOutcome.GRANTED, access_token="a2"), NOW)
    assert record.refresh_token == "r"
    assert record.logged_in_at == STORED.logged_in_at
