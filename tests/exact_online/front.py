"""What comes instead of a page of data: Exact's refusals in its own words, and the pages of what stands before it.

A firewall (Akamai denies with 403, 503 was seen, too), IIS with an error page of its own, a proxy, a maintenance page
behind a redirect. None of these says anything about licences or rights. Sources: Exact's texts as recorded in public
issues (picqer/exact-php-client #428, #451, #453, #553; forums.invantive.com 407, 1601, 2412).
"""

from __future__ import annotations

from typing import Literal

from .wire import JSON, Reply, encode, error

Refusal = Literal[
    "scope", "division", "licence", "blocked", "plain", "not_found", "rights",
    "firewall", "iis", "empty", "unknown_reason", "unknown_words", "wrong_division", "unauthorized",
    "gateway_scope", "licence_unknown", "record_missing",
]  # fmt: skip

AKAMAI = (
    b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n \n"
    b"You don't have permission to access &quot;http&#58;&#47;&#47;start&#46;exactonline&#46;nl&#47;api&quot; "
    b"on this server.<P>\nReference&#32;&#35;18&#46;2d351ab8&#46;1557333295&#46;a4e16ab\n</BODY>\n</HTML>\n"
)
IIS_404 = (
    b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
    b'\r\n<html xmlns="http://www.w3.org/1999/xhtml">\r\n<head><title>404 - File or directory not found.</title>'
    b"</head>\r\n<body><h2>404 - File or directory not found.</h2>\r\n<h3>The resource you are looking for might have "
    b"been removed, had its name changed, or is temporarily unavailable.</h3></body></html>\r\n"
)
IIS_400 = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\r\n<HTML><HEAD>'
    b"<TITLE>Bad Request</TITLE></HEAD>\r\n<BODY><h2>Bad Request - Invalid URL</h2>\r\n<hr><p>HTTP Error 400. The "
    b"request URL is invalid.</p></BODY></HTML>\r\n"
)
MOVED = (
    b"<html><head><title>Object moved</title></head><body>\r\n"
    b'<h2>Object moved to <a href="/maintenance.html">here</a>.</h2>\r\n</body></html>\r\n'
)


def page(status: int, body: bytes, **headers: str) -> Reply:
    """A web page."""
    return Reply(status, body, {"Content-Type": "text/html", **headers})


def firewall(status: int = 403) -> Reply:
    """Akamai takes the client for a scraper."""
    return page(status, AKAMAI, Server="AkamaiGHost")


def redirect(location: str = "/maintenance.html") -> Reply:
    """Maintenance, as the web pages announce it."""
    return page(302, MOVED, Location=location)


def oauth_error(code: str = "invalid_request", status: int = 400, said: str = "") -> Reply:
    """The form in which the token endpoint refuses; seen of ``current/Me``, too (picqer #553)."""
    description = {"error_description": said} if said else {}
    return Reply(status, encode({"error": code, **description}), {"Content-Type": JSON})


def unauthorized(form: Literal["empty", "words", "page"] = "empty") -> Reply:
    """401 although the token is good: without a body, with words about rights, or with a page (picqer #428, #343)."""
    if form == "words":
        return error(401, "U bent niet gemachtigd om deze gegevens te zien.")
    return page(401, MOVED) if form == "page" else Reply(401)


def refusal(kind: str, scope: str = "") -> Reply:
    """What Exact, or what stands before it, answers in place of data; see `Refusal`."""
    match kind:
        case "scope":
            return error(
                403, f"Forbidden - Application Scope Violated. Cannot read {scope}.".replace(" .", ".")
            )
        case "division":
            return error(403, "Forbidden - User division is not within division scope", "NoDivisionAccess")
        case "licence":
            return error(403, "Forbidden - Customer's license expired.", "LicenseExpired")
        case "blocked":
            return error(403, "Forbidden - The division is blocked.", "DivisionBlocked")
        case "not_found":
            return error(404, "Resource not found for the segment.")
        case "firewall":
            return firewall()
        case "iis":
            return page(404, IIS_404)
        case "empty":
            return Reply(403)
        case "unknown_reason":
            return error(403, "Forbidden", "TenantQuarantined")
        case "unknown_words":
            return error(403, "The weekly reconciliation of this ledger is under way.")
        case "licence_unknown":
            return error(403, "The licence server could not be reached.")
        case "record_missing":
            return error(404, "De administratie is niet gevonden.")
        case "gateway_scope":
            return oauth_error("insufficient_scope", 403, "Application Scope Violated")
        case "wrong_division":
            return error(403, "Forbidden", "WrongDivision")
        case "unauthorized":
            return unauthorized()
    return error(403, "Forbidden")
