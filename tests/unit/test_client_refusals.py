"""Exact refuses: 400, 401, 403, 404, and the block that follows too many of them."""

from __future__ import annotations

import pytest

from tap_exactonline.exact.errors import (
    DivisionNotInScope,
    DivisionUnavailable,
    EndpointMissing,
    ForeignAnswer,
    KeyBlocked,
    LoginError,
    NotExactOnline,
    NotLicensed,
    QueryRefused,
    ScopeViolated,
    ServerFault,
    StreamError,
    UnclearRefusal,
)
from tests.exact_online import front
from tests.support.scripted import Reply, problem, rows, world

OUTSIDE = "Forbidden - User division is not within division scope"
SCOPE = "Forbidden - Application Scope Violated. Cannot read Crm accounts."

FORBIDDEN = {
    "scope": (problem(403, SCOPE), ScopeViolated, "'Crm accounts'"),
    "division": (
        problem(403, OUTSIDE),
        DivisionNotInScope,
        "Security centre > App permissions > Manage companies",
    ),
    "division, with a reason": (
        problem(403, OUTSIDE, "NoDivisionAccess"),
        DivisionNotInScope,
        "Manage companies",
    ),
    "licence by text": (
        problem(403, "Forbidden - Customer's license expired."),
        DivisionUnavailable,
        "licence",
    ),
    "licence by reason": (problem(403, "Verboden", "LicenseExpired"), DivisionUnavailable, "licence"),
    "division blocked": (problem(403, "Forbidden", "DivisionBlocked"), DivisionUnavailable, "blocked"),
    "no access": (problem(403, "Forbidden", "NoDivisionAccess"), DivisionUnavailable, "no access"),
    "customer blocked": (problem(403, "", "BlockedCustomer"), DivisionUnavailable, "owner"),
    "user blocked": (problem(403, "Forbidden", "BlockedUser"), LoginError, "user who logged in is blocked"),
    "user inactive": (problem(403, "Forbidden", "InactiveUser"), LoginError, "inactive"),
    "plain": (problem(403, "Forbidden"), NotLicensed, "rights"),
    "wrong division": (problem(403, "Forbidden", "WrongDivision"), DivisionUnavailable, "WrongDivision"),
    "unknown reason": (
        problem(403, "Forbidden", "TenantQuarantined"),
        UnclearRefusal,
        "TenantQuarantined, Forbidden",
    ),
    "unknown words": (problem(403, "Reconciliation is under way"), UnclearRefusal, "Reconciliation"),
    "no words": (problem(403), UnclearRefusal, "without saying why"),
    "block": (problem(403, "API rate limit exceeded: too many erroneous requests."), KeyBlocked, "blocked"),
}


@pytest.fixture
def w():
    with world() as made:
        yield made


