"""What a run waits for when each call takes its time: lanes side by side, and the minute budget."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.bench.model import Bench, Goal, Section, Spread
from scripts.bench.process import Sample, run
from scripts.bench.rows import FIELDS, PAGE_ROWS, STREAM
from tap_exactonline.endpoints import load
from tests.exact_online import ExactOnline

LATENCY = 0.3
_BOUNDLESS = 10_000_000


@contextmanager
def stand_in(rows: dict[str, int], divisions: int, latency: float = 0.0) -> Iterator[ExactOnline]:
    """A stand-in whose budgets bind nobody, in a thread of this process: its CPU is not the tap's."""
    exact = ExactOnline(seed=1, latency=latency)
    exact.limits(minute=_BOUNDLESS, day=_BOUNDLESS)
    for number in range(divisions):
        exact.add_division(101 + number, rows=rows)
    with exact.serve():
        yield exact


def read(
    bench: Bench, exact: ExactOnline, streams: list[str], state: Path | None = None, **settings: object
) -> Sample:
    """One run of the tap over streams of the stand-in; it logs in by an access token."""
    exact.clear_log()
    config = bench.ours.config(exact.url, access_token=exact.issue_access_token(), **settings)
    return run(bench.ours.sync(config, bench.ours.catalog(dict.fromkeys(streams)), state))


def outcome(exact: ExactOnline) -> Counter[int]:
    """Calls of the API by status."""
    return Counter(call.status for call in exact.log if call.path.lower().startswith("/api/v1/"))


def lanes(bench: Bench) -> list[Section]:
    """Twenty administrations, thirty streams, a page each, ten lanes."""
    divisions, count = bench.size(20, 3), bench.size(30, 3)
    latency = LATENCY if not bench.smoke else 0.02
    streams = [e.name for e in load() if e.kind == "sync" and e.name != "sync_deleted"][:count]
    bench.say(f"{divisions} administrations x {count} streams x 1 page at {latency * 1000:.0f} ms")
    found, calls = [], []
    with stand_in(dict.fromkeys(streams, 20), divisions, latency) as exact:
        for _ in range(bench.repeat):
            found.append(read(bench, exact, streams, max_parallel_divisions=10))
            calls.append(exact.calls())
            bench.say(f"  {found[-1].wall:.1f} s, {calls[-1]} calls")
    walls = Spread.of(s.wall for s in found)
    section = Section("lanes", "Ten lanes", ("what", "value"))
    section.rows += [
        ("calls", Spread.of(calls).text(".0f")),
        ("one after the other (calls x latency)", f"{calls[0] * latency:.0f} s"),
        ("what ten lanes need at least", f"{divisions * count * latency / min(10, divisions):.1f} s"),
        ("seconds", walls.text(".1f")),
        ("CPU seconds", Spread.of(s.cpu for s in found).text()),
    ]
    section.data = {"wall": [s.wall for s in found], "calls": calls}
    section.goals.append(
        Goal(f"{divisions} administrations x {count} streams x 1 page at 300 ms, 10 lanes", "under 22 s", f"{walls.median:.1f} s", walls.median < 22)
    )  # fmt: skip
    return [section]


