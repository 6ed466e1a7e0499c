"""Scripted failures: what, for which requests, how often.

    exact.faults.add("sync_crm_accounts", faults.status(503), times=2)
    exact.faults.add("token", faults.reset(after=True))            # rotated, but the answer is lost
    exact.faults.add(faults.Match(division=101, nth=3), faults.truncated())

An action either stands in for the rules (``before``) or alters what they answered (``after``). A request
that meets a fault counts for the budgets and for the error limit as any other does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tap_exactonline.endpoints import by_name

from . import front, reading
from .oauth import OAuth, failure
from .wire import JSON, Reply, encode

if TYPE_CHECKING:
    from .exact import ExactOnline
    from .record import Call

HTML = (
    b"<!DOCTYPE html><html><head><title>Exact Online</title></head><body><h1>Maintenance</h1></body></html>"
)


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests: all given conditions must hold.

    Attributes:
        stream: Name of the endpoint, or ``token``.
        division: Number of the administration.
        path: A part of the path, in any case.
        nth: Only the n-th request (from 1) of those that meet the other conditions.
        when: Any other condition on the call.
    """

    stream: str | None = None
    division: int | None = None
    path: str | None = None
    nth: int | None = None
    when: Callable[[Call], bool] | None = None

    def meets(self, call: Call) -> bool:
        return (
            (self.stream is None or call.stream == self.stream)
            and (self.division is None or call.division == self.division)
            and (self.path is None or self.path.lower() in call.path.lower())
            and (self.when is None or self.when(call))
        )


@dataclass(frozen=True, slots=True)
class Action:
    """``before`` makes the answer; ``after`` alters the one that the rules gave."""

    name: str
    before: Callable[[ExactOnline, Call], Reply] | None = None
    after: Callable[[Reply], Reply] | None = None


@dataclass(slots=True)
class Fault:
    """A scripted failure in force; ``hits`` counts how often it struck.

    Attributes:
        times: How often it may strike; None for ever.
    """

    match: Match
    action: Action
    times: int | None = 1
    hits: int = 0
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        if not self.match.meets(call):
            return False
        self.seen += 1
        if self.times is not None and self.hits >= self.times:
            return False
        if self.match.nth is not None and self.seen != self.match.nth:
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class Faults:
    """The script. Of several that match a request, the one added first strikes."""

    script: list[Fault] = field(default_factory=list)

    def add(
        self,
        match: Match | str | Callable[[Call], bool] | None = None,
        action: Action | None = None,
        *,
        times: int | None = 1,
        **conditions: Any,
    ) -> Fault:
        """Add a fault; ``match`` may be a stream's name, ``conditions`` are those of :class:`Match`."""
        if isinstance(match, str):
            match = Match(stream=match)
        elif callable(match):
            match = Match(when=match)
        assert action is not None
        fault = Fault(replace(match or Match(), **conditions), action, times)
        self.script.append(fault)
        return fault

    def clear(self) -> None:
        self.script.clear()

    def find(self, call: Call) -> Action | None:
        # All look, so that each counts its own n-th request; the first that strikes is taken.
        for fault in self.script:
            if fault.strikes(call):
                return fault.action
        return None


def _plan(name: str, kind: str, value: Any = None) -> Action:
    """Keep the answer and change how it is delivered."""
    return Action(name, after=lambda reply: replace(reply, delivery=(kind, value)))


def _body(name: str, change: Callable[[bytes], bytes], **headers: str) -> Action:
    return Action(
        name,
        after=lambda reply: replace(
            reply, body=change(reply.body), headers=reply.headers | headers, zipped=[]
        ),
    )


def status(code: int, body: bytes | str = b"", headers: dict[str, str] | None = None) -> Action:
    """Any status with any body: ``status(503)``, ``status(502, HTML)``."""
    raw = body.encode() if isinstance(body, str) else body
    sent = headers or ({"Content-Type": "text/html"} if raw.startswith(b"<") else {})
    return Action(f"status {code}", before=lambda _exact, _call: Reply(code, raw, dict(sent)))


