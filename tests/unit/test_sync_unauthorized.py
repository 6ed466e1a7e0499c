"""A 401 in one administration or endpoint does not end the run for the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.exact.errors import LoginError
from tests.exact_online import faults
from tests.support.sync import HOME, ITEMS, lab

STREAMS = (ITEMS, "hrm_costunits", "financial_journals")
MORE = (*STREAMS, "vat_vat_codes", "hrm_costcenters", "sync_crm_contacts")
CODES = (101, 102, 103, 104)


@pytest.mark.parametrize("bad", CODES)
@pytest.mark.parametrize("lanes", [1, 4])
def test_of_four_administrations_three_arrive_whole(tmp_path: Path, bad: int, lanes: int) -> None:
    with lab(tmp_path, max_parallel_divisions=lanes, divisions=list(CODES)) as home:
        for code in CODES:
            home.exact.add_division(code, rows=dict.fromkeys(STREAMS, 4))
        home.exact.divisions[bad].refuses = "unauthorized"
        home.exact.current = HOME
        for _ in range(2):
            home.state = None
            run = home.run(*STREAMS)
            arrived = {(record["division"], stream) for stream in STREAMS for record in run.records(stream)}
            assert arrived == {(code, stream) for code in CODES if code != bad for stream in STREAMS}
            assert not isinstance(run.error, LoginError)
            assert f"division {bad}" in str(run.error)
            assert "log in" not in str(run.error).lower().replace("logged in", "")
        for stream in (*STREAMS, "system_divisions"):
            errors = [c for c in home.exact.errors_4xx if (c.division, c.stream) == (bad, stream)]
            assert len(errors) <= 2 * 3


def test_an_administration_that_answers_only_so_is_not_asked_stream_after_stream(tmp_path: Path) -> None:
    with lab(tmp_path, dict.fromkeys(MORE, 2)) as home:
        home.exact.add_division(102, rows=dict.fromkeys(MORE, 2)).refuses = "unauthorized"
        run = home.run(*MORE)
        assert home.exact.calls(102) == 3 * 3
        assert "division 102" in str(run.error)
        assert "every stream" in str(run.error)
        assert all(len(run.records(stream)) == 2 for stream in MORE)


def test_three_streams_that_answer_so_do_not_close_an_administration_that_gave_rows(tmp_path: Path) -> None:
    with lab(tmp_path, dict.fromkeys(MORE, 2)) as home:
        order = list(dict.fromkeys(m["stream"] for m in home.run(*MORE).messages if m["type"] == "RECORD"))
        assert set(order) == set(MORE)
        home.state = None
        for stream in order[1:4]:
            home.exact.faults.add(stream, faults.unauthorized(), times=None)
        run = home.run(*MORE)
        assert not run.complete
        assert all(run.records(stream) for stream in [order[0], *order[4:]])


@pytest.mark.parametrize("form", ["empty", "words", "page"])
@pytest.mark.parametrize("stream", STREAMS)
def test_one_stream_that_answers_so_is_one_stream(tmp_path: Path, stream: str, form: Any) -> None:
    with lab(tmp_path, dict.fromkeys(STREAMS, 4)) as home:
        home.exact.faults.add(stream, faults.unauthorized(form), times=None)
        for _ in range(2):
            run = home.run(*STREAMS)
            assert not run.complete
            assert f"{stream} in division {HOME}: Exact Online answers HTTP 401" in str(run.error)
            assert all(run.records(other) for other in STREAMS if other != stream)
            home.state = None


@pytest.mark.parametrize("times", [1, 2])
def test_accidents_are_ridden_out(tmp_path: Path, times: int) -> None:
    with lab(tmp_path, dict.fromkeys(STREAMS, 4)) as home:
        for stream in STREAMS:
            home.exact.faults.add(stream, faults.unauthorized(), times=times)
        run = home.run(*STREAMS)
        assert run.complete, run.error


def test_a_token_that_ends_in_the_middle_of_a_run_is_the_login(tmp_path: Path) -> None:
    with lab(tmp_path, dict.fromkeys(STREAMS, 4)) as home:
        seen: list[str | None] = []

        def withdraw(call: Any) -> None:
            seen.append(call.stream)
            if call.stream == STREAMS[1]:
                home.exact.oauth.revoke()

        home.exact.on_page(withdraw)
        run = home.run(*STREAMS)
        assert "no longer accepts the configured access_token" in str(run.error)
        assert "system_me" in seen, "it was asked whether it is the login"
