"""What counts as written is written, whatever standard output is and whoever interrupts."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.output import LineWriter
from tests.exact_online import ExactOnline
from tests.support.in_process import run_tap
from tests.support.slow_target import SMALL, Source, Transport, slow_target, write_command

pytestmark = pytest.mark.process

pytestmark = pytest.mark.process

STREAM = "sync_financial_gl_accounts"
ROWS = 90
EVERY_DESCRIPTOR = pytest.mark.parametrize(
    ("transport", "blocking"), [("pipe", True), ("pipe", False), ("socket", True), ("socket", False)]
)
EVERY_MODE = pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    """Two administrations of three pages each."""
    stand_in = ExactOnline(seed=9, page_rows=30)
    stand_in.limits(minute=10**6, day=10**7)
    for code in (101, 102):
        stand_in.add_division(code, rows={STREAM: ROWS})
    with stand_in.serve():
        yield stand_in


@EVERY_MODE
@EVERY_DESCRIPTOR
def test_a_slow_target_gets_every_row(
    exact: ExactOnline, tmp_path: Path, transport: Transport, blocking: bool, unbuffered: bool
) -> None:
    with slow_target(
        exact, tmp_path, [STREAM], transport=transport, blocking=blocking, unbuffered=unbuffered
    ) as target:
        for _ in range(3):
            target.read_more(5_000)
            target.wait_until_blocked()
        code, said = target.finish()
    assert code == 0, said
    assert Source(exact, STREAM, 101, 102).check(bytes(target.out))["RECORD"] == 2 * ROWS


@EVERY_MODE
@EVERY_DESCRIPTOR
def test_a_signal_in_the_middle_of_a_write_breaks_no_line_and_no_promise(
    exact: ExactOnline, tmp_path: Path, transport: Transport, blocking: bool, unbuffered: bool
) -> None:
    with slow_target(
        exact, tmp_path, [STREAM], transport=transport, blocking=blocking, unbuffered=unbuffered
    ) as target:
        target.interrupt(80_000, signal.SIGTERM)
        code, said = target.finish()
    assert code == 143, said
    counts = Source(exact, STREAM, 101, 102).check(bytes(target.out))
    assert 0 < counts["RECORD"] < 2 * ROWS
    assert json.loads(target.out.splitlines()[-1])["type"] == "STATE"


@pytest.mark.parametrize("seed", range(8))
def test_random_signals_at_random_moments(exact: ExactOnline, tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    with slow_target(
        exact, tmp_path, [STREAM],
        transport=choose.choice(["pipe", "socket"]),
        blocking=choose.random() < 0.7,
        unbuffered=choose.random() < 0.7,
    ) as target:  # fmt: skip
        numbers = choose.choices([signal.SIGTERM, signal.SIGINT, signal.SIGHUP], k=choose.randint(1, 4))
        for number in numbers:
            target.read_more(choose.randint(1, 40_000))
            target.process.send_signal(number)
        code, said = target.finish()
    assert code in {128 + number for number in numbers}, said
    assert "Traceback" not in said
    Source(exact, STREAM, 101, 102).check(bytes(target.out), cut=len(numbers) > 1)


def test_a_write_that_is_cut_where_a_line_ends(exact: ExactOnline, tmp_path: Path) -> None:
    """Then every line is whole, and only the bookmark could tell a target that rows are missing."""
    exact.remove_division(102)
    pad_lines(exact, tmp_path, SMALL)
    with slow_target(exact, tmp_path, [STREAM], unbuffered=True) as target:
        while b"\n" not in target.out:  # the SCHEMA
            target.read_more(1)
        target.interrupt(10 * SMALL, signal.SIGTERM)
        code, said = target.finish()
    assert code == 143, said
    lines = bytes(target.out).splitlines(keepends=True)
    assert {len(line) for line in lines if b'"RECORD"' in line} == {SMALL}, "as the test wants it"
    Source(exact, STREAM, 101).check(bytes(target.out))


def pad_lines(exact: ExactOnline, folder: Path, size: int) -> None:
    """Give each row a text that makes its RECORD line just so long."""
    table = exact.table(101, STREAM)
    keys = table.keys()
    for key in keys:
        table.update(key, Description="x")
    for line in run_tap(exact, [STREAM], home=folder).lines:
        message = json.loads(line)
        if message["type"] == "RECORD":
            table.update(message["record"]["id"], Description="x" * (1 + size - len(line)))


# -- the writer alone, where another program embeds the tap ----------------------------------------------


@EVERY_MODE
def test_the_writer_alone_writes_every_byte_to_a_non_blocking_pipe(
    monkeypatch: pytest.MonkeyPatch, unbuffered: bool
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    got = bytearray()

    def read() -> None:
        while chunk := os.read(reader, 1000):
            got.extend(chunk)

    thread = threading.Thread(target=read)
    raw = io.FileIO(writer, "w")
    stdout = io.TextIOWrapper(raw if unbuffered else io.BufferedWriter(raw), write_through=unbuffered)
    monkeypatch.setattr(sys, "stdout", stdout)
    stdout.write("first\n")
    thread.start()
    page = b"".join(b"%d\n" % number for number in range(200_000))
    line_writer = LineWriter()
    line_writer.write(page)
    monkeypatch.undo()
    stdout.close()
    thread.join(20)
    os.close(reader)
    assert bytes(got) == b"first\n" + page
    assert line_writer.written == len(page)


def test_nothing_follows_a_line_that_a_signal_handler_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w"))

    def broken_off(number: int, frame: object) -> None:
        raise SystemExit

    usual = signal.signal(signal.SIGUSR1, broken_off)
    line_writer = LineWriter()
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(SystemExit):
            line_writer.write(b"x" * 200_000 + b"\n")
    finally:
        signal.signal(signal.SIGUSR1, usual)
    with pytest.raises(OutputError, match="in part"):
        line_writer.write(b"more\n")
    assert line_writer.written == 0
    sys.stdout.close()
    with os.fdopen(reader, "rb") as pipe:
        got = pipe.read()
    assert 0 < len(got) < 200_000
    assert not got.strip(b"x")


# -- nobody there, or no room ----------------------------------------------------------------------------


COMMANDS = [["--version"], ["--about"], ["--discover"], ["--help"], ["check"], ["run"]]


@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@EVERY_MODE
def test_no_standard_output_is_one_line(
    exact: ExactOnline, tmp_path: Path, redirection: str, command: list[str], unbuffered: bool
) -> None:
    run = write_command(exact, tmp_path, [STREAM])
    words = run if command == ["run"] else [*run[:3], *command]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *words],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **({"PYTHONUNBUFFERED": "1"} if unbuffered else {})},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "Error:" in line or "| ERROR" in line]
    assert len(complaints) == 1, done.stderr
    assert "standard output" in complaints[0]
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@EVERY_MODE
@pytest.mark.parametrize("transport", ["pipe", "socket"])
@pytest.mark.parametrize("after", [0, 50_000])
def test_a_target_that_has_gone_is_one_line(
    exact: ExactOnline, tmp_path: Path, transport: Transport, unbuffered: bool, after: int
) -> None:
    with slow_target(exact, tmp_path, [STREAM], transport=transport, unbuffered=unbuffered) as target:
        target.read_more(after)
        code, said = target.leave()
    assert code == 1
    assert sum("the target stopped reading" in line for line in said.splitlines()) == 1, said
    assert "Traceback" not in said
    assert "ignored" not in said
