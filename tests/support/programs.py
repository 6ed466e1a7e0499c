"""Finds tests that start a program without saying so, while those that say it are left out (`make quick`).

Part of tests/conftest.py; imports nothing of this repository, so that tests/unit/test_habits.py can try it alone.
"""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

_EVENTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
_started: list[str] = []


def _note(event: str, details: tuple[object, ...]) -> None:
    if event in _EVENTS:
        _started.append(f"{event} {details}")


# Python itself tells of each program that is started, whichever way and from whichever thread.
sys.addaudithook(_note)


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
