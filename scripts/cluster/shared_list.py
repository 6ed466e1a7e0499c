"""Eight processes begin at once with the 1,000 administrations of one login: how often is Exact asked for their list?

    python -m scripts.cluster.shared_list

Each has an eighth of them (`shard`) and reads one stream. They share a token store in PostgreSQL, and with it the list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.meltano_project import executable
from scripts.postgres import embedded
from tests.exact_online import ExactOnline
from tests.support.loading import selected, singer

ADMINISTRATIONS = 1000
PROCESSES = 8
STREAM = "sync_crm_accounts"
# One page of the list has 60 rows; one call more asks which administration comes first.
MOST_CALLS = -(-ADMINISTRATIONS // 60) + 1


def main() -> int:
    """Print what was asked for; 0 if that is as it should be."""
    exact = ExactOnline(latency=0.01)
    for code in range(100_000, 100_000 + ADMINISTRATIONS):
        exact.add_division(code)
    with exact.serve() as url, embedded() as database, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = {
            "api_url": url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": database.sqlalchemy_url,
        }
        discovered = json.loads(singer("tap-exactonline", config, home, "--discover").stdout)
        (home / "catalog.json").write_text(json.dumps(selected(discovered, [STREAM])))
        exact.clear_log()
        began = time.monotonic()
        running = []
        for number in range(PROCESSES):
            settings = home / f"config-{number}.json"
            settings.write_text(json.dumps({**config, "shard": f"{number}/{PROCESSES}"}))
            command: list[str | Path] = [
                executable("tap-exactonline"),
                "--config",
                settings,
                "--catalog",
                home / "catalog.json",
            ]
            with (home / f"log-{number}").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log))
        codes = [process.wait(300) for process in running]
    lists = [call for call in exact.log if call.path.startswith("/api/v1/") and call.stream != STREAM]
    read = {call.division for call in exact.log if call.stream == STREAM}
    most = max(exact.max_concurrency(code) for code in exact.divisions)
    refused = sum(call.status == 429 for call in exact.log)
    print(f"{PROCESSES} processes, exit codes {codes}, {time.monotonic() - began:.0f} s")
    print(f"administrations read: {len(read)} of {ADMINISTRATIONS}")
    print(f"calls for lists: {len(lists)} (at most {MOST_CALLS})")
    print(
        f"calls at once in one administration: {most}; answers 429: {refused}; logins renewed: {exact.token_calls}"
    )
    good = (
        not any(codes)
        and len(read) == ADMINISTRATIONS
        and len(lists) <= MOST_CALLS
        and most == 1
        and not refused
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
