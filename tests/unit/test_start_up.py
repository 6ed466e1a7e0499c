"""Commands that ask nobody: they open no connection and import only what they need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tap_exactonline.tap import TapExactOnline

pytestmark = pytest.mark.process

PROGRAM = """
import json, sys
asked = []
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        asked.append(event)
sys.addaudithook(watch)
from tap_exactonline.cli import main
sys.argv = ["tap-exactonline", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps({"modules": sorted(sys.modules), "asked": asked}), file=sys.stderr)
"""


def run(option: str) -> tuple[str, set[str], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, option], capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, set(found["modules"]), found["asked"]


def test_version_says_what_the_sdk_says_without_importing_it(capsys: pytest.CaptureFixture[str]) -> None:
    said, modules, asked = run("--version")
    TapExactOnline.print_version()
    assert said == capsys.readouterr().out
    assert not asked
    assert not modules & {"singer_sdk", "requests", "msgspec", "click"}


@pytest.mark.parametrize("option", ["--help", "--discover", "--about"])
def test_what_asks_nobody_opens_no_connection_and_imports_no_database_browser_or_server(option: str) -> None:
    said, modules, asked = run(option)
    assert said
    assert not asked
    heavy = {
        "sqlalchemy", "psycopg", "cryptography", "webbrowser", "http.server",
        "tap_exactonline.exact.auth.store.sql", "tap_exactonline.login.web.server", "tap_exactonline.login.terminal",
        "tap_exactonline.commands.check",
    }  # fmt: skip
    assert not modules & heavy
