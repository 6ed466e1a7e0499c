"""Which administrations there are, and which are read."""

from __future__ import annotations

import dataclasses
from urllib.parse import parse_qs

import pytest

from tap_exactonline.exact.divisions import Division, choose, current_division, list_divisions
from tap_exactonline.exact.errors import (
    BrokenAnswer,
    DivisionNotInScope,
    DivisionUnavailable,
    EndpointMissing,
    LoginError,
    QueryRefused,
    ServerFault,
    StreamError,
    Unreachable,
)
from tap_exactonline.exact.refused_fields import RefusedFields
from tests.exact_online.wordings import UNKNOWN_FIELD
from tests.support.scripted import Reply, problem, reset_before, rows, world

OUTSIDE = problem(403, "Forbidden - User division is not within division scope")
ME = rows({"CurrentDivision": 101})
ROW = {
    "__metadata": {"uri": "x"},
    "Code": 101,
    "Hid": "12",
    "Description": "Bakery  ",
    "Country": "NL",
    "Legislation": 1,
    "Currency": "EUR",
    "Status": 1,
    "BlockingStatus": 0,
    "DivisionMoveDate": "/Date(1706691600000)/",
    "DivisionHRLinkUnlinkDate": None,
    "IsMainDivision": True,
}


@pytest.fixture
def w():
    with world(max_tries=2) as made:
        yield made


def test_the_list_is_asked_for_through_the_current_administration(w):
    w.say(ME, rows(ROW))
    (one,) = list_divisions(w.client)
    assert [path.split("?")[0] for path in w.server.paths] == [
        "/api/v1/current/Me",
        "/api/v1/101/system/Divisions",
    ]
    assert all("$select=" in path for path in w.server.paths)
    assert (one.code, one.hid, one.description, one.country, one.legislation, one.currency) == (
        101,
        "12",
        "Bakery",
        "NL",
        "1",
        "EUR",
    )
    assert (one.status, one.blocking_status, one.is_main, one.closed) == (1, 0, True, "")
    assert (one.move_date, one.hr_link_date) == ("/Date(1706691600000)/", "")
    assert one.row["Description"] == "Bakery  "
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.code = 5  # type: ignore[misc]


def test_the_list_has_pages(w):
    first = rows(
        {"Code": 300}, {"Code": 20}, next_url=f"{w.server.url}/api/v1/101/system/Divisions?$skiptoken=20"
    )
    w.say(
        ME,
        first,
        rows({"Code": 20}, {"Code": 7}, next_url=f"{w.server.url}/api/v1/101/system/Divisions?$skiptoken=7"),
        rows(),
        first,  # without a word on how many there are
    )
    assert [one.code for one in list_divisions(w.client)] == [7, 20, 300]
    assert len(w.server.requests) == 5


def test_pages_that_go_round_in_a_circle_end(w):
    w.say(ME)
    w.server.default = rows({"Code": 1}, next_url=f"{w.server.url}/api/v1/101/system/Divisions?$skiptoken=1")
    with pytest.raises(BrokenAnswer, match="leads back"):
        list_divisions(w.client)
    assert len(w.server.requests) == 3


def test_a_start_that_is_given_spares_a_call(w):
    w.say(rows(ROW))
    assert [one.code for one in list_divisions(w.client, first=[202])] == [101]
    assert w.server.paths[0].startswith("/api/v1/202/system/Divisions?")
    assert len(w.server.requests) == 1


@pytest.mark.parametrize(
    "me",
    [
        [problem(403, "Forbidden")],
        [Reply(503), Reply(503)],
        [Reply(body=b"{}"), Reply(body=b"{}")],
        [rows({"CurrentDivision": None})],
        [rows()],
    ],
    ids=["forbidden", "down", "broken", "none", "no row"],
)
def test_a_configured_administration_helps_where_the_current_one_is_not_known(w, me):
    w.say(*me, rows(ROW))
    assert [one.code for one in list_divisions(w.client, fallback=[202])] == [101]
    assert w.server.paths[-1].startswith("/api/v1/202/system/Divisions")


def test_configured_administrations_help_where_the_current_one_is_not_granted(w):
    w.say(ME, OUTSIDE, OUTSIDE, rows(ROW))
    assert [one.code for one in list_divisions(w.client, fallback=[202, 101, 303])] == [101]
    assert [path.split("/")[3] for path in w.server.paths[1:]] == ["101", "202", "303"]