@pytest.mark.parametrize(("reply", "kind", "words"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_forms_of_403(w, reply, kind, words):
    w.server.default = reply
    with pytest.raises(kind) as caught:
        w.get(scope="Crm accounts")
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert caught.value.remedy
    assert len(w.server.requests) == 1
    assert w.login.rejected == []
    if kind is not LoginError:
        assert str(caught.value).startswith("division 101, stream crm_accounts: ")


FOREIGN = {
    "firewall": Reply(403, front.AKAMAI),
    "no body": Reply(403, b""),
    "plain text": Reply(403, b"Forbidden"),
    "other JSON": Reply(403, b'{"Message": "Forbidden"}'),
    "a gateway's error": Reply(403, b'{"error": {"code": "Forbidden", "message": "Access denied"}}'),
    "no message": Reply(403, b'{"error": {"code": "forbidden"}}'),
    "as the token endpoint": Reply(403, b'{"error": "access_denied"}'),
    "a gateway's scope": Reply(
        403, b'{"error": "insufficient_scope", "error_description": "Application Scope Violated"}'
    ),
    "a scope in plain text": Reply(403, b"Forbidden - Application Scope Violated. Cannot read"),
    "IIS": Reply(404, front.IIS_404),
    "404 without a body": Reply(404, b""),
    "IIS, 400": Reply(400, front.IIS_400),
    "a refused field in plain text": Reply(400, b"Could not find a property named 'Name' on type 'Account'."),
    "410": Reply(410, b""),
    "451": Reply(451, front.AKAMAI),
}


@pytest.mark.parametrize("reply", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_not_an_error_of_exact_says_nothing_about_rights(w, reply):
    w.say(rows())
    w.get("crm/Contacts")
    w.say(reply, reply, rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}], "a passing one is ridden out"
    w.server.default = reply
    with pytest.raises(ForeignAnswer) as caught:
        w.get("crm/Addresses")
    assert str(reply.status) in str(caught.value)
    assert "Nothing is lost" in caught.value.remedy
    asked = [path for path in w.server.paths if "Addresses" in path]
    assert len(asked) == (3 if reply.status in (400, 403, 404) else 6), "errors that Exact may count are few"


def test_before_any_good_answer_the_address_itself_is_in_doubt(w):
    w.server.default = Reply(403, front.AKAMAI)
    with pytest.raises(ForeignAnswer, match="api_url"):
        w.get()


def test_an_address_that_a_firewall_closed_is_asked_again(w):
    w.server.default = Reply(403, front.AKAMAI)
    with pytest.raises(ForeignAnswer):
        w.get()
    w.server.default = rows({"ID": "a"})
    assert w.get().rows == [{"ID": "a"}]


def test_another_form_of_exact_s_own_error(w):
    w.server.default = Reply(403, b'{"odata.error": {"message": {"value": "Forbidden"}}}')
    with pytest.raises(NotLicensed):
        w.get()


def test_words_about_a_query_count_in_a_newer_form_too(w):
    w.server.default = Reply(400, b'{"error": {"message": "Please add a $select"}}')
    with pytest.raises(QueryRefused, match="select"):
        w.get()


def test_a_reason_counts_whatever_the_body_is(w):
    w.server.default = Reply(403, front.IIS_404, {"Reason": "LicenseExpired"})
    with pytest.raises(DivisionUnavailable, match="licence"):
        w.get()


@pytest.mark.parametrize("text", [
    "Forbidden", "Forbidden.", "Verboden", "Access denied", "Forbidden - The module is not in your licence",
    "You do not have the required permissions.", "You don't have access to this administration's payroll",
    "U heeft onvoldoende rechten om deze gegevens te raadplegen.", "Niet geautoriseerd voor deze actie",
    "De module Projecten ontbreekt in uw licentie.", "Insufficient rights", "Geen toegang", "No user rights",
    "U hebt niet de juiste rechten", "Your licence does not include this module", "Customer is not licensed for Projects",
    "The module Manufacturing is not included", "Lacking the necessary permission",
])  # fmt: skip
def test_words_that_tell_of_rights_or_licences(w, text):
    w.server.default = problem(403, text)
    with pytest.raises(NotLicensed) as caught:
        w.get()
    assert "rights" in caught.value.remedy


@pytest.mark.parametrize("text", [
    "The rights service is temporarily not available", "No access token was found", "Er is geen toegang wegens onderhoud",
    "Something went wrong", "Rights", "Not allowed at this moment: no licence server", "Reset your modules",
    "The licence service could not be reached.", "Could not check your permissions", "De toegang kan niet worden gecontroleerd.",
    "Access is not possible while the company is being restored.", "Geen toegang: er wordt een back-up gemaakt.",
    "Not authorized: request quota exceeded.", "You are not authorized to make this many requests", "The module is not responding.",
    "Access from this IP address is not allowed", "Your access is blocked because not all invoices were paid.",
    "Licentie kon niet worden opgehaald.", "No access: your session has expired", "You have no access without two-factor login",
])  # fmt: skip
def test_words_that_do_not(w, text):
    w.server.default = problem(403, text)
    with pytest.raises(UnclearRefusal):
        w.get()


@pytest.mark.parametrize("text", ["Resource not found", "The requested resource could not be found.", "Bron niet gevonden", "Niet gevonden."])  # fmt: skip
def test_words_that_tell_of_an_endpoint_that_is_not_there(w, text):
    w.server.default = problem(404, text)
    with pytest.raises(EndpointMissing):
        w.get()


@pytest.mark.parametrize("text", [
    "", "Busy. Resource not found, try again later", "Item 12 is gone", "Administratie niet gevonden", "Database niet gevonden",
    "The resource server of this division was not found", "Resource not found: the database is being restored",
])  # fmt: skip
def test_a_404_needs_known_words_as_well(w, text):
    w.server.default = problem(404, text)
    with pytest.raises(UnclearRefusal):
        w.get()


def test_an_endpoint_left_alone_for_refusals_of_two_kinds_has_failed(w):
    for number in range(4):
        w.say(problem(403, "Forbidden" if number % 2 else SCOPE))
        with pytest.raises((NotLicensed, ScopeViolated)):
            w.get(query=f"$select=F{number}")
    with pytest.raises(KeyBlocked):
        w.get(query="$select=Other")


@pytest.mark.parametrize(("status", "text"), [(403, "You have no rights"), (404, "Resource not found")])
def test_known_words_do_not_outweigh_an_unknown_reason(w, status, text):
    w.server.default = problem(status, text, "TenantQuarantined")
    with pytest.raises(UnclearRefusal, match="TenantQuarantined"):
        w.get()


def test_what_is_quoted_is_short_and_holds_no_token(w):
    w.server.default = problem(
        403, f"You sent Bearer token-1 {'x' * 300} \x1b[31m\nComplete: 9 rows.", "Odd" * 50
    )
    with pytest.raises(UnclearRefusal) as caught:
        w.get()
    text = str(caught.value)
    assert "token-1" not in text
    assert "xxxx" not in text
    assert len(text) < 500
    assert text.isprintable()


REDIRECT = Reply(302, front.MOVED, {"Location": "/maintenance.html"})


def test_a_redirect_in_the_middle_of_a_run_passes(w):
    w.say(rows())
    w.get("crm/Contacts")
    w.say(REDIRECT, REDIRECT, rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}]
    w.server.default = REDIRECT
    with pytest.raises(ServerFault, match="maintenance"):
        w.get("crm/Addresses")
    assert not [path for path in w.server.paths if "maintenance" in path], "it is never followed"
    assert len([path for path in w.server.paths if "Addresses" in path]) == 6


def test_a_redirect_of_the_first_call_names_the_setting(w):
    w.server.default = REDIRECT
    with pytest.raises(NotExactOnline, match="country and api_url"):
        w.get()
    assert len(w.server.requests) == 1


@pytest.mark.parametrize("code", ["invalid_request", "invalid_grant", "unauthorized_client"])
def test_me_that_refuses_as_the_token_endpoint_does_is_about_the_login(w, code):
    w.server.default = Reply(400, b'{"error": "' + code.encode() + b'"}')
    with pytest.raises(LoginError, match=code) as caught:
        w.get("current/Me", division=None, stream="")
    assert "client_id and client_secret" in caught.value.remedy
    assert "tap-exactonline login" in caught.value.remedy
    assert len(w.server.requests) == 1


def test_a_scope_that_is_not_known_is_not_named(w):
    w.server.default = problem(403, SCOPE)
    for scope in (None, "-"):
        with pytest.raises(ScopeViolated, match="lacks a scope that crm/Accounts needs"):
            w.get(scope=scope)


def test_400_holds_the_words_of_exact(w):
    w.say(problem(400, "Please add a $select or a $top=1 statement to the query string."))
    with pytest.raises(QueryRefused) as caught:
        w.get()
    assert caught.value.message == "Please add a $select or a $top=1 statement to the query string."
    assert caught.value.status == 400
    w.say(problem(400, "too long, " * 500))
    with pytest.raises(QueryRefused) as caught:
        w.get(query="$select=Other")
    assert len(caught.value.message) == 4999, "a list of fields is understood to its end"
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("status", "kind"), [(404, EndpointMissing), (414, QueryRefused), (405, StreamError), (410, StreamError)]
)
def test_other_refusals(w, status, kind):
    w.server.default = problem(status, "Resource not found for the segment.")
    with pytest.raises(kind):
        w.get()
    assert len(w.server.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_the_very_same_request_is_not_sent_twice_in_a_run(w, status):
    w.say(problem(status, "Forbidden" if status == 403 else "Resource not found for the segment."))
    with pytest.raises(StreamError) as first:
        w.get()
    with pytest.raises(StreamError) as second:
        w.get(stream="again")
    assert len(w.server.requests) == 1
    assert type(second.value) is type(first.value)
    assert second.value.what == first.value.what
    assert second.value.stream == "again"
    # Another query, division or endpoint is another matter.
    w.get(query="$select=Name")
    w.get(division=202)
    w.get("crm/Contacts")
    assert len(w.server.requests) == 4


def test_a_fault_of_the_server_does_not_close_an_address(w):
    w.client = w.new_client(max_tries=1)
    w.say(Reply(503))
    with pytest.raises(Exception, match="503"):
        w.get()
    assert w.get().rows == []


def test_after_four_errors_the_endpoint_is_left_alone_for_an_hour(w):
    w.server.default = problem(400, "no")
    for number in range(4):
        with pytest.raises(QueryRefused):
            w.get(query=f"$select=F{number}")
        w.clock.advance(60)
    with pytest.raises(KeyBlocked) as caught:
        w.get(query="$select=F9")
    assert "56 min" in str(caught.value)
    assert len(w.server.requests) == 4
    # Case does not make another endpoint of it; other endpoints and divisions go on.
    with pytest.raises(KeyBlocked):
        w.get("CRM/accounts", query="$select=F9")
    w.server.default = rows()
    w.get("crm/Contacts")
    w.get(division=202)
    # The oldest errors are forgotten after an hour.
    w.clock.advance(3600 - 4 * 60 + 1)
    w.get(query="$select=F9")
    assert len(w.server.requests) == 7


@pytest.mark.parametrize("status", [403, 429])
def test_a_block_by_exact_is_recognised_at_once(w, status):
    w.say(problem(status, "API rate limit exceeded: too many erroneous requests."))
    with pytest.raises(KeyBlocked):
        w.get()
    with pytest.raises(KeyBlocked):
        w.get(query="$select=Other")
    assert len(w.server.requests) == 1
    assert w.stop.waits == []
    w.get("crm/Contacts")
    w.clock.advance(3601)
    assert w.get(query="$select=Other").rows == []
