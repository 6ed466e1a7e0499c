"""Another SCHEMA in the middle of a run: a target loads what came under the first one last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.convergence.target import Target
from tests.exact_online import Call, Table, faults
from tests.exact_online.faults import Match
from tests.support.refusals import PATHS, a_week_later, column, errors, schemas
from tests.support.sync import HOME, ITEMS, lab


def one_comes_back(table: Table, new: int = 0) -> Any:
    """A row is deleted and created again with its key, which is returned; after it others are created."""
    key = table.keys()[0]
    table.delete(key)
    table.insert(ID=key)
    for _ in range(new):
        table.insert()
    return key


@PATHS
def test_a_field_that_is_refused_again_changes_no_schema(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Target-postgres loads what came under the first SCHEMA last: the deletion after the row that came back."""
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", **settings) as home:
        home.exact.refuse_field(ITEMS, "Description")
        home.run(ITEMS)
        assert home.run(ITEMS).complete
        a_week_later(home, ITEMS)
        one_comes_back(home.table(ITEMS))

        run = home.run(ITEMS)

        assert run.complete
        assert errors(home), "it was tried"
        assert [record["_sdc_deleted_at"] is None for record in run.records(ITEMS)] == [False, True]
        assert len(schemas(run, ITEMS)) == 1


@PATHS
@pytest.mark.parametrize("first", [False, True])
def test_a_deletion_that_a_target_loads_last_is_applied_again(
    tmp_path: Path, settings: dict[str, Any], first: bool
) -> None:
    with lab(tmp_path, {ITEMS: 9}, deletions="tombstones", **settings) as home:
        home.target = Target(hard_delete=False, batch=3)
        if not first:
            assert home.run(ITEMS).complete
        key = one_comes_back(home.table(ITEMS), new=4)
        home.exact.refuse_field(ITEMS, "Description")

        run = home.run(ITEMS)

        assert "Description (column description)" in str(run.error)
        assert len(schemas(run, ITEMS)) == 2
        assert key not in home.live(ITEMS), "the target has loaded its deletion last"
        run = home.run(ITEMS)
        assert run.complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())
        assert len(run.records(ITEMS)) == 1 + 5, "what came since the deletion, and no more"
        assert not home.run(ITEMS).records(ITEMS), "once"


@PATHS
def test_it_is_applied_again_where_no_timestamp_tells_which_rows_came_back(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """A move numbers rows and deletions in no order, so that all rows are read again."""
    with lab(tmp_path, {ITEMS: 9}, deletions="tombstones", **settings) as home:
        home.target = Target(hard_delete=False, batch=3)
        assert home.run(ITEMS).complete
        key = one_comes_back(home.table(ITEMS))
        home.exact.move_division(HOME, 20_000)
        home.exact.refuse_field(ITEMS, "Description")
        home.run(ITEMS)
        assert key not in home.live(ITEMS), "the target has loaded its deletion last"

        assert home.run(ITEMS).complete

        assert home.live(ITEMS) == set(home.table(ITEMS).keys())
        assert not home.run(ITEMS).records(ITEMS), "once"


def test_it_is_applied_again_after_a_third_schema(tmp_path: Path) -> None:
    """One administration refuses a field, another one a second field, when its deletions are written already."""
    other = HOME + 1
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", max_parallel_divisions=1) as home:
        home.target = Target(hard_delete=False, batch=3)
        home.exact.add_division(other, rows={ITEMS: 4})
        assert home.run(ITEMS).complete
        home.table(ITEMS).insert()
        table = home.table(ITEMS, other)
        key = one_comes_back(table, new=4)
        home.exact.refuse_field(ITEMS, "Description")
        end = home.exact.on_page(
            lambda call: home.exact.refuse_field(ITEMS, "Barcode") if call.division == other else None
        )
        run = home.run(ITEMS)
        end()
        assert len(schemas(run, ITEMS)) == 3
        assert key not in home.live(ITEMS, other), "the target has loaded its deletion last"

        assert home.run(ITEMS).complete

        assert home.live(ITEMS, other) == set(table.keys())


@PATHS
def test_a_field_that_is_back_after_a_deletion_makes_the_run_incomplete(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", **settings) as home:
        home.target = Target(hard_delete=False, batch=2)
        home.exact.refuse_field(ITEMS, "Description")
        home.run(ITEMS)
        a_week_later(home, ITEMS)
        home.exact.allow_field(ITEMS, "Description")
        key = one_comes_back(home.table(ITEMS), new=1)

        run = home.run(ITEMS)

        assert key not in home.live(ITEMS)
        assert "after rows or deletions had been written" in str(run.error)
        assert "Run again: soon" in str(run.error)
        assert home.run(ITEMS).complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


@pytest.mark.parametrize("cut", ["kill", "term"])
@pytest.mark.parametrize("after", [9, 12, 15])
def test_a_run_that_is_cut_after_another_schema_loses_no_row_that_came_back(
    tmp_path: Path, after: int, cut: Any
) -> None:
    """One administration learns that the field is gone when the deletions of the other are written already."""
    other = HOME + 1
    with lab(tmp_path, {ITEMS: 4}, deletions="tombstones", page_rows=2, max_parallel_divisions=2) as home:
        home.target = Target(hard_delete=False, batch=2)
        home.exact.add_division(other, rows={ITEMS: 4})
        assert home.run(ITEMS).complete
        table = home.table(ITEMS, other)
        one_comes_back(table, new=8)
        home.exact.refuse_field(ITEMS, "Description")

        home.run(ITEMS, after=after, cut=cut)

        home.run(ITEMS)
        assert home.run(ITEMS).complete
        assert home.live(ITEMS, other) == set(table.keys())


@PATHS
@pytest.mark.parametrize("first", [False, True])
def test_a_row_that_changes_while_another_schema_comes_gets_its_newest_value(
    tmp_path: Path, settings: dict[str, Any], first: bool
) -> None:
    """One administration refuses a field, while another one gives it and a row of its first page changes."""
    other = HOME + 1
    with lab(tmp_path, {ITEMS: 4}, page_rows=4, max_parallel_divisions=2, **settings) as home:
        home.target = Target(hard_delete=False, batch=20)
        home.exact.add_division(other, rows={ITEMS: 4})
        table = home.table(ITEMS)
        if not first:
            assert home.run(ITEMS).complete
            home.exact.clear_log()
            home.table(ITEMS, other).insert()
        for _ in range(30):
            table.insert()
        changing = table.rows()[0 if first else 4]["ID"]
        home.exact.refuse_field(ITEMS, "Description", other)
        meeting = faults.together(2)
        home.exact.faults.add(Match(ITEMS, other, nth=2), meeting)
        home.exact.faults.add(Match(ITEMS, HOME, nth=3), meeting)

        def while_it_is_read(_call: Call) -> None:
            if home.exact.calls(HOME, ITEMS) == 2:
                end()
                table.update(changing, Code="newest")
                for _ in range(40):
                    table.insert()

        end = home.exact.on_page(while_it_is_read)
        assert "after rows or deletions had been written" in str(home.run(ITEMS).error)

        run = home.run(ITEMS)

        assert run.complete
        assert "newest" in {record["code"] for record in run.records(ITEMS)}, (
            "or the older value may have been loaded last"
        )
        assert column(home, ITEMS, "code")[changing] == "newest"
        assert not home.run(ITEMS).records(ITEMS), "once"
