"""Twenty customers' logins in one database, used by eight processes at once, some of which are killed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter

import pytest

from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.auth.tokens import About, Tokens
from tests.e2e.token_torture import POSTGRES, Child, Make, Torture

CUSTOMERS = [f"customer-{number}" for number in range(20)]


def log_all_in(torture: Torture) -> None:
    """Each customer is a user with one administration of its own; all access tokens are due for renewal."""
    exact, lifetime = torture.exact, torture.exact.switches.token_lifetime
    for number, name in enumerate(CUSTOMERS):
        exact.add_division(1000 + number)
        exact.add_user(name, 1000 + number)
        refresh = exact.issue_login(age=1.1 * lifetime)
        chain = exact.oauth.chain
        assert chain is not None
        issued = chain.tokens[-1]
        store = open_store(torture.location, client_id=exact.client_id, api_url=exact.url, connection=name)
        store.save(
            Tokens(
                access_token=issued.access,
                refresh_token=refresh,
                obtained_at=issued.issued,
                expires_in=lifetime,
                logged_in_at=time.time(),
                about=About(user=f"id of {name}", user_name=name),
            )
        )


def crowd(torture: Torture, **changes: object) -> list[Child]:
    """Eight processes, each of which uses all connections in an order of its own."""
    moment = time.time() + 0.6
    started = []
    for number in range(8):
        order = random.Random(number).sample(CUSTOMERS, len(CUSTOMERS))
        started.append(torture.start(until=moment, extra={"connections": order}, **changes))
    return started


def check(torture: Torture, ended: list[dict[str, object]]) -> None:
    assert [one.get("error") for one in ended] == [None] * len(ended)
    for one in ended:
        assert one["seen"] == {name: [name, 1000 + number] for number, name in enumerate(CUSTOMERS)}, (
            "each connection reads its own administration"
        )
    assert Counter(torture.statuses) == {200: len(CUSTOMERS)}, "each connection is renewed once"
    assert not torture.leaked()


def test_each_connection_is_renewed_once_and_reads_its_own(make: Make) -> None:
    torture = make(POSTGRES)
    log_all_in(torture)
    ended = [child.end(120) for child in crowd(torture)]
    check(torture, ended)
    assert sum(one["calls"] for one in ended) == len(CUSTOMERS)


@pytest.mark.parametrize("place", ["noted", "before request", "saved"])
def test_so_it_is_when_others_are_killed(make: Make, place: str) -> None:
    torture = make(POSTGRES)
    log_all_in(torture)
    killed = crowd(torture, place=place, signal=signal.SIGKILL)
    ended = [child.end(120) for child in crowd(torture)]
    # Who had nothing to renew any more has not come to the place.
    assert {child.end(120)["exit"] for child in killed} <= {-signal.SIGKILL, 0}
    check(torture, ended)
