"""What Exact Online offers now, against what the tap's data files say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tap_exactonline.endpoints import Endpoint, Field, load
from tap_exactonline.endpoints.functions import Function, functions
from tap_exactonline.endpoints.spelling import stream
from tap_exactonline.exact.metadata import Entity, Service
from tap_exactonline.extra_streams.stream import field_of

What = Literal[
    "new endpoint", "new function", "endpoint gone", "new field", "field gone", "field retyped",
    "new parameter", "parameter gone", "parameter retyped",
]  # fmt: skip
_NESTED = ("complex", "collection")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the data files say.

    Attributes:
        what: The kind of difference.
        path: The endpoint's path, in Exact's spelling.
        stream: The stream's name; None for functions and for what is new.
        name: The field or parameter concerned.
        was: The type in the data files.
        now: The type in ``$metadata``; of a new endpoint, how many fields it has.
        edm: The type of a new field as Exact writes it.
        fields: Of a new entity set: name → type as Exact writes it, in Exact's order.
        key: Of a new entity set: the fields that Exact marks as key.
    """

    what: What
    path: str
    stream: str | None = None
    name: str | None = None
    was: str | None = None
    now: str | None = None
    edm: str | None = None
    fields: Mapping[str, str] | None = None
    key: tuple[str, ...] | None = None


@dataclass(slots=True)
class Known:
    """What the data files know of one service.

    Attributes:
        path: What stands between the administration and the names: ``crm``, ``sync/CRM``.
        beta: Whether it lies under ``/api/v1/beta``.
        actions: Names that only take POST.
    """

    path: str
    beta: bool = False
    endpoints: list[Endpoint] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    actions: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """The path, with ``beta/`` in front where it lies there."""
        return f"beta/{self.path}" if self.beta else self.path


def services() -> list[Known]:
    """The services whose ``$metadata`` tells about our streams and functions, in the order of their paths."""
    found: dict[tuple[str, bool], Known] = {}

    def of(path: str, *, beta: bool) -> Known:
        service = path.rpartition("/")[0]
        return found.setdefault((service.lower(), beta), Known(service, beta))

    for endpoint in load():
        if not endpoint.login_wide:
            of(endpoint.path, beta=endpoint.beta).endpoints.append(endpoint)
    for function in functions().functions:
        of(function.path, beta=function.beta).functions.append(function)
    for path in functions().actions:
        service, _, name = path.rpartition("/")
        if (service.lower(), False) in found:
            found[service.lower(), False].actions.add(name.lower())
    return sorted(found.values(), key=lambda one: one.title.lower())


def differences(known: Known, service: Service) -> list[Difference]:
    """Compare a service with what is known of it.

    Fields that are hidden by default may be gone without a word: the reference hides what is withdrawn. Keys and
    filters are not part of it, since ``$metadata`` does not tell them, or otherwise than the reference.
    """
    found: list[Difference] = []
    for endpoint in known.endpoints:
        entity = service.find(_name(endpoint.path))
        if entity is None:
            found.append(Difference("endpoint gone", endpoint.path, endpoint.name))
        else:
            found += _fields(endpoint.path, endpoint.name, endpoint.fields, entity, endpoint.write_only)
    for function in known.functions:
        entity = service.find(_name(function.path))
        if entity is None:
            found.append(Difference("endpoint gone", function.path))
        else:
            found += _fields(function.path, None, function.fields, entity)
            found += _parameters(function, service)
    ours = {_name(one.path).lower() for one in known.endpoints}
    ours |= {_name(one.path).lower() for one in known.functions} | known.actions
    for name, entity in {**service.results, **service.sets}.items():
        if name.lower() in ours:
            continue
        path, size = f"{known.title}/{name}", f"{len(entity.fields)} fields"
        if service.is_function(name):
            # What it does when it is called, the document does not say: it may change something.
            found.append(Difference("new function", path))
        else:
            found.append(
                Difference("new endpoint", path, stream(path), now=size, fields=entity.fields, key=entity.key)
            )
    return found


def _fields(
    path: str, name: str | None, ours: Sequence[Field], entity: Entity, write_only: Sequence[str] = ()
) -> Iterable[Difference]:
    if not entity.fields:
        return  # a type that the document does not describe
    theirs = {
        one: field_of(one, edm) for one, edm in entity.fields.items() if one not in ("Division", *write_only)
    }
    for one in ours:
        other = theirs.pop(one.name, None)
        if other is None:
            if not one.hidden:
                yield Difference("field gone", path, name, one.name, was=one.type)
        elif one.type != other.type and not (one.type in _NESTED and other.type in _NESTED):
            yield Difference("field retyped", path, name, one.name, was=one.type, now=other.type)
    for other in theirs.values():
        yield Difference("new field", path, name, other.name, now=other.type, edm=entity.fields[other.name])


def _parameters(function: Function, service: Service) -> Iterable[Difference]:
    theirs: dict[str, str] = {}
    for name, parameters in service.functions.items():
        if name.lower() == _name(function.path).lower():
            theirs = {one: field_of(one, edm).type for one, edm in parameters.items()}
    if not theirs:
        return  # some services list their functions as entity sets, without parameters
    for one in function.parameters or ():
        now = theirs.pop(one.name, None)
        if now is None:
            yield Difference("parameter gone", function.path, None, one.name, was=one.type)
        elif now != one.type:
            yield Difference("parameter retyped", function.path, None, one.name, was=one.type, now=now)
    for one_name, now in theirs.items():
        yield Difference("new parameter", function.path, None, one_name, now=now)


def by_endpoint(found: Iterable[Difference]) -> dict[str, list[Difference]]:
    """The differences of each endpoint together."""
    grouped: dict[str, list[Difference]] = defaultdict(list)
    for one in found:
        grouped[one.path].append(one)
    return dict(grouped)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
