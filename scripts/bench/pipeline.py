"""`meltano run` into PostgreSQL: the target's default settings against those that meltano.yml ships."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

from scripts.bench.model import Bench, Goal, Section, Spread
from scripts.bench.process import BenchmarkError, run
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from scripts.meltano_project import Project
from scripts.postgres import embedded

_DEFAULTS = {"TARGET_POSTGRES_USE_COPY": "false", "TARGET_POSTGRES_VALIDATE_RECORDS": "true"}


def pipeline(bench: Bench) -> list[Section]:
    """Whole runs, and the same data from a tap that costs nothing, which shows what limits them."""
    pages = bench.size(30, 1)
    rows = pages * PAGE_ROWS
    bench.say(f"meltano run into PostgreSQL, {rows:,} rows")
    variants = {"target's defaults": _DEFAULTS, "as meltano.yml ships": {}}
    found: dict[str, list[float]] = {name: [] for name in variants}
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    alone: list[float] = []
    columns = [f"{STREAM}.{field.column}" for field in FIELDS]
    command = bench.ours.sync(
        bench.ours.config(bench.pages.url), bench.ours.catalog({STREAM: [field.column for field in FIELDS]})
    )
    with embedded() as server, tempfile.TemporaryDirectory(prefix="bench-") as home:
        for number in range(bench.repeat):
            for name, env in variants.items():
                bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
                database = server.database(f"bench_{number}_{len(name)}")
                settings = {
                    "TAP_EXACTONLINE_API_URL": bench.pages.url,
                    "TAP_EXACTONLINE_ACCESS_TOKEN": "benchmark",
                    "TAP_EXACTONLINE_TOKEN_STORE": str(Path(home, "login.json")),
                    "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
                    **env,
                }
                project = Project.create(Path(home, f"{number}-{len(name)}"), settings, select=columns)
                began, used = time.monotonic(), _children()
                done = project.run("run", "--full-refresh", "tap-exactonline", "target-postgres", timeout=900)
                if done.returncode:
                    raise BenchmarkError(done.stdout[-3000:])
                found[name].append(time.monotonic() - began)
                cpu[name].append(_children() - used)
                with database.connect() as connection:
                    held = connection.execute(f'SELECT count(*) FROM exact_online."{STREAM}"').fetchone()  # noqa: S608
                if held is None or held[0] != rows:
                    raise BenchmarkError(f"{held} rows in PostgreSQL, {rows} expected")
                bench.say(f"  {name}: {found[name][-1]:.1f} s")
            bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
            alone.append(run(command).wall)
    section = Section(
        "pipeline",
        f"meltano run into PostgreSQL: {rows:,} rows",
        ("settings", "seconds", "rows/s", "CPU seconds of Meltano, tap and target"),
    )
    for name, seconds in found.items():
        section.rows.append((
            name, Spread.of(seconds).text(".1f"), Spread.of(rows / s for s in seconds).text(",.0f"),
            Spread.of(cpu[name]).text(".1f"),
        ))  # fmt: skip
    section.rows.append(
        (
            "the tap alone, to a pipe",
            Spread.of(alone).text(".1f"),
            Spread.of(rows / s for s in alone).text(",.0f"),
            "",
        )
    )
    section.data = {"wall": found, "cpu": cpu, "alone": alone, "rows": rows}
    slow, fast, tap = (Spread.of(v).median for v in (*found.values(), alone))
    section.goals.append(
        Goal("`meltano run` into PostgreSQL with the shipped settings", "the target is the limit; about 7,500 rows/s", f"{rows / fast:,.0f} rows/s, {slow / fast:.1f} x the defaults; the tap alone {rows / tap:,.0f}", tap < fast / 2)
    )  # fmt: skip
    return [section]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def programs_are_there() -> bool:
    """Whether `make setup` was run."""
    root = Path(__file__).resolve().parents[2]
    return all(
        os.access(root / f".venvs/{name}/bin/{name}", os.X_OK) for name in ("meltano", "target-postgres")
    )
