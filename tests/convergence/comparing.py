"""What must be equal after a run, and what the documents allow to differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tap_exactonline.endpoints import by_name, catalogue

from .subjects import FULL, LOG, ONCE, SYNC, TALLY, Diverged, Place
from .target import DELETED_AT, Key

if TYPE_CHECKING:
    from .world import World


def places(world: World) -> Iterable[Place]:
    return [(stream, code) for stream in world.streams if stream != ONCE for code in world.exact.divisions]


def live(world: World, stream: str, code: int) -> dict[Key, dict[str, Any]]:
    """The target's rows: key without the division → columns."""
    table = world.target.tables.get(stream)
    return {key[1:]: values for key, values in table.live(code).items()} if table else {}


def source(world: World, stream: str, code: int) -> dict[Key, dict[str, Any]]:
    endpoint = by_name(stream)
    columns = {f.name: f.column for f in endpoint.fields if not f.hidden}
    rows = {}
    for values in world.exact.expected(code, stream, list(columns)):
        row = {columns[name]: _shown(value) for name, value in values.items()} | {"division": code}
        if stream == LOG:
            kind = next((one for one in catalogue().entity_types if one.code == values["EntityType"]), None)
            row |= {"entity": kind and kind.entity, "stream": kind and kind.stream}
        rows[tuple(values[name] for name in endpoint.key)] = row
    return rows


def compare(world: World, stream: str, code: int) -> list[str]:
    found = live(world, stream, code)
    wanted = source(world, stream, code)
    for key in [key for key, row in wanted.items() if too_old(world, stream, row)]:
        wanted.pop(key)
        found.pop(key, None)
    TALLY.rows += len(wanted)
    where = f"{stream}, division {code}"
    said = [f"{where}: {key} is missing" for key in wanted.keys() - found.keys()]
    said += [
        f"{where}: {key} is too many ({why})"
        for key in found.keys() - wanted.keys()
        if (why := _too_many(world, stream, code, key))
    ]
    ignored = (
        world.refused[stream] | {DELETED_AT} | {name for place, name in world.without if place == stream}
    )
    for key in wanted.keys() & found.keys():
        one, other = wanted[key], found[key]
        if one == other and not ignored & one.keys():
            continue
        said += [
            f"{where}: {key} has {name} {other.get(name)!r} instead of {one.get(name)!r}"
            for name in one.keys() | other.keys()
            if name not in ignored
            and (one.get(name), type(one.get(name))) != (other.get(name), type(other.get(name)))
        ]
    return said


def too_old(world: World, stream: str, row: dict[str, Any]) -> bool:
    """Whether the start date leaves a row out, so that nobody knows whether and how it is in the target."""
    since = world.settings.get("start_date")
    return bool(since) and by_name(stream).dated and row["modified"] < since


def _too_many(world: World, stream: str, code: int, key: Key) -> str | None:
    """Why a row that the source lacks may not be in the target, or None if the documents say that it may."""
    plain = key[0] if len(key) == 1 else key
    if stream == LOG:
        return None  # the log forgets after two months, the table does not
    if plain not in world.deleted[stream, code]:
        return "it never was at the source"
    if stream in SYNC and world.tombstones:
        log_hidden = LOG in world.exact.divisions[code].forbidden
        return None if key in world.forgotten[stream, code] or log_hidden else "it was deleted"
    if stream in FULL and world.versions:
        return None if _held_back(world, stream) else "it was deleted, and the table is read in full"
    return None


def _held_back(world: World, stream: str) -> bool:
    """Whether some administration whose rows are in the table could not be read, so nothing may be activated."""
    if world.column_gone:
        return True
    entry = ((world.state or {}).get("bookmarks") or {}).get(stream, {})
    known = {partition["context"]["division"] for partition in entry.get("partitions", [])}
    known |= set(world.exact.divisions)
    return any(code not in world.exact.divisions or not readable(world, stream, code) for code in known)


def known(world: World, stream: str, code: int) -> bool:
    """Whether the tap can know of the administration: from Exact, or from the state."""
    entry = ((world.state or {}).get("bookmarks") or {}).get(stream, {})
    division = world.exact.divisions[code]
    excluded = code in world.settings.get("exclude_divisions", [])
    return (division.in_scope and not excluded) or any(
        partition["context"]["division"] == code for partition in entry.get("partitions", [])
    )


def readable(world: World, stream: str, code: int) -> bool:
    division = world.exact.divisions[code]
    excluded = code in world.settings.get("exclude_divisions", [])
    return division.in_scope and division.status == 1 and stream not in division.forbidden and not excluded


def compare_divisions(world: World) -> list[str]:
    table = world.target.tables[ONCE]
    found = set(table.live())
    open_ones = {(code, code) for code, division in world.exact.divisions.items() if division.in_scope}
    if found == open_ones or (not world.versions and found > open_ones):
        return []
    return [f"{ONCE}: {sorted(found)} instead of {sorted(open_ones)}"]


def nothing_taken_away(world: World, before: dict[Place, set[Key]]) -> None:
    """No run removes a row that was never deleted, whatever happened to the run."""
    for (stream, code), keys in before.items():
        asked_for_less = world.filtered(stream, code) or (
            world.settings.get("start_date") and by_name(stream).dated
        )
        if world.versions and asked_for_less:
            continue
        lost = keys - set(live(world, stream, code))
        for key in lost:
            plain = key[0] if len(key) == 1 else key
            if plain not in world.deleted[stream, code]:
                raise Diverged(
                    f"{stream}, division {code}: the run took away {key}, which is still at the source"
                )


def values_of_refused(world: World) -> dict[Place, dict[Key, dict[str, Any]]]:
    """What the target holds in the columns that Exact refuses."""
    return {
        (stream, code): {
            key: {name: row.get(name) for name in world.refused[stream]}
            for key, row in live(world, stream, code).items()
        }
        for stream, code in places(world)
        if world.refused[stream]
    }


def nothing_emptied(world: World, before: dict[Place, dict[Key, dict[str, Any]]]) -> None:
    """No run empties a column because Exact refuses its field."""
    for (stream, code), rows in before.items():
        after = live(world, stream, code)
        fields = {f.column: f.name for f in by_name(stream).fields}
        for key, values in rows.items():
            plain = key[0] if len(key) == 1 else key
            if key not in after or plain in world.deleted[stream, code]:
                continue
            at_source = world.exact.table(code, stream).get(plain)
            for name, value in values.items():
                if value is not None and after[key].get(name) is None and at_source[fields[name]] is not None:
                    raise Diverged(
                        f"{stream}, division {code}: the run emptied {name} of {key}, which was {value!r}"
                    )


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
