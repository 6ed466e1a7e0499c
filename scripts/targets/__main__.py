"""Load every stream into every target that can be run here, and compare each value with the source.

    python -m scripts.targets                        all of them
    python -m scripts.targets --only DuckDB          those whose name holds this
    python -m scripts.targets --stream sync_deleted  this stream only; may be repeated
    python -m scripts.targets --write-docs           renew the tables in docs/targets.md

The exit code is 0 if no target differs from the source in a way that is not known of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from scripts.meltano_project import ROOT
from scripts.postgres import Postgres, embedded
from scripts.targets import bucket, memory
from scripts.targets.compare import OTHER, compare
from scripts.targets.known import S3_ADDRESS, TARGETS, Target
from scripts.targets.probes import PROBES, Probe, snowflake_tables
from scripts.targets.source import AGAIN, Source, again, source

PAGE = ROOT / "docs/targets.md"
KINDS = ("uuid", "string", "number", "int16", "int32", "int64", "boolean", "date-time")


@dataclass
class Result:
    """What became of one target.

    Attributes:
        target: It.
        version: Of its distribution.
        rows: Rows that arrived.
        kinds: How many values differ, by kind.
        examples: Some differences that nobody expects.
        types: JSON Schema kind → the types that its columns got.
        twice: Rows of the streams that were delivered again, as a multiple of those at the source.
        failure: The end of its log, if it failed.
    """

    target: Target
    version: str
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    types: dict[str, set[str]] = field(default_factory=dict)
    twice: float = 0.0
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing happened that is not known of the target."""
        known = self.target.expected | ({OTHER} if self.examples else set())
        return not self.failure and not self.examples and set(self.kinds) <= known


def run(target: Target, given: Source, home: Path, database: Postgres) -> Result:
    """Load everything, read it back, and deliver some streams once more."""
    result = Result(target, version(target.python, target.package))
    settings = home / "settings.json"
    settings.write_text(json.dumps(target.settings(home, database)), encoding="utf-8")
    messages = given.batches if target.batches and given.batches else given.messages
    if not _load(target, settings, messages, home, result):
        return result
    tables = target.tables(home, database)
    for stream, expected in given.rows.items():
        found = list(tables.rows(stream, given.schemas[stream]))
        result.rows += len(found)
        kinds, examples = compare(found, expected, given.keys[stream])
        result.kinds += kinds
        result.examples += [f"{stream} {example}" for example in examples]
        types = tables.types(stream)
        for column, schema in given.schemas[stream].items():
            if column in types:
                result.types.setdefault(kind_of(schema), set()).add(types[column])
    tables.close()
    twice = [name for name in AGAIN if name in given.rows]
    if twice and _load(target, settings, again(messages), home, result):
        tables = target.tables(home, database)
        found_again = sum(len(list(tables.rows(name, given.schemas[name]))) for name in twice)
        tables.close()
        result.twice = found_again / sum(len(given.rows[name]) for name in twice)
        if (result.twice == 1) != target.replaces:
            result.examples.append(f"rows that came again: {result.twice:.1f} times as many")
    return result


def _load(target: Target, settings: Path, messages: Path, home: Path, result: Result) -> bool:
    program = target.python.with_name(target.program)
    with messages.open("rb") as lines:
        done = subprocess.run(
            [program, "--config", settings],
            stdin=lines,
            capture_output=True,
            text=True,
            cwd=home,
            check=False,
        )
    if done.returncode:
        result.failure = done.stderr[-1500:]
    return not done.returncode


