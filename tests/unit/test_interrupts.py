"""Signals: the first one ends a run in order, the next one at once, and while the program starts each one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.meltano_project import TAP
from tests.exact_online import ExactOnline
from tests.support.slow_target import Source, slow_target, write_command

pytestmark = pytest.mark.process

pytestmark = pytest.mark.process

STREAM = "sync_financial_gl_accounts"
ONCE = 0.6
"""Seconds after which a further signal is a wish of its own."""


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=9, page_rows=30)
    stand_in.limits(minute=10**6, day=10**7)
    stand_in.add_division(101, rows={STREAM: 90})
    with stand_in.serve():
        yield stand_in


SITE = """
import os, signal, sys
sent = []
def watch(event, arguments):
    if event == "import" and arguments[0] == {module!r} and not sent:
        sent.append(module)
        os.kill(os.getpid(), {number})
module = {module!r}
sys.addaudithook(watch)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
@pytest.mark.parametrize(
    "module",
    [
        "tap_exactonline.tap",
        "click",
        "msgspec._core",
        "requests",
        "singer_sdk.tap_base",
        "tap_exactonline.endpoints",
        "tap_exactonline.commands.group",
    ],
)
def test_a_signal_while_the_program_starts_is_no_traceback(
    tmp_path: Path, module: str, number: signal.Signals
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SITE.format(module=module, number=int(number)))
    done = subprocess.run(
        [TAP, "--discover"],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert not done.stdout
    assert not done.stderr


@pytest.mark.parametrize("seed", range(6))
def test_a_signal_at_any_moment_of_the_first_second(exact: ExactOnline, tmp_path: Path, seed: int) -> None:
    """From the first line of the program on; what Python does before that is Python's."""
    command = write_command(exact, tmp_path, [STREAM])
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys, threading, time\n"
        "def send():\n"
        "    while 'tap_exactonline.interrupts' not in sys.modules: time.sleep(0.001)\n"
        f"    time.sleep(0.02 + {seed} * 0.12)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=send, daemon=True).start()\n"
    )
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode in {130, 0}, done.stderr  # 0: it was over by then
    assert "Traceback" not in done.stderr
    Source(exact, STREAM, 101).check(done.stdout.encode())


def test_a_second_signal_ends_at_once(exact: ExactOnline, tmp_path: Path) -> None:
    with slow_target(exact, tmp_path, [STREAM]) as target:
        target.interrupt(30_000, signal.SIGINT, signal.SIGINT, pause=ONCE)
        # Nobody reads: in order it would take the 30 seconds that a target has.
        assert target.process.wait(15) == 130
        _, said = target.finish()
    assert "Traceback" not in said
    Source(exact, STREAM, 101).check(bytes(target.out), cut=True)


def test_two_signals_for_one_wish_end_in_order(exact: ExactOnline, tmp_path: Path) -> None:
    """A terminal signals the tap, and so does the program that started it."""
    with slow_target(exact, tmp_path, [STREAM]) as target:
        target.interrupt(30_000, signal.SIGINT, signal.SIGTERM)
        code, said = target.finish()
    assert code in {130, 143}, said
    Source(exact, STREAM, 101).check(bytes(target.out))
    assert json.loads(target.out.splitlines()[-1])["type"] == "STATE"


def test_what_the_caller_wants_ignored_stays_ignored(exact: ExactOnline, tmp_path: Path) -> None:
    command = write_command(exact, tmp_path, [STREAM])
    exact.switches.latency = 0.2
    process = subprocess.Popen(
        ["nohup", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_control_c_in_a_command_is_one_exit_code(exact: ExactOnline, tmp_path: Path) -> None:
    write_command(exact, tmp_path, [STREAM])
    exact.switches.latency = 20
    process = subprocess.Popen(
        [TAP, "divisions", "--config", str(tmp_path / "config.json")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not exact.calls() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert not out
    assert not err.strip()
