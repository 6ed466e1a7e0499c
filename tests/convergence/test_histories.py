"""A bounded number of random histories; `make prove` tries thousands."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Histories

HISTORIES = 35
STEPS = 25


# Two halves, so that both workers of `make test` have one. The same histories each time: whoever changes something else
# shall not be the one who finds a new one here.
@pytest.mark.slow
@pytest.mark.parametrize("half", [1, 2])
def test_after_any_history_each_table_equals_its_source(half: int) -> None:
    # A class of its own, since the seed is put on it.
    machine = seed(half)(type("Half", (Histories,), {}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
