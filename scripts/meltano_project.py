"""A Meltano project that needs no `meltano install`: meltano.yml of this repository, on the environments of `make setup`.

The demo and the end-to-end tests run Meltano as a user does, in a directory of their own, so that their bookmarks,
logins and catalogue caches never mix with those of a real project.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MELTANO = ROOT / ".venvs/meltano/bin/meltano"
# The tap of the environment that runs this: that of make, of uv, of tox or of an IDE.
TAP = Path(sys.executable).with_name("tap-exactonline")

# A setting that the caller happens to have would change what runs.
FOREIGN = ("TAP_", "TARGET_", "MELTANO_", "SINGER_")


class MissingEnvironmentError(RuntimeError):
    """`make setup` did not run yet."""


def executable(name: str) -> Path:
    """Where a plugin's program lies: the tap beside this Python, each target in an environment of its own.

    Raises:
        MissingEnvironmentError: It is not there; the text says what to type.
    """
    path = TAP if name == TAP.name else ROOT / ".venvs" / name / "bin" / name
    if not path.exists():
        raise MissingEnvironmentError(f"{path} is missing: run `make setup` in {ROOT}")
    return path


@dataclass(frozen=True)
class Project:
    """A project directory and the environment variables that Meltano gets.

    Attributes:
        root: The directory of meltano.yml.
        env: Settings such as `TAP_EXACTONLINE_CLIENT_ID`, by name.
    """

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        root: Path,
        env: Mapping[str, str],
        *,
        select: Sequence[str] | None = None,
        programs: Mapping[str, Path] | None = None,
    ) -> Project:
        """Write meltano.yml into a directory.

        Args:
            root: The directory; made when absent.
            env: Settings of the plugins, by the name of their variable.
            select: Instead of the repository's default selection.
            programs: Instead of the plugins' own programs, by plugin.
        """
        if not MELTANO.exists():
            raise MissingEnvironmentError(f"Meltano is missing: run `make setup` in {ROOT}")
        definition = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        for plugin in (plugin for plugins in definition["plugins"].values() for plugin in plugins):
            name = plugin["name"]
            # Without pip_url there is nothing to install, and Meltano takes the program as it is.
            del plugin["pip_url"]
            plugin["executable"] = str((programs or {}).get(name) or executable(name))
            if select is not None and name == "tap-exactonline":
                plugin["select"] = list(select)
        root.mkdir(parents=True, exist_ok=True)
        (root / "output").mkdir(exist_ok=True)
        (root / "meltano.yml").write_text(yaml.safe_dump(definition, sort_keys=False), encoding="utf-8")
        return cls(root, dict(env))

    def environment(self) -> dict[str, str]:
        """All variables of a Meltano process: the caller's, less what would leak in, plus the project's own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return inherited | {"MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"} | self.env

    def run(
        self,
        *arguments: str,
        timeout: float = 300,
        output: int | IO[Any] = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `meltano ARGUMENTS` to its end, its log and what it prints in one stream.

        Args:
            arguments: As on the command line, for example `run`, `tap-exactonline`, `target-postgres`.
            timeout: Seconds before it is killed.
            output: Where the text goes; without it, it is `stdout` of the result.
            env: More variables, for this call only.
        """
        return subprocess.run(
            [str(MELTANO), *arguments],
            cwd=self.root,
            env=self.environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
