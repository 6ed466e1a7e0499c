"""What the tests of the commands share: the installed program, started as a person starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.meltano_project import TAP
from tests.exact_online import ExactOnline

FOREIGN = ("TAP_", "MELTANO_", "SINGER_", "LOGLEVEL", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
REDIRECT = "https://tap.example/callback"
ADDRESS = re.compile(r"http\S+/api/oauth2/auth\?\S+")


def clean_environment(**more: str) -> dict[str, str]:
    """The caller's variables, less those that change what the program does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "NO_COLOR": "1", **more}


class CliFixture:
    """One stand-in and one folder.

    Attributes:
        exact: The stand-in, already listening.
        folder: For settings and tokens.
        settings: What `config` writes.
    """

    def __init__(self, exact: ExactOnline, folder: Path) -> None:
        self.exact = exact
        self.folder = folder
        self.tokens = folder / "tokens.json"
        self.settings: dict[str, Any] = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "token_store": str(self.tokens),
        }

    def config(self, **more: Any) -> str:
        """Write the settings into a file and return its path; None takes a setting away."""
        path = self.folder / "config.json"
        merged = {name: value for name, value in {**self.settings, **more}.items() if value is not None}
        path.write_text(json.dumps(merged), encoding="utf-8")
        return str(path)

    def run(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Start the program and wait for its end."""
        return subprocess.run(
            [TAP, *arguments],
            cwd=self.folder,
            env=clean_environment(**env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start the program with pipes to it."""
        return subprocess.Popen(
            [TAP, *arguments],
            cwd=self.folder,
            env=clean_environment(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def logged_in(self, **more: Any) -> str:
        """As `config`, and with a login that the first command takes over."""
        return self.config(refresh_token=self.exact.issue_login(), **more)

    def log_in(self, *arguments: str, answer: str | None = None) -> tuple[int, str, str]:
        """Log in over a pipe, as a script does.

        Args:
            arguments: After ``login``.
            answer: What is pasted; without it, the address that Exact sends the person to.
        """
        process = self.start("login", *arguments)
        assert process.stdout is not None
        said = read_until(process, ADDRESS)
        pasted = consent(said[1]) if answer is None else answer
        out, err = process.communicate(f"{pasted}\n", timeout=60)
        return process.returncode, said[0] + out, err

    def said_nothing_secret(self, *texts: str) -> bool:
        """Whether no token, code or secret stands in what was printed."""
        everything = "".join(texts)
        return not any(
            secret in everything for secret in {*self.exact.issued_tokens, self.exact.client_secret}
        )


@contextmanager
def lab(folder: Path, *divisions: int, **options: Any) -> Iterator[CliFixture]:
    """A stand-in with some administrations and budgets that never make a test wait."""
    exact = ExactOnline(**options)
    exact.limits(minute=100_000, day=5_000)
    for code in divisions or (101, 102, 103):
        exact.add_division(code, rows=2)
    with exact.serve():
        yield CliFixture(exact, folder)


def read_until(process: subprocess.Popen[str], pattern: re.Pattern[str]) -> tuple[str, str]:
    """What the program printed until a line with the pattern came, perhaps more, and the pattern's match.

    It reads past Python's buffer: `communicate` does so, too, and would lose what the buffer holds.
    """
    said = b""
    assert process.stdout is not None
    while not (found := pattern.search(said[: said.rfind(b"\n") + 1].decode())):
        more = os.read(process.stdout.fileno(), 65_536)
        if not more:
            raise AssertionError(said.decode() + (process.stderr.read() if process.stderr else ""))
        said += more
    return said.decode(), found[0]


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def consent(address: str, answer: str = "yes", divisions: tuple[int, ...] = ()) -> str:
    """Do in Exact's page what a person does; returns the address that the browser is sent to."""
    parts = urllib.parse.urlsplit(address)
    form = [
        *urllib.parse.parse_qsl(parts.query),
        ("answer", answer),
        *(("division", str(d)) for d in divisions),
    ]
    try:
        urllib.request.build_opener(_Stay).open(
            f"{parts.scheme}://{parts.netloc}{parts.path}", urllib.parse.urlencode(form).encode(), timeout=20
        )
    except urllib.error.HTTPError as reply:
        if reply.code == 302:
            return str(reply.headers["Location"])
        raise
    raise AssertionError("Exact's page did not send the person on")


def findings(text: str) -> Mapping[str, Any]:
    """What ``check --format json`` printed."""
    return json.loads(text)
