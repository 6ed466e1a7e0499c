"""From the bytes of a page to the bytes of Singer RECORD messages, compiled once per stream and selection.

The usual page takes the short way: a typed decoder made for the selected fields, one tuple copy a row (new
names, division, dates) and one call that encodes all lines. A page that does not fit the types takes the lenient way:
the same rows, value by value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import astuple

from tap_exactonline.endpoints import Endpoint, Field
from tap_exactonline.exact.odata import MalformedPage, read_rows
from tap_exactonline.sync.columns import COMPUTED, DELETED_AT, DIVISION, Naming
from tap_exactonline.sync.values import AUDIT, Unreadable, lenient, nested, wall_clock

_PYTHON: dict[str, Any] = {
    "string": str, "guid": str, "binary": str, "datetime": str, "double": float, "decimal": float,
    "int16": int, "int32": int, "int64": int, "byte": int, "boolean": bool,
}  # fmt: skip
_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Rows:
    """A decoded page.

    Attributes:
        rows: Structs with the fields asked for, dates still as text.
        next_url: Address of the next page, or None.
        unreadable: Field → number of values that were no such type and became null.
        parameters: The values of the endpoint's parameters that it was read with.
    """

    rows: list[Any]
    next_url: str | None = None
    unreadable: Counter[str] = field(default_factory=Counter)
    parameters: tuple[Any, ...] = ()


class Codec:
    """Reads pages of one stream and writes them as Singer lines.

    Args:
        endpoint: What is read.
        fields: The fields asked for, in the order of ``$select``.
        naming: How columns are called.
        selected: The selected columns; of those computed here, the others are left out.
        internal: Fields that are needed for reading but not emitted.
        audit: Reader of the moments in :data:`AUDIT`; others are wall clock.
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
        self._index = {item.name: position for position, item in enumerate(fields)}
        self._row: Any = msgspec.defstruct(
            "Row",
            [
                (
                    f"f{i}",
                    _PYTHON[f.type] | None if f.type in _PYTHON else Any,
                    msgspec.field(default=None, name=f.name),
                )
                for i, f in enumerate(fields)
            ],
            gc=False,
        )
        rows: Any = list.__class_getitem__(self._row)
        results = msgspec.defstruct(
            "Results", [("results", rows), ("next", str | None, msgspec.field(default=None, name="__next"))]
        )
        # Not strict: Int64 arrives as a string, Booleans and Bytes as each other.
        envelope: Any = msgspec.defstruct("Envelope", [("d", results)])
        self._decoder = msgspec.json.Decoder(envelope, strict=False)
        dates = [(i, f.name) for i, f in enumerate(fields) if f.type == "datetime"]
        # Dates in the books repeat from row to row. Moments hardly ever do, and remembering them costs more than
        # reading them.
        self._repeated = [(i, name) for i, name in dates if name not in AUDIT]
        self._readers: list[tuple[int, Callable[[Any], Any]]] = [
            (i, audit) for i, name in dates if name in AUDIT
        ]
        self._readers += [(i, nested) for i, f in enumerate(fields) if f.type in {"complex", "collection"}]
        computed = [
            (column, self._index[source], compute)
            for column, source, compute in COMPUTED.get(endpoint.name, ())
            if column in selected and source in self._index
        ]
        self._computed = [(position, compute) for _, position, compute in computed]
        self._keep = [i for i, f in enumerate(fields) if f.name not in internal] if internal else None
        given = list(zip(endpoint.parameters, naming.parameters(endpoint), strict=True))
        self._given = [i for i, (one, name) in enumerate(given) if one.key or name in selected]
        self._key = [f"f{self._index[name]}" for name in endpoint.key]
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

    def decode(self, body: bytes) -> Rows:
        """Read a page.

        Raises:
            MalformedPage: If the body is no page of Exact Online.
        """
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            return self._decode_leniently(body)
        except msgspec.DecodeError as exc:
            raise MalformedPage(str(exc)) from exc
        return Rows(page.d.results, page.d.next or None)

    def _decode_leniently(self, body: bytes) -> Rows:
        page = read_rows(body)
        result = Rows([], page.next_url)
        for raw in page.rows:
            values = []
            for item in self.fields:
                try:
                    values.append(lenient(item, raw.get(item.name)))
                except Unreadable:
                    result.unreadable[item.name] += 1
                    values.append(None)
            result.rows.append(self._row(*values))
        return result

    def column(self, name: str) -> str:
        """The column under which a field (Exact's spelling) is emitted."""
        return self._naming.column(self.endpoint.field(name))

    def reads(self, name: str) -> bool:
        """Whether the field (Exact's spelling) is among those asked for."""
        return name in self._index

    def values(self, rows: Sequence[Any], name: str) -> list[Any]:
        """The values of one field (Exact's spelling) of decoded rows, as they came."""
        attribute = f"f{self._index[name]}"
        return [getattr(row, attribute) for row in rows]

    def drop_keyless(self, page: Rows) -> int:
        """Take out rows without a complete key, which no table can hold; returns how many."""
        before = len(page.rows)
        for attribute in self._key:
            if any(getattr(row, attribute) is None for row in page.rows):
                page.rows = [row for row in page.rows if getattr(row, attribute) is not None]
        return before - len(page.rows)

    def records(self, page: Rows, division: int | None) -> list[Any]:
        """The rows as they are emitted: division first, own names, dates read."""
        readers, keep, computed, record = self._readers, self._keep, self._computed, self._record
        tail = (None,) if self.tombstones else ()
        lead = (division, *(page.parameters[i] for i in self._given))
        repeated = [(i, _Remembered(wall_clock, name, page.unreadable)) for i, name in self._repeated]
        records = []
        for row in page.rows:
            values = [*astuple(row)]
            for i, known in repeated:
                values[i] = known[values[i]]
            for i, read in readers:
                value = values[i]
                if value is not None:
                    try:
                        values[i] = read(value)
                    except Unreadable:
                        page.unreadable[self.fields[i].name] += 1
                        values[i] = None
            extra = [compute(values[i]) for i, compute in computed]
            if keep is not None:
                values = [values[i] for i in keep]
            records.append(record(*lead, *values, *extra, *tail))
        return records

    def lines(self, records: Sequence[Any], envelope: Envelope) -> bytes:
        """RECORD messages, one a line."""
        return _encoder.encode_lines(envelope.wrap(records))

    @staticmethod
    def dicts(records: Sequence[Any]) -> list[dict[str, Any]]:
        """The records as plain dictionaries, dates as ISO text: what the SDK's own path takes."""
        return [msgspec.to_builtins(record) for record in records]


class _Remembered(dict[str | None, Any]):
    """Values of one column by their text, each read when it is first seen."""

    def __init__(self, read: Callable[[str], Any], name: str, unreadable: Counter[str]) -> None:
        super().__init__({None: None})
        self._read = read
        self._name = name
        self._unreadable = unreadable

    def __missing__(self, text: str) -> Any:
        try:
            value = self[text] = self._read(text)
        except Unreadable:
            # Not remembered: each of them counts.
            self._unreadable[self._name] += 1
            return None
        return value


class _Message(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    stream: str
    record: Any
    time_extracted: str


class _VersionedMessage(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    stream: str
    record: Any
    version: int
    time_extracted: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds a record in its message."""

    stream: str
    time_extracted: str
    version: int | None = None

    def wrap(self, records: Sequence[Any]) -> list[Any]:
        """Messages for records (structs or dictionaries)."""
        if self.version is None:
            return [_Message(self.stream, record, self.time_extracted) for record in records]
        return [
            _VersionedMessage(self.stream, record, self.version, self.time_extracted) for record in records
        ]
