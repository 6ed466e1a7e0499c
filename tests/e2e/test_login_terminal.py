"""Logging in with a terminal, over a pipe, and through Meltano."""

from __future__ import annotations

import json
import subprocess

import pytest

from scripts.meltano_project import MELTANO, Project
from tests.e2e.terminal import Terminal
from tests.exact_online import faults
from tests.support.cli import ADDRESS, REDIRECT, CliFixture, consent, read_until


def test_the_address_that_a_person_lands_on_finishes_the_login(here: CliFixture) -> None:
    config = here.config(redirect_uri=REDIRECT)

    code, out, err = here.log_in("--config", config)

    assert code == 0, err
    assert "Logged in as Stand In" in out
    assert "3 administrations can be read" in out
    assert "One Exact Identity" in out
    assert str(here.tokens) in out
    assert here.exact.token_calls == 1
    assert here.tokens.stat().st_mode & 0o777 == 0o600
    assert here.exact.client_secret not in out + err
    # And a run needs nothing more.
    assert here.run("--config", config, "--test").returncode == 0
    assert here.exact.token_calls == 1


@pytest.mark.parametrize("encoded", [False, True])
def test_the_code_alone_will_do(here: CliFixture, encoded: bool) -> None:
    code = here.exact.authorize_code(REDIRECT)
    assert "!" in code

    status, out, err = here.log_in(
        "--config", here.config(), "--redirect-uri", REDIRECT, answer=code.replace("!", "%21") if encoded else code
    )  # fmt: skip

    assert status == 0, err
    assert "Logged in" in out
    assert code not in out + err


def refused(here: CliFixture, *arguments: str, answer: str | None = None) -> str:
    status, out, err = here.log_in("--config", here.config(redirect_uri=REDIRECT), *arguments, answer=answer)
    assert status == 1, out
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1, err
    assert not here.tokens.exists()
    assert here.exact.client_secret not in out + err
    return err


def test_access_that_was_not_allowed(here: CliFixture) -> None:
    assert "not allowed" in refused(here, answer=f"{REDIRECT}?error=access_denied")
    assert here.exact.token_calls == 0


def test_an_address_of_another_login(here: CliFixture) -> None:
    answer = f"{REDIRECT}?code={here.exact.authorize_code(REDIRECT)}&state=somebody-elses"
    assert "another login" in refused(here, answer=answer)
    assert here.exact.token_calls == 0, "the code must not be spent"


def test_a_code_older_than_three_minutes(here: CliFixture) -> None:
    code = here.exact.authorize_code(REDIRECT)
    here.exact.clock.advance(181)
    said = refused(here, answer=code)
    assert "three minutes" in said
    assert code not in said


def test_another_redirect_address_than_the_registered_one(here: CliFixture) -> None:
    here.exact.redirect_uris.add("https://other.example/")
    code = here.exact.authorize_code("https://other.example/")
    assert "redirect address" in refused(here, answer=code)


def test_a_wrong_secret(here: CliFixture) -> None:
    here.settings["client_secret"] = "not-the-secret"
    said = refused(here, answer=here.exact.authorize_code(REDIRECT))
    assert "client_secret" in said
    assert "not-the-secret" not in said


def test_nothing_on_the_pipe(here: CliFixture) -> None:
    done = here.run("login", "--config", here.config(redirect_uri=REDIRECT))
    assert done.returncode == 1
    assert "Nothing usable was pasted" in done.stderr


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "redirect_uri"])
def test_without_a_person_what_is_missing_is_named(here: CliFixture, missing: str) -> None:
    done = here.run("login", "--config", here.config(**{"redirect_uri": REDIRECT, missing: None}))
    assert done.returncode == 1
    assert missing in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_store_that_can_not_keep_the_login_is_told_before_the_person_logs_in(here: CliFixture) -> None:
    (here.folder / "a-file").write_text("")
    done = here.run(
        "login", "--config", here.config(token_store=f"{here.folder}/a-file/x.json", redirect_uri=REDIRECT)
    )
    assert done.returncode == 1
    assert "a-file" in done.stderr
    assert "oauth2/auth" not in done.stdout


def test_a_login_that_can_list_nothing_is_kept_all_the_same(here: CliFixture) -> None:
    here.exact.faults.add("system_divisions", faults.forbidden("scope"), times=None)
    status, _, err = here.log_in("--config", here.config(redirect_uri=REDIRECT))
    assert status == 1
    assert "is kept" in err
    assert "Organization administration" in err
    assert here.tokens.exists()


def test_a_new_login_wins_over_a_configured_refresh_token(here: CliFixture) -> None:
    config = here.config(
        redirect_uri=REDIRECT, refresh_token=here.exact.issue_login(), access_token="an-old-one"
    )
    status, _, err = here.log_in("--config", config)
    assert status == 0, err
    assert here.run("divisions", "--config", here.config(refresh_token=None)).returncode == 0
    assert here.exact.token_calls == 1


