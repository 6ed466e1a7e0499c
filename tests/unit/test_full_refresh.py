"""Runs with ``meltano run --full-refresh``, whose state Meltano merges into the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.convergence.states import merged
from tests.convergence.target import Target
from tests.support.sync import HOME, SyncFixture, lab

ACCOUNTS, JOURNALS, COSTUNITS = "sync_crm_accounts", "financial_journals", "hrm_costunits"
TABLES = (ACCOUNTS, COSTUNITS, JOURNALS)
ROWS = 7


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncFixture]:
    """Three tables of each kind, read once; a target that removes what it is told to."""
    with lab(
        tmp_path, dict.fromkeys(TABLES, ROWS), emit_activate_version_messages=request.param, page_rows=10
    ) as made:
        made.target = Target(hard_delete=True)
        assert made.run(*TABLES).complete
        yield made


def refresh(read: SyncFixture, calls: int) -> None:
    """A full refresh that Exact's limit for the day ends after so many calls; the state becomes what Meltano makes of it."""
    before, read.state = read.state, None
    used = read.exact.limits_of(HOME).day.at(read.exact.clock.now()).used
    read.exact.limits(day=used + calls, division=HOME)
    done = read.run(*TABLES, "run_log")
    assert not done.complete
    read.exact.limits(day=10**6, division=HOME)
    read.state = merged(done.state or {}, before)


def sizes(read: SyncFixture) -> dict[str, int]:
    return {name: len(read.live(name)) for name in TABLES}


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_full_refresh_that_is_cut_off_goes_on_in_the_next_run(read: SyncFixture, calls: int) -> None:
    # The reason for it: somebody has lost the tables.
    for table in read.target.tables.values():
        table.rows.clear()
    refresh(read, calls)
    assert set(sizes(read).values()) != {ROWS}

    assert read.run(*TABLES).complete

    assert sizes(read) == dict.fromkeys(TABLES, ROWS)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_no_row_is_declared_gone_because_a_full_refresh_was_cut_off(read: SyncFixture, calls: int) -> None:
    refresh(read, calls)

    assert read.run(*TABLES).complete

    assert sizes(read) == dict.fromkeys(TABLES, ROWS)


def test_what_a_full_refresh_did_not_select_goes_on_where_it_was(read: SyncFixture) -> None:
    before, read.state = read.state, None
    done = read.run(JOURNALS)
    assert done.complete
    assert before is not None
    state: dict[str, Any] = merged(done.state or {}, before)
    for name in (ACCOUNTS, COSTUNITS):
        assert state["bookmarks"][name] == before["bookmarks"][name]
