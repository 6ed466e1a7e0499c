"""The rows of one entity in one administration, in both orders that Exact pages through."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_exactonline.endpoints import by_name

from . import generate, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tap_exactonline.endpoints import Endpoint, Field

    from .division import Division

Key = Any  # the value of a single key, a tuple for a composite one


class Row:
    """One row: a template shared with others, and the values of its own.

    Attributes:
        changed: When it was changed last, which a table without ``Modified`` does not show.
    """

    __slots__ = ("base", "changed", "key", "own", "pos", "rv")

    def __init__(
        self, base: dict[str, Any], own: list[Any], key: Key, rv: int, changed: datetime | None = None
    ) -> None:
        self.base = base
        self.own = own
        self.key = key
        self.rv = rv
        self.changed = changed
        self.pos = -1


class Shape(NamedTuple):
    """What a table is, the same in every administration.

    Attributes:
        fields: All that some variant has.
        own: Names of the fields that each row holds itself; the others come from its template.
        at: Their places.
        modified: The places of those that tell when a row was changed.
    """

    name: str
    key: tuple[str, ...]
    fields: Mapping[str, Field]
    entity_type: int | None
    own: tuple[str, ...]
    at: Mapping[str, int]
    modified: Sequence[int]


@cache
def _shape(names: tuple[str, ...]) -> Shape:
    """The shape of the table behind some endpoints, by name."""
    endpoints = [by_name(name) for name in names]
    key = endpoints[0].key
    fields: dict[str, Field] = {}
    for endpoint in endpoints:
        for field in endpoint.fields:
            known = fields.setdefault(field.name, field)
            if known.type == "string" and field.type == "guid":
                # One variant says text, another GUID (CostCenter of purchase orders): only a GUID is both.
                fields[field.name] = field
    times = [
        n for n in (*generate.MODIFIED, *generate.CREATED) if n in fields and fields[n].type == "datetime"
    ]
    codes = [n for n in generate.CODES if n in fields and n not in key]
    own = (*key, "Timestamp", *times, *codes)
    at = {name: n for n, name in enumerate(own)}
    return Shape(
        name=f"{endpoints[0].entity}:{','.join(key)}",
        key=key,
        fields=fields,
        entity_type=next((e.entity_type for e in endpoints if e.entity_type is not None), None),
        own=own,
        at=at,
        modified=[at[n] for n in generate.MODIFIED if n in at],
    )


class Table:
    """All variants of an entity read the same table: what sync shows, bulk and single show too.

    Attributes:
        own: Names of the fields that each row holds itself; the others come from its template.
        version: Grows with every change.
    """

    def __init__(self, division: Division, endpoints: list[Endpoint], count: int, first_rv: int) -> None:
        self.division = division
        self.exact = division.exact
        self.endpoints = endpoints
        self.shape = _shape(tuple(endpoint.name for endpoint in endpoints))
        self.name, self.key, self.fields = self.shape.name, self.shape.key, self.shape.fields
        self.entity_type, self.own = self.shape.entity_type, self.shape.own
        self._at, self._modified = self.shape.at, self.shape.modified
        self.version = 0
        self._count = count
        self._first_rv = first_rv
        self._next = 0
        self._templates: list[dict[str, Any]] = []
        self._rows: dict[Key, Row] | None = None
        self._order: list[int] = []
        self._at_rv: list[Row | None] = []
        self._keys: list[Key] | None = None

    # -- rows out of the seed --------------------------------------------------------------------

    def _load(self) -> dict[Key, Row]:
        """Make the rows on first use: a division of 354 endpoints costs nothing until it is read."""
        if self._rows is None:
            self._rows = {}
            for number in range(self._count):
                self._append(
                    self._make(number, generate.modified(number, self._count), self._first_rv + number)
                )
            self._next = self._count
        return self._rows

    def _make(self, number: int, moment: datetime, rv: int) -> Row:
        if number >= len(self._templates) and len(self._templates) < generate.TEMPLATES:
            fields = [f for f in self.fields.values() if f.name not in self._at]
            while len(self._templates) <= number and len(self._templates) < generate.TEMPLATES:
                made = generate.template(self.exact.seed, self.name, fields, len(self._templates))
                if self.exact.switches.references:
                    made |= references.values(self, len(self._templates))
                self._templates.append(made)
        own: list[Any] = []
        for name in self.own:
            if name in self.key:
                seed, code = self.exact.seed, self.division.code
                own.append(generate.key_value(self.fields[name], seed, code, self.name, number))
            elif name == "Timestamp":
                own.append(rv)
            elif name in generate.CODES:
                own.append(generate.unique_code(self.fields[name], number))
            else:
                own.append(moment)
        key = own[0] if len(self.key) == 1 else tuple(own[: len(self.key)])
        return Row(self._templates[number % generate.TEMPLATES], own, key, rv, moment)

    @property
    def count(self) -> int:
        """How many rows were generated."""
        return self._count

    def reference(self, number: int, what: str) -> Any:
        """How another row names one of the generated ones: by its ``key`` or its ``Code``. Loads nothing."""
        number %= self._count
        name = self.key[0] if what == "key" else what
        field = self.fields[name]
        if name in self.key:
            return generate.key_value(field, self.exact.seed, self.division.code, self.name, number)
        return generate.unique_code(field, number)

    def _append(self, row: Row) -> None:
        assert self._rows is not None
        row.pos = len(self._order)
        self._order.append(row.rv)
        self._at_rv.append(row)
        self._rows[row.key] = row

    # -- what Exact's users do -------------------------------------------------------------------

    def insert(self, **values: Any) -> dict[str, Any]:
        """Add a row; what is not given is generated. Returns all its values."""
        with self.exact.lock:
            rows = self._load()
            self._check(values)
            row = self._make(self._next, self.exact.now(), self.division.next_rv())
            self._next += 1
            self._set(row, values)
            if row.key in rows:
                raise ValueError(f"{self.name} has a row {row.key!r}")
            self._append(row)
            self._changed(row.key)
            return self.values(row)

    def put(self, key: Key, **values: Any) -> None:
        """Add a row that has these values and no others: nothing is generated."""
        with self.exact.lock:
            rows = self._load()
            self._check(values)
            keys = dict(zip(self.key, key if isinstance(key, tuple) else (key,), strict=True))
            rv = self.division.next_rv()
            known = {**values, **keys, "Timestamp": rv}
            row = Row(
                {n: v for n, v in values.items() if n not in self._at},
                [known.get(n) for n in self.own],
                key,
                rv,
                self.exact.now(),
            )
            if key in rows:
                raise ValueError(f"{self.name} has a row {key!r}")
            self._append(row)
            self._changed(key)

    def update(self, key: Key, **values: Any) -> dict[str, Any]:
        """Change a row: a new Timestamp and Modified, also when no value is given."""
        with self.exact.lock:
            row = self._load()[key]
            self._check(values)
            if set(values) & {*self.key, "Timestamp"}:
                raise ValueError("an update changes neither the key nor the Timestamp")
            self._forget(row)
            row.rv, row.changed = self.division.next_rv(), self.exact.now()
            self._set(row, {n: self.exact.now() for n in generate.MODIFIED if n in self._at} | values)
            row.own[self._at["Timestamp"]] = row.rv
            self._append(row)
            self._changed()
            return self.values(row)

    def delete(self, key: Key) -> None:
        """Remove a row; the log of deletions knows it if the entity has a number there."""
        with self.exact.lock:
            row = self._load().pop(key)
            self._forget(row)
            if self._keys is not None:
                del self._keys[bisect_left(self._keys, key)]
            self._changed()
            if self.entity_type is not None:
                hidden = "EntryID" in self.key and not self.exact.switches.log_names_entry
                named = generate.guid("hidden", key) if hidden else key
                self.division.log_deletion(self.entity_type, named)

    def restamp(self, next_rv: Callable[[], int]) -> None:
        """New Timestamps for all rows (the administration moved)."""
        with self.exact.lock:
            self._load()
            alive = [row for row in self._at_rv if row is not None]
            if self.exact.switches.move_order == "key":
                alive.sort(key=lambda row: row.key)
            self._order, self._at_rv = [], []
            for row in alive:
                row.rv = row.own[self._at["Timestamp"]] = next_rv()
                self._append(row)
            self._changed()

    def share_timestamp(self, key: Key, other: Key) -> None:
        """Give a row the Timestamp of another one, as no SQL Server would."""
        with self.exact.lock:
            row, shared = self._load()[key], self._load()[other].rv
            row.rv = row.own[self._at["Timestamp"]] = shared
            alive = sorted((r for r in self._at_rv if r is not None), key=lambda r: (r.rv, r.key))
            self._order, self._at_rv = [], []
            for kept in alive:
                self._append(kept)
            self._changed()

    def purge(self, gone: Callable[[Row], bool]) -> None:
        """Remove rows without a trace."""
        with self.exact.lock:
            for row in [r for r in self._load().values() if gone(r)]:
                self._forget(self._load().pop(row.key))
                self._keys = None
                self._changed()

    def _check(self, values: dict[str, Any]) -> None:
        unknown = set(values) - set(self.fields)
        if unknown:
            raise KeyError(f"{self.name} has no field {sorted(unknown)}")

    def _set(self, row: Row, values: dict[str, Any]) -> None:
        rest = {}
        for name, value in values.items():
            if name in self._at:
                row.own[self._at[name]] = value
            else:
                rest[name] = value
        if rest:
            row.base = row.base | rest
        row.key = row.own[0] if len(self.key) == 1 else tuple(row.own[: len(self.key)])

    def _forget(self, row: Row) -> None:
        self._at_rv[row.pos] = None
        if len(self._order) > 2 * len(self._rows or ()) + 64:
            alive = [r for r in self._at_rv if r is not None]
            self._order, self._at_rv = [r.rv for r in alive], list(alive)
            for pos, kept in enumerate(alive):
                kept.pos = pos

    def _changed(self, added: Key = None) -> None:
        self.version += 1
        if added is not None and self._keys is not None:
            insort(self._keys, added)

    # -- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._load())

    def __contains__(self, key: Key) -> bool:
        return key in self._load()

    def keys(self) -> list[Key]:
        """All keys in the order of paging."""
        with self.exact.lock:
            return list(self._sorted())

    def _sorted(self) -> list[Key]:
        if self._keys is None:
            self._keys = sorted(self._load())
        return self._keys

    def rows(self) -> list[dict[str, Any]]:
        """Every row with the values of all variants' fields, in the order of Timestamps."""
        with self.exact.lock:
            return [self.values(row) for row in self.by_timestamp(-1)]

    def get(self, key: Key) -> dict[str, Any]:
        """One row's values; KeyError if there is none."""
        with self.exact.lock:
            return self.values(self._load()[key])

    def row(self, key: Key) -> Row | None:
        return self._load().get(key)

    def values(self, row: Row) -> dict[str, Any]:
        return {
            n: v
            for n, v in {**row.base, **dict(zip(self.own, row.own, strict=True))}.items()
            if n in self.fields
        }

    def getter(self, name: str) -> Callable[[Row], Any]:
        """A function that reads one field of a row, for filters and sorting."""
        if name == "Division":
            return lambda _row: self.division.code
        if name in self._at:
            at = self._at[name]
            return lambda row: row.own[at]
        return lambda row: row.base.get(name)

    def by_timestamp(self, after: int) -> Iterator[Row]:
        """Rows whose Timestamp is higher, lowest first."""
        self._load()
        for at in range(bisect_right(self._order, after), len(self._order)):
            row = self._at_rv[at]
            if row is not None:
                yield row

    def by_key(self, after: Key | None) -> Iterator[Row]:
        """Rows whose key is higher, lowest first."""
        keys, rows = self._sorted(), self._load()
        for at in range(0 if after is None else bisect_right(keys, after), len(keys)):
            yield rows[keys[at]]

    def modified_since(self, moment: datetime) -> Row | None:
        """The first row that was modified then or later: in order of Timestamp, or of when it was modified."""

        def changed(row: Row) -> datetime:
            return row.own[self._modified[0]] if self._modified else row.changed or moment

        rows = (row for row in self.by_timestamp(-1) if changed(row) >= moment)
        if self.exact.switches.sync_timestamp == "by_modified":
            return min(rows, key=changed, default=None)
        return next(rows, None)