def test_a_person_is_asked_for_what_is_missing_and_may_slip(here: CliFixture) -> None:
    opened = here.folder / "opened.txt"
    browser = here.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    config = here.config(client_id=None, client_secret=None)
    screen = Terminal.of(here, "login", "--config", config, BROWSER=f"{browser} %s")

    screen.until("Client id: ")
    screen.type(here.exact.client_id)
    screen.until("Client secret.*: ")
    screen.type(here.exact.client_secret)
    screen.until("Redirect address: ")
    screen.type("http://localhost:8000")
    screen.until("public https addresses only")
    screen.type(REDIRECT)
    address = screen.until(ADDRESS.pattern + r"(?=\n)")[0]
    screen.until("Address .or code.: ")
    screen.type(address)
    screen.until("address of the login page itself")
    screen.type(here.exact.authorize_code(REDIRECT)[:-3])
    screen.until("does not accept the authorization code")
    screen.type(consent(address))
    screen.until("Logged in as Stand In")

    assert screen.end() == 0
    assert opened.read_text().strip() == address
    assert f"TAP_EXACTONLINE_CLIENT_ID={here.exact.client_id}" in screen.shown
    assert here.exact.client_secret not in screen.shown


def test_no_browser_leaves_the_browser_alone(here: CliFixture) -> None:
    opened = here.folder / "opened.txt"
    screen = Terminal.of(
        here,
        "login",
        "--no-browser",
        "--config",
        here.config(redirect_uri=REDIRECT),
        BROWSER=f"touch {opened} %s",
    )
    screen.until("Address .or code.: ")
    screen.type(f"{REDIRECT}?error=access_denied")
    assert screen.end() == 1
    assert "not allowed" in screen.shown
    assert not opened.exists()


def test_logout_asks_on_a_terminal(here: CliFixture) -> None:
    config = here.logged_in()
    assert here.run("divisions", "--config", config).returncode == 0
    for answer, stays in (("n", True), ("y", False)):
        screen = Terminal.of(here, "logout", "--config", config)
        screen.until(r"\[y/N\]: ")
        screen.type(answer)
        screen.end()
        assert here.tokens.exists() is stays


# -- through Meltano -------------------------------------------------------------------------------


@pytest.fixture
def project(here: CliFixture) -> Project:
    """A Meltano project that knows the app, and has no login yet."""
    env = {f"TAP_EXACTONLINE_{name.upper()}": str(value) for name, value in here.settings.items()}
    del env["TAP_EXACTONLINE_TOKEN_STORE"]
    env["TAP_EXACTONLINE_REDIRECT_URI"] = REDIRECT
    return Project.create(here.folder / "project", env, select=["sync_crm_accounts.*", "vat_vat_codes.*"])


def test_meltano_logs_in_checks_runs_and_logs_out(here: CliFixture, project: Project) -> None:
    process = subprocess.Popen(
        [MELTANO, "invoke", "tap-exactonline:login"],
        cwd=project.root, env=project.environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said, address = read_until(process, ADDRESS)
    out, err = process.communicate(f"{consent(address)}\n", timeout=60)
    assert process.returncode == 0, err
    assert "Logged in as Stand In" in out
    assert "meltano invoke tap-exactonline:check" in out
    # Beside the rest of the project, where every later run looks.
    (stored,) = (project.root / ".meltano/tap-exactonline").glob("tokens-*.json")
    assert str(stored) in out

    listed = project.run("invoke", "tap-exactonline:divisions", "--format=json")
    assert listed.returncode == 0, listed.stdout
    assert '"division": 103' in listed.stdout
    checked = project.run("invoke", "tap-exactonline:check", "--format=json")
    assert checked.returncode == 0, checked.stdout
    found = json.loads(checked.stdout[checked.stdout.index("{\n") : checked.stdout.rindex("}") + 1])
    assert found["streams"]["selected"] == 2, "Meltano's own selection"
    ran = project.run("run", "tap-exactonline", "target-jsonl")
    assert ran.returncode == 0, ran.stdout
    assert here.exact.token_calls == 1
    gone = project.run("invoke", "tap-exactonline:logout", "--yes")
    assert gone.returncode == 0, gone.stdout
    assert not stored.exists()
    failed = project.run("invoke", "tap-exactonline:check")
    assert failed.returncode != 0
    assert "tap-exactonline login" in failed.stdout
    assert here.said_nothing_secret(said, out, err, listed.stdout, checked.stdout, ran.stdout, failed.stdout)


def test_meltano_passes_the_terminal_on(here: CliFixture, project: Project) -> None:
    """Meltano keeps standard error for its log: a question asked there would never be seen."""
    for name in ("CLIENT_SECRET", "REDIRECT_URI"):
        del project.env[f"TAP_EXACTONLINE_{name}"]
    screen = Terminal([MELTANO, "invoke", "tap-exactonline:login"], project.root, project.environment())

    screen.until("Client secret.*: ", 90)
    screen.type(here.exact.client_secret)
    screen.until("Redirect address: ")
    screen.type(REDIRECT)
    address = screen.until(ADDRESS.pattern + r"(?=\n)")[0]
    screen.until("Address .or code.: ")
    screen.type(consent(address))
    screen.until("Logged in as Stand In")

    assert screen.end() == 0
    assert here.exact.client_secret not in screen.shown
