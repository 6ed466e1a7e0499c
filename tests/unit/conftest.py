"""Fixtures of the tests that run the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exact_online import ExactOnline
from tests.unit.runs import Runner


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=5)
    stand_in.limits(minute=10_000, day=100_000)
    stand_in.start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def runner(exact: ExactOnline, tmp_path: Path) -> Runner:
    return Runner(exact, tmp_path)
