"""A field that Exact refuses: its column leaves the messages, keeps its values, and is filled once the field is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.exact.refused_fields import MOST_REFUSALS
from tests.convergence.states import without_refusals
from tests.convergence.target import Target
from tests.exact_online import faults
from tests.exact_online.wordings import SAYS_NOTHING, UNKNOWN_FIELD
from tests.support.refusals import PATHS, a_week_later, column, errors, schemas
from tests.support.sync import ITEMS, lab

ATTACHMENTS = "bulk_documents_document_attachments"
COSTUNITS = "hrm_costunits"
LINES = "sync_financial_transaction_lines"  # dated, and SyncTimestamp may know it
LOG = "sync_deleted"


@PATHS
@pytest.mark.parametrize("stream", [ITEMS, COSTUNITS, ATTACHMENTS])
def test_what_was_delivered_before_stays(tmp_path: Path, settings: dict[str, Any], stream: str) -> None:
    field, name = ("FileName", "file_name") if stream == ATTACHMENTS else ("Description", "description")
    with lab(tmp_path, {stream: 5}, **settings) as home:
        for number, key in enumerate(home.table(stream).keys()):
            home.table(stream).update(key, **{field: f"value {number}"})
        assert home.run(stream).complete
        before = column(home, stream, name)
        assert len(set(before.values())) == 5

        home.exact.refuse_field(stream, field)
        home.table(stream).update(home.table(stream).keys()[0])
        home.exact.clear_log()
        first = home.run(stream)

        assert not first.complete
        for word in (stream, f"{field} (column {name})", "deselect"):
            assert word in str(first.error)
        assert first.records(stream)
        assert all(name not in record for record in first.records(stream))
        assert name not in schemas(first, stream)[-1]
        assert column(home, stream, name) == before
        assert errors(home) == 1

        home.table(stream).update(home.table(stream).keys()[1])
        later = home.run(stream)
        assert later.complete, "later runs warn"
        assert later.said(stream, field, "in an earlier run")
        assert later.records(stream)
        assert [name in columns for columns in schemas(later, stream)] == [False]
        assert column(home, stream, name) == before
        assert errors(home) == 0


@PATHS
def test_a_field_that_is_back_fills_its_column_in_all_rows(tmp_path: Path, settings: dict[str, Any]) -> None:
    with lab(tmp_path, {ITEMS: 4}, **settings) as home:
        home.exact.refuse_field(ITEMS, "Description")
        assert not home.run(ITEMS).complete
        for number, key in enumerate(home.table(ITEMS).keys()):
            home.table(ITEMS).update(key, Description=f"value {number}")
        assert home.run(ITEMS).complete
        a_week_later(home, ITEMS)
        again = home.run(ITEMS)
        assert again.complete, "refused again, as it was known to be"
        assert not again.records(ITEMS)

        a_week_later(home, ITEMS)
        home.exact.allow_field(ITEMS, "Description")
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        back = home.run(ITEMS)
        assert back.complete
        assert len(back.records(ITEMS)) == 1, "it came, for rows that change"
        assert "description" in schemas(back, ITEMS)[-1]
        run = home.run(ITEMS)
        assert run.said(ITEMS, "lack description", "starts over")
        assert len(run.records(ITEMS)) == 4, "and now for all"
        assert column(home, ITEMS, "description") == {
            row["ID"]: row["Description"] for row in home.table(ITEMS).rows()
        }
        assert not home.run(ITEMS).records(ITEMS), "once is enough"
        assert (home.state or {})["bookmarks"][ITEMS]["learnt"] is None


@pytest.mark.parametrize("wording", UNKNOWN_FIELD)
def test_however_the_refusal_is_worded_exactly_one_column_goes(tmp_path: Path, wording: str) -> None:
    with lab(tmp_path, {ITEMS: 2}) as home:
        home.exact.switches.unknown_field = wording
        home.exact.type_names[ITEMS] = "Exact.Web.Api.Models.Description.Code.Notes.Unit"
        whole = schemas(home.run(ITEMS), ITEMS)[0]
        home.exact.refuse_field(ITEMS, "Unit")
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        run = home.run(ITEMS)
        assert whole - schemas(run, ITEMS)[-1] == {"unit"}
        assert len(run.records(ITEMS)) == 1
        assert errors(home) == 1


@pytest.mark.parametrize("sentence", SAYS_NOTHING)
def test_where_nothing_can_be_told_nothing_is_dropped(tmp_path: Path, sentence: str) -> None:
    said = sentence.format(field="Unit", other="Code", type="Exact.Web.Api.Models.Unit")
    body = json.dumps({"error": {"code": "", "message": {"lang": "", "value": said}}}).encode()
    with lab(tmp_path, {ITEMS: 2}) as home:
        home.exact.faults.add(faults.Match(stream=ITEMS), faults.status(400, body), times=None)
        run = home.run(ITEMS)
        assert not run.complete
        assert said[:40] in str(run.error)
        assert errors(home) == 1
        home.exact.faults.clear()
        run = home.run(ITEMS)
        assert run.complete
        assert "unit" in run.records(ITEMS)[0]


@pytest.mark.parametrize("field", ["ID", "Timestamp"])
def test_key_and_bookmark_are_never_dropped(tmp_path: Path, field: str) -> None:
    with lab(tmp_path, {ITEMS: 2}) as home:
        assert home.run(ITEMS).complete
        home.exact.refuse_field(ITEMS, field)
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        run = home.run(ITEMS)
        assert not run.complete
        assert f"'{field}'" in str(run.error)
        assert not run.records(ITEMS)
        assert errors(home) == 1


def test_many_refused_fields_take_several_runs_and_few_errors(tmp_path: Path) -> None:
    gone = ["Barcode", "Class_01", "Code", "Description", "EndDate", "Notes", "Unit"]
    with lab(tmp_path, {ITEMS: 3}) as home:
        assert home.run(ITEMS).complete
        for name in gone:
            home.exact.refuse_field(ITEMS, name)
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        home.exact.clear_log()
        for spent in (MOST_REFUSALS, 1):
            run = home.run(ITEMS)
            assert not run.complete
            assert "Run again" in str(run.error)
            assert not run.records(ITEMS)
            assert errors(home) == spent, "four an hour at most"
        assert not home.run(ITEMS).complete
        assert errors(home) == 0
        home.state = without_refusals(home.state)  # an hour later
        assert not home.run(ITEMS).complete
        assert errors(home) == MOST_REFUSALS
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        last = home.run(ITEMS)
        assert last.complete
        assert len(last.records(ITEMS)) == 1


def test_after_a_week_two_errors_at_most_and_each_is_tried_in_the_end(tmp_path: Path) -> None:
    gone = ["Barcode", "Code", "Description", "Notes", "Unit"]
    with lab(tmp_path, {ITEMS: 3}) as home:
        for name in gone:
            home.exact.refuse_field(ITEMS, name)
        for _ in range(2):
            home.run(ITEMS)
            home.state = without_refusals(home.state)  # an hour later
        assert home.run(ITEMS).complete
        home.exact.allow_field(ITEMS, "Unit")
        a_week_later(home, ITEMS)
        for _ in range(4):
            home.exact.clear_log()
            assert home.run(ITEMS).complete
            assert errors(home) <= 2
        learnt = (home.state or {})["bookmarks"][ITEMS]["learnt"]["fields"]
        assert sorted(learnt) == ["Barcode", "Code", "Description", "Notes"]
        assert set(column(home, ITEMS, "unit").values()) == {row["Unit"] for row in home.table(ITEMS).rows()}


def test_each_page_follows_the_schema_that_fits_it(tmp_path: Path) -> None:
    """Another administration learns in the middle of this one's pages that the field is gone."""
    with lab(tmp_path, {ITEMS: 9}, page_rows=2, max_parallel_divisions=2) as home:
        for code in range(102, 110):
            home.exact.add_division(code, rows={ITEMS: 9})
        seen = 0

        def refuse(call: Any) -> None:
            nonlocal seen
            seen += call.stream == ITEMS
            if seen == 9:
                home.exact.refuse_field(ITEMS, "Description")

        end = home.exact.on_page(refuse)
        run = home.run(ITEMS)
        end()
        assert not run.complete
        shapes = [("description" in columns) for columns in schemas(run, ITEMS)]
        assert True in shapes
        assert False in shapes
        assert len(run.records(ITEMS)) >= 9 * 7, "both workers may be in the middle of an administration"
        fits = None
        for message in run.messages:
            if message["type"] == "SCHEMA":
                fits = set(message["schema"]["properties"])
            elif message["type"] == "RECORD":
                assert set(message["record"]) == fits
        again = home.run(ITEMS)
        assert again.complete
        assert len(home.live(ITEMS, 109)) == 9


