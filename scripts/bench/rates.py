"""How fast rows flow, how much memory they take, how soon the first one comes, how soon a command answers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scripts.bench.model import Bench, Goal, Section, Spread, ratios
from scripts.bench.process import COUNT, BenchmarkError, Ours, Sample, discovered, run
from scripts.bench.rows import FEWER, FIELDS, PAGE_ROWS, STREAM
from tap_exactonline.endpoints import Field

_FIRST = Path(__file__).with_name("first.py")
_SLOW = Path(__file__).with_name("slow.py")
_DIVISIONS = 8
_SAME = 0.15  # by which the output of two taps with the same columns may differ
_SETTLED = 0.10  # growth of memory that counts as flat

Command = list[str | Path]


def _ours(tap: Ours, url: str, fields: tuple[Field, ...], **settings: object) -> Command:
    catalog = tap.catalog({STREAM: [field.column for field in fields]})
    return tap.sync(tap.config(url, **settings), catalog)


def _stock(bench: Bench, fields: tuple[Field, ...], divisions: list[int]) -> Command:
    program: Command = [sys.executable, "-m", "scripts.bench.stock_tap"]
    config = bench.ours.file({"api_url": bench.pages.url, "divisions": divisions})
    catalog = discovered([*program, "--config", config])
    names = {"division", *(field.name for field in fields)}
    for item in catalog["streams"][0]["metadata"]:
        item["metadata"]["selected"] = not item["breadcrumb"] or item["breadcrumb"][1] in names
    return [*program, "--config", config, "--catalog", bench.ours.file(catalog)]


def _floor(bench: Bench, fields: tuple[Field, ...], divisions: list[int]) -> Command:
    select = ",".join(field.name for field in fields)
    return [sys.executable, "-m", "scripts.bench.floor", bench.pages.url, select, *map(str, divisions)]


def _interleaved(bench: Bench, variants: dict[str, Command], rows: int) -> dict[str, list[Sample]]:
    """Run each variant once a round. Rows are counted at the server and at the end of the pipe.

    Raises:
        BenchmarkError: A variant did not read all rows, so its time means nothing.
    """
    found: dict[str, list[Sample]] = {name: [] for name in variants}
    size = 0
    # The first round warms the caches of the disk and of the page server.
    for number in range(bench.repeat + (0 if bench.smoke else 1)):
        for name, command in variants.items():
            bench.pages.reset()
            sample = run(command, env=bench.rivals[name].env if name in bench.rivals else None)
            read = bench.pages.stats()["rows"]
            if read != rows or not rows <= sample.lines <= rows + rows // 100 + 50:
                raise BenchmarkError(
                    f"{name}: {read} rows served, {sample.lines} lines written, {rows} expected"
                )
            size = size or sample.bytes
            if abs(sample.bytes / size - 1) > _SAME:
                raise BenchmarkError(f"{name}: {sample.bytes:,} bytes, others {size:,}; not the same columns")
            if bench.smoke or number:
                found[name].append(sample)
                bench.say(f"  {name}: {sample.wall:.2f} s, CPU {sample.cpu:.2f} s, {sample.peak_mb:.0f} MB")
    return found


def rate(bench: Bench) -> list[Section]:
    """Rows a second against a stock tap and the floor, in the simplest case and in the usual one."""
    pages = bench.size(200, 4)
    many = [101 + n for n in range(_DIVISIONS)]
    one = _compared(
        bench,
        name="rate",
        title="One administration, 60 columns",
        fields=FIELDS,
        divisions=[101],
        pages=pages,
    )
    several = _compared(
        bench,
        name="rate-partitions",
        title="8 administrations, 40 of 60 columns selected",
        fields=FEWER,
        divisions=many,
        pages=max(1, pages // _DIVISIONS),
    )
    return [one, several]


def _compared(
    bench: Bench, *, name: str, title: str, fields: tuple[Field, ...], divisions: list[int], pages: int
) -> Section:
    bench.say(title)
    bench.pages.reset(pages=pages, divisions=len(divisions), latency_ms=0)
    rows = pages * len(divisions) * PAGE_ROWS
    variants = {"stock SDK tap": _stock(bench, fields, divisions)}
    variants |= {label: _ours(tap, bench.pages.url, fields) for label, tap in bench.taps().items()}
    variants["floor"] = _floor(bench, fields, divisions)
    found = _interleaved(bench, variants, rows)
    head = (
        "variant",
        "seconds",
        "rows/s",
        "CPU seconds",
        "peak MB",
        "x stock",
        "x stock (CPU)",
        "of floor",
        "of floor (CPU)",
    )
    section = Section(name, f"{title}: {rows:,} rows", head)
    stock, floor = found["stock SDK tap"], found["floor"]
    for label, samples in found.items():
        walls, cpus = [s.wall for s in samples], [s.cpu for s in samples]
        section.rows.append((
            label,
            Spread.of(walls).text(),
            Spread.of(rows / wall for wall in walls).text(",.0f"),
            Spread.of(cpus).text(),
            Spread.of(s.peak_mb for s in samples).text(".0f"),
            ratios([s.wall for s in stock], walls).text(".1f"),
            ratios([s.cpu for s in stock], cpus).text(".1f"),
            ratios([s.wall for s in floor], walls).text(".0%"),
            ratios([s.cpu for s in floor], cpus).text(".0%"),
        ))  # fmt: skip
        section.data[label] = {
            "wall": walls, "cpu": cpus, "rows": rows, "peak_mb": [s.peak_mb for s in samples],
        }  # fmt: skip
    ours = found["this tap"]
    to_stock = ratios([s.wall for s in stock], [s.wall for s in ours])
    to_floor = ratios([s.wall for s in floor], [s.wall for s in ours])
    cpu_floor = ratios([s.cpu for s in floor], [s.cpu for s in ours])
    section.goals += [
        Goal(f"rows/s to a pipe: {title}", "7 x stock", f"{to_stock.median:.1f} x", to_stock.median >= 7),
        Goal(
            f"rows/s to a pipe: {title}", "65 % of the floor", f"{to_floor.median:.0%} (CPU: {cpu_floor.median:.0%})",
            to_floor.median >= 0.65,
        ),
    ]  # fmt: skip
    return section


def slow_path(bench: Bench) -> list[Section]:
    """What stream maps or flattening cost: the SDK's own path, record by record."""
    pages = bench.size(50, 2)
    bench.say("The SDK's path, taken when stream maps or flattening are configured")
    bench.pages.reset(pages=pages, divisions=1, latency_ms=0)
    flat = {"flattening_enabled": True, "flattening_max_depth": 1}
    variants = {
        "this tap": _ours(bench.ours, bench.pages.url, FIELDS),
        "flattening on": _ours(bench.ours, bench.pages.url, FIELDS, **flat),
    }
    found = _interleaved(bench, variants, pages * PAGE_ROWS)
    section = Section(
        "slow-path", f"The SDK's path: {pages * PAGE_ROWS:,} rows", ("variant", "rows/s", "CPU seconds")
    )
    for label, samples in found.items():
        rates = Spread.of(pages * PAGE_ROWS / s.wall for s in samples)
        section.rows.append((label, rates.text(",.0f"), Spread.of(s.cpu for s in samples).text()))
        section.data[label] = {"wall": [s.wall for s in samples], "cpu": [s.cpu for s in samples]}
    return [section]


