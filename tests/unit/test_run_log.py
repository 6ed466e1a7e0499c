"""The stream ``run_log`` and the file ``report``: what became of a run, also of one that was interrupted or killed."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.sync.again import PERSON, SOON, sentence
from tap_exactonline.sync.report import Status
from tests.exact_online import faults
from tests.support.cli import CliFixture
from tests.support.cli import lab as cli_lab
from tests.support.in_process import InProcessRun, Sink
from tests.support.sync import HOME, ITEMS, SyncFixture, lab
from tests.support.tap_runs import TapRun

ACCOUNTS = "sync_crm_accounts"
LOG = "run_log"
STREAMS = (ACCOUNTS, ITEMS, "system_divisions", LOG)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SyncFixture]:
    with lab(tmp_path, {ACCOUNTS: 4, ITEMS: 7}) as made:
        yield made


def rows(run: InProcessRun | TapRun) -> dict[tuple[int, str], dict[str, Any]]:
    """The log's rows by administration and stream."""
    found = {(row["division"], row["stream"]): row for row in run.records(LOG)}
    assert len(found) == len(run.records(LOG)), "the key is (run_id, division, stream)"
    return found


def test_each_stream_of_each_administration_has_a_row(home: SyncFixture) -> None:
    found = rows(home.run(*STREAMS))
    assert set(found) == {(HOME, ACCOUNTS), (HOME, ITEMS), (0, "system_divisions"), (0, "*")}
    items = found[HOME, ITEMS]
    assert items["status"] == "ok"
    assert (items["rows"], items["calls"] > 0, items["deletions"]) == (7, True, 0)
    assert items["bookmark_before"] is None
    assert items["bookmark_after"] == str(home.bookmark(ITEMS)["replication_key_value"])
    assert items["calls_left_today"] > 0
    assert (items["again"], items["message"], items["remedy"]) == (None, None, None)
    assert found[0, "*"]["rows"] == sum(row["rows"] for key, row in found.items() if key != (0, "*"))
    assert len({row["run_id"] for row in found.values()}) == 1
    began, ended = (datetime.fromisoformat(items[name]) for name in ("started", "ended"))
    assert began.tzinfo is not None
    assert began <= ended <= datetime.now(UTC)


def test_reads_that_brought_nothing_share_a_row(home: SyncFixture) -> None:
    home.run(*STREAMS)
    home.table(ITEMS).insert()

    found = rows(home.run(*STREAMS))

    assert set(found) == {(HOME, ITEMS), (HOME, "*"), (0, "system_divisions"), (0, "*")}
    assert (found[HOME, "*"]["streams"], found[HOME, "*"]["rows"]) == (1, 0)
    assert found[HOME, "*"]["calls"] >= 1


def test_all_reads_have_a_row_if_that_is_wanted(home: SyncFixture) -> None:
    home.settings["run_log"] = "full"
    home.run(*STREAMS)

    found = rows(home.run(*STREAMS))

    assert set(found) == {(HOME, ACCOUNTS), (HOME, ITEMS), (0, "system_divisions"), (0, "*")}
    assert found[HOME, ITEMS]["bookmark_before"] == found[HOME, ITEMS]["bookmark_after"]


def test_two_runs_never_share_a_key(home: SyncFixture) -> None:
    keys = [
        (row["run_id"], row["division"], row["stream"])
        for run in (home.run(*STREAMS), home.run(*STREAMS))
        for row in run.records(LOG)
    ]
    assert len(keys) == len(set(keys))


def test_the_last_message_is_the_state_and_the_log_has_no_bookmark(home: SyncFixture) -> None:
    done = home.run(*STREAMS)

    assert [message["type"] for message in done.messages[-2:]] == ["RECORD", "STATE"]
    assert LOG not in done.messages[-1]["value"]["bookmarks"]
    assert not [m for m in done.messages if m["type"] == "ACTIVATE_VERSION"]