def reset(*, after: bool = False) -> Action:
    """The connection breaks before any answer; ``after``: once the request has had its effect."""
    if after:
        return _plan("reset after", "reset")
    return Action("reset", before=lambda _exact, _call: Reply(delivery=("reset", None)))


def reset_midway(fraction: float = 0.5) -> Action:
    """The connection breaks inside the body."""
    return _plan("reset midway", "midway", fraction)


def slow(seconds: float = 1.0, parts: int = 10) -> Action:
    """The body drips over so many seconds."""
    return _plan("slow", "slow", (seconds, parts))


def hang(seconds: float = 30.0, *, after: bool = True) -> Action:
    """No answer for a long time, then none at all; ``after``: the request has had its effect."""
    if after:
        return _plan("hang after", "hang", seconds)
    return Action("hang", before=lambda _exact, _call: Reply(delivery=("hang", seconds)))


@dataclass(slots=True)
class Meeting:
    """Answers that wait for each other; ``missed`` when some of them waited in vain."""

    size: int
    seconds: float
    arrived: int = 0
    missed: bool = False


def together(size: int, seconds: float = 20.0) -> Action:
    """Answers wait until so many are asked for at the same time; all go on when one has waited so many seconds."""
    return _plan("together", "together", Meeting(size, seconds))


def truncated(fraction: float = 0.5) -> Action:
    """JSON cut short, with a Content-Length that agrees with it."""
    return _body("truncated", lambda body: body[: int(len(body) * fraction)])


def html() -> Action:
    """A web page with status 200."""
    return Action(
        "html", before=lambda _exact, _call: Reply(200, HTML, {"Content-Type": "text/html; charset=utf-8"})
    )


def empty() -> Action:
    """Status as the rules gave it, and no body."""
    return _body("empty", lambda _body: b"")


def no_content() -> Action:
    return Action("204", before=lambda _exact, _call: Reply(204))


def content_type(value: str = "text/plain") -> Action:
    return _body("content type", lambda body: body, **{"Content-Type": value})


def expired_token() -> Action:
    """401, access token expired, whatever its age."""
    return Action("401", before=lambda _exact, _call: OAuth.unauthorized("access token expired"))


def too_many(headers: Literal["full", "minute", "day", "none"] = "full", exceeded: str = "minute") -> Action:
    """429, with the rate headers of both budgets, of one or of none."""

    def make(exact: ExactOnline, call: Call) -> Reply:
        limits = exact.limits_of(call.division or 0)
        reply = limits.too_many(exceeded, headers)
        if headers in ("full", exceeded):
            prefix = "X-RateLimit-Minutely-" if exceeded == "minute" else "X-RateLimit-"
            reply.headers[prefix + "Remaining"] = "0"
        return reply

    return Action("429", before=make)


def refusal(kind: front.Refusal = "plain") -> Action:
    """Any of the refusals that :mod:`tests.exact_online.front` knows."""
    return Action(kind, before=lambda _exact, _call: front.refusal(kind, "Crm accounts"))


def forbidden(kind: Literal["scope", "division", "licence", "plain"] = "plain") -> Action:
    return refusal(kind)


def not_found() -> Action:
    return refusal("not_found")


def answer(make: Callable[[], Reply], name: str = "answer") -> Action:
    """Any answer: ``answer(front.redirect)``, ``answer(lambda: front.unauthorized("words"))``."""
    return Action(name, before=lambda _exact, _call: make())


def firewall(code: int = 403) -> Action:
    """The page with which a firewall denies."""
    return answer(lambda: front.firewall(code), f"firewall {code}")


def redirect(location: str = "/maintenance.html") -> Action:
    """302 to a page about maintenance."""
    return answer(lambda: front.redirect(location), "302")


