"""What the engines work on: a stand-in for Exact Online with many administrations, a PostgreSQL, and Meltano projects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.compare import source_rows
from scripts.meltano_project import MELTANO, Project
from scripts.postgres import Postgres, embedded
from scripts.warehouse import Stream, Warehouse, streams
from tests.exact_online import ExactOnline

SCHEMA = "exact_online"
FIRST = 1000
ROWS = {
    "sync_crm_accounts": 30,
    "sync_financial_transaction_lines": 60,
    "sync_logistics_items": 20,
    "financial_journals": 5,
}
SELECT = (*ROWS, "sync_deleted", "system_divisions", "run_log")
COMPARED = (*ROWS, "system_divisions")


class ClusterError(RuntimeError):
    """An engine, a worker or the result is not as it has to be."""


@dataclass(frozen=True)
class World:
    """The source, the databases and what goes between them.

    Attributes:
        exact: The source.
        home: A directory for everything.
        databases: Those of the tokens, of Meltano (`bookmarks`), of the tables (`warehouse`) and of the engine.
        settings: Of Meltano, the tap and the target, as variables.
        catalogue: The streams by name.
    """

    exact: ExactOnline
    home: Path
    databases: dict[str, Postgres]
    settings: dict[str, str]
    catalogue: dict[str, Stream] = field(default_factory=streams)
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Say what happens, and when."""
        print(f"{time.monotonic() - self.began:5.0f} s  {text}", flush=True)

    def project(self, name: str) -> dict[str, str]:
        """Make a Meltano project, as on a machine of its own; returns the variables of its worker."""
        project = Project.create(
            self.home / f"project-{name}", self.settings, select=[f"{one}.*" for one in SELECT]
        )
        return project.env | {"MELTANO_PROJECT_ROOT": str(project.root), "MELTANO": str(MELTANO)}

    def compare(self) -> int:
        """Compare every column of every row with the source; returns the number of rows.

        Raises:
            ClusterError: They differ.
        """
        total, wrong = 0, []
        with self.databases["warehouse"].connect() as connection:
            tables = Warehouse(connection, SCHEMA)
            for name in COMPARED:
                source = source_rows(self.exact, name)
                total += len(source)
                wrong += [f"{name}: {one}" for one in tables.differences(self.catalogue[name], source)]
        if wrong:
            raise ClusterError("PostgreSQL differs from Exact Online:\n  " + "\n  ".join(wrong))
        return total

    def age_the_list(self) -> None:
        """As if the list of administrations, which is kept for ten minutes, had been asked for an hour ago."""
        with self.databases["tokens"].connect() as connection:
            connection.execute(
                "UPDATE tap_exactonline_tokens SET version = version - 3600 WHERE id LIKE '%#divisions'"
            )

    def change(self) -> int:
        """Add, change and delete rows in each administration; returns how many."""
        for code in self.exact.divisions:
            accounts = self.exact.table(code, "sync_crm_accounts")
            items = self.exact.table(code, "sync_logistics_items")
            accounts.insert(Name=f"New in {code}")
            accounts.delete(accounts.keys()[0])
            items.update(items.keys()[0], Description=f"Changed in {code}")
        return 3 * len(self.exact.divisions)

    def limits(self) -> str:
        """How the calls went, in a sentence."""
        most = max(self.exact.max_concurrency(code) for code in self.exact.divisions)
        refused = sum(call.status == 429 for call in self.exact.log)
        return (
            f"Calls at once in one administration: {most} at most. Answers 429: {refused}. "
            f"Logins renewed: {self.exact.token_calls}."
        )


@contextmanager
def world(home: Path, administrations: int) -> Iterator[World]:
    """A source with so many administrations, and empty databases.

    Args:
        home: An empty directory.
        administrations: How many.
    """
    exact = ExactOnline(seed=1, latency=0.02)
    # Larger contracts have this; the usual 60 would be enough for these streams, too.
    exact.limits(minute=300)
    for code in range(FIRST, FIRST + administrations):
        exact.add_division(code, rows=ROWS)
    with exact.serve() as url, embedded() as postgres:
        databases = {name: postgres.database(name) for name in ("tokens", "bookmarks", "warehouse", "engine")}
        settings = {
            "TAP_EXACTONLINE_API_URL": url,
            "TAP_EXACTONLINE_CLIENT_ID": exact.client_id,
            "TAP_EXACTONLINE_CLIENT_SECRET": exact.client_secret,
            "TAP_EXACTONLINE_REFRESH_TOKEN": exact.issue_login(),
            "TAP_EXACTONLINE_TOKEN_STORE": databases["tokens"].sqlalchemy_url,
            "MELTANO_DATABASE_URI": databases["bookmarks"].sqlalchemy_url,
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TARGET_POSTGRES_SQLALCHEMY_URL": databases["warehouse"].sqlalchemy_url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
        }
        yield World(exact, home, databases, settings)
