"""What holds for all tests: `make quick` leaves out those that start programs, and finds those that do not say so."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.postgres import Postgres, embedded

E2E = Path(__file__).parent / "e2e"
# On a busy machine an example takes as long as it takes.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

_EVENTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
_started: list[str] = []


def _note(event: str, details: tuple[object, ...]) -> None:
    if event in _EVENTS:
        _started.append(f"{event} {details}")


# Python itself tells of each program that is started, whichever way and from whichever thread.
sys.addaudithook(_note)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(E2E):
            item.add_marker(pytest.mark.process)


def _watched(item: pytest.Item) -> Generator[None, object, object]:
    _started.clear()
    result = yield
    if _started and "not process" in item.config.option.markexpr:
        pytest.fail(
            f"This test starts a program without saying so: {_started[0][:300]}\n"
            "Mark it with @pytest.mark.process, or its file with pytestmark = pytest.mark.process.",
            pytrace=False,
        )
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _watched(item))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests of a process."""
    with embedded() as server:
        yield server


@pytest.fixture
def database(postgres_server: Postgres, request: pytest.FixtureRequest) -> Postgres:
    """An empty database of this test's own."""
    return postgres_server.database(re.sub(r"\W", "_", request.node.name)[:60])
