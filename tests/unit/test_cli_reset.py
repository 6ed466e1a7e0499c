"""``tap-exactonline reset``: bookmarks leave a state, and the next run reads those tables from the beginning."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.sync.state.envelope import unwrap
from tests.exact_online import faults
from tests.support.cli import CliFixture, lab
from tests.support.in_process import InProcessRun, run_tap

pytestmark = pytest.mark.process

ACCOUNTS, ITEMS, PAYMENTS = "sync_crm_accounts", "sync_logistics_items", "bulk_cashflow_payments"
STREAMS = [ACCOUNTS, ITEMS, PAYMENTS, "sync_deleted", "system_divisions"]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[CliFixture]:
    with lab(tmp_path, 101, 102) as found:
        yield found


class Pipeline:
    """Runs that hand on a state in a file, and the command between them. The runs need no program of their own."""

    def __init__(self, here: CliFixture, **settings: Any) -> None:
        self.here = here
        self.settings = settings
        self.state = here.folder / "state.json"

    def run(self, *, complete: bool = True) -> InProcessRun:
        """Read, and keep the state."""
        state = unwrap(json.loads(self.state.read_text())) if self.state.exists() else None
        done = run_tap(self.here.exact, STREAMS, state, home=self.here.folder, settings=self.settings)
        assert done.complete is complete, done.error
        self.state.write_text(json.dumps(done.state))
        return done

    def reset(self, *arguments: str, code: int = 0) -> str:
        """Reset the state in its file; returns what was printed."""
        done = self.here.run("reset", "--state", str(self.state), *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def places(self, found: InProcessRun, stream: str) -> set[int]:
        """The administrations of which rows came."""
        return {record["division"] for record in found.records(stream)}


@pytest.fixture
def pipeline(here: CliFixture) -> Pipeline:
    found = Pipeline(here)
    found.run()
    return found


def test_nothing_comes_twice_without_a_reset(pipeline: Pipeline) -> None:
    assert len(pipeline.run().records(ACCOUNTS)) == 0


def test_one_table_is_read_again_in_all_administrations(pipeline: Pipeline) -> None:
    said = pipeline.reset("--stream", ACCOUNTS)

    assert f"{ACCOUNTS}: read from the beginning in division 101, 102\n2 bookmarks removed.\n" in said
    again = pipeline.run()
    assert pipeline.places(again, ACCOUNTS) == {101, 102}
    assert len(again.records(ACCOUNTS)) == 4
    assert len(again.records(ITEMS)) == 0


def test_one_administration_is_read_again(pipeline: Pipeline) -> None:
    said = pipeline.reset("--division", "102")

    assert f"{ITEMS}: read from the beginning in division 102; it goes on where it was in 101\n" in said
    again = pipeline.run()
    assert pipeline.places(again, ACCOUNTS) == pipeline.places(again, ITEMS) == {102}


def test_one_table_of_one_administration_is_read_again(pipeline: Pipeline) -> None:
    assert "1 bookmark removed." in pipeline.reset("--stream", ITEMS, "--division", "101")

    again = pipeline.run()
    assert pipeline.places(again, ITEMS) == {101}
    assert len(again.records(ACCOUNTS)) == 0


def test_all_is_read_again_without_a_choice(pipeline: Pipeline) -> None:
    pipeline.reset()

    again = pipeline.run()
    assert (len(again.records(ACCOUNTS)), len(again.records(ITEMS))) == (4, 4)


def test_a_dry_run_changes_nothing(pipeline: Pipeline) -> None:
    before = pipeline.state.read_bytes()

    said = pipeline.reset("--stream", ACCOUNTS, "--dry-run")

    assert "2 bookmarks removed" in said
    assert "Nothing was written" in said
    assert pipeline.state.read_bytes() == before


def test_a_second_reset_has_nothing_to_do(pipeline: Pipeline) -> None:
    pipeline.reset("--stream", ACCOUNTS)

    said = pipeline.reset("--stream", ACCOUNTS, "--stream", "crm_contacts")

    assert f"{ACCOUNTS}: has no bookmark here" in said
    assert "crm_contacts: has no bookmark here" in said
    assert "0 bookmarks removed." in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stream", "sync_crm_acounts"], "Did you mean 'sync_crm_accounts'?"),
        (["--stream", "sync-crm-accounts"], "Did you mean 'sync_crm_accounts'?"),
        (["--stream", ACCOUNTS, "--stream", "nonsense"], "there is no stream 'nonsense'"),
        (["--division", "1001"], "Did you mean '101'?"),
        (["--stream", ACCOUNTS, "--division", "7"], "It has those of 101, 102"),
    ],
    ids=str,
)
def test_a_wrong_name_changes_nothing(pipeline: Pipeline, arguments: list[str], says: str) -> None:
    before = pipeline.state.read_bytes()

    assert says in pipeline.reset(*arguments, code=1)
    assert pipeline.state.read_bytes() == before


def test_a_pipe_keeps_the_envelope_of_meltano(pipeline: Pipeline) -> None:
    whole = {"singer_state": json.loads(pipeline.state.read_text())}

    done = pipeline.here.run("reset", "--state", "-", "--stream", ACCOUNTS, stdin=json.dumps(whole))

    assert done.returncode == 0, done.stderr
    assert "2 bookmarks removed" in done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"singer_state"}
    assert {*unwrap(found)["bookmarks"]} == {*whole["singer_state"]["bookmarks"]}
    pipeline.state.write_text(done.stdout)
    assert len(pipeline.run().records(ACCOUNTS)) == 4


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("[]", "does not hold a JSON object"),
        ('{"bookmark": {}}', "it has no 'bookmarks'"),
        ('{"bookmarks": {"sync_crm_accounts": {"partitions": 1}}}', "'partitions' is not a list"),
    ],
)
def test_what_is_no_state_is_refused(here: CliFixture, content: str, says: str) -> None:
    path = here.folder / "state.json"
    path.write_text(content)

    done = here.run("reset", "--state", str(path))

    assert (done.returncode, path.read_text()) == (1, content)
    assert says in done.stderr


def test_a_missing_file_is_told(here: CliFixture) -> None:
    assert "there is no file" in here.run("reset", "--state", "none.json").stderr


def test_the_file_keeps_its_mode_and_its_link(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.state.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(pipeline.state)

    assert pipeline.here.run("reset", "--state", str(link)).returncode == 0

    assert link.is_symlink()
    assert stat.S_IMODE(pipeline.state.stat().st_mode) == 0o640
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_what_was_delivered_before_is_not_forgotten(pipeline: Pipeline) -> None:
    """A refusal after a reset is no matter of licence: there are rows in the table."""
    pipeline.reset("--stream", ACCOUNTS)
    state = json.loads(pipeline.state.read_text())
    partitions = state["bookmarks"][ACCOUNTS]["partitions"]
    assert [one["had_rows"] for one in partitions] == [True, True]

    pipeline.here.exact.faults.add(ACCOUNTS, faults.refusal("scope"), times=None)
    assert "Rows were delivered before" in str(pipeline.run(complete=False).error)


def test_the_target_is_cleaned_at_the_end_if_versions_are_on(here: CliFixture) -> None:
    pipeline = Pipeline(here, emit_activate_version_messages=True)
    first = pipeline.run()
    assert not [
        m for m in pipeline.run().messages if m["type"] == "ACTIVATE_VERSION" and m["stream"] == ACCOUNTS
    ]

    pipeline.reset("--stream", ACCOUNTS)
    again = pipeline.run()

    def version(found: InProcessRun) -> int:
        return int(
            next(
                m["version"]
                for m in found.messages
                if m["type"] == "ACTIVATE_VERSION" and m["stream"] == ACCOUNTS
            )
        )

    assert version(again) > version(first)
    assert {m["version"] for m in again.messages if m["type"] == "RECORD" and m["stream"] == ACCOUNTS} == {
        version(again)
    }


def test_the_log_of_deletions_still_knows_when_it_was_read(pipeline: Pipeline) -> None:
    """Without that moment, a gap of more than two months would pass unseen."""
    state = json.loads(pipeline.state.read_text())
    before = [one.get("read_at") for one in state["bookmarks"]["sync_deleted"]["partitions"]]
    pipeline.reset("--stream", "sync_deleted")
    state = json.loads(pipeline.state.read_text())
    after = [one.get("read_at") for one in state["bookmarks"]["sync_deleted"]["partitions"]]
    assert before == after
    assert None not in after
