"""The setting ``extra_streams``, checked and made into endpoints.

A definition names a path. If it is one of the endpoints or functions that we know, key, fields and types of
parameters come from there; otherwise the definition, or the service's ``$metadata``, says what they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast, get_args

from msgspec.structs import replace

from tap_exactonline.endpoints import Endpoint, Field, Kind, by_name, load
from tap_exactonline.endpoints.functions import Function, functions
from tap_exactonline.endpoints.spelling import column, stream
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.filters import fill_in, holes
from tap_exactonline.extra_streams.literals import Calendar, field_type
from tap_exactonline.extra_streams.parameters import MOST_READS, check_parameters
from tap_exactonline.extra_streams.stream import ExtraStream, did_you_mean

SETTING = "extra_streams"
METADATA = "metadata"
_MEMBERS = (
    "name", "path", "kind", "scope", "key", "columns", "filter", "bookmark", "dated", "parameters", "page_size",
)  # fmt: skip
_PATH = re.compile(r"[A-Za-z]\w*(/[A-Za-z]\w*)+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PREFIX = re.compile(
    r"^(https?://[^/]+)?/?(api/v1/)?(?P<beta>beta/)?(\{division\}/|\d+/)?(?P<rest>.*)$", re.IGNORECASE
)
_PAGE = {"sync": 1000, "bulk": 1000, "single": 60, "read": 60}


def define(setting: Any, now: datetime, start_date: datetime | None) -> tuple[ExtraStream, ...]:
    """Check the setting.

    Args:
        setting: Its value: a list, or JSON text of one.
        now: The administration's wall clock.
        start_date: The setting of that name.

    Raises:
        SettingsError: Naming the first place that is wrong, and what it should be.
    """
    calendar = Calendar(now, start_date)
    names: set[str] = set()
    found = []
    for number, given in enumerate(_listed(setting)):
        extra = _define(given, f"{SETTING}[{number}]", calendar)
        name = extra.endpoint.name
        if name in names or _is_known(name):
            whose = "another entry's" if name in names else "the name of a stream that the tap has already"
            raise SettingsError(f"{extra.place}.name", f"{name!r} is {whose}", "Give it a name of its own")
        names.add(name)
        found.append(extra)
    return tuple(found)


def _listed(setting: Any) -> list[Any]:
    if isinstance(setting, str):
        try:
            setting = json.loads(setting) if setting.strip() else []
        except ValueError as exc:
            raise SettingsError(
                SETTING, f"it is not valid JSON ({exc})", "Write a JSON list of objects"
            ) from None
    if isinstance(setting, Mapping):
        setting = [setting]
    if not isinstance(setting, list | tuple):
        raise SettingsError(SETTING, f"{setting!r} is not a list", 'Write [{"name": …, "path": …}]')
    return list(setting)


def _define(given: Any, place: str, calendar: Calendar) -> ExtraStream:
    if not isinstance(given, Mapping):
        raise SettingsError(place, f"{given!r} is not an object", 'Write {"name": …, "path": …}')
    for member in given:
        if member not in _MEMBERS:
            raise SettingsError(
                f"{place}.{member}", "there is no such setting", did_you_mean(str(member), _MEMBERS)
            )
    path, beta, known = _address(given.get("path"), f"{place}.path")
    kind = _kind(given, path, known, place)
    name = _text(given, "name", place) or stream(path)
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{place}.name",
            f"{name!r} is not the name of a table",
            "Use lower-case letters, digits and _, a letter first",
        )
    template = _text(given, "filter", place)
    parameters = check_parameters(
        given.get("parameters"), known, holes(template or ""), place, calendar, path=path
    )
    reads = 1
    for parameter in parameters:
        reads *= len(parameter.values)
    if reads > MOST_READS:
        raise SettingsError(
            f"{place}.parameters",
            f"they make {reads:,} reads in each administration",
            f"Use up to {MOST_READS}",
        )
    if template and kind == "sync" and path.lower() != "sync/deleted":
        raise SettingsError(
            f"{place}.filter",
            "Exact filters sync endpoints by Timestamp only",
            "Leave it out, or read the endpoint of the same entity without sync",
        )
    page_size = given.get("page_size")
    if page_size is not None and (
        not isinstance(page_size, int) or isinstance(page_size, bool) or page_size < 1
    ):
        raise SettingsError(f"{place}.page_size", f"{page_size!r} is not a number of rows")
    base = known if isinstance(known, Endpoint) else _unknown(path, kind, known)
    endpoint = replace(
        base,
        name=name,
        scope=_text(given, "scope", place) or base.scope,
        beta=beta,
        selected=True,
        dated=_dated(given, base, place),
        entity_type=None,
        page_size=page_size or base.page_size or _PAGE[kind],
        filter=fill_in(template, calendar, {one.name for one in parameters}, place) if template else None,
        parameters=parameters,
        definition=_fingerprint(given, path),
    )
    asks = given.get("columns") == METADATA
    extra = ExtraStream(place, endpoint, asks, given, calendar, known)
    if asks:
        return extra
    return replace(extra, asks=False, endpoint=extra.complete(_fields(given.get("columns"), known, place)))


def _address(given: Any, place: str) -> tuple[str, bool, Endpoint | Function | None]:
    """The path as Exact spells it, whether it is a beta, and what we know about it."""
    if not isinstance(given, str) or not given.strip():
        raise SettingsError(place, "it is missing", "Write the path as in Exact's reference: crm/Accounts")
    found = _PREFIX.match(given.strip().strip("/"))
    path, beta = (found["rest"], bool(found["beta"])) if found else (given, False)
    if "?" in path:
        raise SettingsError(
            place, "it holds parameters (?…)", f"Put them into {place[:-5]}.parameters or filter"
        )
    everything: tuple[Endpoint | Function, ...] = (*load(), *functions().functions)
    for known in everything:
        if known.path.lower() == path.lower() and (known.beta or not beta):
            return known.path, known.beta, known
    if any(path.lower() == action.lower() for action in functions().actions):
        raise SettingsError(place, f"{path} only takes POST: there is nothing to read", "Remove the entry")
    if not _PATH.fullmatch(path):
        raise SettingsError(
            place,
            f"{given!r} is not the path of an endpoint",
            "Write it as in Exact's reference: crm/Accounts",
        )
    return path, beta, None


def _kind(given: Mapping[str, Any], path: str, known: Endpoint | Function | None, place: str) -> Kind:
    first = path.partition("/")[0].lower()
    natural = known.kind if isinstance(known, Endpoint) else (first if first in get_args(Kind) else "single")
    if isinstance(known, Function):
        natural = "read"
    kind = _text(given, "kind", place) or natural
    if kind not in get_args(Kind):
        raise SettingsError(
            f"{place}.kind", f"{kind!r} is unknown", f"Use one of {', '.join(get_args(Kind))}"
        )
    if known is not None and kind != natural:
        raise SettingsError(f"{place}.kind", f"{path} is of the kind {natural}", "Leave it out")
    return cast(Kind, kind)


def _dated(given: Mapping[str, Any], base: Endpoint, place: str) -> bool:
    dated = given.get("dated", base.dated)
    if not isinstance(dated, bool):
        raise SettingsError(f"{place}.dated", f"{dated!r} is neither true nor false")
    return dated


def _unknown(path: str, kind: Kind, function: Function | None) -> Endpoint:
    parts = path.lower().split("/")
    return Endpoint(
        name="",
        path=path,
        doc=function.doc if function else "",
        kind=kind,
        scope=function.scope if function else "",
        entity=path,
        key=(),
        page_size=function.page_size if function else _PAGE[kind],
        fields=(),
        select_required=kind in ("sync", "bulk"),
        hr=parts[-2] in ("hrm", "payroll"),
    )


def _fields(columns: Any, known: Endpoint | Function | None, place: str) -> list[Field]:
    """What we know, and what the user adds or corrects."""
    place = f"{place}.columns"
    fields = {one.name: one for one in known.fields} if known else {}
    if columns is None and known:
        return list(fields.values())
    if not isinstance(columns, Mapping) or not columns:
        what = "it is missing" if columns is None else f"{columns!r} is not an object"
        raise SettingsError(
            place, what, f'Write {{"ID": "guid", "Name": "string"}}, or "{METADATA}" to ask Exact'
        )
    for name, kind in columns.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise SettingsError(place, f"{name!r} is not the name of a field", "Write it as Exact does")
        fields[name] = Field(name, column(name), field_type(kind, f"{place}.{name}"))
    return list(fields.values())


def _fingerprint(given: Mapping[str, Any], path: str) -> str:
    """What a bookmark depends on. Columns may come and go."""
    parts = {name: given.get(name) for name in ("filter", "parameters", "bookmark", "key")}
    if "dated" in given:
        parts["dated"] = given["dated"]
    text = json.dumps({"path": path, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _text(given: Mapping[str, Any], member: str, place: str) -> str | None:
    value = given.get(member)
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{place}.{member}", f"{value!r} is not text")
    return value.strip() or None if value else None


def _is_known(name: str) -> bool:
    try:
        by_name(name)
    except KeyError:
        return False
    return True
