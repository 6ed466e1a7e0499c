"""Whole commands that load rows into PostgreSQL, and what each of their processes takes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scripts.bench.process import BenchmarkError
from scripts.bench.rows import ENDPOINT, FIELDS, NOT_SELECTED, STREAM
from scripts.meltano_project import FOREIGN, ROOT, Project, executable
from scripts.postgres import Postgres

DLT = ROOT / ".venvs/dlt/bin/python"
"""The environment of dlt; `make bench` prepares it."""

SELECT = (
    f"{STREAM}.*",
    *(f"!{STREAM}.{one.column}" for one in ENDPOINT.fields if one.name in NOT_SELECTED),
)
"""The sixty columns as a person writes them: Meltano compares each line with each column of each stream."""

_ACCOUNTED = """#!{python} -IS
import os, resource, sys
code = os.spawnv(os.P_WAIT, {program!r}, [{program!r}, *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
name = {name!r} + (" --discover" if "--discover" in sys.argv else "")
with open({log!r}, "a") as file:
    print(f"{{used.ru_utime + used.ru_stime}} {{name}}", file=file)
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """What one command took.

    Attributes:
        wall: Seconds from its start to its end.
        cpu: CPU seconds of all its processes; those of the database server do not count.
        parts: CPU seconds of the plugins' processes, by name, where they were measured apart.
    """

    wall: float
    cpu: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def rest(self) -> float:
        """CPU seconds of what is none of the parts: of Meltano itself."""
        return self.cpu - sum(self.parts.values())


class Loader(Protocol):
    """A command that reads from an address and loads into a database."""

    def load(self, api_url: str, home: Path, database: Postgres) -> Cost:
        """Run it once, in an empty directory.

        Raises:
            BenchmarkError: It failed; the text is the end of what it said.
        """


@dataclass(frozen=True)
class Meltano:
    """`meltano run tap-exactonline target-postgres` with the shipped meltano.yml.

    Attributes:
        env: More settings, by the name of their variable; `{home}` in a value is the directory.
    """

    env: Mapping[str, str] = field(default_factory=dict)

    def load(self, api_url: str, home: Path, database: Postgres) -> Cost:
        """Run it in a fresh project."""
        project = self.project(
            home,
            database,
            select=SELECT,
            TAP_EXACTONLINE_API_URL=api_url,
            TAP_EXACTONLINE_ACCESS_TOKEN="benchmark",  # noqa: S106
        )
        return self.run(project)

    def project(
        self, home: Path, database: Postgres, *, select: tuple[str, ...] | None, **login: str
    ) -> Project:
        """A project whose plugins write down what they take."""
        settings = {
            "TAP_EXACTONLINE_TOKEN_STORE": str(home / "login.json"),
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
            **login,
            **{name: value.replace("{home}", str(home)) for name, value in self.env.items()},
        }
        home.mkdir()
        programs = {name: _accounted(home, name) for name in ("tap-exactonline", "target-postgres")}
        return Project.create(home, settings, select=select, programs=programs)

    @staticmethod
    def run(project: Project) -> Cost:
        """Run a project once more.

        Raises:
            BenchmarkError: It failed; the text is the end of its log.
        """
        log = _log(project.root)
        log.unlink(missing_ok=True)
        words = ("run", "tap-exactonline", "target-postgres")
        began, used = time.monotonic(), _children()
        done = project.run(*words, timeout=900)
        wall, cpu = time.monotonic() - began, _children() - used
        if done.returncode:
            raise BenchmarkError(done.stdout[-3000:])
        parts = {
            name: float(seconds)
            for seconds, name in (line.split(" ", 1) for line in log.read_text().splitlines())
        }
        return Cost(wall, cpu, parts)


@dataclass(frozen=True)
class Dlt:
    """The same rows by dlt, in the way that its documentation shows.

    Attributes:
        file_format: Of the files that dlt loads; None for its default, which is INSERT statements.
    """

    file_format: str | None = None

    def load(self, api_url: str, home: Path, database: Postgres) -> Cost:
        """Run it in an empty directory.

        Raises:
            BenchmarkError: It failed, or its environment is missing.
        """
        if not DLT.exists():
            raise BenchmarkError(f"{DLT.relative_to(ROOT)} is missing: `make bench` prepares it")
        home.mkdir()
        # dlt wants a password, and the server asks for none.
        credentials = database.url.set(drivername="postgresql", password="none")  # noqa: S106
        settings = {
            "api_url": api_url,
            "divisions": [101],
            "path": ENDPOINT.path,
            "select": [one.name for one in FIELDS],
            "dates": [one.name for one in FIELDS if one.type == "datetime"],
            "integers": [one.name for one in FIELDS if one.type == "int64"],
            "table": STREAM,
            "credentials": credentials.render_as_string(hide_password=False),
            "format": self.file_format,
        }
        path = home / "settings.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        began, used = time.monotonic(), _children()
        done = subprocess.run(
            [DLT, Path(__file__).with_name("dlt_pipeline.py"), path],
            cwd=home,
            env=inherited | {"RUNTIME__DLTHUB_TELEMETRY": "false"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        cost = Cost(time.monotonic() - began, _children() - used)
        if done.returncode:
            raise BenchmarkError((done.stdout + done.stderr)[-3000:])
        return cost


def _log(home: Path) -> Path:
    return home / "processes"


def _accounted(home: Path, name: str) -> Path:
    """A program that runs a plugin's program and writes down what it took."""
    path = home / f"accounted-{name}"
    text = _ACCOUNTED.format(
        python=sys.executable, program=str(executable(name)), name=name, log=str(_log(home))
    )
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
