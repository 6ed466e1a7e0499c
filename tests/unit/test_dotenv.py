"""A `.env` file fills in what the environment does not say, and never overrules it: Meltano takes them in the same order."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.configuration import _dict_config

from tap_exactonline.config.settings import SCHEMA
from tap_exactonline.config.sources import environment_settings

NAMES = ("client_id", "client_secret", "country", "redirect_uri", "user_agent")
VALUES = st.dictionaries(
    st.sampled_from(NAMES), st.text(alphabet="abc1 ", max_size=4).map(lambda text: text.strip()), max_size=5
)


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the SDK finds when it looks for a `.env`."""
    file = tmp_path / ".env"
    monkeypatch.setattr(_dict_config, "find_dotenv", lambda: str(file))
    return file


@given(file=VALUES, shell=VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_shell_wins(dotenv: Path, file: dict[str, str], shell: dict[str, str]) -> None:
    dotenv.write_text("".join(f"{variable(name)}={value}\n" for name, value in file.items()))
    with patch.dict(os.environ, {variable(name): value for name, value in shell.items()}):
        found = environment_settings(SCHEMA)
    # An empty value counts as absent, but it stays what the shell said.
    assert found == {name: value for name, value in {**file, **shell}.items() if value}


def test_a_copy_that_nobody_filled_in_hides_nothing(dotenv: Path) -> None:
    dotenv.write_text("TAP_EXACTONLINE_CLIENT_ID=\nTAP_EXACTONLINE_CLIENT_SECRET=\n")
    with patch.dict(os.environ, TAP_EXACTONLINE_CLIENT_ID="from CI", TAP_EXACTONLINE_CLIENT_SECRET="from CI"):
        assert environment_settings(SCHEMA) == {"client_id": "from CI", "client_secret": "from CI"}


def variable(name: str) -> str:
    return f"TAP_EXACTONLINE_{name.upper()}"