@pytest.mark.parametrize("after", range(2, 9))
def test_a_run_that_is_killed_in_between_does_not_forget_which_rows_lack_the_column(
    tmp_path: Path, after: int
) -> None:
    with lab(tmp_path, {ITEMS: 6}, page_rows=2) as home:
        assert home.run(ITEMS).complete
        for key in list(home.table(ITEMS).keys()):
            home.table(ITEMS).update(key, Description="changed")
        home.exact.refuse_field(ITEMS, "Description")
        home.run(ITEMS, after=after)
        home.exact.allow_field(ITEMS, "Description")
        if (home.state or {})["bookmarks"][ITEMS]["learnt"]:
            a_week_later(home, ITEMS)
        for _ in range(3):
            assert home.run(ITEMS).complete
        assert set(column(home, ITEMS, "description").values()) == {"changed"}


def test_the_log_of_deletions_keeps_what_tombstones_need(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, deletions="tombstones") as home:
        assert home.run(ITEMS, LOG).complete
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        for name in ("EntityKey", "EntityType"):
            home.exact.refuse_field(LOG, name)
            assert not home.run(ITEMS, LOG).complete
            assert len(home.live(ITEMS)) == 3
            home.exact.allow_field(LOG, name)
        home.exact.refuse_field(LOG, "DeletedBy")
        home.run(ITEMS, LOG)
        assert home.live(ITEMS) == set(home.table(ITEMS).keys())


