"""The stand-in's budgets and refusals by administration."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exact_online import Clock, ExactOnline
from tests.exact_online.client import Client, message

ME = "current/Me"
ITEMS = "101/logistics/Items"


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    made = ExactOnline(Clock.manual(1_718_000_040.0))  # a whole minute
    made.add_division(101, rows=2)
    made.add_division(102, rows=2)
    with made.serve():
        yield made


def test_headers_count_down_and_reset_in_epoch_milliseconds(exact: ExactOnline) -> None:
    client = Client(exact)
    exact.clock.advance(10)
    first = client.get(ITEMS, select="ID").headers
    assert first["X-RateLimit-Limit"] == "5000"
    assert first["X-RateLimit-Remaining"] == "4999"
    assert first["X-RateLimit-Minutely-Remaining"] == "59"
    assert first["X-RateLimit-Minutely-Reset"] == "1718000100000"
    assert first["X-RateLimit-Reset"] == "1718064000000"  # midnight UTC
    assert client.get(ITEMS, select="ID").headers["X-RateLimit-Remaining"] == "4998"
    assert client.get("102/logistics/Items", select="ID").headers["X-RateLimit-Remaining"] == "4999"


def test_the_minute_fills_up_again(exact: ExactOnline) -> None:
    exact.limits(minute=2)
    client = Client(exact)
    codes = [client.get(ITEMS, select="ID").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert client.get("102/logistics/Items", select="ID").status_code == 200
    exact.clock.advance(60)
    answer = client.get(ITEMS, select="ID")
    assert answer.status_code == 200
    assert answer.headers["X-RateLimit-Remaining"] == "4997"  # the refused call did not count


def test_the_day_ends_at_midnight_utc(exact: ExactOnline) -> None:
    exact.limits(day=3, division=101)
    exact.spend(101, 2)
    client = Client(exact)
    assert client.get(ITEMS, select="ID").status_code == 200
    refused = client.get(ITEMS, select="ID")
    assert refused.status_code == 429
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert "X-RateLimit-Minutely-Remaining" not in refused.headers
    exact.clock.advance(86_400)
    client.sign(exact.issue_access_token())
    assert client.get(ITEMS, select="ID").status_code == 200


@pytest.mark.parametrize(("how", "count"), [("own", 3), ("full", 6), ("none", 0)])
def test_429_headers_by_switch(exact: ExactOnline, how: str, count: int) -> None:
    exact.limits(minute=0)
    exact.switches.headers_429 = how  # type: ignore[assignment]
    answer = Client(exact).get(ITEMS, select="ID")
    assert (answer.status_code, answer.content) == (429, b"")
    assert len([h for h in answer.headers if h.lower().startswith("x-ratelimit")]) == count
    assert "Retry-After" not in answer.headers


def test_retry_after_and_body_by_switch(exact: ExactOnline) -> None:
    exact.limits(minute=0)
    exact.switches.retry_after = exact.switches.body_429 = True
    exact.clock.advance(15)
    answer = Client(exact).get(ITEMS, select="ID")
    assert answer.headers["Retry-After"] == "45"
    assert "rate limit" in message(answer)


def test_me_and_user_has_rights_are_free(exact: ExactOnline) -> None:
    exact.limits(minute=0, day=0)
    client = Client(exact)
    me = client.get(ME)
    assert me.status_code == 200
    assert not [h for h in me.headers if h.lower().startswith("x-ratelimit")]
    rights = client.session.get(
        f"{exact.url}/api/v1/101/users/UserHasRights?endpoint='logistics/Items'&action='GET'", timeout=5
    )
    assert rights.json() == {"d": {"UserHasRights": True}}


def test_more_than_ten_errors_block_one_endpoint_longer_each_time(exact: ExactOnline) -> None:
    exact.limits(minute=10_000)
    client = Client(exact)

    def fail() -> list[int]:
        return [client.get(ITEMS, select="Nope").status_code for _ in range(12)]

    assert fail() == [400] * 11 + [429]
    assert client.get(ITEMS, select="ID").status_code == 429
    assert client.get("102/logistics/Items", select="ID").status_code == 200
    assert client.get("101/crm/Contacts", select="ID").status_code == 200
    for hours, still in ((1, False), (1, True)):
        exact.clock.advance(3600 * hours)
        client.sign(exact.issue_access_token())
        assert (client.get(ITEMS, select="ID").status_code == 429) is still
        if not still:
            assert fail()[-1] == 429


@pytest.mark.parametrize(
    ("attribute", "value", "text", "reason"),
    [
        ("in_scope", False, "Forbidden - User division is not within division scope", "NoDivisionAccess"),
        ("licence_ok", False, "Forbidden - Customer's license expired.", "LicenseExpired"),
        ("blocking_status", 2, "Forbidden - The division is blocked.", "DivisionBlocked"),
        ("status", 2, "Forbidden", None),
        ("forbidden", {"logistics_items": "plain"}, "Forbidden", None),
        (
            "forbidden",
            {"logistics_items": "scope"},
            "Forbidden - Application Scope Violated. Cannot read Logistics items.",
            None,
        ),
    ],
)
def test_403_in_its_forms(
    exact: ExactOnline, attribute: str, value: object, text: str, reason: str | None
) -> None:
    setattr(exact.divisions[101], attribute, value)
    answer = Client(exact).get(ITEMS, select="ID")
    assert (answer.status_code, message(answer), answer.headers.get("Reason")) == (403, text, reason)
    assert Client(exact).get("102/logistics/Items", select="ID").status_code == 200


def test_scopes_of_the_app(exact: ExactOnline) -> None:
    exact.scopes = {"Crm accounts"}
    client = Client(exact)
    assert client.get("101/crm/Accounts", select="ID").status_code == 200
    assert "Application Scope Violated" in message(client.get(ITEMS, select="ID"))


def test_missing_rights_are_an_empty_list(exact: ExactOnline) -> None:
    exact.divisions[101].forbidden["logistics_items"] = "rights"
    client = Client(exact)
    assert client.rows(ITEMS, select="ID") == []
    url = f"{exact.url}/api/v1/101/users/UserHasRights?endpoint='logistics/Items'&action='GET'"
    assert client.session.get(url, timeout=5).json()["d"]["UserHasRights"] is False


def test_the_number_in_the_url_of_divisions(exact: ExactOnline) -> None:
    client = Client(exact)
    assert len(client.rows("999/system/Divisions", select="Code")) == 2
    exact.switches.check_divisions_division = True
    assert client.get("999/system/Divisions", select="Code").status_code == 403


def test_requests_at_the_same_time_are_seen(exact: ExactOnline) -> None:
    exact.switches.latency = 0.05
    clients = [Client(exact, exact.issue_access_token())] * 3
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda c: c.get(ITEMS, select="ID"), clients))
    assert exact.max_concurrency(101) > 1
    exact.clear_log()
    for client in clients:
        client.get(ITEMS, select="ID")
    assert exact.max_concurrency(101) == 1
