"""What a service says about itself: its ``$metadata``, an EDMX document of OData 2.

It names entity sets, their fields and types, and functions with their parameters. It does not say what may be
filtered, which scope is needed, or what a field means.
"""

from __future__ import annotations

import re

# Entities can't be expanded here: a document type, where they would be declared, is refused (see `_no_doctype`).
from xml.parsers import expat

import msgspec

from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import StreamError

_EDM = "Edm."
_MOST_DEPTH = 50
_MOST_BASES = 50
_MOST_KEYS = 20
# Names become columns and are shown: what is none in OData is left out.
_NAMED = {
    "EntityType",
    "EntitySet",
    "FunctionImport",
    "Parameter",
    "Property",
    "NavigationProperty",
    "PropertyRef",
}
_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
_REMEDY = "Check api_url; if this lasts, report it with this line"


class Entity(msgspec.Struct):
    """The rows of an entity set.

    Attributes:
        fields: Name → type as the document writes it: ``Edm.Guid``, ``Collection(…)`` or the name of a complex type.
        key: Names of the fields that Exact marks as key.
    """

    fields: dict[str, str] = msgspec.field(default_factory=dict)
    key: tuple[str, ...] = ()
    base: str | None = None


class Service(msgspec.Struct):
    """A service's document.

    Attributes:
        sets: Name of an endpoint → its rows.
        functions: Name of a function → its parameters and their types.
        results: Name of a function → the rows that it gives.
    """

    sets: dict[str, Entity] = msgspec.field(default_factory=dict)
    functions: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    results: dict[str, Entity] = msgspec.field(default_factory=dict)

    def is_function(self, name: str) -> bool:
        """Whether it can only be called, whatever the case of its name: reading and changing look alike there."""
        name = name.lower()
        called = {member.lower() for member in (*self.functions, *self.results)}
        return name in called and all(member.lower() != name for member in self.sets)

    def find(self, name: str) -> Entity | None:
        """The rows of an endpoint or function, whatever the case of its name; None if there is none."""
        for group in (self.sets, self.results):
            if name in group:
                return group[name]
            for known, entity in group.items():
                if known.lower() == name.lower():
                    return entity
        return None


def read_metadata(client: ExactClient, service: str, division: int, *, beta: bool = False) -> Service:
    """Ask a service for its ``$metadata``: one call.

    Args:
        client: The way to Exact.
        service: What stands between the administration and the endpoint's name: ``crm``, ``sync/CRM``.
        division: Number of the administration.
        beta: Whether it lies under ``/api/v1/beta``.

    Raises:
        EndpointMissing: If there is no such document.
        ExactError: As the client.
    """
    context = RequestContext(f"{service}/$metadata", division, "$metadata", beta=beta, xml=True)
    return client.get(context, decode=parse)


def parse(body: bytes) -> Service:
    """Understand a document, whichever version of EDM it is written in.

    Raises:
        MalformedPage: If it is not XML, perhaps because it broke off: worth asking again.
        StreamError: If it is not EDMX, or declares a document type.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as exc:
        raise MalformedPage(f"no valid XML (line {exc.lineno})") from exc
    except (LookupError, ValueError) as exc:  # an encoding that nobody knows
        raise MalformedPage("no valid XML (its encoding)") from exc
    if not reader.edmx:
        raise StreamError("its $metadata is XML, but no EDMX", _REMEDY)
    return reader.service()


def _no_doctype(*_: object) -> None:
    raise StreamError("its $metadata declares a document type, which EDMX never does", _REMEDY)


class _Reader:
    """Takes in element after element; what it does not know it passes over."""

    def __init__(self) -> None:
        self.edmx = False
        self._path: list[str] = []
        self._namespace = ""
        self._types: dict[str, Entity] = {}
        self._type: Entity | None = None
        self._sets: dict[str, str] = {}
        self._functions: dict[str, dict[str, str]] = {}
        self._returned: dict[str, str] = {}
        self._function: dict[str, str] | None = None
        self._made: dict[str, Entity] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if len(self._path) >= _MOST_DEPTH:
            raise StreamError("its $metadata is nested deeper than EDMX ever is", _REMEDY)
        self._path.append(name)
        own = attributes.get("Name", "")
        if name in _NAMED and not _NAME.fullmatch(own):
            return
        if self._type is not None:
            self._inside_type(self._type, name, own, attributes)
            return
        match name:
            case "Edmx":
                self.edmx = True
            case "Schema":
                self._namespace = attributes.get("Namespace", "")
            case "EntityType":
                self._type = self._types[f"{self._namespace}.{own}"] = Entity(base=attributes.get("BaseType"))
            case "EntitySet":
                self._sets[own] = attributes.get("EntityType", "")
            case "FunctionImport":
                self._function = self._functions.setdefault(own, {})
                self._returned[own] = attributes.get("ReturnType", "")
            case "Parameter" if self._function is not None:
                self._function[own] = attributes.get("Type", "Edm.String")

    def _inside_type(self, entity: Entity, name: str, own: str, attributes: dict[str, str]) -> None:
        if name == "Property":
            entity.fields[own] = attributes.get("Type", "Edm.String")
        elif name == "NavigationProperty":
            entity.fields[own] = f"Collection({attributes.get('ToRole', '')})"
        elif name == "PropertyRef" and len(entity.key) < _MOST_KEYS:
            entity.key = (*entity.key, own)

    def end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        self._path.pop()
        if name == "EntityType":
            self._type = None
        elif name == "FunctionImport":
            self._function = None

    def service(self) -> Service:
        results = {}
        for name, returned in self._returned.items():
            kind = returned.removeprefix("Collection(").removesuffix(")")
            results[name] = Entity({name: kind}) if kind.startswith(_EDM) else self._whole(kind)
        return Service(
            {name: self._whole(kind) for name, kind in self._sets.items()}, self._functions, results
        )

    def _whole(self, name: str) -> Entity:
        """A type with what it inherits; made once, however many sets have it."""
        if name in self._made:
            return self._made[name]
        wanted = name
        chain: list[Entity] = []
        while (found := self._types.get(name)) is not None and len(chain) < _MOST_BASES:
            chain.append(found)
            name = found.base or ""
        fields: dict[str, str] = {}
        for one in reversed(chain):
            fields |= one.fields
        self._made[wanted] = Entity(fields, next((one.key for one in chain if one.key), ()))
        return self._made[wanted]