def test_columns_that_are_computed_from_it_go_as_well(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        assert home.run(LOG).complete
        whole = home.target.tables[LOG].columns
        home.exact.refuse_field(LOG, "EntityType")
        home.table(ITEMS).delete(home.table(ITEMS).keys()[0])
        run = home.run(LOG)
        assert whole - schemas(run, LOG)[-1] == {"entity_type", "entity", "stream"}
        assert len(run.records(LOG)) == 1


def test_a_nested_list_leaves_select_and_expand(tmp_path: Path) -> None:
    stream = "crm_accounts"
    with lab(tmp_path, {stream: 2}, hidden_fields=True) as home:
        assert home.run(stream).complete
        assert "BankAccounts" in home.exact.log[-1].query["$expand"]
        home.exact.refuse_field(stream, "BankAccounts")
        home.table(stream).update(home.table(stream).keys()[0])
        run = home.run(stream)
        assert "BankAccounts (column bank_accounts)" in str(run.error)
        assert "$expand" not in home.exact.log[-1].query
        assert "bank_accounts" not in schemas(run, stream)[-1]


def test_exacts_spelling_and_another_clock(tmp_path: Path) -> None:
    with lab(tmp_path, {ITEMS: 3}, column_names="exact", timestamps="utc") as home:
        assert home.run(ITEMS).complete
        home.exact.refuse_field(ITEMS, "Created")
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        run = home.run(ITEMS)
        assert "Created (column Created)" in str(run.error)
        assert "Created" not in schemas(run, ITEMS)[-1]
        assert home.run(ITEMS).complete
        a_week_later(home, ITEMS)
        home.exact.allow_field(ITEMS, "Created")
        home.run(ITEMS)
        assert len(home.run(ITEMS).records(ITEMS)) == 3


@pytest.mark.parametrize("answers", ["known", "404"])
def test_the_start_date_without_its_field_lets_more_through(tmp_path: Path, answers: str) -> None:
    with lab(tmp_path, {LINES: 12}, start_date="2021-01-01", sync_timestamp=answers) as home:
        home.exact.refuse_field(LINES, "Modified")
        run = home.run(LINES, without=frozenset({(LINES, "modified")}))
        rows = home.table(LINES).rows()
        wanted = {row["ID"] for row in rows if row["Modified"].year >= 2021}
        assert 0 < len(wanted) < 12
        assert home.live(LINES) == (wanted if answers == "known" else {row["ID"] for row in rows})
        assert not run.complete


# -- stream maps


@pytest.mark.parametrize(
    "definition",
    [
        {"shout": "description.upper()"},
        {"shout": "record['description']"},
        {"shout": "_.get('description')"},
        {"everything": "json.dumps(record)"},
        {"description": "self or 'none'"},
        {"__filter__": "description != 'x'"},
        {"__key_properties__": ["division", "description"]},
        {"code": "md5(code + (description or ''))", "__alias__": "things"},
    ],
)
def test_what_a_stream_map_computes_from_it_ends_the_stream(
    tmp_path: Path, definition: dict[str, str]
) -> None:
    with lab(tmp_path, {ITEMS: 3, COSTUNITS: 2}) as home:
        for key in list(home.table(ITEMS).keys()):
            home.table(ITEMS).update(key, Description="value", Code="c")
        home.settings["stream_maps"] = {ITEMS: definition}
        assert home.run(ITEMS, COSTUNITS).complete
        home.exact.refuse_field(ITEMS, "Description")
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        run = home.run(ITEMS, COSTUNITS)
        assert not run.complete
        for word in (ITEMS, "description", "stream_maps"):
            assert word in str(run.error)
        assert not [m for m in run.messages if m["type"] == "RECORD" and m["stream"] in (ITEMS, "things")]
        again = home.run(ITEMS, COSTUNITS)
        assert not again.complete, "not before the map is changed"
        assert "stream_maps" in str(again.error)
        del home.settings["stream_maps"]
        home.target = Target(hard_delete=False)
        assert len(home.run(ITEMS).records(ITEMS)) == 3, "without the map all rows are other ones"


@pytest.mark.parametrize(
    "definition",
    [{"shout": "code.upper()"}, {"description": None}, {"notes": "record['code']", "__filter__": "id != ''"}],
)
def test_other_stream_maps_go_on(tmp_path: Path, definition: dict[str, Any]) -> None:
    with lab(tmp_path, {ITEMS: 3}) as home:
        for key in list(home.table(ITEMS).keys()):
            home.table(ITEMS).update(key, Description="value", Code="c")
        assert home.run(ITEMS).complete
        home.settings["stream_maps"] = {ITEMS: definition}
        home.exact.refuse_field(ITEMS, "Description")
        assert len(home.run(ITEMS).records(ITEMS)) == 3
        home.table(ITEMS).update(home.table(ITEMS).keys()[0])
        assert len(home.run(ITEMS).records(ITEMS)) == 1
        assert home.run(ITEMS).complete
        assert set(column(home, ITEMS, "description").values()) == {"value"}
        if "shout" in definition:
            assert "C" in column(home, ITEMS, "shout").values()
