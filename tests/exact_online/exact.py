"""The state of the stand-in, and the handles that tests hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tap_exactonline.endpoints import by_name

from .cache import PageCache
from .called import Added, made_endpoint
from .clock import Clock
from .division import LISTS, Division, me
from .faults import Faults
from .limits import Limits
from .oauth import OAuth
from .record import Record
from .switches import Switches
from .wire import coerce

if TYPE_CHECKING:
    from tap_exactonline.endpoints import Endpoint

    from .store import Table


class ExactOnline(Record):
    """Exact Online on a loopback port.

    Args:
        clock: The time; real by default.
        seed: Generated rows depend on this and nothing else.
        timezone: Of the administrations' wall clock.
        **switches: Any attribute of :class:`~tests.exact_online.switches.Switches`.

    Attributes:
        log: Every request seen, in order of arrival.
        faults: Scripted failures, see :mod:`tests.exact_online.faults`.
        scopes: The app's scopes as the reference names them; None means all.
        withheld_fields: Stream → fields that may be asked for, and are left out of the answers.
        type_names: Stream → the name of its type in refusals.
        people: Users beside the one of most tests, by name, with the administrations that each may open.
        asking: Whose request is answered: a name in ``people``, or "".
        lock: Held while a request is answered; hold it for changes that must be seen as one.
    """

    def __init__(
        self, clock: Clock | None = None, seed: int = 1, timezone: str = "Europe/Amsterdam", **switches: Any
    ) -> None:
        self.clock = clock or Clock()
        self.seed = seed
        self.zone = ZoneInfo(timezone)
        self.switches = Switches(**switches)
        super().__init__()
        self.oauth = OAuth(self.clock, self.switches)
        self.faults = Faults()
        self.scopes: set[str] | None = None
        self.divisions: dict[int, Division] = {}
        self.current: int | None = None
        self.people: dict[str, tuple[int, ...]] = {}
        self.asking = ""
        self.refused_fields: dict[str, dict[str, int | None]] = {}
        self.withheld_fields: dict[str, set[str]] = {}
        self.type_names: dict[str, str] = {}
        self.extra_fields: dict[str, dict[str, Any]] = {}
        self.listed_filters: dict[str, tuple[str, ...]] = {}
        self.required_filters: dict[str, tuple[str, ...]] = {}
        self.refused_filters: dict[str, set[str]] = {}
        self.function_rows: dict[str, list[dict[str, Any]]] = {}
        self.added: dict[tuple[bool, str], Added] = {}
        self.no_metadata: set[str] = set()
        self.metadata_edits: dict[str, list[tuple[str, str]]] = {}
        self.pages = PageCache()
        self._limits: dict[int, Limits] = {}
        self._default_limits: dict[str, float] = {"minute": 60, "day": 5000, "minute_seconds": 60}
        self._server: Any = None

    # -- the server ------------------------------------------------------------------------------

    def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 and return the address."""
        from .server import Server

        self._server = Server(self, port)
        return self.url

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        return str(self._server.url) if self._server else "http://127.0.0.1"

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """``with exact.serve() as url``."""
        try:
            yield self.start(port)
        finally:
            self.stop()

    # -- logins ----------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        return self.oauth.client_id

    @property
    def client_secret(self) -> str:
        return self.oauth.client_secret

    @property
    def issued_tokens(self) -> set[str]:
        return self.oauth.issued

    @property
    def redirect_uris(self) -> set[str]:
        return self.oauth.redirect_uris

    def issue_login(self, age: float | None = None) -> str:
        """A fresh consent's refresh token; the earlier ones are dead. ``age``: seconds since it was given."""
        with self.lock:
            return self.oauth.login(age)

    def issue_tokens(self) -> dict[str, Any]:
        """A fresh consent's whole answer, its access token good from now on."""
        with self.lock:
            return self.oauth.pair()

    def issue_access_token(self) -> str:
        return str(self.issue_tokens()["access_token"])

    def authorize_code(self, redirect_uri: str | None = None) -> str:
        """A code as the browser brings it back."""
        with self.lock:
            return self.oauth.code(redirect_uri)

    def add_user(self, name: str, *divisions: int) -> None:
        """Another user, who may open these administrations and whom the next logins are of."""
        with self.lock:
            self.people[name] = divisions
            self.oauth.user = name

    def may_open(self, division: Division) -> bool:
        """Whether the user whose request is answered granted it to the app."""
        mine = self.people.get(self.asking)
        return division.in_scope and (mine is None or division.code in mine)

    # -- administrations -------------------------------------------------------------------------

    def add_division(self, code: int, *, rows: int | Mapping[str, int] = 0, **attributes: Any) -> Division:
        """Add an administration; see :class:`Division` for what it knows."""
        with self.lock:
            division = self.divisions[code] = Division(self, code, rows=rows, **attributes)
            return division

    def remove_division(self, code: int) -> None:
        with self.lock:
            del self.divisions[code]
            self.pages.clear()

    def division(self, code: int | Division) -> Division:
        return code if isinstance(code, Division) else self.divisions[code]

    def move_division(self, code: int, first_rowversion: int = 1_000) -> None:
        """Move it to another database: all Timestamps are new, counting from ``first_rowversion``."""
        with self.lock:
            division = self.divisions[code]
            division.restamp(first_rowversion)
            division.move_date = division.modified = self.now()

    def link_hr(self, code: int) -> None:
        """Link or unlink its HR data: new Timestamps for the HR tables."""
        with self.lock:
            division = self.divisions[code]
            division.restamp(division.rowversion, hr_only=True)
            division.hr_link_date = division.modified = self.now()

    def table(self, division: int | Division, stream: str) -> Table:
        """The rows behind a stream; single, bulk and sync of one entity share them."""
        return self.division(division).table(stream)

    def current_division(self) -> int:
        """The user's last used administration."""
        if self.current is not None:
            return self.current
        return min(self.people.get(self.asking, self.divisions), default=0)

    def expected(
        self, division: int | Division, stream: str, columns: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """What a complete read must bring, as plain values; without nested fields unless asked for.

        Dates are naive ``datetime``, Int64 and Byte ``int``, Double and Decimal ``float``. The rows come
        in the order of Timestamps (lists of divisions: of their numbers).
        """
        endpoint = by_name(stream)
        kinds = {f.name: f.type for f in endpoint.fields}
        names = columns or [n for n, kind in kinds.items() if kind not in ("collection", "complex")]
        with self.lock:
            rows = self.listed(endpoint) if stream in LISTS else self.table(division, stream).rows()
            refused = self.refused_in(division if isinstance(division, int) else division.code, stream)
            return [{n: None if n in refused else coerce(r.get(n), kinds[n]) for n in names} for r in rows]

    def listed(self, endpoint: Endpoint) -> list[dict[str, Any]]:
        """The rows of current/Me and of the three lists of administrations."""
        if endpoint.login_wide:
            return [me(self)]
        shown = [self.divisions[c] for c in sorted(self.divisions)]
        if endpoint.name != "system_all_divisions":
            shown = [d for d in shown if self.may_open(d)]
        if endpoint.name != "system_divisions":
            shown = [d for d in shown if d.same_licence]
        return [d.as_row(endpoint, self.current_division()) for d in shown]

    # -- rules that may change -------------------------------------------------------------------

    def limits(
        self,
        *,
        minute: int | None = None,
        day: int | None = None,
        minute_seconds: float | None = None,
        division: int | None = None,
    ) -> None:
        """Set the budgets, of one administration or (None) of all, present and future."""
        given = {"minute": minute, "day": day, "minute_seconds": minute_seconds}
        with self.lock:
            if division is None:
                self._default_limits.update({k: v for k, v in given.items() if v is not None})
            for code in [division] if division is not None else list(self._limits):
                held = self.limits_of(code)
                held.minute.limit = held.minute.limit if minute is None else minute
                held.day.limit = held.day.limit if day is None else day
                if minute_seconds is not None:
                    held.minute.seconds, held.minute.until = minute_seconds, 0

    def limits_of(self, code: int) -> Limits:
        """The budgets of one administration."""
        if code not in self._limits:
            made = Limits(self.clock, self.switches)
            made.minute.limit = int(self._default_limits["minute"])
            made.day.limit = int(self._default_limits["day"])
            made.minute.seconds = self._default_limits["minute_seconds"]
            self._limits[code] = made
        return self._limits[code]

    def spend(self, division: int, calls: int) -> None:
        """Somebody else uses the same app and administration: so many calls of today are gone."""
        with self.lock:
            self.limits_of(division).day.at(self.clock.now()).used += calls

    def refuse_field(self, stream: str, name: str, division: int | None = None) -> None:
        """From now on the endpoint does not know the field, everywhere or in one administration.

        `switches.unknown_field` says in which words.
        """
        self.refused_fields.setdefault(stream, {})[name] = division

    def allow_field(self, stream: str, name: str) -> None:
        """The endpoint knows the field again."""
        self.refused_fields[stream].pop(name, None)

    def refused_in(self, division: int | None, stream: str) -> set[str]:
        """The fields that the endpoint does not know in an administration."""
        known = self.refused_fields.get(stream, {})
        return {name for name, where in known.items() if where in (None, division)}

    def add_field(self, stream: str, name: str, value: Any) -> None:
        """From now on each row of the endpoint has a field that nobody asked for."""
        self.extra_fields.setdefault(stream, {})[name] = value

    def require_filter(self, stream: str, fields: list[str], listed: list[str] | None = None) -> None:
        """Mandatory filtering, on one of the fields; the refusal may list others."""
        self.required_filters[stream] = tuple(fields)
        self.listed_filters[stream] = tuple(fields if listed is None else listed)

    def refuse_filter(self, stream: str, name: str) -> None:
        """Filtering on the field is withdrawn."""
        self.refused_filters.setdefault(stream, set()).add(name)

    def function_answers(self, path: str, rows: list[dict[str, Any]]) -> None:
        """Give a function rows; it answers with those that fit its parameters."""
        self.function_rows[path.lower()] = rows

    def add_endpoint(
        self,
        path: str,
        fields: Mapping[str, str],
        key: list[str],
        rows: list[dict[str, Any]],
        **more: Any,
    ) -> None:
        """Add an endpoint that the tap's data file does not know; ``more`` as in its `Endpoint`."""
        endpoint = made_endpoint(path, fields, key, **more)
        self.added[endpoint.beta, path.lower()] = Added(endpoint, rows)

    def edit_metadata(self, service: str, old: str, new: str) -> None:
        """From now on a service's ``$metadata`` has another text in one place."""
        self.metadata_edits.setdefault(service.lower(), []).append((old, new))

    # -- time ------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The administrations' wall clock."""
        return self.clock.local(self.zone)

    def utc_offset_hours(self) -> float:
        offset = datetime.fromtimestamp(self.clock.now(), self.zone).utcoffset() or timedelta()
        return offset / timedelta(hours=1)
