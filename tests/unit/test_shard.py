"""Parts of the administrations: each in one, the same for ever, and no bookmark lost when their number is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.shard import Shard
from tests.exact_online import ExactOnline
from tests.support.in_process import run_tap
from tests.support.tap_runs import TapRunner

ITEMS = "sync_logistics_items"
JOURNALS = "financial_journals"
ONCE = "system_divisions"
CODES = range(1000, 1024)

# These may never change: bookmarks would be read by another part than the one that wrote them.
GOLDEN = {101: 2, 102: 3, 1000: 1, 123456: 2, 234567: 10, 987654: 12, 3123456: 5}


@pytest.mark.parametrize(("division", "number"), GOLDEN.items())
def test_a_division_belongs_to_the_same_part_for_ever(division: int, number: int) -> None:
    assert [part for part in range(16) if Shard(part, 16).owns(division)] == [number]


@given(division=st.integers(1, 2**31), parts=st.integers(1, 500))
def test_each_division_is_in_one_part_and_twice_as_many_parts_divide_it(division: int, parts: int) -> None:
    (number,) = (part for part in range(parts) if Shard(part, parts).owns(division))
    halves = [part for part in (number, number + parts) if Shard(part, 2 * parts).owns(division)]
    assert len(halves) == 1


@pytest.mark.parametrize(
    "text", ["16/16", "3", "a/b", "0/0", "-1/4", "1/", "/", "1/2/3", "0x1/4", "5/4", "1.0/4"]
)
def test_what_is_not_a_part_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SettingsError, match=r"Setting 'shard'.*counted from 0.*0/4") as failure:
        Shard.parse(text)
    assert text in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("text", ["0/1", "3/16", " 3 / 16 ", "999/1000"])
def test_what_is_a_part_is_taken(text: str) -> None:
    assert str(Shard.parse(text)) == text.replace(" ", "")


@contextmanager
def many(rows: int = 2) -> Iterator[ExactOnline]:
    exact = ExactOnline(error_limit=10**6)
    for code in CODES:
        exact.add_division(code, rows={ITEMS: rows, JOURNALS: rows})
    with exact.serve():
        yield exact


def divisions_of(run: object, stream: str = ITEMS) -> set[int]:
    return {record["division"] for record in run.records(stream)}  # type: ignore[attr-defined]


def test_the_parts_together_read_everything_once(tmp_path: Path) -> None:
    with many() as exact:
        runs = [
            run_tap(exact, [ITEMS, ONCE], home=tmp_path, settings={"shard": f"{part}/4"}) for part in range(4)
        ]
    assert all(run.complete for run in runs), [run.error for run in runs]
    found = [code for run in runs for code in divisions_of(run)]
    assert sorted(found) == list(CODES)
    # Several targets that write the table of the login at once would collide.
    assert [len(run.records(ONCE)) for run in runs] == [len(CODES), 0, 0, 0]
    assert [any(m.get("stream") == ONCE for m in run.messages) for run in runs] == [True, False, False, False]


def test_twice_as_many_parts_go_on_from_copies_of_the_states(tmp_path: Path) -> None:
    with many() as exact:
        states = [
            run_tap(exact, [ITEMS, JOURNALS], home=tmp_path, settings={"shard": f"{part}/2"}).state
            for part in range(2)
        ]
        runs = [
            run_tap(
                exact, [ITEMS, JOURNALS], states[part % 2], home=tmp_path, settings={"shard": f"{part}/4"}
            )
            for part in range(4)
        ]
    assert all(run.complete for run in runs)
    assert not any(run.records(ITEMS) for run in runs), "a row was read again"
    kept = [partition["context"]["division"] for run in runs for partition in _partitions(run.state)]
    assert sorted(kept) == list(CODES)


def _partitions(state: object) -> list[dict[str, dict[str, int]]]:
    return state["bookmarks"][ITEMS]["partitions"]  # type: ignore[index]


def empty_part(parts: int = 200, *, first: int = 1) -> str:
    return next(
        f"{part}/{parts}"
        for part in range(first, parts)
        if not any(Shard(part, parts).owns(code) for code in CODES)
    )


def test_an_empty_part_ends_well_and_says_so(tmp_path: Path) -> None:
    with many() as exact:
        run = run_tap(exact, [ITEMS, ONCE], home=tmp_path, settings={"shard": empty_part()})
    assert run.complete, run.error
    assert run.said("has nothing to read")
    assert not run.messages


def test_part_0_reads_for_the_login_even_if_it_has_no_administration(tmp_path: Path) -> None:
    parts = next(n for n in range(100, 1000) if not any(Shard(0, n).owns(code) for code in CODES))
    with many() as exact:
        run = run_tap(exact, [ITEMS, ONCE], home=tmp_path, settings={"shard": f"0/{parts}"})
    assert run.complete, run.error
    assert len(run.records(ONCE)) == len(CODES)
    assert not run.records(ITEMS)


def test_a_part_with_streams_of_the_login_only_ends_well(tmp_path: Path) -> None:
    with many() as exact:
        run = run_tap(exact, [ONCE], home=tmp_path, settings={"shard": "1/2"})
    assert run.complete, run.error


def test_a_part_is_of_the_configured_divisions_and_tells_its_own_faults_only(tmp_path: Path) -> None:
    wanted = {"divisions": [1000, 1001, 1002, 1003, 777, 778, 779], "exclude_divisions": [1003]}
    with many() as exact:
        runs = [
            run_tap(exact, [ITEMS], home=tmp_path, settings={**wanted, "shard": f"{part}/2"})
            for part in range(2)
        ]
    for part, run in enumerate(runs):
        shard = Shard(part, 2)
        assert divisions_of(run) == {code for code in (1000, 1001, 1002) if shard.owns(code)}
        for code in (777, 778, 779):
            assert (f"division {code}" in str(run.error)) is shard.owns(code)


@pytest.mark.process
def test_bad_parts_are_one_line_on_the_command_line(tmp_path: Path) -> None:
    with many() as exact:
        for settings in ({"shard": "4/4"}, {"shard": "0/4", "emit_activate_version_messages": True}):
            done = TapRunner(exact, tmp_path, **settings).tap()
            assert done.code == 1
            (line,) = done.errors
            assert "Setting 'shard'" in line
            assert "Traceback" not in done.err
        assert not exact.log


def test_only_schemas_writes_each_schema_and_asks_for_nothing(tmp_path: Path) -> None:
    with many() as exact:
        run = run_tap(
            exact,
            [ITEMS, JOURNALS, ONCE],
            home=tmp_path,
            settings={"only_schemas": True, "shard": "1/4", "deletions": "tombstones"},
        )
        assert not exact.log
        assert exact.token_calls == 0
    assert run.complete
    assert [message["type"] for message in run.messages] == ["SCHEMA"] * 3
    assert {message["stream"] for message in run.messages} == {ITEMS, JOURNALS, ONCE}


def test_the_schemas_are_those_of_a_run(tmp_path: Path) -> None:
    settings = {"deletions": "tombstones"}
    with many() as exact:
        alone = run_tap(exact, [ITEMS, JOURNALS], home=tmp_path, settings={**settings, "only_schemas": True})
        whole = run_tap(exact, [ITEMS, JOURNALS], home=tmp_path, settings=settings)
    schemas = [message for message in whole.messages if message["type"] == "SCHEMA"]
    assert sorted(alone.messages, key=str) == sorted(schemas, key=str)
