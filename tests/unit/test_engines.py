"""What engines do with a part: when it is tried again, and with which settings Meltano runs. None of the engines is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import exact_part
import exact_parts
import jsonschema
import pytest
import yaml
from exact_parts import Decision, Facts, Next, Part, PartFailed, decide, facts_of

from scripts.build_docs import ROOT
from scripts.postgres import Postgres
from tests.exact_online import faults
from tests.support.modules import module_at
from tests.support.sync import HOME, ITEMS, SyncFixture, lab

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOCKED = """
[error    ] Run failed [cli] error=Another 'dev:tap-exactonline-to-target-postgres:3of16' pipeline is
already running which started at 2026-11-28 11:55:02.1+00:00. Wait until 2026-11-28 12:03:07.241313+00:00
when the job will be automatically cancelled if stale, or ignore this check using the '--force' option.
"""
DEPLOY = ROOT / "deploy"


def whole(again: str | None, status: str = "incomplete", **more: Any) -> dict[str, Any]:
    return {
        "division": 0,
        "stream": "*",
        "status": status,
        "again": again,
        "message": "What happened",
        **more,
    }


@pytest.mark.parametrize(
    ("code", "rows", "tail", "expected", "at"),
    [
        (0, [whole(None, "ok")], "", Next.DONE, None),
        # The row of a run that was killed before this one says nothing of this one.
        (1, [whole("soon", "killed"), whole("person")], "", Next.FAIL, None),
        (1, [whole("soon")], "", Next.RETRY, None),
        (1, [whole("2026-11-29T00:00:00+00:00")], "", Next.WAIT, datetime(2026, 11, 29, tzinfo=UTC)),
        (1, [whole("2026-11-28T18:30:00+02:00")], "", Next.WAIT, datetime(2026, 11, 28, 16, 30, tzinfo=UTC)),
        # The tap is complete, and the target failed.
        (1, [whole(None, "ok")], "target: no space left", Next.RETRY, None),
        # The tap was never started.
        (1, [], "no such plugin", Next.RETRY, None),
        (1, [], "", Next.RETRY, None),
        (1, [whole("soon", "killed")], LOCKED, Next.WAIT, datetime(2026, 11, 28, 12, 3, 7, tzinfo=UTC)),
        (1, [], LOCKED.partition("Wait")[0], Next.WAIT, NOW + exact_parts.LOCK),
    ],
)  # fmt: skip
def test_the_tap_or_meltano_says_what_comes_next(
    code: int, rows: list[dict[str, Any]], tail: str, expected: Next, at: datetime | None
) -> None:
    decision = decide(code, rows, tail, NOW)
    assert (decision.next, decision.at) == (expected, at)
    assert bool(decision.why) is (expected is not Next.DONE)


def test_nothing_is_tried_before_the_moment_and_never_in_the_past() -> None:
    assert Decision(Next.WAIT, at=NOW + timedelta(hours=1)).delay(NOW) > timedelta(hours=1)
    assert Decision(Next.WAIT, at=NOW - timedelta(hours=1)).delay(NOW) == timedelta(0)
    assert Decision(Next.RETRY).delay(NOW) == timedelta(0)


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (Decision(Next.RETRY), 1),
        (Decision(Next.FAIL), 3),
        (Decision(Next.WAIT, at=NOW + timedelta(minutes=5)), None),
        (Decision(Next.WAIT, at=NOW + timedelta(hours=12)), 3),
    ],
)
def test_a_program_waits_for_minutes_and_leaves_hours_to_the_next_pass(
    decision: Decision, code: int | None
) -> None:
    assert exact_part.exit_code(decision, NOW) == code


# -- with the tap's own report ---------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SyncFixture]:
    with lab(tmp_path, {ITEMS: 4}) as made:
        made.settings["report"] = str(tmp_path / "report.jsonl")
        yield made


def report(home: SyncFixture) -> list[dict[str, Any]]:
    home.run(ITEMS)
    return [json.loads(line) for line in Path(home.settings["report"]).read_text().splitlines()]


def test_the_report_of_the_tap_is_understood(home: SyncFixture) -> None:
    rows = report(home)
    found = facts_of(Part(0, 1), rows, 1.26)
    assert found == Facts("0of1", administrations=1, rows=4, calls=rows[-1]["calls"], seconds=1.3)
    assert found.calls > 0
    assert decide(1, rows, "target: gone", NOW).why == "target: gone"

    home.exact.faults.add(ITEMS, faults.forbidden("division"), times=1)
    rows = report(home)
    assert decide(1, rows, "", NOW).next is Next.FAIL
    assert facts_of(Part(0, 1), rows, 0).missing == (HOME,)


def test_a_spent_day_is_waited_out(home: SyncFixture) -> None:
    home.exact.limits(day=1)
    home.exact.spend(HOME, 1)
    decision = decide(1, report(home), "", datetime.now(UTC))
    assert decision.next is Next.WAIT
    assert decision.at is not None
    assert decision.at > datetime.now(UTC)


# -- with a program in the place of Meltano --------------------------------------------------------

PROGRAM = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
names = ("TAP_EXACTONLINE_SHARD", "TAP_EXACTONLINE_CONNECTION", "TAP_EXACTONLINE_ONLY_SCHEMAS", "MELTANO_SYS_DIR_ROOT",
         "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA")
with open("calls.jsonl", "a") as log:
    log.write(json.dumps([sys.argv[1:], {{name: os.environ[name] for name in names if name in os.environ}}]) + "\\n")
{does}
"""
CONNECTIONS = [
    {"connection": "bakery", "active": True},
    {"connection": "paused", "active": False},
    {"connection": "shop.nl", "active": True},
]


