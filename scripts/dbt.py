"""The dbt package on a database that the tap has filled: used by the demo, by `make dbt` and by the tests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.engine import URL

from scripts.meltano_project import ROOT, executable

PACKAGE = ROOT / "dbt"


def duckdb_output(path: Path, schema: str) -> dict[str, Any]:
    """A profile's output for a DuckDB file."""
    return {"type": "duckdb", "path": str(path), "schema": schema, "threads": 1}


def postgres_output(url: URL, schema: str) -> dict[str, Any]:
    """A profile's output for PostgreSQL, at a host, at a socket's directory, or at the default one."""
    host = url.host or url.query.get("host") or "localhost"
    return {
        "type": "postgres", "host": str(host), "port": url.port or 5432, "user": url.username or "", "password": url.password or "",
        "dbname": url.database, "schema": schema, "threads": 1,
    }  # fmt: skip


def write_profile(output: Mapping[str, Any], home: Path) -> None:
    """Write the profile, which may hold a password, into a directory of dbt's own."""
    home.mkdir(parents=True, exist_ok=True)
    profiles = home / "profiles.yml"
    profiles.touch(mode=0o600)
    profile = {"exact_online": {"target": "here", "outputs": {"here": dict(output)}}}
    profiles.write_text(yaml.safe_dump(profile), encoding="utf-8")


def arguments(command: str, variables: Mapping[str, Any], home: Path, *options: str) -> list[str]:
    """The command line behind `dbt`."""
    return [
        "--no-send-anonymous-usage-stats", "--no-use-colors", command, *options,
        "--project-dir", str(PACKAGE), "--profiles-dir", str(home), "--target-path", str(home / "target"),
        "--log-path", str(home / "logs"), "--vars", json.dumps(dict(variables)),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Ours, without settings of dbt."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}


def dbt(
    command: str,
    output: Mapping[str, Any],
    variables: Mapping[str, Any],
    home: Path,
    *options: str,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `dbt COMMAND` of the package.

    Args:
        command: `build`, `run`, `test` or another one of dbt.
        output: Of the profile: :func:`duckdb_output` or :func:`postgres_output`.
        variables: Of the package, `exact_online_…`.
        home: A directory for the profile, which may hold a password, and for what dbt writes.
        options: More of the command line, such as `--select staging`.
        timeout: Seconds before it is killed.
    """
    home = home.resolve()
    write_profile(output, home)
    return subprocess.run(
        [executable("dbt"), *arguments(command, variables, home, *options)],
        cwd=home,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
