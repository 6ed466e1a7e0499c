"""Rights that vanish: Exact answers an empty list to whoever may not see, and a table would stand still for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.sync.rights import TRUSTED, is_due
from tests.exact_online import faults
from tests.support.sync import HOME, ITEMS, SyncFixture, lab

MODIFIED = "hrm_costunits"
FULL = "bulk_documents_document_attachments"
LOG = "sync_deleted"
OTHER = "financial_journals"
ROWS = dict.fromkeys((ITEMS, MODIFIED, FULL, OTHER), 4)
CONTACTS = "sync_crm_contacts"


def asked(home: SyncFixture, name: str | None = None) -> int:
    """How often UserHasRights was asked since the log was cleared, about one endpoint or all."""
    return sum(
        call.stream == "UserHasRights" and (name is None or call.query["endpoint"] == f"'{name}'")
        for call in home.exact.log
    )


def aged(home: SyncFixture, days: float) -> None:
    """As if the last questions were so long ago."""
    assert home.state is not None
    for entry in home.state["bookmarks"].values():
        for partition in entry.get("partitions", []):
            for name in ("rights_at", "read_at"):
                if name in partition:
                    then = datetime.fromisoformat(partition[name]) - timedelta(days=days)
                    partition[name] = then.isoformat()


@pytest.mark.parametrize("stream", [ITEMS, MODIFIED, FULL])
def test_rights_that_are_withdrawn_fail_every_run_until_they_are_given_back(
    tmp_path: Path, stream: str
) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(stream, OTHER).complete
        before = dict(home.bookmark(stream))
        home.exact.divisions[HOME].forbidden[stream] = "rights"
        home.table(stream).insert()
        for number in range(3):
            run = home.run(stream, OTHER)
            assert not run.complete, number
            for words in (
                stream,
                "rights were withdrawn",
                "What was delivered before is kept",
                "Give the user",
            ):
                assert words in str(run.error)
            assert len(home.live(stream)) == 4
        assert home.bookmark(stream).get("replication_key_value") == before.get("replication_key_value")
        home.exact.divisions[HOME].forbidden.clear()
        run = home.run(stream, OTHER)
        assert run.complete, run.error
        assert home.live(stream) == set(home.table(stream).keys()), "nothing was lost meanwhile"


def test_a_newest_row_that_was_really_deleted_is_no_failure(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(MODIFIED, OTHER).complete
        for key in home.table(MODIFIED).keys():  # noqa: SIM118 - a list, not a dict
            home.table(MODIFIED).delete(key)
        home.exact.clear_log()
        for _ in range(2):
            assert home.run(MODIFIED, OTHER).complete
        assert asked(home) == 2
        home.table(MODIFIED).insert()
        assert len(home.run(MODIFIED, OTHER).records(MODIFIED)) == 1
        assert asked(home) == 2, "a row that comes is proof enough"


@pytest.mark.parametrize("answer", ["not_found", "plain", "firewall", "unknown_words"])
@pytest.mark.parametrize("stream", [ITEMS, MODIFIED])
def test_if_nobody_says_whether_there_are_rights_it_is_told_and_no_failure(
    tmp_path: Path, stream: str, answer: Any
) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(stream, OTHER).complete
        home.exact.divisions[HOME].forbidden |= {stream: "rights", "UserHasRights": answer}
        run = home.run(stream, OTHER)
        assert run.complete, run.error
        assert run.said(stream, "does not say whether the user has the rights")


def test_a_table_without_its_rows_is_a_failure_if_nobody_says_whether_there_are_rights(
    tmp_path: Path,
) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(FULL, OTHER).complete
        home.exact.divisions[HOME].forbidden |= {FULL: "rights", "UserHasRights": "plain"}
        run = home.run(FULL, OTHER)
        assert not run.complete
        assert "no rows where there were some" in str(run.error)


@pytest.mark.parametrize(
    "answer",
    [{"UserHasRights": "False"}, {"results": [{"UserHasRights": False}]}, [{"UserHasRights": 0}], False],
)
def test_a_no_is_understood_in_every_shape(tmp_path: Path, answer: Any) -> None:
    with lab(tmp_path, ROWS) as home:
        assert home.run(MODIFIED, OTHER).complete
        home.exact.divisions[HOME].forbidden[MODIFIED] = "rights"
        home.exact.faults.add("UserHasRights", faults.json_body({"d": answer}))
        assert "the rights were withdrawn" in str(home.run(MODIFIED, OTHER).error)


def test_sync_streams_are_asked_about_every_two_weeks(tmp_path: Path) -> None:
    streams = (ITEMS, CONTACTS)
    with lab(tmp_path, {**ROWS, CONTACTS: 3}) as home:
        assert home.run(*streams).complete
        home.exact.clear_log()
        assert home.run(*streams).complete
        assert asked(home, "sync/Logistics/Items") == asked(home, "sync/CRM/Contacts") == 1
        assert home.run(*streams).complete
        assert asked(home) == 2, "not in every run"
        aged(home, 6)
        assert home.run(*streams).complete
        assert asked(home) == 2
        home.exact.divisions[HOME].forbidden[ITEMS] = "rights"
        assert home.run(*streams).complete, "for two weeks nobody looks"
        aged(home, 9)
        for _ in range(2):
            run = home.run(*streams)
            assert not run.complete
            assert f"{ITEMS} in division" in str(run.error)
        assert asked(home, "sync/CRM/Contacts") == 2


def test_rows_are_proof_and_cost_no_question(tmp_path: Path) -> None:
    with lab(tmp_path, ROWS) as home:
        for _ in range(4):
            home.table(ITEMS).insert()
            assert home.run(ITEMS, OTHER).complete
        assert asked(home) == 0


def test_a_table_that_never_had_rows_is_not_asked_about(tmp_path: Path) -> None:
    with lab(tmp_path, {OTHER: 2}) as home:
        for _ in range(2):
            assert home.run(ITEMS, MODIFIED, FULL, OTHER).complete
        assert asked(home) == 0


def test_an_administration_that_shows_nothing_at_all_is_read_once_the_user_may_see_something(
    tmp_path: Path,
) -> None:
    streams = (ITEMS, MODIFIED, FULL)
    with lab(tmp_path, ROWS) as home:
        forbidden = home.exact.divisions[HOME].forbidden
        forbidden |= dict.fromkeys(streams, "rights")
        for _ in range(2):
            run = home.run(*streams)
            assert not run.complete
            assert "Exact refuses every selected stream: Exact answers with no rows" in str(run.error)
        del forbidden[MODIFIED], forbidden[FULL]
        assert home.run(*streams).complete, "what a right is missing for is not covered"
        forbidden.clear()
        assert home.run(*streams).complete
        assert all(home.live(stream) == set(home.table(stream).keys()) for stream in streams)


def test_an_administration_that_is_empty_costs_one_question(tmp_path: Path) -> None:
    with lab(tmp_path) as home:
        for number in (1, 2):
            for _ in range(2):
                assert home.run(ITEMS, MODIFIED, FULL).complete
                assert asked(home) == number, "for two weeks nobody looks"
            aged(home, 15)


def test_an_empty_administration_costs_one_error_where_rights_can_not_be_asked(tmp_path: Path) -> None:
    with lab(tmp_path) as home:
        home.exact.divisions[HOME].forbidden["UserHasRights"] = "plain"
        run = home.run(ITEMS, MODIFIED, FULL)
        assert run.complete
        assert asked(home) == 1
        assert sum("does not say whether the user has the rights" in line for line in run.log) == 1


def test_an_empty_administration_that_gets_closed_is_not_asked_about(tmp_path: Path) -> None:
    with lab(tmp_path) as home:
        home.exact.faults.add(ITEMS, faults.forbidden("division"), times=None)  # read last
        assert not home.run(ITEMS, MODIFIED, FULL).complete
        assert asked(home) == 0


def test_questions_of_many_streams_do_not_come_due_in_one_run(tmp_path: Path) -> None:
    streams = (
        "sync_crm_accounts",
        "sync_crm_addresses",
        CONTACTS,
        ITEMS,
        "sync_hrm_schedules",
        "sync_project_projects",
    )
    with lab(tmp_path, dict.fromkeys(streams, 2)) as home:
        assert home.run(*streams).complete
        assert home.run(*streams).complete
        marks = {home.bookmark(stream)["rights_at"][:10] for stream in streams}
        assert len(marks) > 2


@pytest.mark.parametrize("tombstones", [False, True])
def test_a_log_that_had_entries_and_may_not_be_read_any_more_is_a_failure(
    tmp_path: Path, tombstones: bool
) -> None:
    settings: dict[str, Any] = {"deletions": "tombstones"} if tombstones else {}
    with lab(tmp_path, ROWS, **settings) as home:
        assert home.run(ITEMS, LOG).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        assert home.run(ITEMS, LOG).complete
        home.exact.divisions[HOME].forbidden[LOG] = "rights"
        assert home.state is not None
        aged_log(home.state, 20)
        run = home.run(ITEMS, LOG)
        assert not run.complete
        assert "no right to read it" in str(run.error)


def aged_log(value: Any, days: float) -> None:
    """Every moment at which the log was read lies further back."""
    if isinstance(value, dict):
        if "read_at" in value:
            then = datetime.fromisoformat(value["read_at"]) - timedelta(days=days)
            value["read_at"] = then.isoformat()
        for inside in value.values():
            aged_log(inside, days)
    elif isinstance(value, list):
        for inside in value:
            aged_log(inside, days)


def test_a_question_that_is_refused_is_not_asked_again_and_again(tmp_path: Path) -> None:
    streams = (
        "sync_crm_accounts",
        "sync_crm_addresses",
        CONTACTS,
        ITEMS,
        "sync_hrm_schedules",
        "sync_project_projects",
    )
    with lab(tmp_path, dict.fromkeys(streams, 2)) as home:
        assert home.run(*streams).complete
        home.exact.faults.add("UserHasRights", faults.refusal("plain"), times=None)
        assert home.run(*streams).complete
        assert len([call for call in home.exact.errors_4xx if call.stream == "UserHasRights"]) <= 4


@pytest.mark.parametrize("stream", [ITEMS, MODIFIED, FULL])
def test_an_empty_answer_that_nobody_vouches_for_declares_no_row_gone(tmp_path: Path, stream: str) -> None:
    with lab(tmp_path, ROWS, emit_activate_version_messages=True) as home:
        assert home.run(stream, OTHER).complete
        home.state = None
        home.exact.divisions[HOME].forbidden[stream] = "rights"
        home.exact.faults.add("UserHasRights", faults.status(500), times=None)
        for _ in range(2):
            run = home.run(stream, OTHER)
            assert stream not in run.activated()
            assert len(home.live(stream)) == 4
        home.exact.divisions[HOME].forbidden.clear()
        home.exact.faults.clear()
        for key in home.table(stream).keys()[:2]:
            home.table(stream).delete(key)
        assert home.run(stream, OTHER).complete
        assert len(home.live(stream)) == 2, "what is gone is declared gone once Exact answers"


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@given(days=st.floats(-400, 400))
def test_a_mark_holds_for_two_weeks_and_never_from_the_future(days: float) -> None:
    mark = (NOW - timedelta(days=days)).isoformat()
    assert is_due(mark, NOW) is not (timedelta() <= timedelta(days=days) < TRUSTED)


@pytest.mark.parametrize("mark", [None, "", "soon", 5, ["x"]])
def test_an_unreadable_mark_is_none(mark: Any) -> None:
    assert is_due(mark, NOW)


@pytest.mark.parametrize("kind", ["scope", "plain", "rights"])
def test_without_the_log_of_deletions_a_run_that_needs_it_is_not_complete(tmp_path: Path, kind: Any) -> None:
    with lab(tmp_path, {ITEMS: 4, OTHER: 4}, deletions="tombstones") as home:
        home.exact.divisions[HOME].forbidden[LOG] = kind
        for _ in range(6):
            run = home.run(ITEMS, OTHER)
            assert not run.complete
            assert "rows that are gone stay in their tables" in str(run.error)
            assert "set deletions to log" in str(run.error)
        assert home.exact.calls(HOME, LOG) == (6 if kind == "rights" else 4), (
            "ten errors an hour block the key"
        )
        assert len(home.live(ITEMS)) == 4, "the rows come all the same"
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        home.settings["deletions"] = "log"
        assert home.run(ITEMS, OTHER).complete
        home.settings["deletions"] = "tombstones"
        home.exact.divisions[HOME].forbidden.clear()
        home.bookmark(LOG).pop("refused", None)  # an hour later
        assert home.run(ITEMS, OTHER).complete
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())