def kind_of(schema: dict[str, object]) -> str:
    """The name of a column's kind in the table of types."""
    if schema.get("format") in ("uuid", "date-time"):
        return str(schema["format"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    (kind,) = [one for one in types if one != "null"]
    if kind == "integer":
        return {2**15 - 1: "int16", 2**31 - 1: "int32"}.get(schema.get("maximum"), "int64")  # type: ignore[call-overload]
    return str(kind)


def version(python: Path, package: str) -> str:
    """The version of a distribution in an environment.

    Raises:
        FileNotFoundError: The environment is not there.
    """
    if not python.exists():
        raise FileNotFoundError(f"{python} is missing: run `make test-targets`, which prepares it")
    program = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def results_table(results: Sequence[Result], given: Source) -> str:
    """What was run, as Markdown."""
    lines = ["| target | version | rows | values | comes again |", "|---|---|--:|---|---|"]
    for one in results:
        kinds = [f"{kind} ({count:,})" for kind, count in sorted(one.kinds.items())]
        values = (
            f"**fails**: {one.failure.strip().splitlines()[-1][:80]}"
            if one.failure
            else "; ".join(kinds) or "all equal"
        )
        twice = "replaces itself" if one.twice == 1 else f"there {one.twice:.0f} times" if one.twice else ""
        lines.append(
            f"| {one.target.label} | `{one.target.package}` {one.version} | {one.rows:,} of {given.total:,} | {values} | {twice} |"
        )
    return "\n".join(lines)


def types_table(results: Sequence[Result], probes: Sequence[tuple[Probe, str, dict[str, str]]]) -> str:
    """The types that columns get, as Markdown."""
    lines = ["| target | " + " | ".join(KINDS) + " |", "|---|" + "---|" * len(KINDS)]
    rows = [
        (one.target.label, {kind: ", ".join(sorted(found)) for kind, found in one.types.items()})
        for one in results
        if one.types
    ]
    rows += [(f"{probe.label}, {number}", types) for probe, number, types in probes]
    lines += [
        f"| {label} | " + " | ".join(types.get(kind, "").lower() for kind in KINDS) + " |"
        for label, types in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for."""
    options = _options()
    wanted = [one for one in TARGETS if not options.only or any(word in one.label for word in options.only)]
    chosen = [one for one in wanted if not _left_out(one)]
    results: list[Result] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="targets-")))
        batches = any(one.batches for one in chosen)
        in_bucket = batches or any(one.environment == "target-s3" for one in chosen)
        address = stack.enter_context(bucket.served()) if in_bucket else ""
        given = stack.enter_context(source(scratch, options.stream, address if batches else ""))
        server = stack.enter_context(embedded(tcp=True))
        print(f"{len(given.rows)} streams, {given.total:,} rows", flush=True)
        for number, target in enumerate(chosen):
            home = _folder(scratch, f"target-{number}")
            (home / S3_ADDRESS).write_text(address, encoding="utf-8")
            result = run(target, given, home, server.database(f"target_{number}"))
            results.append(result)
            told = result.failure or "; ".join(result.examples[:5]) or "as expected"
            print(
                f"{target.label} {result.version}: {result.rows:,} rows, {dict(result.kinds)}, {told}",
                flush=True,
            )
        peaks = [] if options.only else memory.measure(_folder(scratch, "memory"), address)
    probes = [(probe, *probe.run()) for probe in PROBES if not options.only and not _left_out(probe)]
    if not options.only:
        print(
            f"Snowflake, meltanolabs: {snowflake_tables(given)} of {len(given.schemas)} tables created in fakesnow"
        )
    tables = {"results": results_table(results, given), "types": types_table(results, probes)}
    if peaks:
        tables["memory"] = memory.table(peaks)
    print("", *tables.values(), sep="\n\n")
    if options.write_docs and len(results) + len(probes) < len(TARGETS) + len(PROBES):
        print("docs/targets.md stays as it is: not all targets were run")
    elif options.write_docs:
        text = PAGE.read_text(encoding="utf-8")
        for name, table in tables.items():
            before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
            _, end, after = rest.partition(f"<!-- {name}: end -->")
            text = f"{before}{begin}{table}\n{end}{after}"
        PAGE.write_text(text, encoding="utf-8")
    return 0 if all(one.good for one in results) and all(one.flat for one in peaks) else 1


def _left_out(one: Target | Probe) -> bool:
    """Whether its environment is missing, which is told: old targets want a Python that not every machine has."""
    ready = (one.python.parents[1] / ".ready").exists()
    if not ready:
        print(f"{one.label} is left out: .venvs/{one.environment} could not be prepared", flush=True)
    return not ready


def _folder(parent: Path, name: str) -> Path:
    path = parent / name
    path.mkdir()
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.targets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", action="append", metavar="WORDS", help="targets whose name holds this; may be repeated"
    )
    parser.add_argument("--stream", action="append", default=[], help="this stream only; may be repeated")
    parser.add_argument("--write-docs", action="store_true", help="renew docs/targets.md")
    options = parser.parse_args()
    if options.write_docs and (options.only or options.stream):
        parser.error("--write-docs needs all targets and streams")
    return options


if __name__ == "__main__":
    sys.exit(main())
