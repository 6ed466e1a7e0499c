"""`make demo-web`: the page of all connections on a stand-in Exact Online, with five customers, one of them in trouble.

The logins, the runs and what is wrong with one of them are real; only Exact Online is not. Nothing leaves this computer.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scripts.meltano_project import executable
from tap_exactonline.exact import Credentials, ExactClient, TokenStore, list_divisions, open_store
from tests.exact_online import ExactOnline
from tests.support.in_process import run_tap

DAY = 86_400.0
REDIRECT = "https://www.devries.example/exact"
STREAMS = ("sync_crm_accounts", "sync_financial_transaction_lines", "financial_journals")


@dataclass(frozen=True)
class Customer:
    """One customer of the platform.

    Attributes:
        connection: Its name.
        user: Who logs in at Exact.
        companies: Name of each administration, by number.
        chosen: Those that are read; None for all.
    """

    connection: str
    user: str
    companies: Mapping[int, str]
    chosen: tuple[int, ...] | None = None


BAKERY = Customer(
    "bakkerij-de-vries",
    "Anna de Vries",
    {1203417: "Bakkerij De Vries B.V.", 1204430: "De Vries Vastgoed B.V.", 1205443: "Holding De Vries B.V."},
    (1203417, 1204430),
)
GARAGE = Customer("garage-jansen", "Piet Jansen", {1310022: "Garage Jansen", 1310977: "Jansen Lease B.V."})
FLORIST = Customer("bloemen-zonneveld", "Mia Zonneveld", {1411200: "Zonneveld Bloemen"})
CAFE = Customer("cafe-t-hoekje", "Joris Bakker", {1512345: "Café 't Hoekje"})
OFFICE = Customer(
    "kantoor-meijer", "Els Meijer", {1600000 + number: f"Cliënt {number} B.V." for number in range(1, 41)}
)
CUSTOMERS = (BAKERY, GARAGE, FLORIST, CAFE, OFFICE)


@dataclass
class Stage:
    """The stand-in, and the settings of the platform's page.

    Attributes:
        exact: The stand-in, which is served.
        settings: Of the tap.
    """

    exact: ExactOnline
    settings: dict[str, Any]

    def store(self, customer: Customer) -> TokenStore:
        """Where the customer's login is kept."""
        return open_store(
            self.settings["token_store"],
            client_id=self.settings["client_id"],
            api_url=self.settings["api_url"],
            connection=customer.connection,
        )

    def connect(self, customer: Customer) -> None:
        """Log in as the customer."""
        self.exact.oauth.user = customer.user
        store = self.store(customer)
        login = Credentials(
            api_url=self.settings["api_url"],
            client_id=self.settings["client_id"],
            client_secret=self.settings["client_secret"],
            store=store,
            user_agent="demo",
        )
        login.exchange_code(self.exact.authorize_code(REDIRECT), REDIRECT)
        client = ExactClient(api_url=self.settings["api_url"], credentials=login, user_agent="demo")
        list_divisions(client, told=login.bind)
        store.choose(customer.chosen)

    def run(self, customer: Customer, home: Path) -> None:
        """Let the tap read for the customer."""
        settings = {**self.settings, "connection": customer.connection}
        run_tap(self.exact, STREAMS, home=home, settings=settings, talk=False)

    def age(self, customer: Customer, days: float) -> None:
        """Let login and run be of some days ago."""
        store = self.store(customer)
        then = time.time() - days * DAY
        with store.lock() as held:
            if stored := held.load():
                held.save(replace(stored, obtained_at=then, logged_in_at=then))
        notes = store.notes()
        if run := notes.last_run:
            notes.forget()
            notes.add_run(replace(run, at=then))


@contextlib.contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """Five customers: two are well, one is in trouble, the login of one ends soon, one is paused."""
    exact = ExactOnline(seed=1)
    exact.oauth.client_id = "1f0c7a52-8d3e-4b61-9c0e-5a7d2b94e6f1"
    exact.redirect_uris.add(REDIRECT)
    exact.limits(minute=300)
    for place, customer in enumerate(CUSTOMERS, 1):
        for code, name in customer.companies.items():
            exact.add_division(code, description=name, rows=place * 3)
        exact.add_user(customer.user, *customer.companies)
    with exact.serve() as url:
        made = Stage(
            exact,
            {
                "api_url": url,
                "client_id": exact.client_id,
                "client_secret": exact.client_secret,
                "token_store": str(home / "tokens.json"),
                "redirect_uri": REDIRECT,
            },
        )
        for customer in CUSTOMERS:
            made.connect(customer)
            made.run(customer, home)
        # Its licence has ended: Exact refuses one of the two administrations.
        exact.divisions[1310977].licence_ok = False
        made.run(GARAGE, home)
        made.age(FLORIST, 26)
        made.store(CAFE).change(lambda about: replace(about, paused=True))
        yield made


def main() -> None:
    """Serve the page until the person ends it."""
    print("Five customers log in at a stand-in Exact Online, and the tap reads each of them …", flush=True)
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as made:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(made.settings))
        print(
            "To try 'New connection': any name, log in with one click, and paste the address that you land on "
            "(the browser finds no page there; with Exact it is the same).\n",
            flush=True,
        )
        command: list[str | Path] = [executable("tap-exactonline"), "web", "--config", config]
        with contextlib.suppress(KeyboardInterrupt):
            subprocess.run(command, check=False, env={**os.environ, "NO_COLOR": "1"})


if __name__ == "__main__":
    main()
