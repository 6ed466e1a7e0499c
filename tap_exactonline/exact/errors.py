"""What can go wrong with Exact Online, and who should do what about it.

::

    ExactError
    ├── SettingsError            a setting is wrong; change it
    ├── LoginError               a person must act on the login or the app registration
    │   ├── NotLoggedIn              no usable token at all
    │   ├── LoginExpired             unused for 30 days
    │   ├── LoginSuperseded          old refresh token, or a second login with the same app and user
    │   ├── OtherUser                the login is not of the user that the connection belongs to
    │   └── AppRefused               client id or secret is wrong
    ├── TokenStoreError          the store can't be read, written, locked or decrypted
    ├── ConnectionMissing        the store has no connection of that name
    ├── NameTaken                another connection has that name
    ├── DivisionError            one division can't be read; the others go on
    │   ├── DivisionNotInScope       the consent does not cover it
    │   ├── DivisionUnavailable      archived, blocked, moving, or its licence expired
    │   └── DayBudgetSpent           the calls of the day are used up (or reserved)
    ├── StreamError              one stream in one division can't be read; the other streams go on
    │   ├── ScopeViolated            the app registration lacks a scope
    │   ├── NotLicensed              the licence or the user's rights do not cover it
    │   ├── EndpointMissing          404
    │   ├── QueryRefused             400: field, filter or missing $select
    │   ├── Unauthorized             401 although the login works
    │   ├── UnclearRefusal           refused in words that the tap does not know
    │   ├── KeyBlocked               too many errors: Exact blocks this endpoint for an hour or more
    │   └── AnswerTooLarge           more bytes than an answer may have
    ├── TemporaryError           Exact or the network fails; retried, given up for this run
    │   ├── Unreachable              no answer in time, or the connection broke before it
    │   │   └── NotConnected             no connection, DNS: nothing was sent
    │   ├── ServerFault              408, 5xx; a redirect in the middle of a run
    │   ├── ForeignAnswer            4xx without Exact's own error: a firewall's, proxy's or web server's page
    │   └── BrokenAnswer             truncated or empty body, HTML instead of JSON
    ├── NotExactOnline           the address answers, but not as Exact Online does
    └── Stopped                  the run was asked to stop (signal)

Every error carries one sentence about what happened and one about what to do. Neither ever holds a
token, a secret or the content of a row.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tap_exactonline.exact.foreign_text import shown


class ExactError(Exception):
    """Base of all failures.

    Args:
        what: What happened, one sentence without a final full stop is fine.
        remedy: What the reader should do about it.
        division: Number of the administration concerned, if one.
        stream: Name of the stream concerned, if one.
        status: HTTP status of the answer, if there was one.

    Attributes:
        temporary: It may be over soon, and nobody needs to act.
        again_at: Before this moment (seconds since 1970) another try makes no sense; None if nobody knows.
        refusal_kind: What it is as a refusal, in one word. States and the notes beside the token keep it, so it never
            changes.
    """

    refusal_kind: ClassVar[str] = "other"
    temporary: bool = False
    again_at: float | None = None

    def __init__(
        self,
        what: str,
        remedy: str = "",
        *,
        division: int | None = None,
        stream: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.division = division
        self.stream = stream
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle without calling ``__init__``, whose arguments differ from class to class."""
        return _rebuilt, (type(self), self.args, dict(self.__dict__))

    def __str__(self) -> str:
        """One line: where, what, remedy."""
        where = []
        if self.division is not None:
            where.append(f"division {self.division}")
        if self.stream:
            where.append(f"stream {self.stream}")
        text = f"{', '.join(where)}: {self.what}" if where else self.what
        if self.remedy:
            text = f"{text.rstrip('. ')}. {self.remedy}"
        return text


