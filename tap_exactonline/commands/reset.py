"""``tap-exactonline reset``: take bookmarks out of a state, so that the next run reads these tables from the beginning."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from tap_exactonline.config.sources import parse_object, read_object
from tap_exactonline.config.unknown import hint
from tap_exactonline.endpoints import load
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.sync.report import shorten
from tap_exactonline.sync.state.envelope import unwrap
from tap_exactonline.sync.state.resets import RESET
from tap_exactonline.sync.state.state import State, StateError

PIPE = "-"
_encoder = msgspec.json.Encoder(decimal_format="number")


class Change(msgspec.Struct, frozen=True):
    """What happens to a stream.

    Attributes:
        stream: Its name.
        removed: The administrations whose bookmark goes.
        left: Others in which the stream goes on where it was.
    """

    stream: str
    removed: tuple[int, ...]
    left: tuple[int, ...]


def show(source: str, streams: Collection[str], divisions: Collection[int], *, dry_run: bool) -> None:
    """Remove bookmarks from a state, say which, and write it.

    Args:
        source: A file, which is replaced; or ``-``: from standard input to standard output.
        streams: Only of these; empty for all.
        divisions: Only in these; empty for all.
        dry_run: Write nothing.

    Raises:
        SettingsError: The state can't be used, or it knows neither the stream nor the administration.
    """
    piped = source == PIPE
    whole = _read(source)
    state = _checked(whole)
    changes = reset(state, streams, divisions)
    for line in _lines(changes, streams):
        click.echo(line, err=piped)
    if dry_run:
        click.echo("Nothing was written (--dry-run).", err=piped)
        return
    text = msgspec.json.format(_encoder.encode(whole), indent=2).decode() + "\n"
    if piped:
        click.echo(text, nl=False)
        return
    _replace(Path(source), text)
    click.echo(f"Written to {source}.")


def reset(state: dict[str, Any], streams: Collection[str], divisions: Collection[int]) -> list[Change]:
    """Remove bookmarks, in place.

    What else the state knows stays: that rows of the stream came before, what Exact refused, how far the log of deletions was
    read.

    Args:
        state: A state of this tap, checked.
        streams: Only of these; empty for all.
        divisions: Only in these; empty for all.

    Returns:
        One change for each stream that is concerned, also where nothing had to be removed.

    Raises:
        SettingsError: If a stream or an administration is unknown.
    """
    known = _read_state(state)
    entries = state.get("bookmarks", {})
    _check_names(streams, {*entries, *(endpoint.name for endpoint in load())})
    _check_divisions(divisions, known.all_divisions())
    changes = []
    for stream in sorted(set(streams) or entries):
        # As they came: members that this version does not know, and streams of extra_streams, are nothing to it.
        partitions = {
            one["context"]["division"]: one for one in entries.get(stream, {}).get("partitions", [])
        }
        begun = {code for code, one in partitions.items() if one.get("replication_key_value") is not None}
        removed = begun & set(divisions) if divisions else begun
        for division in removed:
            for name, value in RESET.items():
                partitions[division].pop(name, None)
                if value is not None:
                    partitions[division][name] = value
        changes.append(Change(stream, tuple(sorted(removed)), tuple(sorted(begun - removed))))
    return changes


def _read_state(state: Mapping[str, Any]) -> State:
    return State.read(state, {endpoint.name: endpoint for endpoint in load()})[0]


def _read(source: str) -> dict[str, Any]:
    if source == PIPE:
        return parse_object(sys.stdin.read(), "--state", "standard input")
    return read_object(source, "--state")


def _checked(whole: Mapping[str, Any]) -> dict[str, Any]:
    """The state in its envelope: the same objects, so that what changes in it changes in the envelope."""
    try:
        state = unwrap(whole)
        _read_state(state)
    except StateError as exc:
        raise SettingsError("--state", str(exc).removeprefix("state: ")) from exc
    return state


def _check_names(streams: Collection[str], known: Collection[str]) -> None:
    for name in streams:
        if name not in known:
            raise SettingsError(
                "--stream", f"there is no stream {name[:80]!r}{hint(name, known)}", "Nothing was changed"
            )


def _check_divisions(divisions: Collection[int], known: Collection[int]) -> None:
    for code in divisions:
        if code not in known:
            raise SettingsError(
                "--division",
                f"the state has no bookmarks of {code}{hint(str(code), {str(one) for one in known})}",
                f"It has those of {shorten(sorted(known))}" if known else "It has none at all",
            )


def _lines(changes: Collection[Change], streams: Collection[str]) -> list[str]:
    """What changes, one line for each stream, and a sum."""
    lines = []
    for change in changes:
        if change.removed:
            left = f"; it goes on where it was in {shorten(change.left)}" if change.left else ""
            lines.append(
                f"{change.stream}: read from the beginning in division {shorten(change.removed)}{left}"
            )
        elif change.stream in streams:
            lines.append(f"{change.stream}: has no bookmark here; the next run reads it from the beginning")
    count = sum(len(change.removed) for change in changes)
    lines.append(f"{count} bookmark{'' if count == 1 else 's'} removed.")
    return lines


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole: a run that reads it meanwhile sees the old state or the new one."""
    real = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(real, name)
            Path(name).replace(real)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise SettingsError("--state", f"{path} can't be written: {exc.strerror}", "Use --state -") from exc
