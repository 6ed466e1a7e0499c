"""One of a thing is written in the singular, wherever a number is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tap_exactonline.exact.counted import are, counted
from tests.support.cli import lab

PLURAL = re.compile(
    r"(?<![\d,.])1 (?:calls|rows|streams|administrations|divisions|services|days|pages|errors)\b"
)


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 calls are"), (1, "1 call is"), (2, "2 calls are"), (1234, "1,234 calls are")]
)
def test_a_number_and_its_noun(number: int, said: str) -> None:
    assert f"{counted(number, 'call')} {are(number)}" == said


@pytest.mark.process
def test_no_message_speaks_of_one_calls(tmp_path: Path) -> None:
    with lab(tmp_path, 101) as here:
        config = here.logged_in()
        catalog = json.loads(here.run("--discover").stdout)
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == "system_me"
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(catalog), encoding="utf-8")
        said = [here.run("--config", config, "--catalog", str(path)).stderr]
        assert "1 row, " in said[0]
        for command in ("divisions", "check", "drift"):
            done = here.run(
                command, "--config", config, *(["--service", "crm"] if command == "drift" else [])
            )
            said.append(done.stdout + done.stderr)
    assert [PLURAL.findall(text) for text in said] == [[]] * len(said), said
