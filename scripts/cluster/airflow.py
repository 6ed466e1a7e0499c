"""Airflow on the loopback: an API server, a scheduler and a DAG processor, and workers that know their address alone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from scripts.cluster.processes import Processes
from scripts.cluster.world import ClusterError
from scripts.meltano_project import FOREIGN, ROOT, MissingEnvironmentError
from scripts.postgres import Postgres

PROGRAM = ROOT / ".venvs/airflow/bin/airflow"
DAG = "exact_online"
POOL = "exact_online"
START_SECONDS = 240
# Airflow takes a worker for lost after five minutes without a word. The demo does not wait so long.
LOST_SECONDS = 20
_DAEMONS = ("api-server", "scheduler", "dag-processor")


class Airflow:
    """One coordinator with its REST API, and its workers.

    Args:
        home: A directory for all that it writes.
        database: For what it keeps. Not SQLite, with which two workers may take the same task.
        running: Where its programs are started.
    """

    def __init__(self, home: Path, database: Postgres, running: Processes) -> None:
        if not PROGRAM.exists():
            raise MissingEnvironmentError(f"{PROGRAM} is missing: run `make .venvs/airflow/.ready` in {ROOT}")
        self._home = home
        self._database = database
        self._running = running
        self._password = secrets.token_urlsafe(24)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self._http = requests.Session()
        self._http.trust_env = False
        self._settings = self._common()

    def start(self, settings: Mapping[str, str]) -> None:
        """Make the database, start the daemons and wait for them.

        Args:
            settings: Of the DAG.

        Raises:
            ClusterError: One of them does not come up.
        """
        dags = self._home / "dags"
        dags.mkdir(parents=True)
        for file in (ROOT / "deploy/exact_parts.py", ROOT / "deploy/airflow/exact_online.py"):
            shutil.copy(file, dags)
        passwords = self._home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({"admin": self._password}))
        self._settings |= settings
        env = self._environment(self._home) | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._database.sqlalchemy_url,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        self._running.start("migrate", [PROGRAM, "db", "migrate"], env)
        self._wait("the database of Airflow", lambda: self._running.ended().get("migrate") == 0)
        for name in _DAEMONS:
            self._running.start(name, [PROGRAM, name], env)
        self._wait("Airflow", self._log_in)
        self._call("POST", "pools", {"name": POOL, "slots": 16})

    def add_worker(self, name: str, settings: Mapping[str, str]) -> None:
        """Start a worker that takes one task at a time.

        Args:
            name: Its name.
            settings: Of Meltano, the tap and the target.
        """
        home = self._home / name
        home.mkdir()
        self._running.start(
            name,
            [PROGRAM, "edge", "worker", "--edge-hostname", name, "--concurrency", "1", "--pid", home / "pid"],
            {**self._environment(home), **settings},
        )

    def kill_worker(self, name: str) -> int:
        """`kill -9` for a worker and everything below it; returns how many processes that were."""
        return self._running.kill(name)

    def run(self, run: str) -> None:
        """Start a run of the DAG; waits until Airflow has read the file."""
        self._wait(f"the DAG {DAG}", self._knows_dag)
        self._call("POST", f"dags/{DAG}/dagRuns", {"dag_run_id": run, "logical_date": None})

    def state(self, run: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        self._check()
        found = self._get(f"dags/{DAG}/dagRuns/{quote(run)}") or {}
        return str(found.get("state"))

    def parts(self, run: str) -> list[dict[str, Any]]:
        """The tasks of the parts, by their number."""
        found = self._get(f"dags/{DAG}/dagRuns/{quote(run)}/taskInstances?task_id=part&limit=100") or {}
        return sorted(found.get("task_instances", []), key=lambda one: int(one["map_index"]))

    def facts(self, run: str, index: int) -> dict[str, Any]:
        """What the last try of a part has counted."""
        place = f"dags/{DAG}/dagRuns/{quote(run)}/taskInstances/part/xcomEntries/facts?map_index={index}"
        value = (self._get(place) or {}).get("value") or {}
        return dict(json.loads(value) if isinstance(value, str) else value)

    def clear(self, run: str, index: int) -> None:
        """Let a part that has failed run again, as the button "Clear" does."""
        self._call(
            "POST",
            f"dags/{DAG}/clearTaskInstances",
            {"dry_run": False, "dag_run_id": run, "task_ids": [["part", index]], "only_failed": True,
             "include_downstream": True},
        )  # fmt: skip

    def _common(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__EXECUTOR": "airflow.providers.edge3.executors.EdgeExecutor",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__EDGE__API_ENABLED": "True",
            "AIRFLOW__EDGE__API_URL": f"{self.url}/edge_worker/v1/rpcapi",
            "AIRFLOW__EDGE__JOB_POLL_INTERVAL": "1",
            "AIRFLOW__EDGE__HEARTBEAT_INTERVAL": "5",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            # A busy machine is slow to look at a signature.
            "AIRFLOW__API_AUTH__JWT_LEEWAY": "120",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(LOST_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # Nothing goes to anybody but the loopback.
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "SCARF_ANALYTICS": "false",
            "NO_PROXY": "127.0.0.1",
        }

    def _environment(self, home: Path) -> dict[str, str]:
        foreign = (*FOREIGN, "AIRFLOW", "EXACT_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return inherited | self._settings | {"AIRFLOW_HOME": str(home), "PYTHONUNBUFFERED": "1"}

    def _log_in(self) -> bool:
        try:
            answer = self._http.post(
                f"{self.url}/auth/token", json={"username": "admin", "password": self._password}, timeout=30
            )
        except requests.RequestException:
            return False
        if answer.ok:
            self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.ok

    def _knows_dag(self) -> bool:
        """Whether Airflow has read the file. Raises `ClusterError` if it cannot."""
        for error in (self._get("importErrors") or {}).get("import_errors", []):
            raise ClusterError(f"Airflow cannot read {error['filename']}:\n{error['stack_trace']}")
        return self._get(f"dags/{DAG}") is not None

    def _get(self, path: str) -> dict[str, Any] | None:
        answer = self._http.get(f"{self.url}/api/v2/{path}", timeout=30)
        return dict(answer.json()) if answer.ok else None

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        answer = self._http.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=60)
        if not answer.ok:
            raise ClusterError(f"Airflow answers {answer.status_code} to {path}: {answer.text[:500]}")

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not there():
            self._check()
            if time.monotonic() > deadline:
                raise ClusterError(f"{what} is not there after {START_SECONDS} seconds; see {self._home}")
            time.sleep(0.5)

    def _check(self) -> None:
        """See whether all programs still run."""
        for name, code in self._running.ended().items():
            if name != "migrate" or code:
                log = self._running.log(name)
                end = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-15:])
                raise ClusterError(f"{name} has ended. The end of {log}:\n{end}")
