"""What `meltano run` is compared with: the same endpoint read by dlt as its documentation shows, into PostgreSQL.

    .venvs/dlt/bin/python dlt_pipeline.py SETTINGS

Runs in an environment of its own, so it imports nothing of the tap. SETTINGS is a JSON file: `api_url`, `divisions`,
`path`, `select`, `dates` and `integers` (names of columns), `table`, `credentials` and `format` (of the files that dlt
loads, null for its default). dlt appends, as it does by default: no row replaces another. The state of the pipeline lies
in the working directory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Row = dict[str, Any]


def _plain(row: _Row, division: int, dates: list[str], integers: list[str]) -> _Row:
    """A row with its administration, and with dates and numbers instead of Exact's texts."""
    del row["__metadata"]
    row["division"] = division
    for name in dates:
        if row[name] is not None:
            row[name] = _EPOCH + timedelta(milliseconds=int(row[name][6:-2]))
    for name in integers:
        if row[name] is not None:
            row[name] = int(row[name])
    return row


def main(settings: dict[str, Any]) -> None:
    """Load everything once.

    Raises:
        PipelineStepFailed: dlt could not read, normalise or load it.
    """
    dates, integers = settings["dates"], settings["integers"]

    @dlt.resource(
        name=settings["table"],
        columns={name: {"timezone": False, "data_type": "timestamp"} for name in dates},
    )
    def rows() -> Iterator[list[_Row]]:
        client = RESTClient(settings["api_url"], paginator=JSONLinkPaginator("d.__next"))
        for division in settings["divisions"]:
            address = f"/api/v1/{division}/{settings['path']}"
            asked = {"$filter": "Timestamp gt 1L", "$select": ",".join(settings["select"])}
            for page in client.paginate(address, params=asked, data_selector="d.results"):
                yield [_plain(row, division, dates, integers) for row in page]

    pipeline = dlt.pipeline(
        "exact_online",
        pipelines_dir=str(Path.cwd() / "pipelines"),
        destination=dlt.destinations.postgres(settings["credentials"]),
        dataset_name="exact_online",
    )
    pipeline.run(rows, loader_file_format=settings["format"]).raise_on_failed_jobs()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
