"""What Exact refused lately, remembered beside the token over runs and commands.

Exact counts errors by app, administration and endpoint, whoever makes them: a run, the one after it, ``check``. A state
does not help where a target fails each time, and a command has none. So the errors of the last hour stand beside the
token, and with them that a login was refused for good.

Notes hold no secret, and nothing depends on them: a note that can't be written or read is a note that is not there.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import TypedDict, Unpack

import msgspec

from tap_exactonline.exact.clock import DAY, HOUR

MOST_RUNS = 10


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True, rename={"kind": "k", "until": "u"}):
    """One answer that Exact counts as an error.

    Attributes:
        at: When it came, seconds since the epoch by Exact's clock.
        kind: What it was, see `ExactError.refusal_kind`.
        until: Exact blocks the endpoint until then; 0: it does not.
    """

    at: float = msgspec.field(name="t")
    kind: str = ""
    until: float = 0.0


class LoginRefusal(msgspec.Struct, frozen=True):
    """A login that Exact's token service refused for good.

    Attributes:
        token: Fingerprint of the refresh token.
        app: Fingerprint of client id and secret.
        error: Name of the failure's class.
        what: What happened, for people.
        remedy: What to do.
        status: HTTP status of the answer.
        at: When, seconds since the epoch.
        access: Fingerprint of the access token, if Exact had refused that before; "" if not.
    """

    token: str
    app: str
    error: str
    what: str
    remedy: str
    status: int | None
    at: float
    access: str = ""


class RunNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run brought.

    Attributes:
        at: When it ended, seconds since the epoch.
        rows: Rows written.
        calls: Calls made.
        complete: Whether all that was asked for is in.
        said: Its last line, for people.
    """

    at: float
    rows: int
    calls: int
    complete: bool
    said: str


class Entry(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"login": "l", "writer": "w", "number": "i"}
):
    """One line of the notes.

    Attributes:
        name: The record's name (`login_id`): one store may hold the logins of several apps.
        place: Division and endpoint that a refusal is about.
        refusal: What was refused.
        login: A login that was refused for good.
        run: What a run brought.
        writer: The process that wrote it.
        number: Of the entry among those of its writer, so that what is read twice counts once.
    """

    name: str = msgspec.field(name="n")
    place: str = msgspec.field(name="p", default="")
    refusal: Refusal | None = msgspec.field(name="r", default=None)
    login: LoginRefusal | None = None
    run: RunNote | None = None
    writer: str = ""
    number: int = 0


class What(TypedDict, total=False):
    """What an entry may be about."""

    refusal: Refusal
    login: LoginRefusal
    run: RunNote


class Notes:
    """The notes of this process alone; stores make some that last. Thread-safe."""

    def __init__(self) -> None:
        self._refusals: dict[str, list[Refusal]] = {}
        self._login: LoginRefusal | None = None
        self._runs: list[RunNote] = []
        self._writer = secrets.token_hex(4)
        self._known: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, text: str) -> Notes:
        """Notes as a text has them. What is added to them stays in this process."""
        notes = Notes()
        for entry in entries_in(text):
            notes._take_in(entry)
        return notes

    def refusals(self, division: int | None, endpoint: str, now: float) -> list[Refusal]:
        """What an endpoint refused within the last hour, the oldest first, and blocks that last."""
        with self._lock:
            self._read()
            known = self._refusals.get(_place(division, endpoint))
            if not known:
                return []
            return sorted((one for one in known if _holds(one, now)), key=lambda refusal: refusal.at)

    def add(self, division: int | None, endpoint: str, refusal: Refusal) -> None:
        """Note an answer."""
        place = _place(division, endpoint)
        with self._lock:
            self._take(place, refusal)
            self._write(place, refusal=refusal)

    @property
    def login(self) -> LoginRefusal | None:
        """The login that was refused for good most lately."""
        with self._lock:
            self._read()
            return self._login

    @login.setter
    def login(self, refused: LoginRefusal) -> None:
        with self._lock:
            self._login = refused
            self._write("", login=refused)

    @property
    def runs(self) -> list[RunNote]:
        """The last runs, the latest one first."""
        with self._lock:
            self._read()
            return sorted(self._runs, key=lambda one: -one.at)[:MOST_RUNS]

    @property
    def last_run(self) -> RunNote | None:
        """The latest run; None if none is known."""
        return next(iter(self.runs), None)

    def add_run(self, run: RunNote) -> None:
        """Note what a run brought."""
        with self._lock:
            self._runs.append(run)
            self._write("", run=run)

    def forget(self) -> None:
        """Drop all notes about this record, also those of other processes."""
        with self._lock:
            self._refusals.clear()
            self._runs.clear()
            self._login = None
            self._drop()

    def flush(self) -> None:
        """Write what has not been written yet."""

    # -- under the lock, for stores

    def _take(self, place: str, refusal: Refusal) -> None:
        self._refusals.setdefault(place, []).append(refusal)

    def _take_in(self, entry: Entry) -> None:
        """An entry that another process, or this one, has written; once, however often it is read."""
        if (entry.writer, entry.number) in self._known:
            return
        self._known.add((entry.writer, entry.number))
        if entry.refusal is not None:
            self._take(entry.place, entry.refusal)
        if entry.login is not None:
            self._login = entry.login
        if entry.run is not None:
            self._runs.append(entry.run)

    def _entry(self, name: str, place: str, **what: Unpack[What]) -> Entry:
        """An entry of this process."""
        entry = Entry(name, place, **what, writer=self._writer, number=len(self._known))
        self._known.add((entry.writer, entry.number))
        return entry

    def _read(self) -> None:
        """Take in what others have written."""

    def _write(self, place: str, **what: Unpack[What]) -> None:
        """Write one note."""

    def _drop(self) -> None:
        """Remove what was written."""


def entries_in(text: str) -> Iterator[Entry]:
    """The entries of a text, one a line; what is none is left out."""
    for line in text.splitlines():
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            yield msgspec.json.decode(line, type=Entry)


def lasting(entries: Iterable[Entry], now: float) -> list[Entry]:
    """The entries that may still matter: refusals of the last hour, and of each record the last refused login and runs."""
    logins = {entry.name: entry for entry in entries if entry.login is not None}
    runs: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.run is not None:
            runs[entry.name] = [*runs.get(entry.name, ()), entry][-MOST_RUNS:]
    return [
        *(entry for entry in entries if entry.refusal is not None and _holds(entry.refusal, now)),
        *logins.values(),
        *(one for kept in runs.values() for one in kept),
    ]


def _holds(refusal: Refusal, now: float) -> bool:
    # One that seems to come from the future was noted by another clock; far ahead, by a wrong one.
    return (-HOUR < now - refusal.at < HOUR) or now < refusal.until <= now + DAY


def _place(division: int | None, endpoint: str) -> str:
    return f"{'' if division is None else division} {endpoint}"
