"""One part of a pass over all administrations, for engines: start Meltano, read what became of it, say what comes next.

The files in `airflow/`, `dagster/` and `kubernetes/` import this one; it needs Python alone and belongs beside them.

Settings of the tap and the target come from the environment, as they do without an engine. Those of this file:

- `MELTANO_PROJECT_ROOT`: the directory of `meltano.yml`, with its plugins installed.
- `MELTANO`: the program (`meltano`).
- `EXACT_TARGET`: the loader (`target-postgres`).
- `EXACT_PARTS`: how many parts, a power of two (16).
- `EXACT_PARTS_HOME`: where each part has its own directory (`.parts` in the project).
- `EXACT_CONNECTIONS`: `all` reads every active connection of the token store, each in so many parts. Otherwise the one that
  the tap's settings name is read.
- `EXACT_SCHEMA`: with `all`, the schema of each connection, for example `exact_{connection}`. Otherwise the loader's setting.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

TAP = "tap-exactonline"

# How long Meltano takes a run without a sign of life for a running one: five minutes, and one for clocks.
LOCK = timedelta(minutes=6)
# A moment is given to the second, and the clock of a worker may be behind.
MARGIN = timedelta(seconds=5)

_TAIL = 40
_LOCKED = re.compile(r"is already running(?:.*?Wait until (?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))?")
# What `stop` has to reach.
_started: list[subprocess.Popen[str]] = []
# A run whose engine was killed ends, too: it would hold its part, and meet the next try.
_GUARD = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the engine is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Next(StrEnum):
    """What to do after a run."""

    DONE = "done"
    RETRY = "retry"
    """At once, or after the engine's usual delay."""
    WAIT = "wait"
    """Not before a moment."""
    FAIL = "fail"
    """Not before a person has acted."""


@dataclass(frozen=True)
class Decision:
    """What comes after a run, why, and not before which moment (in UTC)."""

    next: Next
    why: str = ""
    at: datetime | None = None

    def delay(self, now: datetime | None = None) -> timedelta:
        """How long to wait; nothing without a moment."""
        if self.at is None:
            return timedelta(0)
        return max(timedelta(0), self.at + MARGIN - (now or datetime.now(UTC)))


@dataclass(frozen=True)
class Part:
    """One part of the administrations of one connection.

    Attributes:
        number: Counted from 0.
        of: How many parts there are.
        connection: Name of the login; "" for the one that the settings name.
    """

    number: int
    of: int
    connection: str = ""

    @property
    def name(self) -> str:
        """For the state, the directory and the engine's screens: `3of16`, or `customer-17-3of16`."""
        return f"{self.connection}-{self.number}of{self.of}".lstrip("-")


