"""Success needs evidence: what a run may call complete, and what it may call not covered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.exact.errors import ForeignAnswer
from tests.exact_online import ExactOnline, faults, front
from tests.exact_online.wire import Reply, error
from tests.support.in_process import InProcessRun
from tests.support.sync import HOME, ITEMS, lab
from tests.support.tap_runs import TapRunner

FULL = "bulk_documents_document_attachments"
MODIFIED = "hrm_costunits"
DATED = "crm_quotations"
OTHER = "financial_journals"
KINDS = (ITEMS, MODIFIED, FULL)
ROWS = dict.fromkeys((*KINDS, OTHER), 4)

# In words that are known, and in others.
KNOWN = ("plain", "scope", "not_found")
UNKNOWN = (
    "firewall", "iis", "empty", "gateway_scope", "unknown_reason", "unknown_words", "licence_unknown", "record_missing",
)  # fmt: skip


def verdict(run: InProcessRun) -> str:
    """The last line, whether it is an error or not."""
    return str(run.error) if run.error else run.log[-1]


def incomplete(run: InProcessRun, *words: str) -> bool:
    """Whether the run failed, never said otherwise, and named all this."""
    return not run.complete and not run.said("Complete:") and all(word in verdict(run) for word in words)


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("stream", KINDS)
def test_what_never_came_and_is_refused_in_known_words_is_not_covered(
    tmp_path: Path, stream: str, kind: Any
) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.divisions[HOME].forbidden[stream] = kind
        run = home.run(stream, OTHER)
        assert run.complete, run.error
        assert run.said(stream, "not covered")
        assert verdict(run) == "Complete: 4 rows."


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("before", [False, True], ids=["never came", "came before"])
def test_what_is_refused_in_other_words_is_a_failure(tmp_path: Path, kind: Any, before: bool) -> None:
    with lab(tmp_path, ROWS) as home:
        if before:
            assert home.run(ITEMS, OTHER).complete
        home.exact.divisions[HOME].forbidden[ITEMS] = kind
        assert incomplete(home.run(ITEMS, OTHER), ITEMS, str(HOME))


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("stream", KINDS)
def test_what_came_before_and_is_refused_is_a_failure_in_every_run(
    tmp_path: Path, stream: str, kind: Any
) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(stream, OTHER).complete
        home.exact.divisions[HOME].forbidden[stream] = kind
        for number in range(6):
            assert incomplete(home.run(stream, OTHER), stream, str(HOME), "Rows were delivered before"), (
                number
            )
        home.exact.divisions[HOME].forbidden.clear()
        home.state = without_refusals(home.state)
        assert home.run(stream, OTHER).complete


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("stream", KINDS)
def test_rows_that_came_in_this_run_are_evidence_too(tmp_path: Path, stream: str, kind: Any) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.faults.add(stream, faults.refusal(kind), nth=2, times=None)
        run = home.run(stream, OTHER)
        assert incomplete(run, stream, "Rows were delivered before")
        assert len(run.records(stream)) == 3
        home.exact.faults.clear()
        home.exact.divisions[HOME].forbidden[stream] = kind
        assert incomplete(home.run(stream, OTHER), stream), "the next run knows it as well"


@pytest.mark.parametrize("stream", KINDS)
@pytest.mark.parametrize("cut", ["kill", "term"])
def test_rows_of_a_run_that_was_cut_are_evidence_too(tmp_path: Path, stream: str, cut: Any) -> None:
    with lab(tmp_path, ROWS) as home:
        # The SCHEMA messages of both, a page of three rows and its STATE; then it is cut.
        run = home.run(stream, OTHER, after=2 + 3 + 1, cut=cut)
        assert run.state is not None
        home.exact.divisions[HOME].forbidden[stream] = "plain"
        done = home.run(stream, OTHER)
        came = bool(run.records(stream))
        assert incomplete(done, stream) is came, (came, done.error)


def test_an_empty_table_with_a_start_date_was_never_delivered(tmp_path: Path) -> None:
    with lab(tmp_path, {OTHER: 2}, start_date="2020-01-01") as home:
        assert home.run(DATED, OTHER).complete
        assert home.bookmark(DATED)["replication_key_value"]
        home.exact.divisions[HOME].forbidden[DATED] = "plain"
        assert home.run(DATED, OTHER).complete
        home.exact.divisions[HOME].forbidden.clear()
        home.table(DATED).insert()
        run = home.run(DATED, OTHER)
        assert len(run.records(DATED)) == 1
        home.exact.divisions[HOME].forbidden[DATED] = "plain"
        assert incomplete(home.run(DATED, OTHER), DATED)


def test_a_stream_of_the_login_that_came_before_is_a_failure_too(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS, divisions=[HOME]) as home:
        assert home.run("system_me", OTHER).complete
        home.exact.faults.add("system_me", faults.refusal("scope"), times=None)
        assert incomplete(home.run("system_me", OTHER), "system_me", "Rows were delivered before")


# -- administrations and runs


@pytest.mark.parametrize("kind", KNOWN)
def test_an_administration_whose_every_stream_is_refused_is_a_failure(tmp_path: Path, kind: Any) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.add_division(102, rows=ROWS).forbidden |= dict.fromkeys(ROWS, kind)
        run = home.run(*ROWS)
        assert incomplete(run, "division 102", "every selected stream")
        assert len(run.records(ITEMS)) == 4


@pytest.mark.parametrize("kind", [*KNOWN, *UNKNOWN])
def test_a_run_that_could_read_nothing_is_never_complete(tmp_path: Path, kind: Any) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.divisions[HOME].forbidden |= dict.fromkeys(ROWS, kind)
        assert incomplete(home.run(*ROWS))
        assert incomplete(home.run("system_divisions", *ROWS)), "a list of what can't be read is no evidence"


def test_a_run_without_a_stream_is_never_complete(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        assert incomplete(home.run(), "nothing could be read")


def test_wrong_division_is_about_the_administration(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.add_division(102, rows=ROWS).refuses = "wrong_division"
        home.exact.clear_log()
        run = home.run(*ROWS)
        assert incomplete(run, "division 102", "WrongDivision", "Manage companies")
        assert home.exact.calls(102) == 1, "its other streams are not asked for"
        assert all(len(run.records(stream)) == 4 for stream in ROWS)


@pytest.mark.process
@pytest.mark.parametrize("before", [False, True], ids=["first run", "later run"])
def test_a_firewall_before_everything_ends_with_1_and_never_says_complete(
    runner: TapRunner, exact: ExactOnline, before: bool
) -> None:
    exact.add_division(HOME, rows=2)
    state = None
    if before:
        done = runner.run([ITEMS, OTHER])
        assert done.code == 0, done.err
        state = done.state
    exact.faults.add(None, faults.firewall(), when=lambda call: call.stream != "token", times=None)
    done = runner.run([ITEMS, OTHER], state=state)
    assert done.code == 1
    assert "Complete" not in done.err
    assert not done.counts
    assert "Traceback" not in done.err
    assert done.errors


@pytest.mark.process
def test_a_firewall_before_the_data_ends_with_1(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(HOME, rows=2)
    exact.faults.add(None, faults.firewall(), when=lambda call: call.stream in (ITEMS, OTHER), times=None)
    done = runner.run([ITEMS, OTHER])
    assert done.code == 1
    assert "Complete" not in done.err
    assert "firewall" in done.errors[-1]


def test_one_page_of_maintenance_is_ridden_out(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        pages: list[Callable[[], Reply]] = [
            front.redirect,
            front.firewall,
            lambda: front.page(404, front.IIS_404),
        ]
        for number, make in enumerate(pages):
            home.exact.faults.add(KINDS[number], faults.answer(make), times=2)
        run = home.run(*KINDS)
        assert run.complete, run.error
        assert all(len(run.records(stream)) == 4 for stream in KINDS)


def test_a_firewall_is_an_outage_and_does_not_cost_minutes(tmp_path: Path) -> None:
    streams = [*KINDS, OTHER, "vat_vat_codes", "hrm_costcenters", "sync_crm_contacts", "sync_crm_addresses"]
    with lab(tmp_path) as home:
        home.exact.faults.add(None, faults.firewall(), when=lambda call: call.stream in streams, times=None)
        assert incomplete(home.run(*streams))
        assert home.exact.calls(HOME) == 1 + 5 * 3 + 3, "after five in a row one try each"


# -- the rest after refusals


def refuse(what: str) -> faults.Action:
    if what == "nobody can learn from it":
        return faults.answer(lambda: error(400, "Nobody knows why."))
    return faults.error_block() if what == "blocked" else faults.refusal(what)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", ["nobody can learn from it", "blocked", *UNKNOWN, "wrong_division"])
def test_a_failure_stays_a_failure_while_the_endpoint_is_left_alone(tmp_path: Path, what: str) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.faults.add(ITEMS, refuse(what), times=None)
        assert [home.run(ITEMS, OTHER).complete for _ in range(8)] == [False] * 8
        assert home.exact.calls(stream=ITEMS) <= 6


@pytest.mark.parametrize("what", KNOWN)
def test_what_is_not_covered_stays_so_while_it_is_left_alone(tmp_path: Path, what: str) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.faults.add(ITEMS, refuse(what), times=None)
        assert [home.run(ITEMS, OTHER).complete for _ in range(8)] == [True] * 8
        assert home.exact.calls(stream=ITEMS) == 4


def test_one_failure_among_them_is_enough(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.faults.add(ITEMS, refuse("unknown_words"))
        home.exact.faults.add(ITEMS, refuse("plain"), times=None)
        assert [home.run(ITEMS, OTHER).complete for _ in range(6)] == [False, True, True, True, False, False]


def without_refusals(state: dict[str, Any] | None) -> dict[str, Any]:
    assert state is not None
    for entry in state["bookmarks"].values():
        for partition in entry.get("partitions", []):
            partition.pop("refused", None)
    return state


def test_the_kinds_in_a_state_of_another_version_are_no_success(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    with lab(tmp_path, ROWS) as home:
        home.exact.faults.add(ITEMS, refuse("plain"), times=None)
        assert home.run(ITEMS, OTHER).complete
        home.bookmark(ITEMS)["refused"] = [datetime.now(UTC).isoformat(timespec="seconds")] * 5
        assert incomplete(home.run(ITEMS, OTHER), ITEMS)


def test_foreign_answers_count_as_the_errors_that_they_may_be() -> None:
    assert ForeignAnswer.refusal_kind not in {"scope", "rights", "missing"}


# -- administrations that vanish


@pytest.mark.parametrize("how", ["consent", "removed"])
def test_an_administration_that_was_read_and_is_not_in_the_list_any_more_is_missed(
    tmp_path: Path, how: str
) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.add_division(102, rows=ROWS)
        home.exact.add_division(103).forbidden |= dict.fromkeys(ROWS, "plain")  # never delivered a row
        assert not home.run(*ROWS).complete
        home.exact.remove_division(103)
        assert home.run(*ROWS).complete
        if how == "consent":
            home.exact.divisions[102].in_scope = False
        else:
            home.exact.remove_division(102)
        for _ in range(2):
            run = home.run(*ROWS)
            assert incomplete(run, "division 102", "Manage companies", "exclude_divisions")
            assert run.records(OTHER), "the others are read"
        home.settings["exclude_divisions"] = [102]
        assert home.run(*ROWS).complete


def test_an_administration_that_has_left_does_not_hold_back_what_the_others_declare_gone(
    tmp_path: Path,
) -> None:
    with lab(tmp_path, {OTHER: 4}, emit_activate_version_messages=True) as home:
        home.exact.add_division(102, rows={OTHER: 4})
        assert home.run(OTHER, "system_divisions").complete
        home.exact.remove_division(102)
        run = home.run(OTHER, "system_divisions")
        assert not run.complete
        assert "system_divisions" in run.activated(), "the list of administrations itself is whole"


@pytest.mark.parametrize("before", [False, True], ids=["never read", "read before"])
@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("blocking_status", 1, "being backed up"),
        ("blocking_status", 9, "status 9"),
        ("status", 5, "status 5"),
    ],
)
def test_an_administration_that_is_closed_for_the_moment_is_missed(
    tmp_path: Path, name: str, value: int, word: str, *, before: bool
) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.add_division(102, rows=ROWS)
        if before:
            assert home.run(*ROWS).complete
        usual = getattr(home.exact.divisions[102], name)
        setattr(home.exact.divisions[102], name, value)
        home.table(OTHER).insert()
        home.table(OTHER, 102).insert()
        run = home.run(*ROWS)
        assert incomplete(run, "division 102", word, "exclude_divisions", "Run again: soon")
        assert run.records(OTHER), "the others are read"
        home.settings["exclude_divisions"] = [102]
        assert home.run(*ROWS).complete
        del home.settings["exclude_divisions"]
        setattr(home.exact.divisions[102], name, usual)
        assert home.run(*ROWS).complete
        assert home.live(OTHER, 102) == set(home.table(OTHER, 102).keys())


def test_an_administration_that_exact_calls_archived_is_not_missed(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        home.exact.add_division(102, rows=ROWS)
        assert home.run(*ROWS).complete
        home.exact.divisions[102].status = 2
        assert home.run(*ROWS).complete
