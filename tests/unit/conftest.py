"""Fixtures of the tests that run the command, of those of token stores, and of those of logins."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRunner
from tests.support.tokens import TokenFixture, laboratory


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=5)
    stand_in.limits(minute=10_000, day=100_000)
    stand_in.start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def runner(exact: ExactOnline, tmp_path: Path) -> TapRunner:
    return TapRunner(exact, tmp_path)


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.process)])
def location(request: pytest.FixtureRequest, path: Path) -> str:
    """A token store of each kind, in a folder that is not there yet or an empty database."""
    if request.param == "file":
        return str(path)
    return request.getfixturevalue("database").sqlalchemy_url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a token store, the same as that of `location`; its folder is not there yet."""
    return tmp_path / "store" / "tokens"


@pytest.fixture
def lab(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[TokenFixture]:
    """A laboratory for logins; afterwards no log record may hold a secret."""
    caplog.set_level(logging.DEBUG)
    with laboratory(tmp_path) as made:
        yield made
        text = "".join(record.getMessage() for record in caplog.get_records("call"))
        assert not [token for token in {*made.exact.issued_tokens, made.exact.client_secret} if token in text]
