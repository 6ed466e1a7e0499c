"""Batch files take no more memory for many rows than for few: the peak of the tap's own process, into a folder and S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.process import Ours, page_server, run
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from scripts.targets import bucket

ROWS = (20_000, 200_000)
_GROWTH = 1.15
"""A buffer more or less is no growth: ten times the rows would show as several times the memory."""


@dataclass(frozen=True)
class Peaks:
    """What a run took at most.

    Attributes:
        storage: Where its files went.
        megabytes: Rows → MB (2**20 bytes).
    """

    storage: str
    megabytes: Mapping[int, float]

    @property
    def flat(self) -> bool:
        """Whether many rows take what few rows take."""
        few, many = (self.megabytes[rows] for rows in ROWS)
        return many <= few * _GROWTH


def measure(home: Path, address: str) -> list[Peaks]:
    """Read 60 columns of one administration into gzipped files of 10,000 records.

    Args:
        home: An empty directory.
        address: Where the bucket is served.

    Raises:
        BenchmarkError: The tap failed.
    """
    found = []
    with page_server() as server:
        ours = Ours(home)
        catalog = ours.catalog({STREAM: [one.column for one in FIELDS]})
        in_bucket = bucket.batch_config(address)
        storages: dict[str, dict[str, Any]] = {
            "folder": {**in_bucket, "storage": {"root": (home / "files").as_uri(), "prefix": ""}},
            "S3 (moto)": in_bucket,
        }
        for storage, config in storages.items():
            settings = ours.config(server.url, batch_config={**config, "batch_size": 10_000})
            megabytes = {}
            for rows in ROWS:
                server.reset(pages=rows // PAGE_ROWS, divisions=1, latency_ms=0)
                megabytes[rows] = run([*bucket.TAP, "--config", settings, "--catalog", catalog]).peak_mb
            found.append(Peaks(storage, megabytes))
    return found


def table(found: list[Peaks]) -> str:
    """As Markdown."""
    head = ["| files into | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |", "|---|--:|--:|"]
    lines = [
        f"| {one.storage} | " + " | ".join(f"{one.megabytes[rows]:.0f} MB" for rows in ROWS) + " |"
        for one in found
    ]
    return "\n".join(head + lines)
