"""The tap itself, ended in the middle of renewing its login, and runs that outlast many tokens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.meltano_project import FOREIGN, Project, executable
from tests.e2e.token_torture import Torture, stand_in
from tests.exact_online import Call, ExactOnline

DUE_SOON = 0.948
"""Of its life, 1.2 seconds before a token is renewed."""

STREAMS = ("sync_crm_accounts", "sync_crm_contacts", "sync_financial_transaction_lines")


@pytest.fixture
def torture(tmp_path: Path) -> Iterator[Torture]:
    """Three administrations, and calls that take a moment, so that runs outlast a token that is near its end.

    Tokens live as long as Exact's: of a shorter one, the part in which a call may still use it is over while a busy machine
    sends that call.
    """
    with stand_in(latency=0.25) as exact:
        exact.limits(minute=100_000, day=1_000_000)
        for code in (101, 102, 103):
            exact.add_division(code, rows=dict.fromkeys(STREAMS, 6_000))
        made = Torture(exact, str(tmp_path / "tokens.json"), tmp_path)
        yield made
        assert made.leaked() == set()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three streams, selected."""
    done = subprocess.run(
        [executable("tap-exactonline"), "--discover"], capture_output=True, text=True, check=True
    )
    streams = [s for s in json.loads(done.stdout)["streams"] if s["tap_stream_id"] in STREAMS]
    for stream in streams:
        for entry in stream["metadata"]:
            # Few columns: this is about logins.
            entry["metadata"]["selected"] = entry["breadcrumb"] in ([], ["properties", "modified"])
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.json"
    path.write_text(json.dumps({"streams": streams}))
    return path


def start(torture: Torture, catalogue: Path, folder: Path) -> subprocess.Popen[str]:
    """Run the tap on three streams; its log, at debug level, goes where leaks are looked for."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment |= settings_of(torture) | {"TAP_EXACTONLINE_LOGLEVEL": "DEBUG"}
    with torture.log.open("a") as log, (folder / "out").open("a") as out:
        return subprocess.Popen(
            [executable("tap-exactonline"), "--config=ENV", "--catalog", catalogue],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            text=True,
        )


def settings_of(torture: Torture) -> dict[str, str]:
    """The login is in the store; no refresh token is configured."""
    given = {
        "API_URL": torture.exact.url,
        "CLIENT_ID": torture.exact.client_id,
        "CLIENT_SECRET": torture.exact.client_secret,
        "TOKEN_STORE": torture.location,
    }
    return {f"TAP_EXACTONLINE_{name}": value for name, value in given.items()}


def at_token_answer(exact: ExactOnline, act: Callable[[], None]) -> None:
    """Act once, when a token request has had its effect and its answer is not sent yet."""

    def look(call: Call) -> None:
        if call.stream == "token" and call.status == 200:
            end()
            act()

    end = exact.on_page(look)


def test_run_that_outlasts_its_token_never_meets_an_error(
    torture: Torture, catalogue: Path, tmp_path: Path
) -> None:
    torture.log_in(DUE_SOON)
    assert start(torture, catalogue, tmp_path).wait(120) == 0
    assert torture.statuses == [200]
    assert {call.status for call in torture.exact.log} == {200}
    rows = sum('"RECORD"' in line[:40] for line in (tmp_path / "out").read_text().splitlines())
    assert rows == 3 * 3 * 6_000


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (signal.SIGTERM, 1.1),
        (signal.SIGTERM, DUE_SOON),
        (signal.SIGINT, DUE_SOON),
        (signal.SIGKILL, DUE_SOON),
    ],
)
def test_run_ended_while_it_renews(
    torture: Torture, catalogue: Path, tmp_path: Path, number: signal.Signals, part: float
) -> None:
    torture.log_in(part)
    running: list[subprocess.Popen[str]] = []
    at_token_answer(torture.exact, lambda: running[0].send_signal(number))
    running.append(start(torture, catalogue, tmp_path))
    ended = running[0].wait(60)
    assert ended in {-number, 128 + number, 1 if number == signal.SIGINT else -number}
    if number != signal.SIGKILL:
        saved = torture.store.load()
        assert saved is not None
        assert saved.attempted_at == 0
        chain = torture.exact.oauth.chain
        assert chain is not None
        assert saved.refresh_token == chain.tokens[-1].token
    torture.exact.switches.latency = 0.0
    torture.age()
    assert start(torture, catalogue, tmp_path).wait(120) == 0
    assert 401 not in torture.statuses


def test_run_ended_twice_while_it_renews(torture: Torture, catalogue: Path, tmp_path: Path) -> None:
    """A second Ctrl-C ends at once, but not before the new login is saved."""
    torture.log_in(DUE_SOON)
    running: list[subprocess.Popen[str]] = []

    def end_twice() -> None:
        for _ in range(2):
            running[0].send_signal(signal.SIGINT)
            time.sleep(0.7)

    at_token_answer(torture.exact, end_twice)
    running.append(start(torture, catalogue, tmp_path))
    assert running[0].wait(60) == 130
    saved = torture.store.load()
    assert saved is not None
    assert saved.attempted_at == 0
    chain = torture.exact.oauth.chain
    assert chain is not None
    assert saved.refresh_token == chain.tokens[-1].token


def test_meltano_config_test_never_costs_the_login(torture: Torture, tmp_path: Path) -> None:
    """It ends the tap with SIGTERM at the first record, each time."""
    torture.exact.switches.latency = 0.0
    torture.log_in()
    project = Project.create(
        tmp_path / "project", settings_of(torture), select=[f"{stream}.*" for stream in STREAMS]
    )
    for number in range(2):
        done = project.run("config", "test", "tap-exactonline", timeout=120)
        assert done.returncode == 0, done.stdout[-3000:]
        assert torture.statuses == [200] * (number + 1)
        with torture.log.open("a") as log:
            log.write(done.stdout)
        torture.age()
