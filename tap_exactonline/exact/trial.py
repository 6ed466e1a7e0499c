"""What happened to one page so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from tap_exactonline.exact.classify import Subject
from tap_exactonline.exact.errors import BrokenAnswer
from tap_exactonline.exact.refusals import TooMany

_NO_CONTENT = 204
_MOST_WITHOUT_CONTENT = 2
_MOST_ERRORS = 3


@dataclass(slots=True)
class Trial:
    """The tries of one page.

    Attributes:
        url: Its address.
        subject: What is read.
        announced: The page before said that there is this one.
        without_content: How often it came without content.
        token: The access token of the last try.
        number: Of the last try, among all calls.
        rejected: The token that Exact refused for it; "" if none.
        errors: Its answers that count towards the ten errors an hour (`limits.COUNTED_ERRORS`).
        too_many: Its answers 429.
    """

    url: str
    subject: Subject
    announced: bool = False
    without_content: int = 0
    token: str = field(default="", repr=False)
    number: int = 0
    rejected: str = field(default="", repr=False)
    errors: int = 0
    too_many: TooMany = field(default_factory=TooMany)

    @property
    def enough_errors(self) -> bool:
        """Whether one more try would cost too much of the errors that an endpoint may have in an hour."""
        return self.errors >= _MOST_ERRORS

    def check_content(self, status: int) -> None:
        """Doubt an announced page that has no content: rows would be taken for gone. Exact has to say so thrice.

        Raises:
            BrokenAnswer: As long as it is in doubt.
        """
        if self.announced and status == _NO_CONTENT and self.without_content < _MOST_WITHOUT_CONTENT:
            self.without_content += 1
            raise BrokenAnswer("the page that was announced came without content", "Run again later")
