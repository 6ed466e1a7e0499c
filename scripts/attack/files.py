"""Files that somebody has damaged: the token store, the settings, the state, the catalog. Each case is a real command."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from scripts.attack import mutate
from scripts.attack.forks import run, side_by_side
from scripts.attack.model import Effort, Figure, Tally
from tests.exact_online import ExactOnline, hostile

_STREAMS = ("sync_crm_accounts", "crm_contacts", "financial_journals", "sync_deleted")
_AT_A_TIME = 20


@dataclass
class World:
    """A stand-in, and the files of a run that went well: settings, catalog, state, token store."""

    exact: ExactOnline
    home: Path

    def prepare(self) -> None:
        """Log in, discover, and run once.

        Raises:
            RuntimeError: That did not work, so nothing that follows would mean anything.
        """
        good = self.home / "good"
        good.mkdir()
        settings = {
            "api_url": self.exact.url, "client_id": self.exact.client_id, "client_secret": self.exact.client_secret,
            "refresh_token": self.exact.issue_login(), "token_store": "tokens.json", "divisions": [101],
            "start_date": "2020-01-01", "max_parallel_divisions": 2, "reserve_calls": 0, "country": "nl",
            "extra_streams": [{"name": "open", "path": "crm/Accounts", "filter": "Blocked eq false"}],
        }  # fmt: skip
        (good / "config.json").write_text(json.dumps(settings))
        catalog = json.loads(self._well(["--config", "config.json", "--discover"]).out)
        streams = [one for one in catalog["streams"] if one["tap_stream_id"] in _STREAMS]
        for stream in streams:
            stream["metadata"][0]["metadata"]["selected"] = True
        (good / "catalog.json").write_text(json.dumps({"streams": streams}))
        lines = self._well(["--config", "config.json", "--catalog", "catalog.json"]).out.splitlines()
        states = [json.loads(line)["value"] for line in lines if line.startswith('{"type":"STATE"')]
        (good / "state.json").write_text(json.dumps(states[-1]))

    def _well(self, arguments: list[str]) -> Any:
        ended = run(arguments, self.home / "good", timeout=120)
        if ended.code != 0:
            raise RuntimeError(f"{arguments} ended with {ended.code}: {ended.err[-1000:]}")
        return ended

    def case(self, number: int, name: str, damage: Callable[[bytes, Random], bytes], chance: Random) -> Path:
        """A folder with the good files, one of them damaged."""
        folder = self.home / f"{name}-{number}"
        shutil.copytree(self.home / "good", folder)
        (folder / name).write_bytes(damage((folder / name).read_bytes(), chance))
        return folder


# Which file, the commands that read it, and how often. The store is asked by `check`, which waits for nobody for long.
_KINDS = {
    "tokens.json": (["check", "--quick", "--config", "config.json"], 300),
    "config.json": (["check", "--quick", "--config", "config.json"], 300),
    "state.json": (["--config", "config.json", "--catalog", "catalog.json", "--state", "state.json"], 300),
    "catalog.json": (["--config", "config.json", "--catalog", "catalog.json", "--state", "state.json"], 300),
}
_WORDS = {
    "tokens.json": "damaged token stores",
    "config.json": "damaged settings",
    "state.json": "damaged states",
    "catalog.json": "damaged catalogs",
}


def attack(effort: Effort) -> list[Figure]:
    """File after file."""
    exact = ExactOnline(seed=8, error_limit=10**6)
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(101, rows=dict.fromkeys(_STREAMS[:3], 3))
    with exact.serve(), tempfile.TemporaryDirectory() as home:
        world = World(exact, Path(home))
        world.prepare()
        return [_damaged(effort, world, name) for name in _KINDS]


def _damaged(effort: Effort, world: World, name: str) -> Figure:
    arguments, whole = _KINDS[name]
    tally = Tally()
    secrets = {*world.exact.issued_tokens, world.exact.client_secret}
    left = effort.count(whole)
    while left > 0 and not effort.late:
        batch = min(left, _AT_A_TIME)
        folders = [world.case(left - one, name, mutate.damaged, effort.chance) for one in range(batch)]
        for folder, ended in zip(
            folders, side_by_side((arguments, folder) for folder in folders), strict=True
        ):
            tally.tried += 1
            if ended.trouble:
                tally.went_wrong(ended.trouble, f"{ended.err[-1500:]} {(folder / name).read_bytes()[:600]!r}")
            if any(hostile.seen(secret, ended.err + ended.out) for secret in secrets):
                tally.went_wrong("showed a secret", (folder / name).read_bytes()[:600])
            shutil.rmtree(folder)
        left -= batch
    return tally.figure(f"{_WORDS[name]}, each given to the command", "tracebacks, hangs or secrets shown")