def one_division(bench: Bench) -> list[Section]:
    """A hundred pages of one administration: whether writing overlaps the next call."""
    pages = bench.size(100, 4)
    latency = LATENCY if not bench.smoke else 0.02
    bench.say(f"One administration, {pages} pages at {latency * 1000:.0f} ms")
    select = ",".join(field.name for field in FIELDS)
    variants: dict[str, list[str | Path]] = {
        "this tap": bench.ours.sync(
            bench.ours.config(bench.pages.url),
            bench.ours.catalog({STREAM: [field.column for field in FIELDS]}),
        ),
        "floor": [sys.executable, "-m", "scripts.bench.floor", bench.pages.url, select, "101"],
    }
    found: dict[str, list[Sample]] = {name: [] for name in variants}
    per_thousand = []
    for _ in range(bench.repeat):
        for name, command in variants.items():
            bench.pages.reset(pages=pages, divisions=1, latency_ms=latency * 1000)
            found[name].append(run(command))
            bench.say(f"  {name}: {found[name][-1].wall:.1f} s")
            stats = bench.pages.stats()
            per_thousand.append(stats["page_calls"] * 1000 / stats["rows"])
    least = pages * latency
    section = Section(
        "one-division",
        f"One administration: {pages} pages at {latency * 1000:.0f} ms, at least {least:.1f} s",
        ("variant", "seconds", "more than the calls alone", "CPU seconds", "rows/s"),
    )
    for name, samples in found.items():
        section.rows.append((
            name, Spread.of(s.wall for s in samples).text(), Spread.of(s.wall / least - 1 for s in samples).text("+.1%"),
            Spread.of(s.cpu for s in samples).text(), Spread.of(pages * PAGE_ROWS / s.wall for s in samples).text(",.0f"),
        ))  # fmt: skip
        section.data[name] = {"wall": [s.wall for s in samples], "cpu": [s.cpu for s in samples]}
    ours, floor = (Spread.of(s.wall for s in samples) for samples in found.values())
    more, calls = ours.median / least - 1, Spread.of(per_thousand).median
    section.goals += [
        Goal(
            f"one administration, {pages} pages at 300 ms",
            "within 10 %",
            f"{more:+.1%} ({ours.median:.1f} s)",
            more <= 0.10,
            f"the floor, in the same rounds: {floor.median / least - 1:+.1%}",
        ),
        Goal("calls per 1,000 rows of a sync stream", "1.0", f"{calls:.2f}", calls <= 1.005),
    ]
    return [section]


