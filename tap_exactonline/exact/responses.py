"""Which failure an answer means, and whose turn it is to do something about it.

Sources: Exact's pages "API limits" and "REST API FAQ's"; the ``Reason`` header and the texts after
"Forbidden" are undocumented and known from what the service sends. "Licence or rights" needs Exact's own error
in known words (`answers`); everything else that is refused is a failure.
"""

from __future__ import annotations

import re
import time

from tap_exactonline.exact.answers import USER_REASONS, Answer, Form
from tap_exactonline.exact.clock import clock_time
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.counted import are, counted
from tap_exactonline.exact.errors import (
    DayBudgetSpent,
    DivisionNotInScope,
    DivisionUnavailable,
    EndpointMissing,
    ExactError,
    ForeignAnswer,
    KeyBlocked,
    LoginError,
    NotExactOnline,
    NotLicensed,
    QueryRefused,
    ScopeViolated,
    ServerFault,
    StreamError,
    Unauthorized,
    UnclearRefusal,
)
from tap_exactonline.exact.foreign_text import shown
from tap_exactonline.exact.rate_limits import Spent

MANAGE_COMPANIES = (
    "Grant the app access to it: My Exact Online > Security centre > App permissions > Manage companies"
)
ME = "current/me"
"""The key of the one endpoint that every login may read."""

NEXT_RUN = "Nothing is lost: the next run goes on from here"

_DIVISION_REASONS = {
    "licenseexpired": "the licence of the administration's owner has expired",
    "blockedcustomer": "Exact has blocked the owner of the administration",
    "divisionblocked": "the administration is blocked",
    "nodivisionaccess": "the user who logged in has no access to the administration",
    "wrongdivision": "Exact says that this is the wrong administration for the login (WrongDivision)",
}
_MEND_DIVISION = dict.fromkeys(_DIVISION_REASONS, "Put it right in Exact Online") | {
    "wrongdivision": f"{MANAGE_COMPANIES}, and give the user access"
}
_LICENCE = re.compile(r"licen[cs]e (?:has )?expired|licentie.*(?:verlopen|vervallen)", re.IGNORECASE)


def failure(  # noqa: C901, PLR0911 -- a table in the form of a function
    answer: Answer, context: RequestContext, *, new_host: str = ""
) -> ExactError:
    """The error for an answer that is not 2xx and not 429.

    Args:
        answer: What came.
        context: What was asked for.
        new_host: The address, as long as Exact has not answered well at it in this run.
    """
    status = answer.status
    if context.key == ME and answer.form is Form.OAUTH:
        return _login_refused(answer)
    if status == 400 and answer.form not in (Form.EXACT, Form.PLAIN):  # noqa: PLR2004
        return _foreign(answer, context, new_host=new_host)
    if status in (400, 414):
        message = answer.message or ("the address is too long" if status == 414 else "")  # noqa: PLR2004
        return QueryRefused(message, division=context.division, stream=context.stream_name)
    if status in (401, 403):
        return _denied(answer, context, new_host=new_host)
    if status == 404:  # noqa: PLR2004
        return _missing(answer, context, new_host=new_host)
    if status == 408 or status >= 500:  # noqa: PLR2004
        return context.error(
            ServerFault,
            f"Exact Online answers with HTTP {status}{_quoted(answer.message)}",
            f"{NEXT_RUN}. Exact has maintenance at night; if this lasts, look at its status page",
            status=status,
        )
    if status == 407:  # noqa: PLR2004
        return NotExactOnline(
            "a proxy on the way to Exact Online asks for a login",
            "Put user and password of the proxy into HTTPS_PROXY",
            status=status,
        )
    if 300 <= status < 400 and not new_host:  # noqa: PLR2004
        return context.error(
            ServerFault,
            f"Exact Online redirects to another page (HTTP {status}), as it does during maintenance",
            f"{NEXT_RUN}. The token was not sent on",
            status=status,
        )
    if 300 <= status < 400:  # noqa: PLR2004
        return context.error(
            NotExactOnline,
            f"{new_host} redirects to another address, which Exact Online's API never does",
            "Check the settings country and api_url; the token was not sent on",
            status=status,
        )
    if answer.form is not Form.EXACT:
        return _foreign(answer, context, new_host=new_host)
    return context.error(
        StreamError,
        f"Exact Online answers with HTTP {status}{_quoted(answer.message)}",
        "If this lasts, report it with this line",
        status=status,
    )