def test_no_row_of_the_log_is_declared_gone(home: SyncFixture) -> None:
    home.settings["emit_activate_version_messages"] = True

    done = home.run(*STREAMS)

    assert LOG not in done.activated()
    assert ITEMS in done.activated()
    assert not [m for m in done.messages if m.get("stream") == LOG and "version" in m]


def test_without_the_stream_and_the_file_nothing_is_noted(home: SyncFixture) -> None:
    done = home.run(ITEMS)

    assert done.state is not None
    assert "run" not in done.state
    assert {m["stream"] for m in done.messages if m["type"] == "SCHEMA"} == {ITEMS}


def test_deletions_are_counted(home: SyncFixture) -> None:
    home.settings["deletions"] = "tombstones"
    home.run(*STREAMS)
    table = home.table(ITEMS)
    table.delete(table.keys()[0])
    table.delete(table.keys()[0])

    assert rows(home.run(*STREAMS))[HOME, ITEMS]["deletions"] == 2


def test_stream_maps_and_a_smaller_selection_hold_for_the_log(home: SyncFixture) -> None:
    home.settings["stream_maps"] = {LOG: {"__alias__": "exact_runs", "where": "str(division)"}}
    done = home.run(*STREAMS)
    assert {row["where"] for row in done.records("exact_runs")} == {"0", "101"}

    del home.settings["stream_maps"]
    done = home.run(*STREAMS, without=frozenset({(LOG, "remedy")}))
    (schema,) = [m["schema"] for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == LOG]
    assert "remedy" not in schema["properties"]
    assert {*schema["properties"]} == {*done.records(LOG)[0]}


def test_the_schema_says_which_statuses_there_are(home: SyncFixture) -> None:
    done = home.run(*STREAMS)
    (schema,) = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == LOG]
    assert schema["key_properties"] == ["run_id", "division", "stream"]
    catalogue = {entry["tap_stream_id"]: entry for entry in _discovered()}
    described = catalogue[LOG]["schema"]["properties"]["status"]["description"]
    assert all(str(status) in described for status in Status)
    (top,) = [one["metadata"] for one in catalogue[LOG]["metadata"] if not one["breadcrumb"]]
    assert top["selected-by-default"] is True


def _discovered() -> list[dict[str, Any]]:
    from tap_exactonline.tap import TapExactOnline

    return TapExactOnline(config={}, setup_mapper=False, validate_config=False).catalog_dict["streams"]


# -- failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "again", "remedy"),
    [
        (faults.refusal("scope"), "not covered", PERSON, "log in once more"),
        (faults.unauthorized(), "incomplete", PERSON, ""),
        (faults.firewall(), "incomplete", SOON, ""),
        (faults.status(400, '{"error":{"message":{"value":"odd"}}}'), "incomplete", PERSON, ""),
    ],
    ids=["scope", "unauthorized", "firewall", "odd"],
)
def test_a_failure_says_who_must_do_what(
    home: SyncFixture, fault: faults.Action, status: str, again: str, remedy: str
) -> None:
    home.exact.faults.add(ITEMS, fault, times=None)

    done = home.run(*STREAMS)

    row = rows(done)[HOME, ITEMS]
    assert (row["status"], row["again"]) == (status, again)
    assert row["message"]
    assert remedy in row["remedy"]
    if status == "incomplete":
        assert rows(done)[0, "*"]["again"] == again
        assert str(done.error).endswith(sentence({again}))


def test_a_spent_day_names_the_moment(home: SyncFixture) -> None:
    home.exact.limits(minute=10**6, day=12)
    home.settings["reserve_calls"] = 9

    done = home.run(*STREAMS)

    row = next(row for row in rows(done).values() if row["status"] == "incomplete" and row["division"])
    moment = datetime.fromisoformat(row["again"])
    assert moment > datetime.now(UTC)
    assert rows(done)[0, "*"]["again"] == row["again"]
    assert f"Run again: after {moment:%Y-%m-%d %H:%M} UTC." in str(done.error)