class FakeMeltano:
    """A project whose Meltano notes how it was called, and does what the test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.program = root / "meltano"
        (root / ".meltano/extractors").mkdir(parents=True)
        self.does("pass")

    def does(self, what: str) -> None:
        self.program.write_text(PROGRAM.format(python=sys.executable, does=what))
        self.program.chmod(0o755)

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        lines = (self.root / "calls.jsonl").read_text().splitlines()
        return [(call[0], call[1]) for call in map(json.loads, lines)]


@pytest.fixture
def meltano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMeltano:
    for name in [name for name in os.environ if name.startswith(("EXACT_", "TAP_", "TARGET_", "MELTANO_"))]:
        monkeypatch.delenv(name)
    made = FakeMeltano(tmp_path)
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path))
    monkeypatch.setenv("MELTANO", str(made.program))
    return made


@pytest.mark.process
def test_each_part_has_its_own_bookmarks_and_its_own_directory(meltano: FakeMeltano) -> None:
    for part in (Part(3, 16), Part(0, 2, "bakery")):
        exact_parts.run_part(part)

    first, second = meltano.calls()
    assert first[0] == ["run", "--state-id-suffix=3of16", "tap-exactonline", "target-postgres"]
    own = meltano.root / ".parts/3of16"
    assert first[1] == {"TAP_EXACTONLINE_SHARD": "3/16", "MELTANO_SYS_DIR_ROOT": str(own)}
    assert (own / "extractors").resolve() == meltano.root / ".meltano/extractors"
    assert second[0][1] == "--state-id-suffix=bakery-0of2"
    assert second[1]["TAP_EXACTONLINE_CONNECTION"] == "bakery"
    assert second[1]["MELTANO_SYS_DIR_ROOT"] != first[1]["MELTANO_SYS_DIR_ROOT"]


@pytest.mark.process
def test_a_report_of_an_earlier_run_is_not_taken_for_this_one(meltano: FakeMeltano) -> None:
    row = json.dumps(whole("person"))
    meltano.does(f"Path(os.environ['TAP_EXACTONLINE_REPORT']).write_text({row!r}); sys.exit(1)")
    with pytest.raises(PartFailed, match="part 0of1: What happened") as failed:
        exact_parts.run_part(Part(0, 1))
    assert failed.value.decision.next is Next.FAIL

    meltano.does("print('no such plugin'); sys.exit(1)")
    with pytest.raises(PartFailed, match="no such plugin") as failed:
        exact_parts.run_part(Part(0, 1))
    assert failed.value.decision.next is Next.RETRY


@pytest.mark.process
def test_the_active_connections_are_read_in_parts_each_into_its_schema(
    meltano: FakeMeltano, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exact_parts.prepare() == [Part(number, 16) for number in range(16)]

    meltano.does(f"if sys.argv[1] == 'invoke': print({json.dumps({'connections': CONNECTIONS})!r})")
    monkeypatch.setenv("EXACT_CONNECTIONS", "all")
    monkeypatch.setenv("EXACT_PARTS", "2")
    assert exact_parts.prepare() == [
        Part(0, 2, "bakery"), Part(1, 2, "bakery"), Part(0, 2, "shop.nl"), Part(1, 2, "shop.nl"),
    ]  # fmt: skip
    monkeypatch.setenv("EXACT_SCHEMA", "exact_{connection}")
    exact_parts.prepare()

    made = [call for call in meltano.calls() if call[0][0] == "run"]
    assert {tuple(call[0]) for call in made} == {
        ("run", "--no-state-update", "tap-exactonline", "target-postgres")
    }
    assert {call[1]["TAP_EXACTONLINE_ONLY_SCHEMAS"] for call in made} == {"true"}
    # Without a schema of their own they share the tables, which are made once.
    schemas = [call[1].get("TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA") for call in made]
    assert schemas == [None, None, "exact_bakery", "exact_shop_nl"]

    monkeypatch.setenv("EXACT_SCHEMA", "exact")
    with pytest.raises(PartFailed, match="same schema"):
        exact_parts.prepare()


def eventually(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.process
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(
            signal.SIGKILL, -signal.SIGKILL,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end"),
        ),
        (signal.SIGTERM, 1),
    ],
)  # fmt: skip
def test_meltano_is_asked_to_end_when_its_engine_ends(meltano: FakeMeltano, number: int, code: int) -> None:
    meltano.does(
        "signal.signal(signal.SIGTERM, lambda *_: (Path('asked').touch(), sys.exit(1))); Path('begun').touch(); time.sleep(60)"
    )
    engine = subprocess.Popen([sys.executable, DEPLOY / "kubernetes/exact_part.py", "part", "0"],
                              env=os.environ | {"PYTHONPATH": str(DEPLOY)})  # fmt: skip
    eventually((meltano.root / "begun").exists)
    engine.send_signal(number)
    assert engine.wait(30) == code
    eventually((meltano.root / "asked").exists)


def test_a_program_repeats_a_step_that_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_parts, "MARGIN", timedelta(0))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    ends = [Decision(Next.WAIT, at=datetime.now(UTC)), Decision(Next.WAIT, at=datetime.now(UTC))]

    def step() -> None:
        if ends:
            raise PartFailed(ends.pop(), Facts("0of1"))

    assert exact_part.Program().run(step) == 0
    assert not ends


@pytest.mark.process
def test_only_one_pod_at_a_time_makes_the_tables(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELTANO_DATABASE_URI", database.sqlalchemy_url)
    inside: list[int] = []
    order: list[str] = []

    def pod(number: int) -> None:
        with exact_part.turn():
            inside.append(number)
            order.append(f"in {number}")
            if len(order) == 1:
                eventually(lambda: _waiting(database) == 2)
            assert inside == [number]
            inside.remove(number)

    with ThreadPoolExecutor(3) as pods:
        list(pods.map(pod, range(3)))
    assert len(order) == 3


def _waiting(database: Postgres) -> int:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
    return found[0] if found else 0


# -- the engines' files ----------------------------------------------------------------------------


@pytest.fixture
def dag_file(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The DAG's file on the few names of Airflow that its retries need; `make demo-cluster` has the real one."""
    decisions = SimpleNamespace(
        default=lambda: ("default",),
        fail=lambda why: ("fail", why),
        retry=lambda delay=None, reason="": ("retry", delay, reason),
    )
    sdk = SimpleNamespace(
        RetryDecision=decisions,
        RetryPolicy=object,
        dag=lambda **_: lambda make: lambda: None,
        task=None,
        get_current_context=None,
    )
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    return module_at(DEPLOY / "airflow/exact_online.py")


