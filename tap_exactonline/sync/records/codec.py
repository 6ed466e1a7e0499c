"""From the bytes of a page to records, compiled once per stream and selection.

The usual page takes the short way: a typed decoder made for the selected fields, and dates read column by column. A page that
does not fit the types takes the lenient way: the same rows, value by value.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, compress, repeat
from typing import Annotated, Any

import msgspec
from msgspec.structs import astuple

from tap_exactonline.endpoints import Endpoint, Field
from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.errors import BrokenAnswer, StreamError
from tap_exactonline.exact.odata import read_page
from tap_exactonline.sync.records.schema import COMPUTED, DELETED_AT, DIVISION, Naming
from tap_exactonline.sync.records.values import (
    AUDIT,
    RANGES,
    Continued,
    Unreadable,
    all_uuids,
    collection_value,
    complex_value,
    lenient,
    uuid_text,
    wall_clock,
    wall_clocks,
    without_nul,
)

# What msgspec would let through and no schema allows, it refuses here: then the page takes the lenient way.
_FINITE = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_NOT_EMPTY = Annotated[str, msgspec.Meta(min_length=1)]
_PYTHON: dict[str, Any] = {
    "string": str, "guid": _NOT_EMPTY, "binary": str, "datetime": str, "double": _FINITE, "decimal": _FINITE,
    "boolean": bool, **{kind: Annotated[int, msgspec.Meta(ge=low, le=high)] for kind, (low, high) in RANGES.items()},
}  # fmt: skip

# Where the address of a row names its administration. The host is not looked at: a proxy may have another one.
_ADDRESS = re.compile(r"/api/v1/(?:beta/)?(\d{1,18})/", re.IGNORECASE)

_NUMBER = re.compile(r"[0-9]{1,18}")

_LISTS = frozenset({"system/divisions", "system/alldivisions", "hrm/divisions"})
"""Paths whose rows are administrations themselves."""


class Rows(msgspec.Struct):
    """A decoded page, column by column: what is done with many values at once takes a fraction of the time.

    Attributes:
        index: Field (Exact's spelling) → position of its column.
        columns: The values of each field asked for, dates still as text.
        count: Number of rows.
        next_url: Address of the next page, or None.
        unreadable: Field → number of values that can't be what the schema promises and became null.
        nul: Characters U+0000 that were taken out of the texts.
    """

    index: Mapping[str, int]
    columns: list[Sequence[Any]]
    count: int
    next_url: str | None = None
    unreadable: Counter[str] = msgspec.field(default_factory=Counter)
    nul: int = 0

    @classmethod
    def of(cls, index: Mapping[str, int], rows: Sequence[Iterable[Any]], next_url: str | None) -> Rows:
        """Turn rows into columns; what a row has beyond the fields stands behind them."""
        columns: list[Sequence[Any]] = [*zip(*rows, strict=True)] or [()] * len(index)
        return cls(index, columns, len(rows), next_url)

    def values(self, name: str) -> Sequence[Any]:
        """The values of one field, as they came."""
        return self.columns[self.index[name]]

    def keep(self, chosen: Sequence[bool]) -> None:
        """Keep the rows that are chosen."""
        self.columns = [list(compress(column, chosen)) for column in self.columns]
        self.count = sum(chosen)

    def sort(self, name: str) -> None:
        """Sort by a field of whole numbers; rows without one come first."""
        values = self.values(name)
        order = sorted(range(self.count), key=lambda number: values[number] or 0)
        self.columns = [[column[number] for number in order] for column in self.columns]


class _Metadata(msgspec.Struct, gc=False):
    """What OData says of a row."""

    uri: str | None = None


# Read to see whose a row is, and not emitted. A field Division that somebody selects by hand comes only once.
_METADATA = ("metadata", _Metadata | None, msgspec.field(default=None, name="__metadata"))
_OWNER = ("owner", Any, msgspec.field(default=None, name="Division"))


class Codec:
    """Reads pages of one stream and makes records of them.

    Args:
        endpoint: What is read.
        fields: The fields asked for, in the order of ``$select``.
        naming: How columns are called.
        selected: The selected columns; of those computed here, the others are left out.
        internal: Fields that are needed for reading but not emitted.
        audit: Reader of the moments in :data:`AUDIT`; others are wall clock.

    Attributes:
        index: Field (Exact's spelling) → position among those asked for.
        columns: Names of what is emitted, in order.
        tombstones: Whether records may say that their row was deleted.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        fields: Sequence[Field],
        naming: Naming,
        *,
        selected: Collection[str],
        internal: frozenset[str] = frozenset(),
        audit: Callable[[str], datetime | None] = wall_clock,
    ) -> None:
        self.endpoint = endpoint
        self.fields = tuple(fields)
        self._naming = naming
        self._selected, self._internal, self._audit = selected, internal, audit
        self.index = {item.name: position for position, item in enumerate(fields)}
        read = [
            (
                f"f{i}",
                _PYTHON[f.type] | None if f.type in _PYTHON else Any,
                msgspec.field(default=None, name=f.name),
            )
            for i, f in enumerate(fields)
        ]
        self._owned = has_owner(endpoint)
        owner = [_METADATA] if "Division" in self.index else [_METADATA, _OWNER]
        self._row: Any = msgspec.defstruct("Row", [*read, *owner], gc=False)
        self._guids = [i for i, f in enumerate(fields) if f.type == "guid"]
        rows: Any = list.__class_getitem__(self._row)
        results = msgspec.defstruct(
            "Results", [("results", rows), ("next", str | None, msgspec.field(default=None, name="__next"))]
        )
        # Not strict: Int64 arrives as a string, Booleans and Bytes as each other.
        envelope: Any = msgspec.defstruct("Envelope", [("d", results)])
        self._decoder = msgspec.json.Decoder(envelope, strict=False)
        dates = [(i, f.name) for i, f in enumerate(fields) if f.type == "datetime"]
        self._readers: list[tuple[int, Callable[[Any], Any]]] = [
            (i, audit if name in AUDIT else _date_in_books) for i, name in dates
        ]
        self._readers += [(i, complex_value) for i, f in enumerate(fields) if f.type == "complex"]
        self._readers += [(i, collection_value) for i, f in enumerate(fields) if f.type == "collection"]
        computed = [
            (column, self.index[source], compute)
            for column, source, compute in COMPUTED.get(endpoint.name, ())
            if column in selected and source in self.index
        ]
        self._computed = [(position, compute) for _, position, compute in computed]
        self._keep = [i for i, f in enumerate(fields) if f.name not in internal]
        given = list(zip(endpoint.parameters, naming.parameters(endpoint), strict=True))
        self._given = [i for i, (one, name) in enumerate(given) if one.key or name in selected]
        self._key = [self.index[name] for name in endpoint.key]
        self.tombstones = naming.has_tombstones(endpoint)
        columns = [DIVISION, *(given[i][1] for i in self._given)]
        columns += [naming.column(f) for f in fields if f.name not in internal]
        columns += [column for column, _, _ in computed]
        if self.tombstones:
            columns.append(DELETED_AT)
        self.columns = tuple(columns)
        self._record = msgspec.defstruct(
            "Record",
            [(f"c{i}", Any, msgspec.field(name=column)) for i, column in enumerate(columns)],
            gc=False,
        )

    def decode(self, body: bytes, division: int | None = None) -> Rows:
        """Read a page.

        Args:
            body: The JSON.
            division: The administration that was asked. None: whose the rows are is not looked at.

        Raises:
            MalformedPage: If the body is not a page of Exact Online.
            BrokenAnswer: If it holds rows of another administration.
        """
        division = division if self._owned else None
        body, nul = without_nul(body)
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            result = self._decode_leniently(body, division)
        except msgspec.DecodeError as exc:
            raise MalformedPage(str(exc)) from exc
        else:
            result = Rows.of(self.index, [*map(astuple, page.d.results)], page.d.next or None)
            if division is not None and result.count:
                described, *owners = result.columns[len(self.fields) :]
                check_owner([it and it.uri for it in described], owners[0] if owners else (), division)
            del result.columns[len(self.fields) :]
        result.nul = nul
        # Text that is not a UUID becomes null: a database that knows the type would refuse the whole load.
        if not all_uuids(chain.from_iterable(map(result.columns.__getitem__, self._guids))):
            for i in self._guids:
                name = self.fields[i].name
                result.columns[i] = _column(uuid_text, result.columns[i], name, result.unreadable)
        return result

    def _decode_leniently(self, body: bytes, division: int | None) -> Rows:
        page = read_page(body)
        if division is not None:
            described = [row.get("__metadata") for row in page.rows]
            addresses = [str(it.get("uri")) if isinstance(it, dict) else None for it in described]
            owners = [None if "Division" in self.index else row.get("Division") for row in page.rows]
            check_owner(addresses, owners, division)
        unreadable: Counter[str] = Counter()

        def read(item: Field, value: Any) -> Any:
            try:
                return lenient(item, value)
            except Unreadable:
                unreadable[item.name] += 1
                return None

        rows = [[read(item, row.get(item.name)) for item in self.fields] for row in page.rows]
        result = Rows.of(self.index, rows, page.next_url)
        result.unreadable = unreadable
        return result

    def without(self, names: Collection[str]) -> Codec:
        """The codec of pages that lack these fields (Exact's spelling); the columns that need them are left out."""
        if not names:
            return self
        fields = [item for item in self.fields if item.name not in names]
        return Codec(
            self.endpoint, fields, self._naming,
            selected=self._selected, internal=self._internal - set(names), audit=self._audit,
        )  # fmt: skip

    def column(self, name: str) -> str:
        """The column under which a field (Exact's spelling) is emitted."""
        return self._naming.column(self.endpoint.field(name))

    def reads(self, name: str) -> bool:
        """Whether the field (Exact's spelling) is among those asked for."""
        return name in self.index

    def drop_keyless(self, page: Rows) -> int:
        """Take out rows without a complete key, which no table can hold; returns how many."""
        before = page.count
        for position in self._key:
            if None in page.columns[position]:
                page.keep([value is not None for value in page.columns[position]])
        return before - page.count

    def records(
        self, page: Rows, division: int | Sequence[int] | None, parameters: Sequence[Any] = ()
    ) -> list[Any]:
        """The rows as they are emitted: division first, own names, dates read.

        Args:
            page: What :meth:`decode` made.
            division: The administration of all rows, or of each.
            parameters: The values of the endpoint's parameters that the page was read with.

        Raises:
            StreamError: If a list inside a row is not whole.
        """
        divisions = division if isinstance(division, Sequence) else repeat(division, page.count)
        columns: list[Iterable[Any]] = [*page.columns]
        for i, read in self._readers:
            name = self.fields[i].name
            try:
                columns[i] = _column(read, page.columns[i], name, page.unreadable)
            except Continued as exc:
                raise StreamError(
                    f"a list in the field {name} goes on on a page of its own, which is not read",
                    "Deselect its column; most such lists are streams of their own",
                ) from exc
        given = [repeat(parameters[i]) for i in self._given]
        computed = [map(compute, page.columns[i]) for i, compute in self._computed]
        tail = [repeat(None)] if self.tombstones else []
        kept = map(columns.__getitem__, self._keep)
        return [*map(self._record, divisions, *given, *kept, *computed, *tail)]


# Dates in the books repeat from row to row. Moments hardly ever do, and remembering them costs more than reading them.
_date_in_books = lru_cache(2**12)(wall_clock)


def _column(
    read: Callable[[Any], Any], values: Sequence[Any], name: str, unreadable: Counter[str]
) -> list[Any]:
    """The values of a column, read; what can't be read becomes null and is counted."""
    try:
        return (
            wall_clocks(values)
            if read is wall_clock
            else [None if value is None else read(value) for value in values]
        )
    except Unreadable:
        made = []
    for value in values:
        try:
            made.append(None if value is None else read(value))
        except Unreadable:
            unreadable[name] += 1
            made.append(None)
    return made


# -- whose rows an answer holds: Exact has given those of another administration (incidents of 2021 and October 2024)


def has_owner(endpoint: Endpoint) -> bool:
    """Whether each row of the endpoint belongs to the administration that is asked."""
    return not endpoint.login_wide and endpoint.path.lower() not in _LISTS


def check_owner(addresses: Iterable[str | None], divisions: Sequence[Any], division: int) -> None:
    """Refuse a page with rows of another administration. What names none is taken for right.

    Args:
        addresses: Of each row the ``uri`` in its ``__metadata``.
        divisions: Of each row the field ``Division``, None where the answer has none.
        division: Number of the administration that was asked.

    Raises:
        BrokenAnswer: If there is such a row. The page will be asked for again.
    """
    other = _by_address(addresses, division)
    if other is None and divisions.count(None) < len(divisions):
        other = next((code for value in divisions if (code := _code(value)) not in (None, division)), None)
    if other is not None:
        raise BrokenAnswer(
            f"the answer for division {division} holds rows of division {other}",
            "None of its rows were written. Run again later; if this lasts, report it to Exact's support",
            division=division,
        )


def _by_address(addresses: Iterable[str | None], division: int) -> int | None:
    """The first other administration that an address names."""
    prefix = None
    for address in addresses:
        if address is None or (prefix is not None and address.startswith(prefix)):
            continue
        found = _ADDRESS.search(address)
        if found is None:
            continue
        if int(found[1]) != division:
            return int(found[1])
        prefix = address[: found.end()]
    return None


def _code(value: Any) -> int | None:
    """The number that a field ``Division`` holds, in whatever JSON type it came."""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    return int(text) if _NUMBER.fullmatch(text) else None
