"""The floor under any tap that decodes and encodes: a page to dictionaries, each row to a RECORD, nothing between.

    python -m scripts.bench.floor API_URL SELECT DIVISION…

No SDK, no dates, no state, no second thread; as lean as requests and msgspec allow.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import requests

from scripts.bench.rows import ENDPOINT, STREAM


def main(api_url: str, select: str, divisions: list[str]) -> None:
    """Read every page of every administration."""
    session = requests.Session()
    encoder = msgspec.json.Encoder()
    out = sys.stdout.buffer
    for division in divisions:
        params: dict[str, str] | None = {"$filter": "Timestamp gt 1L", "$select": select}
        url: str | None = f"{api_url}/api/v1/{division}/{ENDPOINT.path}"
        while url:
            answer = session.get(url, params=params, stream=True, timeout=60)
            data: dict[str, Any] = msgspec.json.decode(answer.raw.read(decode_content=True))["d"]
            out.write(
                encoder.encode_lines(
                    [{"type": "RECORD", "stream": STREAM, "record": record} for record in data["results"]]
                )
            )
            url, params = data.get("__next"), None
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