def budget(bench: Bench) -> list[Section]:
    """More calls than a minute allows: whether each window is used up, and none overdrawn."""
    limit, seconds, windows = 20, 6, bench.size(4, 2)
    # 60 rows a page; half a window more at either end, so that some windows lie whole inside the run.
    calls = limit * windows
    stream = "financial_journals"
    bench.say(f"Minute budget: {limit} calls in each window of {seconds} s, {calls} calls to make")
    shares, refused, walls = [], [], []
    with stand_in({stream: 60 * (calls - 1) + 30}, 1, 0.05) as exact:
        exact.limits(minute=limit, minute_seconds=seconds)
        for _ in range(bench.repeat):
            walls.append(read(bench, exact, [stream]).wall)
            refused.append(outcome(exact)[429])
            used = Counter(call.time // seconds for call in exact.log if call.division is not None)
            # The last window is left with calls to spare, the first may have begun before the run.
            inner = [used[window] for window in range(int(min(used)) + 1, int(max(used)))]
            shares.append(sum(inner) / (limit * len(inner)) if inner else 0.0)
            bench.say(f"  {walls[-1]:.1f} s, {shares[-1]:.0%} used, {refused[-1]} refused")
    section = Section("budget", "Minute budget", ("what", "value"))
    section.rows += [
        ("share of the calls that whole windows allow", Spread.of(shares).text(".0%")),
        ("answers 429", Spread.of(refused).text(".0f")),
        ("seconds", Spread.of(walls).text(".1f")),
    ]
    section.data = {"shares": shares, "refused": refused, "wall": walls}
    lowest = min(shares)
    section.goals.append(
        Goal("minute budget used by a run that needs more", "95 % and no 429", f"{lowest:.0%}, {sum(refused)} x 429", lowest >= 0.95 and not sum(refused), f"windows of {seconds} s with {limit} calls stand for minutes with 60")
    )  # fmt: skip
    return [section]


def scaling(bench: Bench) -> list[Section]:
    """Rows a second by the number of administrations, with the default lanes and with as many as there are."""
    pages = bench.size(10, 2)
    counts = [1, 2, 4, 8, 16, 32, 64] if not bench.smoke else [1, 4]
    latency = LATENCY if not bench.smoke else 0.02
    bench.say(f"1 to {counts[-1]} administrations, {pages} pages each at {latency * 1000:.0f} ms")
    catalog = bench.ours.catalog({STREAM: [field.column for field in FIELDS]})
    variants = {
        "8 lanes (default)": bench.ours.sync(bench.ours.config(bench.pages.url), catalog),
        "64 lanes": bench.ours.sync(bench.ours.config(bench.pages.url, max_parallel_divisions=64), catalog),
    }
    found: dict[str, dict[int, list[Sample]]] = {name: {n: [] for n in counts} for name in variants}
    for _ in range(bench.repeat):
        for name, command in variants.items():
            for count in counts:
                bench.pages.reset(pages=pages, divisions=count, latency_ms=latency * 1000)
                found[name][count].append(run(command))
                bench.say(f"  {name}, {count}: {found[name][count][-1].wall:.1f} s")
    head = ("administrations", *(f"{name}: {what}" for name in variants for what in ("rows/s", "peak MB")))
    section = Section(
        "scaling",
        f"Scaling: {pages} pages of 1,000 rows an administration, {latency * 1000:.0f} ms a call",
        head,
    )
    for count in counts:
        cells = [str(count)]
        for name in variants:
            samples = found[name][count]
            cells.append(Spread.of(count * pages * PAGE_ROWS / s.wall for s in samples).text(",.0f"))
            cells.append(Spread.of(s.peak_mb for s in samples).text(".0f"))
        section.rows.append(cells)
    section.data = {
        name: {str(n): {"wall": [s.wall for s in samples], "rows": n * pages * PAGE_ROWS, "peak_mb": [s.peak_mb for s in samples]} for n, samples in by.items()}
        for name, by in found.items()
    }  # fmt: skip
    return [section]


def calls(bench: Bench) -> list[Section]:
    """What a run costs of the day's budget: nothing new, and how many calls for a thousand rows."""
    divisions, count = bench.size(5, 2), bench.size(30, 3)
    streams = [e.name for e in load() if e.kind == "sync" and e.name != "sync_deleted"][:count]
    bench.say("Calls")
    section = Section("calls", "Calls", ("what", "calls"))
    with (
        stand_in(dict.fromkeys(streams, 30), divisions) as exact,
        tempfile.TemporaryDirectory(prefix="bench-") as home,
    ):
        log = Path(home, "messages")
        config = bench.ours.config(exact.url, access_token=exact.issue_access_token())
        catalog = bench.ours.catalog(dict.fromkeys(streams))
        run(bench.ours.sync(config, catalog), drain=f"tee {log}")
        states = [line for line in log.read_bytes().splitlines() if b'"STATE"' in line[:40]]
        state = bench.ours.file(json.loads(states[-1])["value"])
        exact.clear_log()
        config = bench.ours.config(exact.url, access_token=exact.issue_access_token())
        run(bench.ours.sync(config, catalog, state))
        reading = sum(1 for call in exact.log if call.stream in streams)
        lists = exact.calls() - reading
        rows = sum(call.rows for call in exact.log if call.stream in streams)
    needed = divisions * count
    section.rows += [
        (f"nothing new, {divisions} administrations x {count} streams", str(reading)),
        ("who the login is and which administrations there are", str(lists)),
    ]
    exactly = reading == needed and rows == 0 and lists == 2
    section.goals.append(
        Goal("an incremental run with nothing new", "one call per stream and division", f"{reading} for {needed}, and {lists} for the list of administrations", exactly)
    )  # fmt: skip
    section.data = {"nothing_new": reading, "needed": needed, "lists": lists}
    full = bench.size(20_500, 2_500)
    for stream in ("sync_financial_transaction_lines", "bulk_cashflow_payments"):
        with stand_in({stream: full}, 1) as exact:
            read(bench, exact, [stream])
            made = sum(1 for call in exact.log if call.stream == stream)
        section.rows.append((f"{full:,} rows of {stream}", str(made)))
        section.data[stream] = {"calls": made, "rows": full}
        section.goals.append(
            Goal(f"calls for {full:,} rows of a {stream.split('_', 1)[0]} stream", f"{-(-full // 1000)}", str(made), made == -(-full // 1000))
        )  # fmt: skip
    return [section]
