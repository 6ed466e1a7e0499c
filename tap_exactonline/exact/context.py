"""What a request is about: where it goes, and the words that an error needs."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tap_exactonline.exact.errors import ExactError

ErrorT = TypeVar("ErrorT", bound=ExactError)


class RequestContext(msgspec.Struct, frozen=True):
    """What is asked for; the same for all pages of a read.

    Attributes:
        endpoint: Service and entity, such as ``sync/CRM/Accounts``, or ``current/Me``.
        division: Administration; None for what has none, such as ``current/Me``.
        stream: Name for messages.
        scope: Scope that the endpoint needs, for messages.
        beta: Whether the endpoint lies under ``/api/v1/beta``.
        xml: Whether the answer is XML, as ``$metadata`` is.
    """

    endpoint: str
    division: int | None
    stream: str = ""
    scope: str | None = None
    beta: bool = False
    xml: bool = False

    @property
    def key(self) -> str:
        """The endpoint as Exact counts it: the case of a path does not matter."""
        return self.endpoint.lower()

    @property
    def stream_name(self) -> str | None:
        return self.stream or None

    def error(self, kind: type[ErrorT], what: str, remedy: str, status: int | None = None) -> ErrorT:
        """A failure of this request; the rest is as in `ExactError`."""
        return kind(what, remedy, division=self.division, stream=self.stream_name, status=status)
