"""The example of a platform, and the library's public face that it uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
import uvicorn

from scripts.postgres import Postgres
from tap_exactonline import exact
from tests.support.cli import REDIRECT, CliFixture, consent, lab
from tests.support.modules import module_at

ROOT = Path(__file__).parents[2]


def test_the_public_face_is_there_and_told() -> None:
    told = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
    for name in exact.__all__:
        assert getattr(exact, name).__doc__, name
        assert f"`{name}`" in told
    assert set(exact._HOME_OF) == set(exact.__all__)
    with pytest.raises(AttributeError):
        _ = exact.nothing_of_the_kind


@pytest.mark.parametrize(
    ("customer", "schema"),
    [("customer-17", "exact_customer_17"), ("b.v_2", "exact_b_v_2"), ("a b; c", "exact_a b; c")],
)
def test_the_run_of_a_customer_goes_into_a_schema_and_a_state_of_its_own(
    tmp_path: Path, customer: str, schema: str
) -> None:
    """What the script gives to Meltano; a customer's name is one word to it, whatever stands in it."""
    meltano = tmp_path / "meltano"
    meltano.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nenv\n")
    meltano.chmod(0o755)
    given = {
        "EXACT_CLIENT_ID": "id",
        "EXACT_CLIENT_SECRET": "hunter2",
        "EXACT_TOKEN_STORE": "postgresql://host/tokens",
    }
    script = ROOT / "examples/platform/run.sh"
    done = subprocess.run(
        ["/bin/sh", script, customer],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **given},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert said[:4] == ["run", f"--state-id-suffix={customer}", "tap-exactonline", "target-postgres"]
    assert {
        "TAP_EXACTONLINE_CLIENT_ID=id",
        "TAP_EXACTONLINE_CLIENT_SECRET=hunter2",
        "TAP_EXACTONLINE_TOKEN_STORE=postgresql://host/tokens",
        f"TAP_EXACTONLINE_CONNECTION={customer}",
        f"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA={schema}",
    } <= {*said}


@pytest.mark.parametrize("missing", ["EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET", "EXACT_TOKEN_STORE", None])
def test_the_script_does_not_run_with_half_of_its_settings(tmp_path: Path, missing: str | None) -> None:
    """Without a customer's name, it would read the login `default`."""
    meltano = tmp_path / "meltano"
    meltano.write_text("#!/bin/sh\necho run\n")
    meltano.chmod(0o755)
    names = {"EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET", "EXACT_TOKEN_STORE"} - {missing}
    done = subprocess.run(
        ["/bin/sh", ROOT / "examples/platform/run.sh", *(["a"] if missing else [])],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **dict.fromkeys(names, "x")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stdout == ""


@pytest.fixture
def here(tmp_path: Path, database: Postgres) -> Iterator[CliFixture]:
    with lab(tmp_path, 111, 112, 222) as made:
        made.exact.division(112).description = "<script>alert(1)</script>"
        made.exact.add_user("custB", 222)
        made.exact.add_user("custA", 111, 112)
        made.settings["token_store"] = database.sqlalchemy_url
        yield made


@pytest.fixture
def platform(here: CliFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The example on a port of the loopback; its address."""
    for name, value in {
        "EXACT_CLIENT_ID": here.exact.client_id,
        "EXACT_CLIENT_SECRET": here.exact.client_secret,
        "EXACT_REDIRECT_URI": REDIRECT,
        "EXACT_TOKEN_STORE": here.settings["token_store"],
        "EXACT_API_URL": here.exact.url,
    }.items():
        monkeypatch.setenv(name, value)
    server = uvicorn.Server(uvicorn.Config(example().application, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def example() -> ModuleType:
    return module_at(ROOT / "examples/platform/app.py")


def come_back(platform: str, here: CliFixture, user: str, customer: str) -> requests.Response:
    """A customer presses the button, logs in at Exact as this user, and is sent back."""
    here.exact.oauth.user = user
    cookies = {"customer": customer}
    away = requests.get(f"{platform}/connect", cookies=cookies, allow_redirects=False, timeout=30)
    back = consent(away.headers["Location"]).removeprefix("https://tap.example")
    return requests.get(f"{platform}{back}", cookies=cookies, timeout=30)


def choose(platform: str, customer: str, page: str, *divisions: int) -> requests.Response:
    token = re.search(r'name="token" value="([^"]+)"', page)
    form: dict[str, Any] = {"division": list(divisions), "token": token[1] if token else ""}
    return requests.post(f"{platform}/choose", form, cookies={"customer": customer}, timeout=30)


def read(here: CliFixture, customer: str) -> list[int]:
    """What a run for the customer reads."""
    done = here.run("divisions", "--format=json", "--config", here.config(connection=customer))
    assert done.returncode == 0, done.stderr
    return [one["division"] for one in json.loads(done.stdout)["divisions"] if one["selected"]]


def test_each_customer_connects_and_is_read_alone(platform: str, here: CliFixture) -> None:
    page = come_back(platform, here, "custA", "a")
    assert page.status_code == 200
    assert "111" in page.text
    assert "<script>" not in page.text
    assert choose(platform, "a", page.text, 111).text == "Connected."
    page = come_back(platform, here, "custB", "b")
    assert "111" not in page.text
    assert choose(platform, "b", page.text).text == "Connected."
    assert (read(here, "a"), read(here, "b")) == ([111], [222])


def test_another_users_login_is_refused(platform: str, here: CliFixture) -> None:
    come_back(platform, here, "custA", "a")
    page = come_back(platform, here, "custB", "a")
    assert page.status_code == 400
    assert "This login is of custB, and the connection belongs to custA" in page.text
    assert read(here, "a") == [111, 112]


def test_a_login_begun_by_another_customer_is_refused(platform: str, here: CliFixture) -> None:
    here.exact.oauth.user = "custB"
    away = requests.get(f"{platform}/connect", cookies={"customer": "b"}, allow_redirects=False, timeout=30)
    back = consent(away.headers["Location"]).removeprefix("https://tap.example")
    page = requests.get(f"{platform}{back}", cookies={"customer": "a"}, timeout=30)
    assert page.status_code == 400
    assert choose(platform, "a", "", 111).status_code == 400
