"""The setting ``access_token_command``: tokens from a broker or vault, by the command line and by itself."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tap_exactonline.config import parse
from tap_exactonline.exact.auth.token_command import CommandCredentials
from tap_exactonline.exact.errors import NotLoggedIn, SettingsError, Stopped
from tests.support.cli import CliFixture, lab

pytestmark = pytest.mark.process

SECRET = "aCcEsS.of-the-broker-0123456789"
Broker = Callable[[str], str]


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    """A command that counts how often it is started, and then does what is wanted."""

    def make(body: str) -> str:
        script = tmp_path / "broker.py"
        count = tmp_path / "started"
        script.write_text(f"import sys, time\nopen({str(count)!r}, 'a').write('x')\n{body}\n")
        return shlex.join([sys.executable, str(script)])

    return make


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101) as made:
        made.settings = {"api_url": made.exact.url}
        yield made


def started(folder: Path) -> int:
    count = folder / "started"
    return len(count.read_text()) if count.exists() else 0


def gives(token: str, expires_in: object = 600) -> str:
    output = f'{{"access_token": "{token}", "expires_in": {expires_in}}}'
    return f"print({output!r})"


def test_a_command_needs_no_login_in_the_tap(here: CliFixture, broker: Broker) -> None:
    token = here.exact.issue_access_token()
    config = here.config(access_token_command=broker(gives(token)))
    for _ in range(2):
        done = here.run("divisions", "--config", config)
        assert done.returncode == 0, done.stderr
        assert "101" in done.stdout
        assert here.said_nothing_secret(done.stdout, done.stderr)
    assert started(here.folder) == 2, "once for each process"
    assert here.run("check", "--quick", "--config", config).returncode == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"print('{SECRET}'); print('{SECRET}', file=sys.stderr); sys.exit(3)", "ended with exit code 3"),
        (f"print('{SECRET}')", "printed something else than a token"),
        (gives(SECRET, 0), "has ended already"),
        (gives(SECRET + " x"), "no header may have"),
        ("print('x' * 200_000)", "printed more than a token"),
    ],
)
def test_what_goes_wrong_is_one_line_without_the_output(
    here: CliFixture, broker: Broker, body: str, said: str
) -> None:
    done = here.run(
        "--test", "--config", here.config(access_token_command=broker(body)), TAP_EXACTONLINE_LOGLEVEL="DEBUG"
    )
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "| ERROR" in line]
    assert len(errors) == 1
    assert said in errors[0]
    assert SECRET not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_command_that_is_not_there(here: CliFixture) -> None:
    done = here.run("divisions", "--config", here.config(access_token_command="/no/such/broker"))
    assert done.returncode == 1
    assert "can't be started: No such file or directory" in done.stderr


def test_a_command_that_hangs_is_ended_with_all_that_it_started(broker: Broker, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time\nwhile True:\n open({str(alive)!r}, 'a').write('x')\n time.sleep(0.02)"
    command = broker(
        f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)"
    )
    with pytest.raises(NotLoggedIn, match="was not done after 3 s"):
        CommandCredentials(command, threading.Event(), timeout=3).access_token()
    time.sleep(0.3)
    size = alive.stat().st_size
    time.sleep(0.3)
    assert alive.stat().st_size == size


def test_a_run_that_is_to_stop_does_not_wait(broker: Broker) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        CommandCredentials(broker("time.sleep(600)"), stop).access_token()


def test_a_token_is_used_until_shortly_before_its_end(broker: Broker, tmp_path: Path) -> None:
    now = [0.0]
    made = CommandCredentials(broker(gives("one", '"600"')), threading.Event(), clock=lambda: now[0])
    for moment, calls in ((0, 1), (569, 1), (571, 2), (1100, 2), (1142, 3)):
        now[0] = float(moment)
        assert made.access_token() == "one"
        assert started(tmp_path) == calls


def test_a_refused_token_is_asked_for_once_more(broker: Broker, tmp_path: Path) -> None:
    made = CommandCredentials(broker(gives("one")), threading.Event())
    for _ in range(3):
        made.reject(made.access_token())
    assert made.access_token() == "one", "the same again: the refusal was about something else"
    assert started(tmp_path) == 2


def test_many_threads_hear_of_one_failure(broker: Broker, tmp_path: Path) -> None:
    made = CommandCredentials(broker("sys.exit(1)"), threading.Event())
    for _ in range(5):
        with pytest.raises(NotLoggedIn):
            made.access_token()
    assert started(tmp_path) == 1


@pytest.mark.parametrize("other", ["access_token", "refresh_token"])
def test_one_source_of_tokens(other: str) -> None:
    with pytest.raises(SettingsError, match=f"does not go together with {other}"):
        parse({"access_token_command": "broker", other: "x" * 40})


@pytest.mark.parametrize("command", ["'", "  "])
def test_what_is_no_command(command: str) -> None:
    with pytest.raises(SettingsError, match="this is not a command"):
        CommandCredentials(command, threading.Event())
