"""dbt that is imported once and has read the package once, for tests that build again and again.

Each command runs in a fork of its own, so that none leaves a lock on the database, or anything in memory, to the next one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from scripts.dbt import arguments, environment, write_profile
from scripts.meltano_project import executable

_PROGRAM = """
import json, os, sys, traceback
from dbt.cli.main import dbtRunner

log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
answers = os.fdopen(os.dup(1), "w")
os.dup2(log, 1)
os.dup2(log, 2)
manifest = None
for line in sys.stdin:
    if manifest is None:
        parsed = dbtRunner().invoke(json.loads(line))
        manifest = parsed.result
        code = 0 if parsed.success else 1
    elif child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    else:
        try:
            code = 0 if dbtRunner(manifest=manifest).invoke(json.loads(line)).success else 1
        except BaseException:
            traceback.print_exc()
            code = 2
        sys.stdout.flush()
        os._exit(code)
    print(code, file=answers, flush=True)
"""


class DbtSession:
    """One package in one database.

    Args:
        output: Of the profile.
        variables: Of the package. Those that decide which models there are hold for all commands.
        home: A directory for the profile and for what dbt writes.
    """

    def __init__(self, output: Mapping[str, Any], variables: Mapping[str, Any], home: Path) -> None:
        self.home = home
        self._variables = dict(variables)
        write_profile(output, home)
        self._log = home / "session.log"
        self._process = subprocess.Popen(
            [Path(executable("dbt")).parent / "python", "-c", _PROGRAM, self._log],
            cwd=home,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run("parse")

    def run(self, command: str, *options: str, **variables: Any) -> None:
        """Run `dbt COMMAND`, which must end well. Variables such as the day may differ from command to command."""
        asked = arguments(command, self._variables | variables, self.home, *options)
        stdin, stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        assert stdout.readline() == "0\n", self._log.read_text(encoding="utf-8")[-4000:]

    def compiled(self, test: str) -> str:
        """The SQL of one of the package's own tests, as the last command compiled it."""
        return (self.home / f"target/compiled/exact_online/tests/{test}.sql").read_text(encoding="utf-8")

    def close(self) -> None:
        self._process.communicate(timeout=30)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