def _denied(answer: Answer, context: RequestContext, *, new_host: str) -> ExactError:
    """401 and 403: from what concerns most to what concerns least."""
    user = _user_refused(answer)
    if user is not None:
        return user
    if answer.status == 401:  # noqa: PLR2004
        return rejected(answer)
    if answer.about_errors:
        return key_blocked(context, "Exact Online has blocked the endpoint after too many errors", 403)
    return (
        _scope_refused(answer, context)
        or _division_refused(answer, context)
        or _rights_refused(answer, context, new_host=new_host)
    )


def _user_refused(answer: Answer) -> LoginError | None:
    reason = answer.plain_reason
    for name, what in USER_REASONS.items():
        if name in reason:
            return LoginError(
                f"Exact Online refuses the login: {what}",
                "Have an administrator of Exact Online release the user, or log in as another: tap-exactonline login",
                status=answer.status,
            )
    return None


def _scope_refused(answer: Answer, context: RequestContext) -> ScopeViolated | None:
    if not answer.about_scope:
        return None
    needed = f"the scope '{context.scope}'" if context.scope and context.scope != "-" else "a scope"
    return context.error(
        ScopeViolated,
        f"the app registration lacks {needed} that {context.endpoint} needs",
        "Add it to the app in the Exact Online App Centre and log in once more: tap-exactonline login",
        status=403,
    )


def _division_refused(
    answer: Answer, context: RequestContext
) -> DivisionNotInScope | DivisionUnavailable | None:
    reason = answer.plain_reason
    if "division scope" in answer.message.lower() or "divisionscope" in reason:
        return context.error(
            DivisionNotInScope,
            "the consent given at login does not cover this administration",
            MANAGE_COMPANIES,
            status=403,
        )
    for name, what in _DIVISION_REASONS.items():
        if name in reason or (name == "licenseexpired" and _LICENCE.search(answer.message)):
            return context.error(
                DivisionUnavailable,
                what,
                f"{_MEND_DIVISION[name]}, or leave it out: exclude_divisions",
                status=403,
            )
    return None


def _rights_refused(answer: Answer, context: RequestContext, *, new_host: str) -> ExactError:
    if answer.form is not Form.EXACT and not answer.reason:
        return _foreign(answer, context, new_host=new_host)
    if answer.reason or not answer.about_rights:
        return _unclear(answer, context)
    return context.error(
        NotLicensed,
        f"the licence or the rights of the user do not cover {context.endpoint}{_quoted(answer.message)}",
        "Give the user who logged in the rights for it at Exact, have the module added to the licence, or deselect "
        "the stream",
        status=403,
    )


def rejected(answer: Answer) -> LoginError:
    """A 401 that a new token does not cure."""
    return LoginError(
        f"Exact Online does not accept the access token{_quoted(answer.message)}",
        "Log in once more: tap-exactonline login",
        status=answer.status,
    )


def unauthorized(answer: Answer, context: RequestContext) -> Unauthorized:
    """A 401 for an endpoint although the login works: a missing right, or an accident."""
    return context.error(
        Unauthorized,
        f"Exact Online answers HTTP 401 to {context.endpoint} although the login works{_quoted(answer.message)}",
        "Give the user who logged in the rights for it in this administration, or deselect the stream",
        status=answer.status,
    )


def _missing(answer: Answer, context: RequestContext, *, new_host: str) -> ExactError:
    if context.key == ME and new_host:
        return NotExactOnline(
            f"{new_host} does not know {context.endpoint}, which Exact Online always has",
            "Check the settings country and api_url",
            status=404,
        )
    if answer.form is not Form.EXACT:
        return _foreign(answer, context, new_host=new_host)
    if answer.reason or not answer.about_missing:
        return _unclear(answer, context)
    return context.error(
        EndpointMissing,
        f"Exact Online does not know {context.endpoint}{_quoted(answer.message)}",
        "Deselect the stream; the endpoint is not offered in this country or licence, or has been withdrawn",
        status=404,
    )


