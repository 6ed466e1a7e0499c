"""Rows to measure with: sixty fields of `sync/Financial/TransactionLines`, as the wire carries them.

About 1,800 bytes a row, a quarter of the values null, codes padded with blanks, amounts with two decimals, dates of
which some repeat (booking dates) and some never do (created, modified).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from tap_exactonline.endpoints import Field, by_name

STREAM = "sync_financial_transaction_lines"
ENDPOINT = by_name(STREAM)
PAGE_ROWS = 1000
FIRST_TIMESTAMP = 10_000

# The endpoint offers seventy fields; these ten are not selected, which makes sixty.
NOT_SELECTED = (
    "Asset", "AssetCode", "AssetDescription", "ExternalLinkDescription", "ExternalLinkReference", "ExtraDutyAmountFC",
    "ExtraDutyPercentage", "PaymentDiscountAmount", "Subscription", "SubscriptionDescription",
)  # fmt: skip
FIELDS: tuple[Field, ...] = tuple(f for f in ENDPOINT.fields if not f.hidden and f.name not in NOT_SELECTED)

# A selection as users make it: without the names beside the codes. Forty fields.
FEWER: tuple[Field, ...] = tuple(
    f
    for f in FIELDS
    if f.name
    not in {
        "CostCenter", "CostCenterDescription", "CostUnit", "CostUnitDescription", "CreatorFullName", "CustomField",
        "DocumentSubject", "GLAccountDescription", "ItemDescription", "JournalDescription", "LineType",
        "ModifierFullName", "Notes", "OffsetID", "PaymentReference", "ProjectDescription", "TrackingNumber",
        "TrackingNumberDescription", "VATCodeDescription", "YourRef",
    }
)  # fmt: skip

_ALWAYS = {
    "ID",
    "Timestamp",
    "Created",
    "Modified",
    "Date",
    "EntryID",
    "EntryNumber",
    "LineNumber",
    "GLAccount",
    "AmountDC",
}
_FIRST_MS = 1_700_000_000_000
_DAY_MS = 86_400_000
_WORDS = [
    "verkoop",
    "factuur",
    "levering",
    "onderhoud",
    "contract",
    "juli",
    "termijn",
    "project",
    "restbetaling",
    "abonnement",
    "Zoë",
    "café",
    "B.V.",
    "huur",
]


def _guid(source: random.Random) -> str:
    text = f"{source.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-9{text[17:20]}-{text[20:]}"


class Template:
    """A thousand rows with blanks for what no two rows share.

    Args:
        names: The fields that were asked for, in the order of ``$select``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        source = random.Random(20)  # noqa: S311 - the same rows for every reader
        guids = [_guid(source) for _ in range(200)]
        types = {field.name: field.type for field in ENDPOINT.fields}
        everything = [f.name for f in ENDPOINT.fields]
        self._pieces: list[list[bytes]] = []
        self._blanks: list[str] = []
        for number in range(PAGE_ROWS):
            values = {name: self._value(name, types[name], source, guids) for name in everything}
            uri = f"http://127.0.0.1/api/v1/@Division@/{ENDPOINT.path}(guid'@ID@')"
            row: dict[str, Any] = {
                "__metadata": {"uri": uri, "type": "Exact.Web.Api.Models.Sync.Financial.TransactionLine"}
            }
            row |= {name: values[name] for name in names}
            text = msgspec.json.encode(row).decode()
            parts = text.split("@")
            self._pieces.append([part.encode() for part in parts[0::2]])
            blanks = parts[1::2]
            if number == 0:
                self._blanks = blanks
            elif blanks != self._blanks:
                raise ValueError("all rows must have the same blanks")

    @staticmethod
    def _value(name: str, kind: str, source: random.Random, guids: list[str]) -> Any:
        null = source.random() < 0.31 and name not in _ALWAYS
        day = source.randrange(60)
        if name in ("ID", "Timestamp"):
            return f"@{name}@"
        if name in ("Created", "Modified"):
            return f"/Date(@{name}@)/"
        made: Any
        if kind == "guid":
            made = guids[source.randrange(len(guids))]
        elif kind == "datetime":
            made = f"/Date({_FIRST_MS // _DAY_MS * _DAY_MS + day * _DAY_MS})/"
        elif kind == "double":
            made = source.randrange(-500_000, 5_000_000) / 100
        elif kind in ("int16", "int32"):
            made = source.randrange(1, 30_000)
        elif name.endswith("Code"):
            made = f"{source.randrange(1, 9999):>18}"
        elif name == "Notes":
            made, null = "Notitie bij deze regel. " * source.randrange(1, 6), source.random() < 0.8
        else:
            made = " ".join(source.choices(_WORDS, k=source.randrange(2, 5)))
        return None if null else made

    def page(self, number: int, division: int = 101) -> bytes:
        """The rows of a page, from 0, between the brackets; no two pages share a key, a Timestamp or a moment."""
        out: list[bytes] = []
        blanks = self._blanks
        for at, pieces in enumerate(self._pieces):
            row = number * PAGE_ROWS + at
            fill = {
                "Division": b"%d" % division,
                "ID": b"%08x-5e1d-4c0d-9a11-%012x" % (row * 2654435761 % 2**32, row),
                "Timestamp": b"%d" % (FIRST_TIMESTAMP + row),
                "Created": b"%d" % (_FIRST_MS + row * 1009),
                "Modified": b"%d" % (_FIRST_MS + row * 1013 + 7),
            }
            out.append(b"," + pieces[0] if at else pieces[0])
            for blank, piece in zip(blanks, pieces[1:], strict=True):
                out.append(fill[blank])
                out.append(piece)
        return b"".join(out)