REFUSED = {
    "forbidden": problem(403, "Forbidden"),
    "not granted": OUTSIDE,
    "wrong": problem(403, "Forbidden", "WrongDivision"),
    "unknown words": problem(403, "Well, well"),
    "blocked for errors": problem(429, "API rate limit exceeded: too many erroneous requests."),
    "day spent": Reply(429, b"", {"X-RateLimit-Remaining": "0"}),
    "its database is down": Reply(503),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())
def test_configured_administrations_are_asked_first_and_one_after_the_other(w, refused):
    w.server.rule = lambda request: refused if "/202/" in request.path else rows(ROW)
    assert [one.code for one in list_divisions(w.client, first=[202, 303])] == [101]
    assert not [path for path in w.server.paths if "current/Me" in path]
    assert w.server.paths[-1].startswith("/api/v1/303/")


def test_a_login_that_may_not_open_one_is_no_login_that_may_open_none(w):
    answers = {"/202/": Reply(401), "current/Me": ME}
    w.server.rule = lambda request: next(
        (reply for part, reply in answers.items() if part in request.path), rows(ROW)
    )
    assert [one.code for one in list_divisions(w.client, first=[202, 303])] == [101]


def test_after_the_configured_ones_the_one_opened_last_is_asked(w):
    w.say(OUTSIDE, ME, rows(ROW))
    assert [one.code for one in list_divisions(w.client, first=[202], fallback=[303])] == [101]
    assert [path.split("/")[3] for path in w.server.paths] == ["202", "current", "101"]


@pytest.mark.parametrize("reply", [problem(403, "Forbidden - Application Scope Violated."), problem(404, "Resource not found"), problem(400, "No")])  # fmt: skip
def test_what_is_alike_everywhere_is_not_asked_everywhere(w, reply):
    w.server.default = reply
    with pytest.raises(StreamError):
        list_divisions(w.client, first=[202, 303], fallback=[404])
    assert {path.split("/")[3] for path in w.server.paths} == {"202"}


def test_no_administration_is_granted(w):
    w.say(ME)
    w.server.default = OUTSIDE
    with pytest.raises(DivisionNotInScope) as caught:
        list_divisions(w.client, fallback=range(1, 100))
    assert caught.value.division == 101
    assert "Manage companies" in str(caught.value)
    assert len(w.server.requests) == 6


def test_failures_that_no_other_administration_mends_pass_through(w):
    for reply, kind in (
        (problem(401, "", "BlockedUser"), LoginError),
        (reset_before(), Unreachable),
    ):
        w.server.default = reply
        with pytest.raises(kind):
            list_divisions(w.client, fallback=[202])
    w.server.default = Reply(503)
    with pytest.raises(ServerFault):
        list_divisions(w.client)


def test_a_missing_list_is_no_matter_of_the_administration(w):
    w.say(ME, problem(404, "Resource not found for the segment 'Divisions'."))
    with pytest.raises(EndpointMissing):
        list_divisions(w.client, fallback=[202])
    assert len(w.server.requests) == 2


def test_a_field_that_the_service_does_not_know_is_left_out(w):
    w.say(ME, problem(400, "Could not find a property named 'CustomerName' on type"), rows(ROW))
    assert [one.code for one in list_divisions(w.client)] == [101]
    assert "CustomerName" not in w.server.paths[2]
    assert "DivisionHRLinkUnlinkDate" in w.server.paths[2]


@pytest.mark.parametrize("wording", UNKNOWN_FIELD)
def test_one_field_goes_however_the_refusal_is_worded(w, wording):
    said = UNKNOWN_FIELD[wording].format(
        field="DivisionMoveDate", type="Exact.Web.Api.Models.System.Status.Code"
    )
    w.say(
        ME, problem(400, said), rows({key: value for key, value in ROW.items() if key != "DivisionMoveDate"})
    )
    refused = RefusedFields()
    (one,) = list_divisions(w.client, refused=refused)
    first, second = (
        set(parse_qs(path.partition("?")[2])["$select"][0].split(",")) for path in w.server.paths[1:]
    )
    assert first - second == {"DivisionMoveDate"}
    assert (one.move_date, one.hr_link_date) == (None, ""), "unknown is not the same as never"
    assert refused.names == refused.new == {"DivisionMoveDate"}
    list_divisions(w.client, first=[101], refused=refused)
    assert "DivisionMoveDate" not in w.server.paths[-1]