def test_one_failing_administration_among_others(tmp_path: Path) -> None:
    with lab(tmp_path, {ACCOUNTS: 2, ITEMS: 2}) as home:
        home.exact.add_division(102, rows={ACCOUNTS: 2, ITEMS: 2})
        home.exact.faults.add(action=faults.forbidden("division"), division=102, times=None)

        done = home.run(*STREAMS)

        bad = [row for row in rows(done).values() if row["status"] != "ok" and row["division"]]
        assert {row["division"] for row in bad} == {102}
        assert {row["again"] for row in bad} == {PERSON}
        assert {row["status"] for (code, _), row in rows(done).items() if code == HOME} == {"ok"}


def test_a_configured_administration_that_does_not_exist_has_a_row(home: SyncFixture) -> None:
    home.settings["divisions"] = [HOME, 999]

    found = rows(home.run(*STREAMS))

    assert (found[999, "*"]["status"], found[999, "*"]["again"]) == ("not read", PERSON)
    assert found[999, "*"]["remedy"]


def test_an_administration_that_is_gone_has_a_row(home: SyncFixture) -> None:
    for code in (102, 103):
        home.exact.add_division(code, rows={ITEMS: 2})
    assert home.run(*STREAMS).complete
    for code in (102, 103):
        home.exact.remove_division(code)

    found = rows(home.run(*STREAMS))

    for code in (102, 103):
        row = found[code, "*"]
        assert (row["status"], row["again"]) == ("not read", PERSON)
        assert "no longer among those" in row["message"]
        assert "exclude_divisions" in row["remedy"]
    assert found[0, "*"]["message"].count("no longer among those") == 1


DEAD = {
    "access_token": "no-such-token", "client_id": None, "client_secret": None, "refresh_token": None
}  # fmt: skip


def assert_tells_of_the_login(found: list[dict[str, Any]]) -> None:
    row = found[0]
    assert (row["division"], row["stream"], row["status"], row["again"]) == (0, "*", "incomplete", PERSON)
    assert row["message"]
    assert row["remedy"]
    assert "no-such-token" not in json.dumps(row)


def test_a_login_that_is_dead_is_logged_at_once(home: SyncFixture) -> None:
    home.settings |= DEAD

    done = home.run(*STREAMS)

    assert_tells_of_the_login(done.records(LOG))
    assert len(done.records(LOG)) == 1
    home.settings.clear()
    assert {row["status"] for row in home.run(*STREAMS).records(LOG)} == {"ok"}