def without_frames(error: ExactError) -> ExactError:
    """The error without the frames that it came through: they hold bodies and rows for as long as it is kept."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _rebuilt(kind: type[ExactError], args: tuple[Any, ...], state: dict[str, Any]) -> ExactError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class SettingsError(ExactError):
    """A setting is wrong. ``setting`` names it."""

    def __init__(self, setting: str, what: str, remedy: str = "") -> None:
        super().__init__(f"Setting '{setting}': {what}", remedy)
        self.setting = setting


class LoginError(ExactError):
    """A person must act on the login or on the app registration; no division can be read."""


class NotLoggedIn(LoginError):
    """There is no usable token."""


class LoginExpired(LoginError):
    """The refresh token was not used for 30 days."""


class LoginSuperseded(LoginError):
    """The refresh token was used before, or another login replaced this one."""


class OtherUser(LoginError):
    """The login is of another user at Exact than the one that the connection belongs to."""


class AppRefused(LoginError):
    """Exact does not accept the client id and secret."""


class TokenStoreError(ExactError):
    """The token store can't be read, written, locked or decrypted."""


class ConnectionMissing(ExactError):
    """The store has no connection of that name."""


class NameTaken(ExactError):
    """Another connection has that name, or is getting it."""


class DivisionError(ExactError):
    """One division can't be read; the others go on."""


class DivisionNotInScope(DivisionError):
    """The consent given at login does not cover the division."""

    refusal_kind = "consent"


class DivisionUnavailable(DivisionError):
    """The division is archived, blocked or its licence has expired."""

    refusal_kind = "administration"


class DayBudgetSpent(DivisionError):
    """The day's calls for this division are used up, or the rest is reserved for others."""


class StreamError(ExactError):
    """One stream in one division can't be read; the other streams go on."""


class ScopeViolated(StreamError):
    """The app registration lacks the scope that the endpoint needs."""

    refusal_kind = "scope"


class NotLicensed(StreamError):
    """The licence of the administration or the rights of the user do not cover the endpoint."""

    refusal_kind = "rights"


class EndpointMissing(StreamError):
    """Exact answers 404 for the endpoint."""

    refusal_kind = "missing"


class QueryRefused(StreamError):
    """Exact answers 400.

    Attributes:
        message: Exact's own text, all of it (about the query, never about data). Its beginning is shown.
    """

    refusal_kind = "query"

    def __init__(self, message: str, *, division: int | None = None, stream: str | None = None) -> None:
        super().__init__(
            f"Exact Online refuses the query: {shown(message) or 'no reason given'}",
            "If this lasts, report it with this line: the endpoint has changed at Exact",
            division=division,
            stream=stream,
            status=400,
        )
        self.message = message


class Unauthorized(StreamError):
    """Exact answers 401 for an endpoint in a division, while the same token is good elsewhere."""

    refusal_kind = "unauthorized"


class UnclearRefusal(StreamError):
    """Exact refuses the endpoint in words that say nothing which the tap understands."""

    refusal_kind = "unclear"


class KeyBlocked(StreamError):
    """Too many errors on this endpoint: Exact blocks it for an hour or more."""

    refusal_kind = "blocked"


class AnswerTooLarge(StreamError):
    """A good answer has more bytes than the setting ``max_response_mb`` allows. Asking again gives the same."""


class TemporaryError(ExactError):
    """Exact or the network failed, also after the retries."""

    temporary = True


class Unreachable(TemporaryError):
    """No answer in time, or the connection broke before it came."""


class NotConnected(Unreachable):
    """There was no connection, or the host is unknown: nothing was sent."""


class ServerFault(TemporaryError):
    """Exact answered 408 or 5xx, or with a redirect although it had answered well before."""


class ForeignAnswer(TemporaryError):
    """A refusal that is not Exact's own: a page of a firewall, a proxy or a web server, or no body at all."""

    refusal_kind = "foreign"


class BrokenAnswer(TemporaryError):
    """The body is truncated, empty, or not what was asked for."""


class NotExactOnline(ExactError):
    """The address answers, but not as Exact Online does (settings ``country``, ``api_url``)."""


class Stopped(ExactError):
    """The run was asked to stop."""

    temporary = True
