"""Do what docs/first-table.md says, in an empty directory, and see whether the tables arrive.

``python -m scripts.newcomer`` starts a stand-in Exact Online, a PostgreSQL and a small Meltano Hub that knows the target.
Then it runs the page's own commands with Meltano, which installs what `pip_url` in plugins/hub/tap-exactonline.yml names.
If that is the repository on GitHub, git is told that a copy of this working tree is that repository; if it is the name
of the package, a wheel of it is built and lies where installers look. So the definition itself stays as it is.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests
import yaml

from scripts.build_hub import PIP_URL, REPOSITORY
from scripts.build_hub import TARGET as DEFINITION
from scripts.compare import source_rows
from scripts.meltano_project import FOREIGN, MELTANO, ROOT
from scripts.postgres import Postgres, embedded
from scripts.warehouse import Warehouse, streams
from tap_exactonline.endpoints import by_name
from tests.exact_online import ExactOnline

PAGE = ROOT / "docs/first-table.md"
SCHEMA = "exact_online"
START_DATE = "2022-01-01"
REDIRECT = "https://example.org/callback"
DIVISIONS = (101, 102)
PASSWORD = "hunter2-of-the-database"  # noqa: S105 - of nothing, looked for in files
ROWS = {
    "sync_crm_accounts": 1100,
    "sync_financial_transaction_lines": 300,
    "sync_documents_documents": 20,
    "sync_cashflow_payment_terms": 40,
    "financial_journals": 70,
    "crm_account_classifications": 60,
}
_RAW = REPOSITORY.replace("https://github.com/", "https://raw.githubusercontent.com/")
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


class NewcomerError(RuntimeError):
    """A documented command failed, or the tables differ from the source."""


@dataclass(frozen=True)
class Step:
    """One command that was run."""

    command: str
    output: str


def commands(page: Path = PAGE) -> list[str]:
    """The command lines of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [line for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]


def build_wheel(directory: Path) -> Path:
    """Build the wheel with what is installed, and return its path."""
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    (wheel,) = directory.glob("*.whl")
    return wheel


def copy_repository(directory: Path) -> None:
    """Make a git repository of this working tree, uncommitted changes included."""
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    _git(directory, "init", "--quiet")
    _git(directory, "add", "--all")
    author = ("-c", "user.name=newcomer", "-c", "user.email=newcomer@example.org")
    _git(directory, *author, "commit", "--quiet", "--message", "As it lies here")


def _git(directory: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, cwd=directory
    ).stdout


def offer(scratch: Path) -> dict[str, str]:
    """Let installers find what the Hub's definition names, and nothing of it on the network.

    Args:
        scratch: An empty directory.

    Returns:
        Variables for the process that installs.
    """
    if PIP_URL.startswith("git+"):
        copy_repository(scratch)
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{scratch.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": PIP_URL.removeprefix("git+"),
            # uv would ask GitHub's API for the newest commit.
            "UV_NO_GITHUB_FAST_PATH": "true",
        }
    build_wheel(scratch)
    return {"UV_FIND_LINKS": str(scratch), "PIP_FIND_LINKS": str(scratch)}


@contextlib.contextmanager
def hub(directory: Path) -> Iterator[str]:
    """Serve a Hub that knows target-postgres, and the definition of the tap; gives the root of its API.

    The target is as meltano.yml describes it, but the Hub's own definition takes `sqlalchemy_url` for no secret.
    """
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (target,) = [one for one in project["plugins"]["loaders"] if one["name"] == "target-postgres"]
    del target["config"]
    for setting in target["settings"]:
        if setting["name"] == "sqlalchemy_url":
            del setting["sensitive"]
    variant = target["variant"]

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))
    root = f"http://127.0.0.1:{server.server_port}"
    loaders = directory / "plugins/loaders"
    loaders.mkdir(parents=True)
    shutil.copy(DEFINITION, directory)
    (loaders / f"target-postgres--{variant}").write_text(json.dumps(target), encoding="utf-8")
    index = {
        "target-postgres": {
            "logo_url": None,
            "default_variant": variant,
            "variants": {variant: {"ref": f"{root}/plugins/loaders/target-postgres--{variant}"}},
        }
    }
    (loaders / "index").write_text(json.dumps(index), encoding="utf-8")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield root
    finally:
        server.shutdown()
        server.server_close()


def stand_in() -> ExactOnline:
    """Two administrations."""
    exact = ExactOnline(seed=3)
    # Nobody learns anything from waiting for the next minute.
    exact.limits(minute=100_000, day=1_000_000)
    exact.redirect_uris.add(REDIRECT)
    for code in DIVISIONS:
        exact.add_division(code, rows=ROWS)
    return exact


def fill_in(command: str, values: Mapping[str, str]) -> list[str]:
    """A documented command with a person's own values in the places of the examples."""
    return [
        functools.reduce(lambda word, pair: word.replace(*pair), values.items(), word)
        for word in shlex.split(command)
    ]


