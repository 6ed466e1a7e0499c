"""Whole commands into PostgreSQL: `meltano run` next to dlt, and a `meltano run` with nothing new."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.bench.loaders import Cost, Dlt, Loader, Meltano
from scripts.bench.model import Bench, Goal, Section, Spread, ratios
from scripts.bench.process import BenchmarkError
from scripts.bench.rows import PAGE_ROWS, STREAM
from scripts.bench.waits import stand_in
from scripts.postgres import Postgres, embedded

SHIPPED = "`meltano run`, as meltano.yml ships"
_BATCHES = {
    "encoding": {"format": "jsonl", "compression": "none"},
    "storage": {"root": "file://{home}/batches", "prefix": ""},
    "batch_size": 10_000,
}
LOADERS: Mapping[str, Loader] = {
    SHIPPED: Meltano(),
    "`meltano run`, batch files": Meltano({"TAP_EXACTONLINE_BATCH_CONFIG": json.dumps(_BATCHES)}),
    "dlt, its defaults (INSERT)": Dlt(),
    "dlt, CSV files": Dlt("csv"),
    "dlt, Parquet files and ADBC": Dlt("parquet"),
}
_SLOW: Mapping[str, Loader] = {
    "`meltano run`, the target's defaults": Meltano(
        {"TARGET_POSTGRES_USE_COPY": "false", "TARGET_POSTGRES_VALIDATE_RECORDS": "true"}
    )
}
"""With fewer rows only: they take a minute where the others take ten seconds."""

_OURS = [name for name in LOADERS if name.startswith("`meltano")]
_THEIRS = [name for name in LOADERS if name.startswith("dlt")]
_CPU_GOAL = 1.5


def pipeline(bench: Bench) -> list[Section]:
    """Many rows, fewer rows, and none."""
    # Without PYTHONDONTWRITEBYTECODE, for the reason that `process.run` gives.
    without = os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        # By TCP: dlt wants a host.
        with embedded(tcp=True) as server, tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            return [
                _loading(bench, server, Path(scratch), "pipeline", bench.size(80, 2), LOADERS),
                _loading(
                    bench, server, Path(scratch), "pipeline-small", bench.size(20, 1), {**LOADERS, **_SLOW}
                ),
                _nothing_new(bench, server, Path(scratch)),
            ]
    finally:
        if without is not None:
            os.environ["PYTHONDONTWRITEBYTECODE"] = without


def _loading(  # noqa: PLR0917 - what differs between the two calls comes last
    bench: Bench, server: Postgres, scratch: Path, name: str, pages: int, loaders: Mapping[str, Loader]
) -> Section:
    """All loaders in turns; each gets an empty database and an empty directory in each round."""
    rows = pages * PAGE_ROWS
    bench.say(f"{rows:,} rows of 60 columns into PostgreSQL, whole commands")
    found: dict[str, list[Cost]] = {one: [] for one in loaders}
    for number in range(bench.repeat):
        for at, (label, loader) in enumerate(loaders.items()):
            bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
            database = server.database(f"{name}_{number}_{at}")
            found[label].append(loader.load(bench.pages.url, scratch / f"{name}-{number}-{at}", database))
            _expect(database, rows)
            bench.say(f"  {label}: {found[label][-1].wall:.1f} s, {found[label][-1].cpu:.1f} s CPU")
    section = Section(
        name,
        f"{rows:,} rows of 60 columns into PostgreSQL, whole commands",
        ("command", "seconds", "x", "CPU seconds", "x (CPU)", "rows/s"),
    )
    walls = {label: [cost.wall for cost in costs] for label, costs in found.items()}
    cpus = {label: [cost.cpu for cost in costs] for label, costs in found.items()}
    section.rows += [
        (
            label, Spread.of(walls[label]).text(".1f"), ratios(walls[label], walls[SHIPPED]).text(),
            Spread.of(cpus[label]).text(".1f"), ratios(cpus[label], cpus[SHIPPED]).text(),
            Spread.of(rows / wall for wall in walls[label]).text(",.0f"),
        )
        for label in loaders
    ]  # fmt: skip
    section.data = {label: {"wall": walls[label], "cpu": cpus[label]} for label in loaders}
    section.goals += [_ahead(label, walls, cpus, rows) for label in _OURS]
    return section


def _ahead(ours: str, walls: Mapping[str, list[float]], cpus: Mapping[str, list[float]], rows: int) -> Goal:
    """Whether a command is ahead of dlt's best: that with the smallest median of the ratios of the rounds."""
    best = min(_THEIRS, key=lambda label: ratios(walls[label], walls[ours]).median)
    wall, cpu = ratios(walls[best], walls[ours]), ratios(cpus[best], cpus[ours])
    return Goal(
        f"{rows:,} rows into PostgreSQL: {ours}",
        "ahead of dlt's best",
        f"dlt takes {wall.text()} times as long (CPU: {cpu.text()})",
        wall.median > 1,
        f"dlt's best: {best.removeprefix('dlt, ')}",
    )


def _nothing_new(bench: Bench, server: Postgres, scratch: Path) -> Section:
    """A second run of the shipped selection: what each process takes when there is nothing to load."""
    bench.say("meltano run with nothing new")
    loader, costs = Meltano(), []
    with stand_in({}, 1) as exact:
        project = loader.project(
            scratch / "nothing-new",
            server.database("nothing_new"),
            select=None,
            TAP_EXACTONLINE_API_URL=exact.url,
            TAP_EXACTONLINE_CLIENT_ID=exact.client_id,
            TAP_EXACTONLINE_CLIENT_SECRET=exact.client_secret,
            TAP_EXACTONLINE_REFRESH_TOKEN=exact.issue_login(),
        )
        loader.run(project)
        for _ in range(bench.repeat):
            exact.clear_log()
            costs.append(loader.run(project))
            bench.say(f"  {costs[-1].wall:.1f} s, {costs[-1].cpu:.1f} s CPU")
        calls = exact.calls()
    names = ("tap-exactonline --discover", "tap-exactonline", "target-postgres")
    parts = {name: [cost.parts[name] for cost in costs] for name in names}
    own = Spread.of(a + b for a, b in zip(parts[names[0]], parts[names[1]], strict=True))
    section = Section("nothing-new", "meltano run with nothing new", ("process", "CPU seconds"))
    section.rows += [(f"`{name}`", Spread.of(seconds).text()) for name, seconds in parts.items()]
    section.rows += [
        ("Meltano itself", Spread.of(cost.rest for cost in costs).text()),
        ("all together", Spread.of(cost.cpu for cost in costs).text()),
        ("seconds from start to end", Spread.of(cost.wall for cost in costs).text(".1f")),
        ("calls", str(calls)),
    ]
    section.data = {"cpu": [cost.cpu for cost in costs], "wall": [cost.wall for cost in costs], **parts}
    section.goals.append(
        Goal(
            "the tap's own processes in a `meltano run` with nothing new",
            f"{_CPU_GOAL} s of CPU",
            f"{own.text()} s",
            own.median <= _CPU_GOAL,
            "without discovery where Meltano has it cached",
        )
    )
    return section


def _expect(database: Postgres, rows: int) -> None:
    """Count the rows that arrived.

    Raises:
        BenchmarkError: There are more or fewer than were served.
    """
    with database.connect() as connection:
        held = connection.execute(f'SELECT count(*) FROM exact_online."{STREAM}"').fetchone()  # noqa: S608
    if held != (rows,):
        raise BenchmarkError(f"{held} rows in PostgreSQL, {rows} expected")
