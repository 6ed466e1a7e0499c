"""The wheel: what is in it, and that it works on its own, in an empty environment far from this repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

import tap_exactonline
from scripts.meltano_project import FOREIGN, ROOT
from scripts.newcomer import build_wheel
from tap_exactonline.endpoints import load
from tests.exact_online import ExactOnline

pytestmark = pytest.mark.process

PINS = ROOT / "constraints/dev.txt"
# A wheel that was built before, to be tested as it is.
TESTED = Path(os.environ["WHEEL"]).resolve() if os.environ.get("WHEEL") else None
# It comes with Meltano and makes an environment in a second.
UV = ROOT / ".venvs/meltano/bin/uv"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is tested (`make test WHEEL=…`), else one of the working copy."""
    return TESTED or build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution that was built with the wheel."""
    folder = TESTED.parent if TESTED else tmp_path_factory.mktemp("source")
    if not TESTED:
        done = run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
        assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    return archive


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of this repository."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((*FOREIGN, "PYTHON", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=kept,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def install(wheel: Path, python: str | Path, home: Path) -> Path:
    """Make an empty environment, install the wheel into it, and return the directory of its programs."""
    assert UV.exists(), f"{UV.relative_to(ROOT)} is missing: run `make setup`"
    for command in (
        (UV, "venv", "--quiet", "--no-project", "--python", python, home / "venv"),
        (UV, "pip", "install", "--quiet", "--python", home / "venv/bin/python", "-c", PINS, wheel),
    ):
        done = run(*command, cwd=home)
        assert done.returncode == 0, done.stderr
    return home / "venv/bin"


def other_python(version: str) -> Path | None:
    """A working interpreter of a version such as 3.12, wherever people keep them."""
    places = [shutil.which(f"python{version}")]
    places += [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    places += [
        str(path) for path in Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python")
    ]
    for place in filter(None, places):
        done = run(place, "-c", "import sys; print('%d.%d' % sys.version_info[:2])", cwd=Path("/"))
        if done.stdout.strip() == version:
            return Path(place)
    return None


def test_the_wheel_holds_the_package_its_data_and_the_licence(wheel: Path) -> None:
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tap_exactonline").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    extra = {name.split("/", 1)[1] for name in names - source if ".dist-info/" in name}
    assert source <= names
    assert names - source == {name for name in names if ".dist-info/" in name}
    assert extra == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert {"tap_exactonline/py.typed", "tap_exactonline/endpoints/endpoints.json"} <= names


def test_the_metadata_says_what_pyproject_says(wheel: Path, project: dict[str, Any]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Name"] == "singer-tap-exactonline"
    assert metadata["Requires-Python"] == project["project"]["requires-python"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert re.match(r"\d+\.\d+\.\d+", metadata["Version"])
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["project"]["optional-dependencies"])
    urls = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    assert urls == project["project"]["urls"]
    # `backoff` overwrites `python-backoff`, which the SDK needs.
    required = {re.split(r"[^\w-]", line)[0].lower() for line in metadata.get_all("Requires-Dist", [])}
    assert "backoff" not in required


def test_the_tests_run_the_package_that_is_to_be_published(wheel: Path) -> None:
    """With a wheel given, its files and none of the working copy; without, the working copy."""
    tested = Path(tap_exactonline.__file__).parent
    assert (tested == ROOT / "tap_exactonline") == (TESTED is None)
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if name.startswith("tap_exactonline/")]
        assert files
        differ = [name for name in files if archive.read(name) != (tested.parent / name).read_bytes()]
    assert differ == []


def test_the_source_distribution_can_be_built_into_the_same_wheel(
    wheel: Path, source: Path, tmp_path: Path
) -> None:
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    done = run(
        sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=unpacked
    )
    assert done.returncode == 0, done.stderr
    (again,) = (tmp_path / "again").glob("*.whl")
    assert again.name == wheel.name
    with zipfile.ZipFile(again) as second, zipfile.ZipFile(wheel) as first:
        assert sorted(second.namelist()) == sorted(first.namelist())


def test_an_empty_environment_discovers_and_syncs(wheel: Path, tmp_path: Path) -> None:
    programs = install(wheel, sys.executable, tmp_path)
    tap = programs / "tap-exactonline"

    where = run(
        programs / "python", "-c", "import tap_exactonline; print(tap_exactonline.__file__)", cwd=tmp_path
    )
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)

    discovered = run(tap, "--discover", cwd=tmp_path)
    assert discovered.returncode == 0, discovered.stderr
    catalog = json.loads(discovered.stdout)
    assert len(catalog["streams"]) == len(load()) + 2

    exact = ExactOnline(seed=5)
    exact.add_division(101, rows={"sync_crm_accounts": 1003, "financial_journals": 61})
    with exact.serve():
        config = {
            "api_url": exact.url,
            "client_id": exact.client_id,
            "client_secret": exact.client_secret,
            "refresh_token": exact.issue_login(),
            "token_store": str(tmp_path / "login.json"),
        }
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        wanted = ("sync_crm_accounts", "financial_journals")
        for stream in catalog["streams"]:
            (top,) = [item for item in stream["metadata"] if not item["breadcrumb"]]
            top["metadata"]["selected"] = stream["tap_stream_id"] in wanted
        (tmp_path / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
        done = run(tap, "--config", "config.json", "--catalog", "catalog.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    # Not splitlines(): texts may hold the other separators that it splits at.
    messages = [json.loads(line) for line in done.stdout.split("\n") if line]
    counts = {
        name: sum(one["type"] == "RECORD" and one["stream"] == name for one in messages) for name in wanted
    }
    assert counts == {"sync_crm_accounts": 1003, "financial_journals": 61}


def test_every_address_of_the_repository_names_the_same_owner(project: dict[str, Any]) -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"https://(?:github\.com/)?(\w+)(?:\.github\.io)?/tap-exactonline", site)
    named += [
        re.findall(r"https://(?:github\.com/)?(\w+)(?:\.github\.io)?/tap-exactonline", url)[0]
        for url in project["project"]["urls"].values()
    ]
    assert len(named) == 7
    assert len(set(named)) == 1


def declared_versions() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))


def test_the_declared_versions_begin_with_the_oldest_allowed(project: dict[str, Any]) -> None:
    assert project["project"]["requires-python"] == f">={declared_versions()[0]}"


@pytest.mark.parametrize("version", declared_versions())
def test_every_declared_python_runs_it(version: str, wheel: Path, tmp_path: Path) -> None:
    python = other_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    programs = install(wheel, python, tmp_path)
    done = run(programs / "tap-exactonline", "--discover", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["streams"]) == len(load()) + 2
