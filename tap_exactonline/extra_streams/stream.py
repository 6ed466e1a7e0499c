"""A stream that a user adds by the setting ``extra_streams``: its key, bookmark and columns.

`definitions` checks the setting. Where a definition leaves the columns to Exact, the stream is complete only when the
service's ``$metadata`` has been read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast, get_args

import msgspec
from msgspec.structs import replace

from tap_exactonline.endpoints import Endpoint, Field, FieldType
from tap_exactonline.endpoints.functions import Function
from tap_exactonline.endpoints.spelling import column
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.filters import check_filter, holes
from tap_exactonline.extra_streams.literals import Calendar, is_relative


class ExtraStream(msgspec.Struct, frozen=True):
    """A stream of the setting.

    Attributes:
        place: Where it stands: ``extra_streams[2]``.
        endpoint: What is read. Without fields and key as long as :attr:`asks`.
        asks: Its columns have to be asked from Exact; :meth:`complete` takes them in.
        given: The definition.
        known: What the data files know about the path.
    """

    place: str
    endpoint: Endpoint
    asks: bool
    given: Mapping[str, Any]
    calendar: Calendar
    known: Endpoint | Function | None = None

    def complete(self, offered: Sequence[Field], key: Sequence[str] = ()) -> Endpoint:
        """The endpoint with its fields.

        Args:
            offered: The fields that the endpoint has.
            key: What Exact marks as key.

        Raises:
            SettingsError: If key, bookmark or filter name none of the fields.
        """
        fields = [one for one in offered if one.name != "Division"]
        if self.endpoint.kind == "sync" and all(one.name != "Timestamp" for one in fields):
            fields.append(Field("Timestamp", "timestamp", "int64"))
        names = [one.name for one in fields]
        endpoint = replace(self.endpoint, fields=tuple(fields))
        own = self._key(names, key)
        for name in (*own, *self._bookmark(fields)):
            fields = [Field(one.name, one.column, one.type) if one.name == name else one for one in fields]
        if endpoint.filter:
            check_filter(endpoint.filter, {*names, "Division"}, f"{self.place}.filter")
        taken = [one.column for one in fields] + [one.column for one in endpoint.parameters]
        if twice := {one for one in taken if taken.count(one) > 1}:
            raise SettingsError(
                f"{self.place}.columns",
                f"{', '.join(sorted(twice))} would be a column twice",
                "Leave one out",
            )
        return replace(
            endpoint, fields=tuple(fields), key=own, bookmark=next(iter(self._bookmark(fields)), None)
        )

    def _key(self, names: Sequence[str], marked: Sequence[str]) -> tuple[str, ...]:
        place = f"{self.place}.key"
        if "key" in self.given:
            key = _names(self.given["key"], place)
        elif self.known is not None:
            key = self.known.key
        elif self.endpoint.kind == "sync":
            # Timestamp, which Exact marks, is another one with each change.
            key = ("ID",) if "ID" in names else ()
        else:
            key = tuple(name for name in marked if name != "Division")
        if not key and self.known is None and "key" not in self.given:
            raise SettingsError(
                place, "it is missing", 'Name the fields that tell one row from another: "key": ["ID"]'
            )
        for name in key:
            if name not in names:
                raise SettingsError(
                    place, f"{name!r} is not a field of {self.endpoint.path}", did_you_mean(name, names)
                )
        return key

    def _bookmark(self, fields: Sequence[Field]) -> tuple[str, ...]:
        place = f"{self.place}.bookmark"
        types = {one.name: one.type for one in fields}
        sync = self.endpoint.kind == "sync"
        moving = self._moving()
        if "bookmark" not in self.given:
            known = self.known.bookmark if isinstance(self.known, Endpoint) else None
            name = "Timestamp" if sync else (known if not moving else None)
            return (name,) if name in types and name else ()
        name = self.given["bookmark"]
        if name is None or name == "":
            if sync:
                raise SettingsError(place, "sync endpoints are read by Timestamp", "Leave it out")
            return ()
        if not isinstance(name, str) or name not in types:
            raise SettingsError(
                place, f"{name!r} is not a field of {self.endpoint.path}", did_you_mean(str(name), types)
            )
        if sync and name != "Timestamp":
            raise SettingsError(place, "sync endpoints are read by Timestamp", "Leave it out")
        if not sync and types[name] != "datetime":
            raise SettingsError(
                place,
                f"{name} is {types[name]}, not datetime",
                "Name the field that tells when a row changed",
            )
        if moving and not sync:
            raise SettingsError(place, moving, "Leave the bookmark out: the stream is read in full each time")
        return (name,)

    def _moving(self) -> str | None:
        """Why a bookmark would hide rows, or None."""
        if any(len(one.values) > 1 for one in self.endpoint.parameters):
            return "a value that joins a list of parameters later would lack its older rows"
        relative = is_relative(self.given.get("parameters"), self.calendar)
        words = [self.calendar.value(hole) for hole in holes(str(self.given.get("filter") or ""))]
        if relative or any(word is not None for word in words):
            return "a value that moves with the calendar lets rows in that have not changed"
        return None


def remarks(streams: Iterable[ExtraStream]) -> Iterator[str]:
    """What a user should know of the functions that they read."""
    for one in streams:
        if isinstance(one.known, Function) and one.known.failing:
            yield f"Setting '{one.place}': {one.known.path} is {one.known.failing}"


_EDM: dict[str, FieldType] = {
    "sbyte": "int16", "single": "double", "float": "double", "time": "string", "datetimeoffset": "datetime",
}  # fmt: skip
"""Types that Exact's reference does not use, but EDMX knows."""

_NESTED = {"collection", "complex", "binary"}


def field_of(name: str, edm: str) -> Field:
    """A field that ``$metadata`` names; nested ones and pictures are off by default.

    Args:
        name: As Exact spells it.
        edm: ``Edm.Guid``, ``Collection(…)``, or the name of a complex type.
    """
    if not edm.startswith("Edm."):
        kind: FieldType = "collection" if edm.startswith("Collection(") else "complex"
    else:
        text = edm[4:].lower()
        kind = cast(FieldType, text) if text in get_args(FieldType) else _EDM.get(text, "string")
    return Field(name, column(name), kind, kind in _NESTED)


def _names(given: Any, place: str) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise SettingsError(place, f"{given!r} is not a list of fields", 'Write ["ID"]')
    return tuple(listed)


def did_you_mean(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1, 0.6) or [
        one for one in known if one.lower() == name.lower()
    ]
    return f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(sorted(known)[:40])}"