@dataclass(frozen=True)
class Facts:
    """What a part did, by the tap's own report."""

    part: str
    administrations: int = 0
    rows: int = 0
    calls: int = 0
    missing: tuple[int, ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For an engine, which keeps it as JSON."""
        return asdict(self) | {"missing": list(self.missing)}


class PartFailed(Exception):
    """A part is not complete; `decision` says what to do about it."""

    def __init__(self, decision: Decision, facts: Facts) -> None:
        super().__init__(f"part {facts.part}: {decision.why}")
        self.decision = decision
        self.facts = facts


def decide(code: int, rows: Sequence[Mapping[str, Any]], tail: str, now: datetime) -> Decision:
    """Say what comes after a run.

    Args:
        code: With which Meltano ended.
        rows: Of the tap's file `report`; none if the tap was never started.
        tail: The end of Meltano's log.
        now: In UTC.
    """
    if code == 0:
        return Decision(Next.DONE)
    runs = [row for row in rows if _is_whole(row) and row["status"] != "killed"]
    return _after_tap(runs[-1], tail) if runs else _without_tap(code, tail, now)


def _without_tap(code: int, tail: str, now: datetime) -> Decision:
    """Meltano ended before the tap could say anything."""
    if locked := _LOCKED.search(" ".join(tail.split())):
        moment = locked["moment"]
        until = datetime.fromisoformat(moment).replace(tzinfo=UTC) if moment else now + LOCK
        return Decision(Next.WAIT, "Meltano takes the last run of this part for a running one", until)
    return Decision(Next.RETRY, _last_line(tail) or f"Meltano ended with {code}")


def _after_tap(run: Mapping[str, Any], tail: str) -> Decision:
    """The tap's row of the whole run says what comes next; nothing, if only the load failed."""
    why = ". ".join(str(run[name]).rstrip(". ") for name in ("message", "remedy") if run.get(name))
    match run.get("again"):
        case None:
            return Decision(Next.RETRY, _last_line(tail) or "The tap is complete, but the load failed")
        case "soon":
            return Decision(Next.RETRY, why)
        case "person":
            return Decision(Next.FAIL, why or "A person has to act")
        case moment:
            return Decision(Next.WAIT, why, datetime.fromisoformat(moment).astimezone(UTC))


def facts_of(part: Part, rows: Sequence[Mapping[str, Any]], seconds: float) -> Facts:
    """Count what the report tells."""
    whole: Mapping[str, Any] = next((row for row in reversed(rows) if _is_whole(row)), {})
    incomplete = {row["division"] for row in rows if row["status"] in {"incomplete", "not read"}}
    return Facts(
        part.name,
        administrations=len({row["division"] for row in rows} - {0}),
        rows=whole.get("rows", 0),
        calls=whole.get("calls", 0),
        missing=tuple(sorted(incomplete - {0})),
        seconds=round(seconds, 1),
    )


def run_part(part: Part) -> Facts:
    """Read one part into the target.

    Raises:
        PartFailed: It is not complete.
    """
    own = _directory(part.name)
    report = own / "report.jsonl"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    settings = {"TAP_EXACTONLINE_SHARD": f"{part.number}/{part.of}", "TAP_EXACTONLINE_REPORT": str(report)}
    code, tail = _meltano(
        own,
        ["run", f"--state-id-suffix={part.name}", TAP, _target()],
        settings | _of_connection(part.connection),
    )
    rows = list(_rows(report))
    facts = facts_of(part, rows, time.monotonic() - began)
    decision = decide(code, rows, tail, datetime.now(UTC))
    if decision.next is not Next.DONE:
        raise PartFailed(decision, facts)
    return facts


def prepare() -> list[Part]:
    """Make Meltano's tables and the target's before parts do so at the same time; returns the parts.

    Raises:
        PartFailed: The tables could not be made.
    """
    connections = _connections() if os.environ.get("EXACT_CONNECTIONS") == "all" else [""]
    own = _directory("prepare")
    for settings in _distinct(_of_connection(name) for name in connections):
        code, tail = _meltano(
            own,
            ["run", "--no-state-update", TAP, _target()],
            {"TAP_EXACTONLINE_ONLY_SCHEMAS": "true"} | settings,
        )
        if code:
            raise PartFailed(decide(code, [], tail, datetime.now(UTC)), Facts("prepare"))
    parts = int(os.environ.get("EXACT_PARTS", "16"))
    return [Part(number, parts, name) for name in connections for number in range(parts)]


def stop() -> None:
    """End the run that is under way, as Meltano ends it: the tap finishes its page and the bookmarks are kept."""
    for process in _started:
        process.terminate()


def _connections() -> list[str]:
    """The active connections of the token store. Raises `PartFailed`."""
    own = _directory("prepare")
    done = subprocess.run(
        [_program(), "invoke", f"{TAP}:connections", "--format", "json"],
        cwd=_project(), env=_environment(own, {}), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stderr)
        raise PartFailed(
            Decision(Next.RETRY, _last_line(done.stderr) or "no list of connections"), Facts("prepare")
        )
    found = json.loads(done.stdout[done.stdout.index("{") :])["connections"]
    names = [str(one["connection"]) for one in found if one["active"]]
    schemas = {_schema(name) for name in names}
    if os.environ.get("EXACT_SCHEMA") and len(schemas) < len(names):
        raise PartFailed(
            Decision(Next.FAIL, "EXACT_SCHEMA gives two connections the same schema"), Facts("prepare")
        )
    return names


def _of_connection(name: str) -> dict[str, str]:
    if not name:
        return {}
    settings = {"TAP_EXACTONLINE_CONNECTION": name}
    if schema := _schema(name):
        settings[_target().upper().replace("-", "_") + "_DEFAULT_TARGET_SCHEMA"] = schema
    return settings


def _schema(connection: str) -> str:
    return os.environ.get("EXACT_SCHEMA", "").format(connection=re.sub(r"\W", "_", connection))


def _distinct(settings: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """One for each place in which tables are made."""
    seen = set()
    for one in settings:
        place = tuple(value for name, value in one.items() if name.endswith("_SCHEMA"))
        if place not in seen:
            seen.add(place)
            yield one


def _meltano(own: Path, arguments: list[str], settings: Mapping[str, str]) -> tuple[int, str]:
    """Run Meltano with its log on standard output; returns its code and the end of the log."""
    tail: deque[str] = deque(maxlen=_TAIL)
    with subprocess.Popen(
        [sys.executable, "-c", _GUARD, str(os.getpid()), _program(), *arguments],
        cwd=_project(), env=_environment(own, settings), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        # A signal for the group of the engine's task would reach the tap and the target beside Meltano, which ends them in order.
        start_new_session=True,
    ) as process:  # fmt: skip
        _started.append(process)
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                tail.append(line)
        except BaseException:
            # The engine's time limit, for one. Meltano keeps the bookmarks when it is asked to end.
            process.terminate()
            raise
        finally:
            _started.remove(process)
    return process.returncode, "".join(tail)


def _environment(own: Path, settings: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "MELTANO_SYS_DIR_ROOT": str(own), "NO_COLOR": "1", **settings}


def _directory(name: str) -> Path:
    """Meltano keeps the bookmarks and the catalogue of a run in fixed files: a directory for each part, with the plugins."""
    plugins = _project() / ".meltano"
    own = Path(os.environ.get("EXACT_PARTS_HOME") or _project() / ".parts") / name
    own.mkdir(parents=True, exist_ok=True)
    for kind in ("extractors", "loaders"):
        if (plugins / kind).exists() and not (own / kind).exists():
            (own / kind).symlink_to(plugins / kind)
    return own


def _project() -> Path:
    return Path(os.environ["MELTANO_PROJECT_ROOT"]).resolve()


def _program() -> str:
    return os.environ.get("MELTANO", "meltano")


def _target() -> str:
    return os.environ.get("EXACT_TARGET", "target-postgres")


def _rows(report: Path) -> Iterator[dict[str, Any]]:
    if report.exists():
        with report.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _is_whole(row: Mapping[str, Any]) -> bool:
    """Whether a row of the report speaks of the run as a whole."""
    return bool(row["division"] == 0 and row["stream"] == "*")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
