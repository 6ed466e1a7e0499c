"""What others write reaches log, report, `check` and `divisions` on one line and without a secret."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tap_exactonline.exact.auth.dead_logins import DeadLogins
from tap_exactonline.exact.auth.store.database import TokenDatabase
from tap_exactonline.exact.auth.store.holder import busy
from tap_exactonline.exact.errors import ExactError
from tap_exactonline.exact.notes import LoginRefusal, Notes
from tests.exact_online import ExactOnline, faults, hostile
from tests.support import cli
from tests.support.tap_runs import TapRunner
from tests.support.tokens import TokenFixture

pytestmark = pytest.mark.process

CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^2026-11-28 12:00", re.MULTILINE
)
STREAMS = (
    "crm_contacts", "crm_accounts", "crm_addresses", "financial_journals", "financial_gl_accounts", "logistics_items",
    "project_projects", "sync_crm_accounts", "sync_crm_contacts", "vat_vat_codes",
)  # fmt: skip


def test_no_error_text_shows_the_token(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows=2)
    echoes = dict(zip(STREAMS, hostile.ECHOES, strict=True))
    for stream, name in echoes.items():
        exact.faults.add(stream, hostile.echo(name), times=None)
    last = next(stream for stream, name in echoes.items() if name.startswith("401"))  # may end the run
    shown = ""
    for streams in ([stream for stream in STREAMS if stream != last], [last]):
        done = runner.run(streams)
        shown += done.out + done.err
    assert all(fault.hits for fault in exact.faults.script)
    assert "token *** was not found" in shown
    for secret in {*exact.issued_tokens, exact.client_secret}:
        assert not hostile.seen(secret, shown)


def test_neither_names_nor_error_texts_forge_a_line(runner: TapRunner, exact: ExactOnline) -> None:
    exact.add_division(101, rows=2, description=f"Bakkerij{hostile.FORGED}")
    exact.add_division(102, rows=2, description=f"Slager{hostile.FORGED}", status=2)
    runner.config["divisions"] = [101, 102]
    exact.faults.add("crm_contacts", hostile.forge(400), times=None)
    exact.faults.add("financial_journals", hostile.forge(403, f"Odd{hostile.FORGED}"), times=None)
    exact.faults.add("sync_crm_accounts", hostile.forge(418), times=None)
    done = runner.run(["crm_contacts", "financial_journals", "sync_crm_accounts", "crm_accounts"])
    assert done.code == 1
    assert "Bad luck" in done.err
    assert "Bakkerij" in done.err
    assert not CONTROL.search(done.err)


@pytest.mark.parametrize("command", [("check",), ("check", "--quick"), ("divisions",)], ids=" ".join)
def test_neither_do_they_in_a_command(tmp_path: Path, command: tuple[str, ...]) -> None:
    with cli.lab(tmp_path, 101) as here:
        here.exact.add_division(
            102, rows=2, description=f"Bakkerij{hostile.FORGED}", Country=f"N{hostile.FORGED}"
        )
        here.exact.faults.add("sync_crm_accounts", hostile.forge(403), times=None)
        here.exact.faults.add("sync_crm_contacts", hostile.forge(418), times=None)
        done = here.run(*command, "--config", here.logged_in(divisions=[101, 102]))
        assert done.stdout
        assert not CONTROL.search(done.stdout + done.stderr)


def test_nor_does_the_token_service(lab: TokenFixture) -> None:
    lab.exact.faults.add(
        "token",
        faults.json_body({"error": "odd", "error_description": f"No{hostile.FORGED}"}, 400),
        times=None,
    )
    with pytest.raises(Exception, match="No") as caught:
        lab.credentials(refresh_token=lab.exact.issue_login()).access_token()
    assert not CONTROL.search(str(caught.value))


def test_nor_does_a_database_that_others_administer() -> None:
    """Its errors, the name of who holds the lock, and what is noted there of a refused login."""
    database = TokenDatabase("postgresql://me:hunter2-hunter2@127.0.0.1:1/x")
    told = database.trouble("read", RuntimeError(f"no{hostile.FORGED} for me:hunter2-hunter2"))
    assert "hunter2" not in str(told)
    held = busy("there", 60.0, json.dumps(dict.fromkeys(("pid", "host", "since"), hostile.FORGED)))
    notes = Notes()
    dead = DeadLogins(notes, "id", "secret", lambda: 1_000_000.0)
    notes.login = LoginRefusal(
        "token", dead._app, "NotLoggedIn", hostile.FORGED, hostile.FORGED, 401, 1_000_000.0
    )
    with pytest.raises(ExactError, match="not asked again") as caught:
        dead.check("token")
    for error in (told, held, caught.value):
        assert str(error).isprintable()