def test_many_fields_that_are_unknown_cost_few_refusals(w):
    def say(name):
        return problem(400, f"Could not find a property named '{name}' on type 'Exact.Web.Api.Models.Code'.")

    w.say(ME, say("CustomerName"), say("Country"), rows({"Code": 101}))
    assert [one.code for one in list_divisions(w.client)] == [101]
    w.say(say("CustomerName"), say("Status"), say("Hid"), rows({"Code": 101}))
    with pytest.raises(QueryRefused):
        list_divisions(w.new_client(), first=[202])
    assert len(w.server.requests) == 7


def test_the_number_is_never_left_out(w):
    w.say(
        ME, problem(400, "Could not find a property named 'Code' on type 'Exact.Web.Api.Models.Divisions'.")
    )
    with pytest.raises(QueryRefused):
        list_divisions(w.client)
    assert len(w.server.requests) == 2


def test_a_query_that_stays_refused_ends(w):
    w.say(ME)
    w.server.default = problem(400, "No.")
    with pytest.raises(QueryRefused):
        list_divisions(w.client)
    assert len(w.server.requests) == 3


def test_a_user_without_administrations(w):
    with pytest.raises(BrokenAnswer, match="names no administration"):
        current_division(w.client)
    w.client = w.new_client()
    w.say(rows({"CurrentDivision": "abc"}))
    with pytest.raises(BrokenAnswer):
        list_divisions(w.client)


@pytest.mark.parametrize("row", [{"Hid": "1"}, {"Code": None}, {"Code": "x"}])
def test_a_row_without_a_number_is_broken(w, row):
    w.say(ME, rows(row))
    with pytest.raises(BrokenAnswer, match="number"):
        list_divisions(w.client)


# -- choosing --------------------------------------------------------------------------------------


def division(code: int, status: int | None = 1, blocking: int | None = 0, **more) -> Division:
    return Division(code=code, description=f"D{code}", status=status, blocking_status=blocking, **more)


ALL = [
    division(1),
    division(2, status=0),
    division(3, status=2),
    division(4, blocking=6),
    division(5, status=None, blocking=None),
    division(6, status=9),
    division(7, blocking=9),
    division(8, hid="47"),
]


def codes(chosen) -> list[int]:
    return [one.code for one in chosen.selected]


@pytest.mark.parametrize("wanted", [None, []])
def test_by_default_all_that_are_open(wanted):
    chosen = choose(ALL, wanted, None)
    assert codes(chosen) == [1, 5, 8]
    assert chosen.problems == []
    assert codes(choose(ALL, wanted, [5, 99])) == [1, 8]


def test_configured_ones_in_their_order_and_once():
    assert codes(choose(ALL, [8, 1, 8], None)) == [8, 1]
    assert choose(ALL, [8, 1], [8]) == choose(ALL, [1], None)


@pytest.mark.parametrize(
    ("code", "word"),
    [(2, "inactive"), (3, "archived"), (4, "being copied"), (6, "status 9"), (7, "blocked")],
)
def test_a_configured_one_that_is_closed_is_a_problem_and_the_others_run(code, word):
    chosen = choose(ALL, [code, 1], None)
    assert codes(chosen) == [1]
    (problem_,) = chosen.problems
    assert isinstance(problem_, DivisionUnavailable)
    assert problem_.division == code
    assert word in str(problem_)
    assert f"D{code}" in str(problem_)


def test_a_configured_one_that_is_not_accessible_is_a_problem_with_a_remedy():
    chosen = choose(ALL, [1, 999], None)
    assert codes(chosen) == [1]
    (problem_,) = chosen.problems
    assert isinstance(problem_, DivisionNotInScope)
    assert str(problem_).startswith("division 999: ")
    assert "Security centre > App permissions > Manage companies" in str(problem_)


def test_the_number_on_the_screen_is_told_from_the_number_in_addresses():
    (problem_,) = choose(ALL, [47], None).problems
    assert "Write 8 into divisions" in str(problem_)
