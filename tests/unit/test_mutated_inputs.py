"""Damaged catalogs, states, settings and stores: either the run works, or one line says what is wrong."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tap_exactonline import console
from tap_exactonline.tap import TapExactOnline
from tests.convergence.target import Target
from tests.exact_online import ExactOnline
from tests.support.in_process import catalog, run_tap
from tests.unit.mutations import bitten, mutated

pytestmark = pytest.mark.slow

STREAMS = ["sync_financial_gl_accounts", "crm_contacts", "financial_journals", "system_divisions"]
TIMES = 400
ENOUGH, LONGEST = 60, 40.0
"""So many must have been tried after so many seconds; on a slow machine not all of them are."""


class Ears(logging.Handler):
    """Hears what a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Lab:
    """A stand-in, a folder, and sound inputs to begin with."""

    def __init__(self, exact: ExactOnline, home: Path) -> None:
        self.exact = exact
        self.home = home
        self.catalog = catalog(STREAMS)
        self.state = run_tap(
            exact,
            STREAMS,
            home=home,
            settings={"deletions": "tombstones", "emit_activate_version_messages": True},
        ).state
        assert self.state is not None

    def connected(self, settings: Any) -> Any:
        """With what leads to the stand-in, and nowhere else, whatever was changed."""
        if not isinstance(settings, dict):
            return settings
        fixed = {
            "api_url": self.exact.url,
            "access_token": self.exact.issue_access_token(),
            "token_store": str(self.home / "none.json"),
        }
        return {**settings, **fixed}

    def write(self, name: str, content: Any) -> list[str]:
        path = self.home / f"{name}.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return [f"--{name}", str(path)]

    def run(self, **files: Any) -> None:
        """Run with these files; fails if there is neither a good end nor one line that says why."""
        arguments = [word for name, content in files.items() for word in self.write(name, content)]
        code, out, ears = command(arguments)
        errors = [record for record in ears.records if record.levelno >= logging.ERROR]
        assert not [record for record in ears.records if record.exc_info]
        assert not [record for record in ears.records if "internal error" in record.getMessage()]
        if code == 0:
            assert not errors
            Target(hard_delete=False).load(map(with_any_type, out.splitlines()))
        else:
            assert code == 1
            assert errors
            assert all("\n" not in record.getMessage() for record in errors)


def with_any_type(line: bytes) -> bytes:
    """A message as if each column might be null: the types in a catalog are its writer's choice."""
    message = json.loads(line)
    for schema in message["schema"]["properties"].values() if message["type"] == "SCHEMA" else ():
        schema["type"] = ["null"]
    return json.dumps(message).encode()


def command(arguments: list[str]) -> tuple[int, bytes, Ears]:
    """Run the program inside this process: exit code, standard output, log."""
    ears, out = Ears(), io.BytesIO()
    stdout = io.TextIOWrapper(out, encoding="utf-8")
    root = logging.getLogger()
    root.addHandler(ears)
    code: object = None
    try:
        with contextlib.redirect_stdout(stdout):
            TapExactOnline.get_singer_command().main(arguments, prog_name="tap-exactonline")
    except SystemExit as end:
        code = end.code
    finally:
        root.removeHandler(ears)
        stdout.detach()
    assert isinstance(code, int)
    return code, out.getvalue(), ears


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(console, "TOKEN_TIMEOUT", 0.2)
    exact = ExactOnline(seed=3, page_rows=5, error_limit=10**6)
    exact.limits(minute=10**6, day=10**7)
    for code in (101, 102):
        exact.add_division(code, rows=dict.fromkeys(STREAMS[:-1], 7))
    with exact.serve():
        yield Lab(exact, tmp_path)


def seeds() -> Iterator[Random]:
    """Each seed once, or as many as there is time for."""
    began = time.monotonic()
    for seed in range(TIMES):
        if time.monotonic() - began > LONGEST:
            assert seed >= ENOUGH
            return
        yield Random(seed)


SETTINGS: dict[str, Any] = {
    "client_id": "id", "client_secret": "secret", "divisions": [101, 102], "exclude_divisions": [103],
    "start_date": "2020-01-01", "max_parallel_divisions": 2, "reserve_calls": 0, "deletions": "tombstones",
    "column_names": "snake_case", "hidden_fields": False, "timestamps": "utc", "timezone": "Europe/Amsterdam",
    "country": "nl", "user_agent": "x", "emit_activate_version_messages": True,
    "extra_streams": [{"name": "some_journals", "path": "financial/Journals", "filter": "Code ne '1'"}],
}  # fmt: skip
MAPS: dict[str, Any] = {
    "stream_maps": {
        "financial_journals": {"code": "str(code)", "x": "int(1)", "__filter__": "code != '3'"},
        "crm_*": {"__alias__": "'c'"},
        "sync_financial_gl_accounts": {
            "__else__": None, "division": "division", "id": "id", "code": "code",
            "__key_properties__": ["division", "id"],
        },
        "others": {"__source__": "system_divisions"},
    },
    "stream_map_config": {"a": "b"}, "flattening_enabled": True, "flattening_max_depth": 2,
    "flattening_separator": "__", "faker_config": {"seed": 1, "locale": ["nl_NL"]},
}  # fmt: skip


def test_damaged_catalogs(lab: Lab) -> None:
    for choose in seeds():
        lab.run(config=lab.connected({}), catalog=mutated(choose, lab.catalog))


def test_damaged_states(lab: Lab) -> None:
    config = lab.connected({"deletions": "tombstones", "emit_activate_version_messages": True})
    for choose in seeds():
        lab.run(config=config, catalog=lab.catalog, state=mutated(choose, lab.state))


def test_damaged_settings(lab: Lab) -> None:
    for choose in seeds():
        config = lab.connected(mutated(choose, SETTINGS))
        lab.run(config=config, catalog=lab.catalog)


def test_damaged_stream_maps(lab: Lab) -> None:
    for choose in seeds():
        lab.run(config=lab.connected(mutated(choose, MAPS)), catalog=lab.catalog)


def test_damaged_files(lab: Lab) -> None:
    sound = {"config": lab.connected({}), "catalog": lab.catalog, "state": lab.state}
    texts = {name: json.dumps(content).encode() for name, content in sound.items()}
    for choose in seeds():
        name = choose.choice(("catalog", "state"))
        lab.run(**{**texts, name: bitten(choose, texts[name])})


def test_damaged_stores(lab: Lab) -> None:
    store = lab.home / "tokens.json"
    settings = {
        "api_url": lab.exact.url, "client_id": lab.exact.client_id, "client_secret": lab.exact.client_secret,
        "token_store": str(store),
    }  # fmt: skip
    check = partial(command, [*lab.write("config", settings), "check", "--quick", "--format=json"])
    lab.write("config", {**settings, "refresh_token": lab.exact.issue_login()})
    assert check()[0] == 0
    lab.write("config", settings)
    sound = store.read_bytes()
    for choose in seeds():
        damaged = json.dumps(mutated(choose, json.loads(sound))).encode()
        store.write_bytes(damaged if choose.random() < 0.7 else bitten(choose, sound))
        code, out, _ = check()
        found = json.loads(out)
        assert code in {0, 1}
        assert found["ok"] is (code == 0)
