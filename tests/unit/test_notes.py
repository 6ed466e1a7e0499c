"""What is remembered beside the token: shared, without secrets, and never in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.postgres import Postgres
from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.auth.store import notes_file, open_store
from tap_exactonline.exact.auth.store.database import TokenDatabase
from tap_exactonline.exact.auth.store.notes_file import FileNotes
from tap_exactonline.exact.auth.store.notes_sql import SqlNotes
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.clock import DAY, HOUR
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.error_budget import ErrorBudget
from tap_exactonline.exact.notes import LoginRefusal, Notes, Refusal

NOW = 1_717_999_990.0
WHERE = "crm/accounts"


def notes(path: Path, name: str = "app@host") -> FileNotes:
    return FileNotes(path, name, clock=lambda: NOW)


def login(token: str = "abc") -> LoginRefusal:
    return LoginRefusal(token, "app", "LoginSuperseded", "what", "remedy", 401, NOW)


def test_what_one_process_notes_the_other_knows_at_once(tmp_path: Path) -> None:
    one, other = notes(tmp_path / "n"), notes(tmp_path / "n")
    assert one.refusals(101, WHERE, NOW) == []
    one.add(101, WHERE, Refusal(NOW, "scope"))
    other.add(101, WHERE, Refusal(NOW - 5, "rights"))
    one.login = login()
    for each in (one, other, notes(tmp_path / "n")):
        assert each.refusals(101, WHERE, NOW) == [Refusal(NOW - 5, "rights"), Refusal(NOW, "scope")]
        assert each.refusals(102, WHERE, NOW) == []
        assert each.refusals(None, WHERE, NOW) == []
        assert each.login == login()


def test_one_store_may_have_the_notes_of_several_apps(tmp_path: Path) -> None:
    notes(tmp_path / "n").add(101, WHERE, Refusal(NOW, "scope"))
    other = notes(tmp_path / "n", "another@host")
    assert other.refusals(101, WHERE, NOW) == []
    assert other.login is None


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        notes(tmp_path / "deep/folder/n").add(101, WHERE, Refusal(NOW, "scope"))
    finally:
        os.umask(old)
    assert (tmp_path / "deep/folder/n").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deep/folder").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "body",
    [b"", b"\n\n", b"nonsense\n", b"{}\n", b'{"n": 5}\n', b"[" * 100_000 + b"\n", b"\xff\xfe\n", b'{"n":"app@host","r":{"t":"x"}}\n'],
)  # fmt: skip
def test_damage_is_passed_over(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "n"
    notes(path).add(101, WHERE, Refusal(NOW, "scope"))
    path.write_bytes(body + path.read_bytes() + body)
    again = notes(path)
    assert again.refusals(101, WHERE, NOW) == [Refusal(NOW, "scope")]
    again.add(101, WHERE, Refusal(NOW + 1, "scope"))
    assert len(again.refusals(101, WHERE, NOW)) == 2


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "n"
    notes(path).add(101, WHERE, Refusal(NOW, "scope"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:10])
    reading = notes(path)
    assert len(reading.refusals(101, WHERE, NOW)) == 1


@pytest.mark.parametrize("what", ["folder", "link", "pipe", "no folder"])
def test_a_place_that_can_not_be_used_is_no_failure(tmp_path: Path, what: str) -> None:
    path = tmp_path / "n"
    if what == "folder":
        path.mkdir()
    elif what == "link":
        (tmp_path / "elsewhere").write_text("mine")
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file/n"
    made = notes(path)
    made.add(101, WHERE, Refusal(NOW, "scope"))
    made.login = login()
    assert made.refusals(101, WHERE, NOW) == [Refusal(NOW, "scope")], "this process knows"
    assert made.login == login()
    if what == "link":
        assert (tmp_path / "elsewhere").read_text() == "mine"


def test_another_file_under_the_name_of_the_notes_stays_as_it_is(tmp_path: Path) -> None:
    """A hard link, which somebody may have put where all can write."""
    other = tmp_path / "diary"
    other.write_text('{"n":"app@host","p":"101 crm/accounts","r":{"t":1717999990.0,"k":"scope"},"w":"x"}\n')
    before = other.read_bytes()
    os.link(other, tmp_path / "n")
    linked = notes(tmp_path / "n")
    assert linked.refusals(101, WHERE, NOW) == []
    linked.add(101, WHERE, Refusal(NOW, "rights"))
    assert linked.refusals(101, WHERE, NOW) == [Refusal(NOW, "rights")], "this process knows it"
    assert other.read_bytes() == before


def test_old_notes_are_dropped_when_they_are_most_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes_file, "_TIDY_BEYOND", 2_000)
    path = tmp_path / "n"
    old = notes(path)
    old.login = login("first")
    for number in range(50):
        old.add(number, WHERE, Refusal(NOW - 2 * HOUR, "scope"))
    old.login = login("second")
    old.add(101, WHERE, Refusal(NOW, "rights"))
    reader = notes(path)
    assert reader.refusals(101, WHERE, NOW) == [Refusal(NOW, "rights")]
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(kept) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["n"]
    for each in (reader, old, notes(path)):
        each.add(102, WHERE, Refusal(NOW, "scope"))
        assert each.refusals(101, WHERE, NOW) == [Refusal(NOW, "rights")]
        assert each.login == login("second")


events = st.lists(
    st.tuples(
        st.integers(0, 2),  # which process
        st.sampled_from([101, 102, None]),
        st.floats(0, 2 * HOUR),
        st.booleans(),  # it starts again
    ),
    max_size=30,
)


@given(events=events)
@settings(max_examples=60, deadline=None)
def test_no_process_ever_counts_less_than_there_was(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, int | None, float, bool]]
) -> None:
    path = tmp_path_factory.mktemp("notes") / "n"
    now = NOW
    processes = [notes(path) for _ in range(3)]
    made: list[tuple[int | None, float]] = []
    for which, division, pause, again in sorted(events, key=lambda event: event[2]):
        now = NOW + pause
        if again:
            processes[which] = notes(path)
        processes[which].add(division, WHERE, Refusal(now, "scope"))
        made.append((division, now))
        for process in processes:
            for place in (101, 102, None):
                counted = len(process.refusals(place, WHERE, now))
                assert counted == sum(1 for d, at in made if d == place and now - at < HOUR)


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 1_500), st.sampled_from([200, 400, 401, 403, 404, 500])), max_size=40
    )
)
@settings(max_examples=100, deadline=None)
def test_over_many_runs_exact_never_sees_more_than_four_errors_in_an_hour(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.mktemp("notes") / "n"
    asked = RequestContext(WHERE, 101)
    now = NOW
    made: list[float] = []
    for pause, status in steps:
        now += pause
        errors = ErrorBudget(lambda: now, notes(path))  # noqa: B023 - each is used at once
        if errors.blocked_for(asked) is not None:
            continue
        if errors.count(Answer(status), asked):
            made.append(now)
    for begin in made:
        assert sum(begin <= moment < begin + HOUR for moment in made) <= 4


def test_clocks_that_disagree_count_rather_too_much() -> None:
    made = Notes()
    for at in (NOW + 1_800, NOW + 2 * HOUR, NOW - 2 * HOUR):
        made.add(101, WHERE, Refusal(at, "scope"))
    assert made.refusals(101, WHERE, NOW) == [Refusal(NOW + 1_800, "scope")]
    made.add(101, "blocked", Refusal(NOW - 2 * HOUR, "blocked", until=NOW + HOUR))
    made.add(101, "absurd", Refusal(NOW - 2 * HOUR, "blocked", until=NOW + 400 * DAY))
    assert made.refusals(101, "blocked", NOW)
    assert not made.refusals(101, "absurd", NOW)


# -- in PostgreSQL


@pytest.fixture
def sql(database: Postgres) -> Callable[..., SqlNotes]:
    """Notes whose steady clock stands still: one write at once, the next with `flush`."""

    def opened(name: str = "app@host") -> SqlNotes:
        where = TokenDatabase(database.sqlalchemy_url)
        return SqlNotes(where, name, clock=lambda: NOW, steady=lambda: 0.0)

    return opened


@pytest.mark.process
def test_machines_share_the_row(sql: Callable[..., SqlNotes]) -> None:
    one, other = sql(), sql()
    one.add(101, WHERE, Refusal(NOW, "scope"))
    assert other.refusals(101, WHERE, NOW) == [Refusal(NOW, "scope")]
    other.add(101, WHERE, Refusal(NOW + 1, "scope"))
    other.login = login()
    other.flush()
    third = sql()
    assert len(third.refusals(101, WHERE, NOW + 1)) == 2
    assert third.login == login()
    assert sql("another@host").refusals(101, WHERE, NOW) == []


@pytest.mark.process
def test_many_notes_are_written_together_and_the_last_ones_at_the_end(sql: Callable[..., SqlNotes]) -> None:
    one = sql()
    for number in range(500):
        one.add(number, WHERE, Refusal(NOW, "scope"))
    assert sql().refusals(499, WHERE, NOW) == []
    one.flush()
    assert sql().refusals(499, WHERE, NOW) == [Refusal(NOW, "scope")]
    one.flush()
    assert len(sql().refusals(0, WHERE, NOW)) == 1


@pytest.mark.process
def test_the_tokens_row_stays_as_it_is(database: Postgres, sql: Callable[..., SqlNotes]) -> None:
    store = open_store(
        database.sqlalchemy_url, client_id="app", api_url="https://start.exactonline.nl", passphrase=None
    )
    saved = store.save(Tokens(access_token="access", refresh_token="refresh"))
    kept = store.notes()
    kept.add(101, WHERE, Refusal(NOW, "scope"))
    kept.flush()
    assert store.load() == saved


def test_a_database_that_is_away_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    made = SqlNotes(TokenDatabase("postgresql://me:hunter2@127.0.0.1:1/x"), "app@host", clock=lambda: NOW)
    for _ in range(3):
        made.add(101, WHERE, Refusal(NOW, "scope"))
    made.flush()
    assert len(made.refusals(101, WHERE, NOW)) == 3
    assert "hunter2" not in caplog.text