def unauthorized(form: Literal["empty", "words", "page"] = "empty") -> Action:
    """401 although the token is good."""
    return answer(lambda: front.unauthorized(form), "401 all the same")


def oauth_error(code: str = "invalid_request", status: int = 400) -> Action:
    """An endpoint of the API refuses as the token endpoint does."""
    return answer(lambda: front.oauth_error(code, status), code)


def error_block() -> Action:
    """The key is blocked for too many errors."""
    return Action("block", before=lambda exact, call: exact.limits_of(call.division or 0).blocked())


def edit(change: Callable[[dict[str, Any]], Any], name: str = "edit") -> Action:
    """Change the decoded page; ``change`` alters it in place or returns another."""

    def after(body: bytes) -> bytes:
        payload = json.loads(body)
        return encode(change(payload) or payload)

    return _body(name, after)


def edit_rows(change: Callable[[list[dict[str, Any]]], None], name: str = "edit rows") -> Action:
    """Change the rows of a page in place."""

    def on_page(payload: dict[str, Any]) -> None:
        inside = payload["d"]
        change(inside["results"] if isinstance(inside, dict) and "results" in inside else inside)

    return edit(on_page, name)


def next_to(url: str) -> Action:
    """``__next`` leads elsewhere."""
    return edit(lambda page: page["d"].update(__next=url), "next to")


def without_next() -> Action:
    """No ``__next``, although rows follow."""
    return edit(lambda page: page["d"].pop("__next", None) and None, "without next")


def without_rows() -> Action:
    """A page without rows and link, as for a user who may not see."""
    return edit(lambda page: page.update(d={"results": []}), "without rows")


def duplicate_row() -> Action:
    return edit_rows(lambda rows: rows.append(dict(rows[-1])), "duplicate row")


def each_row(change: Callable[[dict[str, Any]], Any], name: str) -> Action:
    """Change every row of a page in place."""

    def on_rows(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            change(row)

    return edit_rows(on_rows, name)


def foreign_rows(code: int, which: slice = slice(None)) -> Action:
    """Some of the rows say that they are another administration's."""

    def on_rows(rows: list[dict[str, Any]]) -> None:
        for row in rows[which]:
            uri = row["__metadata"]["uri"]
            row["__metadata"]["uri"] = re.sub(r"(/api/v1/(?:beta/)?)\d+/", rf"\g<1>{code}/", uri, count=1)
            if "Division" in row:
                row["Division"] = code

    return edit_rows(on_rows, f"rows of {code}")


def other_administration(code: int) -> Action:
    """The whole answer is that of another administration (an incident at Exact, October 2024)."""

    def make(exact: ExactOnline, call: Call) -> Reply:
        endpoint = by_name(str(call.stream))
        root = f"{exact.url}/api/v1/{'beta/' if endpoint.beta else ''}{code}/{endpoint.path}"
        return reading.read(exact, endpoint, code, call.query, root=root, tail="")

    return Action(f"answer of {code}", before=make)


def extra_field(name: str = "BrandNew", value: Any = "surprise") -> Action:
    return each_row(lambda row: row.update({name: value}), "extra field")


def missing_field(name: str) -> Action:
    return each_row(lambda row: row.pop(name, None), "missing field")


def null_field(name: str) -> Action:
    return each_row(lambda row: row.update({name: None}), "null field")


def too_early() -> Action:
    """The token endpoint says that it is too early."""

    def make(exact: ExactOnline, _call: Call) -> Reply:
        text = "Rate limit exceeded: access_token not expired"
        return failure(exact.switches.too_early_status, "access_denied", text, "TooEarlyToRefreshTokens")

    return Action("too early", before=make)


def json_body(payload: Any, code: int = 200) -> Action:
    """Any JSON at all."""
    return Action("json", before=lambda _exact, _call: Reply(code, encode(payload), {"Content-Type": JSON}))