def surroundings(
    home: Path, exact: ExactOnline, *, hub_root: str, offered: Mapping[str, str], pins: Path | None = None
) -> dict[str, str]:
    """The variables of a newcomer's shell; see :func:`play`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment = {
        **inherited,
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_HUB_API_ROOT": hub_root,
        "NO_COLOR": "1",
        "HOME": str(home),
        "TAP_EXACTONLINE_API_URL": exact.url,
        # Meltano's environments see neither this repository nor its .venv.
        "PATH": os.pathsep.join([str(MELTANO.parent), os.defpath]),
        **offered,
    }
    if pins:
        environment |= {"PIP_CONSTRAINT": str(pins), "UV_CONSTRAINT": str(pins)}
    return environment


def play(
    home: Path,
    exact: ExactOnline,
    postgres: Postgres,
    *,
    hub_root: str,
    offered: Mapping[str, str],
    pins: Path | None = None,
) -> Iterator[Step]:
    """Run the page's commands, one after the other.

    Args:
        home: An empty directory.
        exact: Being served.
        postgres: Where the tables go; has a host and a port.
        hub_root: See :func:`hub`.
        offered: See :func:`offer`.
        pins: A constraints file for what Meltano installs, so that a test does not depend on the day.

    Raises:
        NewcomerError: A command failed; the text holds its output.
    """
    values = {
        "https://YOUR-REDIRECT-ADDRESS": REDIRECT,
        "YOUR-CLIENT-ID": exact.client_id,
        "YOUR-CLIENT-SECRET": exact.client_secret,
        "YOUR-HOST": str(postgres.url.host),
        "5432": str(postgres.url.port),
        "YOUR-USER": str(postgres.url.username),
        # The server asks for none, but what is set must not land in a file that is committed.
        "YOUR-PASSWORD": postgres.url.password or PASSWORD,
        "YOUR-DATABASE": str(postgres.url.database),
        "YOUR-DIVISION": str(DIVISIONS[0]),
        f"{_RAW}/main/plugins/hub": hub_root,
    }
    environment = surroundings(home, exact, hub_root=hub_root, offered=offered, pins=pins)
    where = home
    for command in commands():
        words = fill_in(command, values)
        if words[0] == "cd":
            where = where / words[1]
            continue
        if words[0] != "meltano":
            continue
        person = log_in if words[-1].endswith(":login") else read_along
        code, output = person([str(MELTANO), *words[1:]], where, environment)
        if code:
            raise NewcomerError(f"`{command}` ended with code {code}:\n{output[-4000:]}")
        yield Step(command, output)


def _start(command: list[str], where: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=where,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_along(command: list[str], where: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end; gives its exit code and what it printed."""
    process = _start(command, where, environment)
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def log_in(command: list[str], where: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the login, and do what it asks a person to do: open the address, allow access, paste what comes back."""
    process = _start(command, where, environment)
    # A command that never says the address would be read forever.
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if "/api/oauth2/auth?" in line:
                break
        else:
            return process.wait(), said
        address = urlsplit(line.strip())
        answer = requests.post(
            f"{address.scheme}://{address.netloc}{address.path}",
            data=[*parse_qsl(address.query), ("answer", "yes")],
            allow_redirects=False,
            timeout=30,
        )
        rest, _ = process.communicate(f"{answer.headers['Location']}\n", timeout=120)
        return process.returncode, said + rest
    finally:
        watchdog.cancel()


def differences(exact: ExactOnline, postgres: Postgres) -> dict[str, list[str]]:
    """Where PostgreSQL differs from the stand-in, by stream; empty if nowhere."""
    known = streams()
    with postgres.connect() as connection:
        warehouse = Warehouse(connection, SCHEMA)
        wrong = {}
        for name in ROWS:
            # Of dated streams the page's start_date leaves out what is older.
            dated = by_name(name).dated
            source = [row for row in source_rows(exact, name) if not dated or row["modified"] >= START_DATE]
            if name == "sync_documents_documents":
                # Deselected before the second administration was read.
                source = [row for row in source if row["division"] == DIVISIONS[0]]
            found = warehouse.differences(known[name], source)
            if found or not source:
                wrong[name] = found or ["nothing to compare"]
        return wrong


def main() -> int:
    """Play it through and tell."""
    parser = argparse.ArgumentParser(prog="python -m scripts.newcomer", description=__doc__)
    parser.add_argument("--pins", type=Path, help="constraints for what Meltano installs")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-")))
        for name in ("offered", "hub", "home"):
            (scratch / name).mkdir()
        offered = offer(scratch / "offered")
        exact = stand_in()
        stack.enter_context(exact.serve())
        postgres = stack.enter_context(embedded(tcp=True))
        root = stack.enter_context(hub(scratch / "hub"))
        pins = options.pins and options.pins.resolve()
        try:
            for step in play(scratch / "home", exact, postgres, hub_root=root, offered=offered, pins=pins):
                print(f"$ {step.command}\n{step.output[-1500:]}", flush=True)
        except NewcomerError as error:
            sys.exit(str(error))
        wrong = differences(exact, postgres)
    print(
        json.dumps({name: [len(found), *found[:3]] for name, found in wrong.items()}, indent=1)
        if wrong
        else "Everything arrived."
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
