"""What the targets are given: one run of the tap over every stream, from a stand-in whose own rows say what is right."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.compare import Row, source_rows
from scripts.meltano_project import ROOT, executable
from scripts.targets import bucket
from tap_exactonline.endpoints import load
from tests.exact_online import ExactOnline

DIVISIONS = (101, 102)
ROWS = 12
AGAIN = ("sync_crm_accounts", "sync_financial_transaction_lines", "financial_journals")
"""The streams that are delivered a second time: do their rows replace themselves?"""


@dataclass(frozen=True)
class Source:
    """The messages, and what they must become.

    Attributes:
        messages: A file with all messages of a run.
        batches: The same with records in files of a bucket; absent if no bucket was given.
        rows: Stream → its rows at the source.
        schemas: Stream → the properties of its schema.
        keys: Stream → the columns of its key.
    """

    messages: Path
    batches: Path | None
    rows: dict[str, list[Row]]
    schemas: dict[str, dict[str, Any]]
    keys: dict[str, list[str]]

    @property
    def total(self) -> int:
        """All rows."""
        return sum(map(len, self.rows.values()))


@contextmanager
def source(home: Path, names: Collection[str] = (), bucket_address: str = "") -> Iterator[Source]:
    """Run the tap over all streams, or these.

    Args:
        home: An empty directory.
        names: Streams; none for all.
        bucket_address: Where a bucket is served, for a second run with batch files.

    Raises:
        RuntimeError: The tap did not deliver everything.
    """
    exact = ExactOnline(seed=12)
    exact.limits(minute=100_000, day=1_000_000)
    wanted = {one.name for one in load()} & set(names) if names else {one.name for one in load()}
    for code in DIVISIONS:
        exact.add_division(code, rows=dict.fromkeys(wanted, ROWS))
    with exact.serve():
        text = _run(exact, home, wanted, [executable("tap-exactonline")])
        batches = None
        if bucket_address:
            batches = home / "batches"
            more = {"batch_config": bucket.batch_config(bucket_address)}
            told = _run(exact, home, wanted, bucket.TAP, **more)
            if '"type":"RECORD"' in told or f'"s3://{bucket.BUCKET}/' not in told:
                raise RuntimeError("the tap wrote messages instead of files in the bucket")
            batches.write_text(told, encoding="utf-8")
        rows = {name: [_lasting(row) for row in source_rows(exact, name)] for name in sorted(wanted)}
    messages = [json.loads(line) for line in text.split("\n") if line]
    schemas = {m["stream"]: m for m in messages if m["type"] == "SCHEMA"}
    (home / "messages").write_text(text, encoding="utf-8")
    yield Source(
        home / "messages",
        batches,
        rows,
        {name: m["schema"]["properties"] for name, m in schemas.items()},
        {name: m["key_properties"] for name, m in schemas.items()},
    )


def again(messages: Path) -> Path:
    """A file beside these messages with those of the streams in :data:`AGAIN` alone."""
    lines = [line for line in messages.read_text(encoding="utf-8").split("\n") if line]
    path = messages.with_name(f"{messages.name}-again")
    chosen = [line for line in lines if json.loads(line).get("stream") in AGAIN]
    path.write_text("\n".join([*chosen, ""]), encoding="utf-8")
    return path


def _lasting(row: Row) -> Row:
    """The row without what is another one at every look: the time in system_me."""
    return {name: value for name, value in row.items() if name != "server_time"}


def _run(
    exact: ExactOnline, home: Path, wanted: Collection[str], tap: Sequence[str | Path], **more: Any
) -> str:
    discovered = subprocess.run(
        [*tap, "--discover"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    catalog = json.loads(discovered)
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = stream["tap_stream_id"] in wanted
    settings = {
        "api_url": exact.url,
        "client_id": exact.client_id,
        "client_secret": exact.client_secret,
        "refresh_token": exact.issue_login(),
        "token_store": str(home / "login.json"),
        **more,
    }
    for name, value in (("catalog", catalog), ("config", settings)):
        (home / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    done = subprocess.run(
        [*tap, "--config", home / "config.json", "--catalog", home / "catalog.json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the tap ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout
