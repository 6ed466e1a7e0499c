"""A part of the administrations, so that several processes or machines share the work of one login.

Which administration belongs to which part depends on its number alone: it is the same on every machine and stays for ever.
Twice as many parts divide each part in two: the administrations of part ``i`` of ``n`` are those of ``i`` and ``i + n`` of ``2n``.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from tap_exactonline.exact.errors import SettingsError

_FORM = re.compile(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*")


class Shard(msgspec.Struct, frozen=True):
    """One part of several.

    Attributes:
        number: Which part, counted from 0.
        parts: How many there are.
    """

    number: int = 0
    parts: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read the setting ``shard``.

        Raises:
            SettingsError: If it does not have the form ``number/parts``.
        """
        found = _FORM.fullmatch(text)
        number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
        if number >= parts:
            raise SettingsError(
                "shard",
                f"{text!r} is not a part",
                "Write the number of the part, counted from 0, and how many there are: 0/4, 1/4, 2/4 and 3/4",
            )
        return cls(number, parts)

    @property
    def reads_login(self) -> bool:
        """Whether this part reads the streams that belong to the login, not to one administration."""
        return self.number == 0

    def owns(self, division: int) -> bool:
        """Whether an administration belongs to this part."""
        digest = hashlib.sha256(str(division).encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.parts == self.number

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"
