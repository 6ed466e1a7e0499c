"""`meltano run` into PostgreSQL: the target's default settings against those that meltano.yml ships."""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.model import Bench, Goal, Section, Spread
from scripts.bench.process import BenchmarkError, run
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from scripts.meltano_project import Project
from scripts.postgres import Postgres, embedded

_DEFAULTS = {"TARGET_POSTGRES_USE_COPY": "false", "TARGET_POSTGRES_VALIDATE_RECORDS": "true"}


@dataclass
class Variant:
    """One way to run it, and what it took: seconds, and CPU seconds of Meltano, tap and target together."""

    name: str
    env: dict[str, str]
    pages: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def speeds(self, nothing: list[float] | None = None) -> Spread:
        """Rows a second; without the time that a run without rows took in the same round, if that is given."""
        starts = nothing or [0.0] * len(self.wall)
        return Spread.of(
            self.pages * PAGE_ROWS / (wall - start) for wall, start in zip(self.wall, starts, strict=True)
        )


def pipeline(bench: Bench) -> list[Section]:
    """Whole runs, runs without rows, and the tap without a target."""
    pages = bench.size(30, 1)
    rows = pages * PAGE_ROWS
    bench.say(f"meltano run into PostgreSQL, {rows:,} rows")
    slow = Variant("target's defaults", _DEFAULTS, pages)
    fast = Variant("as meltano.yml ships", {}, pages)
    nothing = Variant("the same without any rows", {}, 0)
    alone: list[float] = []
    command = bench.ours.sync(
        bench.ours.config(bench.pages.url), bench.ours.catalog({STREAM: [field.column for field in FIELDS]})
    )
    with embedded() as server, tempfile.TemporaryDirectory(prefix="bench-") as home:
        for number in range(bench.repeat):
            for variant in (slow, fast, nothing):
                name = f"bench_{number}_{len(variant.name)}"
                _run(bench, variant, Path(home, name), server.database(name))
                bench.say(f"  {variant.name}: {variant.wall[-1]:.1f} s")
            bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
            alone.append(run(command).wall)
    section = Section(
        "pipeline",
        f"meltano run into PostgreSQL: {rows:,} rows",
        ("settings", "seconds", "rows/s", "rows/s after the start", "CPU seconds of Meltano, tap and target"),
    )
    start, tap = Spread.of(nothing.wall), Spread.of(rows / seconds for seconds in alone)
    section.rows += [
        (v.name, Spread.of(v.wall).text(".1f"), v.speeds().text(",.0f"), v.speeds(nothing.wall).text(",.0f"), Spread.of(v.cpu).text(".1f"))
        for v in (slow, fast)
    ]  # fmt: skip
    section.rows += [
        (nothing.name, start.text(".1f"), "", "", Spread.of(nothing.cpu).text(".1f")),
        ("the tap alone, to a pipe", Spread.of(alone).text(".1f"), tap.text(",.0f"), "", ""),
    ]
    section.data = {v.name: {"wall": v.wall, "cpu": v.cpu} for v in (slow, fast, nothing)}
    section.data |= {"alone": alone, "rows": rows}
    flow, times = fast.speeds(nothing.wall).median, slow.speeds().median
    section.goals.append(
        Goal(
            "`meltano run` into PostgreSQL with the shipped settings",
            "the target is the limit; about 7,500 rows/s",
            f"{flow:,.0f} rows/s after the start; whole run {fast.speeds().median / times:.1f} x the defaults; the tap alone {tap.median:,.0f} rows/s",
            tap.median > 2 * flow,
        )
    )
    return [section]


def _run(bench: Bench, variant: Variant, home: Path, database: Postgres) -> None:
    """One run in a fresh project and database; counts the rows that arrived.

    Raises:
        BenchmarkError: It failed, or rows are missing.
    """
    bench.pages.reset(pages=variant.pages, divisions=1, latency_ms=0)
    settings = {
        "TAP_EXACTONLINE_API_URL": bench.pages.url,
        "TAP_EXACTONLINE_ACCESS_TOKEN": "benchmark",
        "TAP_EXACTONLINE_TOKEN_STORE": str(home / "login.json"),
        "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
        **variant.env,
    }
    project = Project.create(home, settings, select=[f"{STREAM}.{field.column}" for field in FIELDS])
    began, used = time.monotonic(), _children()
    done = project.run("run", "--full-refresh", "tap-exactonline", "target-postgres", timeout=900)
    variant.wall.append(time.monotonic() - began)
    variant.cpu.append(_children() - used)
    if done.returncode:
        raise BenchmarkError(done.stdout[-3000:])
    with database.connect() as connection:
        held = connection.execute(f'SELECT count(*) FROM exact_online."{STREAM}"').fetchone()  # noqa: S608
    if held is None or held[0] != variant.pages * PAGE_ROWS:
        raise BenchmarkError(f"{held} rows in PostgreSQL, {variant.pages * PAGE_ROWS} expected")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