def memory(bench: Bench) -> list[Section]:
    """Peak memory by the number of rows, and with every lane busy or waiting for the target."""
    small, large, lanes = bench.size(20, 2), bench.size(500, 4), bench.size(40, 2)
    slow = f"{sys.executable} -I -S {_SLOW}"
    bench.say("Memory")
    variants = {
        f"{small * PAGE_ROWS:,} rows": (small, 1, COUNT),
        f"{large * PAGE_ROWS:,} rows": (large, 1, COUNT),
        f"{lanes * PAGE_ROWS * 8:,} rows in 8 lanes": (lanes, 8, COUNT),
        "8 lanes that wait for a target of 8,000 rows/s": (max(1, lanes // 4), 8, slow),
    }
    command = _ours(bench.ours, bench.pages.url, FIELDS)
    found: dict[str, list[float]] = {label: [] for label in variants}
    for _ in range(bench.repeat):
        for label, (pages, divisions, drain) in variants.items():
            bench.pages.reset(pages=pages, divisions=divisions, latency_ms=0)
            found[label].append(run(command, drain=drain).peak_mb)
            bench.say(f"  {label}: {found[label][-1]:.0f} MB")
    section = Section("memory", "Peak memory (RSS) of the tap", ("what", "MB"))
    section.rows += [(label, Spread.of(peaks).text(".0f")) for label, peaks in found.items()]
    section.data = dict(found)
    few, many, quick, waiting = (Spread.of(peaks) for peaks in found.values())
    growth = many.median / few.median - 1
    section.goals += [
        Goal(
            f"memory: {large * PAGE_ROWS:,} rows against {small * PAGE_ROWS:,}",
            "at most 10 % more",
            f"{growth:+.1%} ({few.median:.0f} and {many.median:.0f} MB)",
            growth <= _SETTLED,
        ),
        Goal(
            "memory with 8 lanes, full pages of 60 columns",
            "under 120 MB",
            f"{quick.text('.0f')} MB; with a slow target {waiting.text('.0f')} MB",
            max(quick.median, waiting.median) < 120,
        ),
    ]
    return [section]


def first_record(bench: Bench) -> list[Section]:
    """From the first byte of the first page to the first record at the other end of the pipe."""
    bench.say("First record")
    command = _ours(bench.ours, bench.pages.url, FIELDS)
    delays, whole = [], []
    for _ in range(bench.repeat):
        bench.pages.reset(pages=bench.size(20, 2), divisions=1, latency_ms=0)
        with tempfile.TemporaryDirectory(prefix="bench-") as home:
            seen = Path(home, "seen")
            sample = run(command, drain=f"{sys.executable} -I -S {_FIRST} {seen}")
            at = float(seen.read_text())
        delays.append(at - bench.pages.stats()["first_byte"])
        whole.append(at - sample.began)
    section = Section("first-record", "First record", ("what", "seconds"))
    section.rows += [
        ("from the first byte of the first page", Spread.of(delays).text(".3f")),
        ("from the start of the process", Spread.of(whole).text(".2f")),
    ]
    section.data = {"after_first_byte": delays, "after_start": whole}
    worst = max(delays)
    section.goals.append(
        Goal("first record after the first byte of the first page", "0.5 s", f"{Spread.of(delays).median:.3f} s (longest {worst:.3f})", worst <= 0.5)
    )  # fmt: skip
    return [section]


def start_up(bench: Bench) -> list[Section]:
    """How soon commands answer that ask nobody."""
    bench.say("Start-up")
    goals = {"--discover": 1.0, "--help": 0.6, "--version": 0.6}
    variants: dict[str, tuple[Command, Ours | None]] = {
        f"{label}: {option}": ([tap.program, option], tap)
        for option in goals
        for label, tap in bench.taps().items()
    }
    variants["python -c 'import singer_sdk'"] = [sys.executable, "-c", "import singer_sdk"], None
    variants["stock SDK tap: --help"] = [sys.executable, "-m", "scripts.bench.stock_tap", "--help"], None
    found: dict[str, list[Sample]] = {label: [] for label in variants}
    for _ in range(bench.repeat if bench.smoke else bench.repeat + 4):
        for label, (command, tap) in variants.items():
            found[label].append(run(command, env=tap.env if tap else None))
    section = Section("start-up", "Start-up", ("command", "seconds", "CPU seconds", "peak MB"))
    for label, samples in found.items():
        walls, cpus = Spread.of(s.wall for s in samples), Spread.of(s.cpu for s in samples)
        section.rows.append(
            (label, walls.text(), cpus.text(), Spread.of(s.peak_mb for s in samples).text(".0f"))
        )
        section.data[label] = {"wall": [s.wall for s in samples], "cpu": [s.cpu for s in samples]}
    for option, limit in goals.items():
        samples = found[f"this tap: {option}"]
        walls, cpus = Spread.of(s.wall for s in samples), Spread.of(s.cpu for s in samples)
        section.goals.append(
            Goal(
                f"`{option}`",
                f"{limit} s",
                f"{walls.median:.2f} s (CPU: {cpus.median:.2f})",
                walls.median <= limit,
            )
        )
    return [section]
