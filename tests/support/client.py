"""A client with its login against the stand-in for Exact Online, on one clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.auth.store import open_store
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.odata import read_rows, select_query, timestamp_filter
from tests.exact_online import Clock, ExactOnline
from tests.support.scripted import StopClock

ACCOUNTS = "sync/CRM/Accounts"
STREAM = "sync_crm_accounts"


class SharedClock(StopClock):
    """Waiting moves the clock of the stand-in, which is ours as well."""

    def __init__(self, exact: ExactOnline) -> None:
        super().__init__(exact.clock)


class ClientFixture:
    def __init__(self, tmp_path, **switches) -> None:
        self.exact = ExactOnline(clock=Clock.manual(), **switches)
        self.exact.add_division(101, rows={STREAM: 2500})
        self.exact.add_division(202, rows=3)
        self.stop = SharedClock(self.exact)
        self.url = self.exact.start()
        self.store = open_store(
            str(tmp_path / "tokens.json"), client_id=self.exact.client_id, api_url=self.url
        )
        self.credentials = Credentials(
            api_url=self.url,
            client_id=self.exact.client_id,
            client_secret=self.exact.client_secret,
            store=self.store,
            refresh_token=self.exact.issue_login(),
            user_agent="tap-exactonline/test",
            stop=self.stop,
            clock=self.exact.clock.now,
        )
        self.client = self.new_client()

    def new_client(self, **options) -> ExactClient:
        given: dict[str, Any] = {
            "api_url": self.url,
            "credentials": self.credentials,
            "user_agent": "tap-exactonline/test",
            "stop": self.stop,
            "clock": self.exact.clock.now,
        }
        return ExactClient(**(given | options))

    def page(self, division=101, path=ACCOUNTS, query=None, **options):
        query = query or select_query(["ID", "Timestamp"], timestamp_filter(1))
        return self.client.get(
            RequestContext(path, division, STREAM, **options), query=query, decode=read_rows
        )

    def rows(self, division=101, path=ACCOUNTS, query=None):
        page = self.page(division, path, query)
        found = list(page.rows)
        while page.next_url:
            page = self.client.follow(page.next_url, RequestContext(path, division, STREAM), decode=read_rows)
            found += page.rows
        return found


@contextmanager
def serving(tmp_path: Path, **switches: Any) -> Iterator[ClientFixture]:
    made = ClientFixture(tmp_path, **switches)
    yield made
    made.client.close()
    made.exact.stop()


def ids(exact: ExactOnline, division: int = 101) -> list[str]:
    return [row["ID"] for row in exact.expected(division, STREAM, ["ID"])]