def test_where_the_log_is_in_the_output_a_dead_login_is_left_to_the_next_run(
    home: SyncFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.settings |= DEAD
    with monkeypatch.context() as mixed:
        mixed.setattr(Sink, "holds_log", property(lambda _: True, lambda *_: None), raising=False)
        assert home.run(*STREAMS).records(LOG) == [], "`meltano config test` takes a record for a success"
    home.settings.clear()
    found = home.run(*STREAMS).records(LOG)
    assert_tells_of_the_login(found)
    assert found[0]["run_id"] != found[1]["run_id"]
    assert not [row for row in home.run(*STREAMS).records(LOG) if row["status"] != "ok"]


# -- the end of a run -----------------------------------------------------------------------------------


def test_a_run_that_was_asked_to_stop_writes_its_log(home: SyncFixture) -> None:
    done = home.run(*STREAMS, after=12, cut="term")

    found = rows(done)
    assert found[0, "*"]["status"] == "incomplete"
    assert found[0, "*"]["again"] == SOON
    assert done.state is not None
    assert done.state["run"]["open"] is False
    assert not [row for row in home.run(*STREAMS).records(LOG) if row["status"] == "killed"]


def test_a_killed_run_leaves_its_beginning_to_the_next(home: SyncFixture) -> None:
    done = home.run(*STREAMS, after=14, cut="kill")
    assert done.records(LOG) == []
    assert home.state is not None
    begun = home.state["run"]

    found = home.run(*STREAMS).records(LOG)

    killed = [row for row in found if row["status"] == "killed"]
    assert [(row["run_id"], row["started"], row["ended"]) for row in killed] == [
        (begun["id"], begun["started"], None)
    ]
    assert not [row for row in home.run(*STREAMS).records(LOG) if row["status"] == "killed"]


def test_a_state_with_anything_in_the_place_of_the_run_is_taken(home: SyncFixture) -> None:
    home.run(*STREAMS)
    assert home.state is not None
    values: list[Any] = [None, 7, "x", [], {"open": "yes"}, {"open": True}]
    for odd in values:
        home.state["run"] = odd
        done = home.run(*STREAMS)
        assert done.complete
        assert len([r for r in done.records(LOG) if r["status"] == "killed"]) == (odd == {"open": True})


@pytest.mark.process
def test_a_signal_to_the_program_ends_with_a_log(tmp_path: Path) -> None:
    with cli_lab(tmp_path, 101, 102) as here:
        here.exact.faults.add(ACCOUNTS, faults.slow(20.0), times=None)
        process = here.start("--config", here.logged_in(report="report.jsonl"))
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        assert any('"STATE"' in line for line in first)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM, err
        assert '"stream":"run_log"' in out
        assert len((tmp_path / "report.jsonl").read_text().splitlines()) == out.count(
            '"stream":"run_log","record"'
        )


# -- the file -------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with cli_lab(tmp_path, 101, 102) as made:
        yield made


def test_the_file_says_the_same_without_the_stream(home: SyncFixture) -> None:
    path = home.home / "report.jsonl"
    home.settings["report"] = str(path)

    done = home.run(*STREAMS)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == done.records(LOG)
    before = path.read_text()
    assert home.run(ITEMS).records(LOG) == []
    assert path.read_text() != before
    assert {json.loads(line)["stream"] for line in path.read_text().splitlines()} == {"*"}


def test_a_file_that_cannot_be_written_is_a_warning(home: SyncFixture) -> None:
    home.settings["report"] = str(home.home / "none" / "report.jsonl")

    done = home.run(*STREAMS)

    assert done.complete
    assert done.said("Setting 'report'", "can't be written")
    assert done.records(LOG)


@pytest.mark.process
def test_the_default_selection_brings_the_log_and_the_last_line_says_when(here: CliFixture) -> None:
    here.exact.faults.add(ACCOUNTS, faults.firewall(), times=None)

    done = here.run("--config", here.logged_in(report="report.jsonl"))

    run = TapRun(done.returncode, done.stdout, done.stderr)
    assert run.code == 1
    assert run.counts[LOG] > 2
    assert re.search(r"Incomplete: .* Run again: soon\.\s*$", run.err)
    whole = [json.loads(line) for line in (here.folder / "report.jsonl").read_text().splitlines()][-1]
    assert (whole["stream"], whole["again"]) == ("*", SOON)


@pytest.mark.process
def test_check_and_meltano_know_the_stream(here: CliFixture) -> None:
    catalogue = json.loads(here.run("--discover").stdout)
    (here.folder / "catalog.json").write_text(
        json.dumps({"streams": [one for one in catalogue["streams"] if one["tap_stream_id"] in STREAMS]})
    )
    for entry in catalogue["streams"]:
        for item in entry["metadata"]:
            item["metadata"]["selected"] = entry["tap_stream_id"] in STREAMS
    (here.folder / "catalog.json").write_text(json.dumps(catalogue))

    done = here.run("check", "--config", here.logged_in(), "--catalog", "catalog.json")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_sentence_for_each_answer() -> None:
    moment = "2026-11-29T00:00:00+00:00"
    assert sentence({SOON}) == "Run again: soon."
    assert sentence({moment}) == "Run again: after 2026-11-29 00:00 UTC."
    assert sentence({PERSON}) == "Run again: once a person has acted."
    assert sentence({SOON, PERSON}) == "Run again: soon; some of it only once a person has acted."
    assert sentence(set()) == ""