def test_airflow_retries_as_the_tap_says(dag_file: ModuleType) -> None:
    def answer(decision: Decision) -> tuple[Any, ...]:
        return tuple(dag_file.AsTheTapSays().evaluate(PartFailed(decision, Facts("0of1")), 1, 4))

    assert answer(Decision(Next.FAIL, "the login has expired")) == ("fail", "the login has expired")
    assert answer(Decision(Next.RETRY, "soon")) == ("retry", None, "soon")
    at = datetime.now(UTC) + timedelta(hours=5)
    kind, delay, why = answer(Decision(Next.WAIT, "spent", at))
    assert (kind, why) == ("retry", "spent")
    assert timedelta(hours=5) - timedelta(minutes=1) < delay <= timedelta(hours=5) + exact_parts.MARGIN
    assert dag_file.AsTheTapSays().evaluate(OSError(), 1, 4) == ("default",)


def manifest() -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / "kubernetes/exact-online.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_the_manifest_is_a_cron_job_that_kubernetes_takes() -> None:
    schema = json.loads((ROOT / "tests/data/kubernetes-schema/cronjob-batch-v1.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    assert not [error.message for error in check.iter_errors(manifest())]

    wrong = manifest()
    wrong["spec"]["jobTemplate"]["spec"]["backoffLimitPerIndexes"] = 2
    wrong["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = 16
    assert {error.message for error in check.iter_errors(wrong)} == {
        "16 is not of type 'string', 'null'",
        "Additional properties are not allowed ('backoffLimitPerIndexes' was unexpected)",
    }


def test_the_manifest_has_as_many_parts_as_it_says() -> None:
    job = manifest()["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        values = {one["name"]: one["value"] for one in container["env"]}
        assert int(values["EXACT_PARTS"]) == job["completions"] == job["maxFailedIndexes"]
    assert job["completions"].bit_count() == 1
    assert job["completionMode"] == "Indexed"
    # Kubernetes refuses these two rules without them.
    assert job["backoffLimitPerIndex"] > 0
    assert pod["restartPolicy"] == "Never"
    (never,) = [
        rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailIndex"
    ]
    assert never["values"] == [exact_part.NOT_NOW]
    assert never["containerName"] in {container["name"] for container in pod["containers"]}
