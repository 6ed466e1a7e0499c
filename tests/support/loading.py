"""Rows from the stand-in in real databases: the tap once, its messages into each target, without Meltano."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from scripts.meltano_project import ROOT, executable

if TYPE_CHECKING:
    from tests.exact_online import ExactOnline


class Database(Protocol):
    def query(self, statement: str) -> list[dict[str, Any]]: ...


class PostgresDatabase:
    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection

    def query(self, statement: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(statement.encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in (cursor if names else ())]


class DuckDatabase:
    """The DuckDB of the target's environment, spoken to through a program: it is not in ours."""

    PROGRAM = """
import duckdb, json, sys
base = duckdb.connect(sys.argv[1])
# A query that takes seconds would draw it between our lines.
base.execute("set enable_progress_bar = false")
for line in sys.stdin:
    found = base.execute(json.loads(line))
    names = [column[0] for column in found.description or ()]
    rows = [dict(zip(names, row)) for row in found.fetchall()]
    print(json.dumps(rows, default=str), flush=True)
"""

    def __init__(self, path: Path) -> None:
        python = ROOT / ".venvs/target-duckdb/bin/python"
        self.process = subprocess.Popen(
            [python, "-c", self.PROGRAM, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=path.parent,
        )

    def query(self, statement: str) -> list[dict[str, Any]]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(statement) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            assert self.process.stderr
            raise AssertionError(self.process.stderr.read()[-2000:])
        return json.loads(answer)

    def close(self) -> None:
        self.process.communicate(timeout=30)


def selected(catalog: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A catalog that selects these streams and no other."""
    for stream in catalog["streams"]:
        (top,) = [item for item in stream["metadata"] if not item["breadcrumb"]]
        top["metadata"]["selected"] = stream["tap_stream_id"] in names
    return catalog


def singer(
    program: str, config: dict[str, Any], home: Path, *options: str, stdin: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tap or a target to its end, which must be a good one."""
    settings = home / f"{program}.json"
    settings.write_text(json.dumps(config), encoding="utf-8")
    with (stdin or Path("/dev/null")).open("rb") as source:
        done = subprocess.run(
            [executable(program), "--config", settings, *options],
            stdin=source,
            capture_output=True,
            text=True,
            cwd=home,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def read(config: dict[str, Any], targets: dict[str, dict[str, Any]], home: Path) -> None:
    """One run of the tap into all targets, going on where the last one ended."""
    state = home / "state.json"
    options = ["--state", str(state)] if state.exists() else []
    done = singer("tap-exactonline", config, home, "--catalog", str(home / "catalog.json"), *options)
    messages = home / "messages"
    messages.write_text(done.stdout, encoding="utf-8")
    states = [line for line in done.stdout.splitlines() if line.startswith('{"type":"STATE"')]
    state.write_text(json.dumps(json.loads(states[-1])["value"]), encoding="utf-8")
    for program, settings in targets.items():
        singer(program, settings, home, stdin=messages)


def loader(
    exact: ExactOnline,
    home: Path,
    target: str,
    settings: dict[str, Any],
    streams: Collection[str],
    **more: Any,
) -> Callable[[], None]:
    """What runs the tap into one target once more."""
    config = {
        "api_url": exact.url,
        "client_id": exact.client_id,
        "client_secret": exact.client_secret,
        "refresh_token": exact.issue_login(),
        "token_store": str(home / "login.json"),
        **more,
    }
    discovered = json.loads(singer("tap-exactonline", config, home, "--discover").stdout)
    (home / "catalog.json").write_text(json.dumps(selected(discovered, streams)), encoding="utf-8")
    return lambda: read(config, {target: {"default_target_schema": "exact_online", **settings}}, home)


def plain(value: Any) -> Any:
    """A value as either database's driver gives it."""
    if isinstance(value, Decimal | float):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
