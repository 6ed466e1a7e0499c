"""With batch files target-postgres holds what it holds without."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.compare import source_rows
from scripts.postgres import Postgres
from scripts.warehouse import Stream, Warehouse
from tests.e2e.conftest import ProjectFactory
from tests.exact_online import ExactOnline

# A uuid, texts of all kinds, amounts, whole numbers, dates, yes and no; several pages and one.
STREAMS = (
    "sync_financial_gl_accounts",
    "sync_crm_accounts",
    "sync_financial_transaction_lines",
    "financial_journals",
)


def test_files_of_batches_arrive_as_messages_do(  # noqa: PLR0917 - fixtures
    exact: ExactOnline,
    new_project: ProjectFactory,
    database: Postgres,
    warehouse: Warehouse,
    catalogue: dict[str, Stream],
    tmp_path: Path,
) -> None:
    files = tmp_path / "files"
    config = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": files.as_uri()},
        "batch_size": 500,
    }
    project = new_project(
        [f"{name}.*" for name in STREAMS],
        {
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
            "TAP_EXACTONLINE_BATCH_CONFIG": json.dumps(config),
            # A target that gets no version with a file removes its rows at the end.
            "TAP_EXACTONLINE_EMIT_ACTIVATE_VERSION_MESSAGES": "true",
            "TARGET_POSTGRES_HARD_DELETE": "true",
        },
    )
    done = project.run("run", "tap-exactonline", "target-postgres")
    assert done.returncode == 0, done.stdout
    assert len(list(files.iterdir())) > len(STREAMS)
    for name in STREAMS:
        source = source_rows(exact, name)
        assert source
        assert warehouse.differences(catalogue[name], source) == [], name