def _foreign(answer: Answer, context: RequestContext, *, new_host: str) -> ForeignAnswer:
    """A refusal by something that stands before Exact; about licences and rights it says nothing."""
    said = "" if answer.form is Form.OAUTH else f" with {answer.form.value}"
    if answer.form in (Form.OAUTH, Form.PLAIN):
        said += _quoted(answer.message)
    return context.error(
        ForeignAnswer,
        f"the address of Exact Online answers HTTP {answer.status}{said}; its API does not refuse so, but a "
        "firewall, a proxy or a web server does",
        "Check the settings country and api_url, and what stands between this machine and Exact Online"
        if new_host
        else NEXT_RUN,
        status=answer.status,
    )


def _unclear(answer: Answer, context: RequestContext) -> UnclearRefusal:
    """Exact refuses, and the tap does not know what for."""
    words = [f"Reason {answer.reason}"] if answer.reason else []
    words += [shown(answer.message)] if answer.message else []
    said = f"in words that this version does not know: {', '.join(words)}" if words else "without saying why"
    return context.error(
        UnclearRefusal,
        f"Exact Online refuses {context.endpoint} (HTTP {answer.status}) {said}",
        "If this lasts, report it with this line; deselect the stream if it can do without",
        status=answer.status,
    )


def _login_refused(answer: Answer) -> LoginError:
    """``current/Me`` refuses in the way of the token endpoint (picqer/exact-php-client #553)."""
    return LoginError(
        f"Exact Online does not accept the login{_quoted(answer.message)}",
        "Compare client_id and client_secret with the registration of the app, then log in once more: "
        "tap-exactonline login",
        status=answer.status,
    )


def key_blocked(context: RequestContext, what: str, status: int | None = 429) -> KeyBlocked:
    return context.error(
        KeyBlocked,
        what,
        "Leave it alone for an hour; deselect the stream if it keeps failing, since each error prolongs the block",
        status=status,
    )


def left_alone(context: RequestContext, kinds: set[str], seconds: float) -> ExactError:
    """An endpoint that is not asked for, because it was refused too often within the hour.

    If all its refusals were of one known kind, it is refused in the same way again; else it is a failure.

    Args:
        context: What would have been asked for.
        kinds: What the refusals were (`ExactError.refusal_kind`).
        seconds: For which it is left alone.
    """
    minutes = max(1, round(seconds / 60))
    if len(kinds) == 1 and (sample := _SAMPLES.get(next(iter(kinds)))) is not None:
        error = failure(sample, context)
        error.what += f"; it was refused several times, and is not asked for another {minutes} min"
        error.status = None
        return error
    blocked = key_blocked(
        context,
        f"{context.endpoint} has failed so often that Exact Online blocks it or soon would; "
        f"it is not asked for another {minutes} min",
        status=None,
    )
    blocked.again_at = time.time() + seconds
    return blocked


def web_page(context: RequestContext, host: str) -> NotExactOnline:
    """The address answers with a web page where data was asked for, from the first call on."""
    return context.error(
        NotExactOnline,
        f"{host} answers with a web page instead of data",
        "Check the settings country and api_url, and whether a proxy or firewall wants a login",
    )


def refused_for_good(times: int, context: RequestContext) -> ServerFault:
    """Answer 429 again and again although the headers promised calls."""
    return context.error(
        ServerFault,
        f"Exact Online refused the call {times} times (HTTP 429), each time after the wait it asked for",
        f"Does another program use the same app and administration? {NEXT_RUN}",
        status=429,
    )


def day_spent(
    context: RequestContext, spent: Spent, reserve: int, *, guessed: bool = False
) -> DayBudgetSpent:
    """No more calls of the division today."""
    if guessed:
        what = "Exact Online refuses all calls (HTTP 429) without saying why; most likely those of the day are used"
    elif spent.left > 0:
        what = f"{counted(spent.left, 'call')} of the day {are(spent.left)} left, and reserve_calls keeps {reserve} for others"
    else:
        what = "all calls of the day are used"
    error = context.error(
        DayBudgetSpent, what, f"A run after {clock_time(spent.resets)} goes on from here", status=429
    )
    error.again_at = spent.resets
    return error


# An answer of each kind that says the same whenever it comes.
_SAMPLES = {
    DivisionNotInScope.refusal_kind: Answer(403, "not within division scope"),
    ScopeViolated.refusal_kind: Answer(403, "Application Scope Violated"),
    NotLicensed.refusal_kind: Answer(403, "Forbidden"),
    EndpointMissing.refusal_kind: Answer(404, "Resource not found"),
}


def _quoted(message: str) -> str:
    return f": {shown(message)}" if message else ""
