"""The query of an endpoint, and how it adapts to what Exact refuses.

One query serves all divisions of a run: what one of them was refused, the others do not ask again, since errors are counted
and too many of them block the key (Exact, "API limits"). What a sentence of Exact means is decided in
:mod:`tap_exactonline.exact.query_refusals`; what is not understood changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tap_exactonline.endpoints import Endpoint, Field, load
from tap_exactonline.endpoints.variants import Variant
from tap_exactonline.exact.errors import QueryRefused, StreamError
from tap_exactonline.exact.foreign_text import shown
from tap_exactonline.exact.odata import select_query
from tap_exactonline.exact.query_refusals import (
    demanded_fields,
    refused_field,
    refuses_select,
    unsupported_filter,
)
from tap_exactonline.exact.refused_fields import KEPT, RefusedFields, moment
from tap_exactonline.sync.demanded import Everything, everything, fields_in
from tap_exactonline.sync.report import shorten

_PLAIN = Variant()
# Each field that may not be used after all costs an error, so not all of a long list are tried.
_MOST_UNUSABLE = 2


class Query(msgspec.Struct, frozen=True):
    """One form of the query.

    Attributes:
        text: As it is sent, encoded.
        asked: The fields in it.
        without: The fields that are left out because Exact does not know them.
        bookmark_filter: The filter on the bookmark, if it is part of it.
        own_filter: The stream's own filter (setting ``extra_streams``), if there is one.
        everything: The filter that satisfies a demand, if it is part of it.
    """

    text: str
    asked: frozenset[str]
    without: frozenset[str]
    bookmark_filter: str | None = None
    own_filter: str | None = None
    everything: Everything | None = None


class AdaptiveQuery:
    """The query of one endpoint for a whole run. Safe to share between threads.

    Args:
        endpoint: What is read.
        fields: The fields to ask for.
        logger: Where a refusal is told, once.
        needed: Fields that can't be left out, beside the key and the bookmark.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        fields: Sequence[Field],
        logger: logging.Logger,
        needed: Collection[str] = (),
    ) -> None:
        self.endpoint = endpoint
        self._fields = tuple(fields)
        self._spare = {field.name for field in fields} - {*endpoint.key, endpoint.bookmark, *needed}
        self._logger = logger
        self._lock = threading.Lock()
        self._refused = RefusedFields()
        self._filters = _Filters(endpoint)
        self._news = False

    def query(self, bookmark_filter: str | None = None, variant: Variant = _PLAIN) -> Query:
        """The query of one read.

        Args:
            bookmark_filter: Used as long as the endpoint has not refused to filter on the bookmark.
            variant: The values of the endpoint's parameters.
        """
        with self._lock:
            without = self._refused.names
            fields = [field for field in self._fields if field.name not in without]
            bookmark = None if self._filters.bookmark_refused else bookmark_filter
            added = self._filters.needed((bookmark, variant.filter))
            select = [field.name for field in fields] if self._filters.select else []
        chosen = [part for part in (variant.filter, bookmark, added and added.filter) if part]
        if len(chosen) > 1:
            chosen = [part if part == bookmark else f"({part})" for part in chosen]
        expand = [field.name for field in fields if field.type == "collection"]
        text = select_query(select, " and ".join(chosen), expand, variant.query)
        asked = frozenset(field.name for field in fields)
        return Query(text, asked, without, bookmark, variant.filter, added)

    def learn(
        self, message: str, sent: Query, bookmark_filter: str | None, variant: Variant = _PLAIN
    ) -> bool:
        """Take in Exact's answer to a refused query.

        Args:
            message: Exact's own text, all of it.
            sent: The query that was refused.
            bookmark_filter: As given to :meth:`query`.
            variant: As given to :meth:`query`.

        Returns:
            True if it is worth asking again, because the query is another one now.
        """
        if self.query(bookmark_filter, variant).text == sent.text:
            with self._lock:
                self._take_in(message, sent)
        changed = self.query(bookmark_filter, variant)
        with self._lock:
            stuck = self._filters.unmet(changed)
        return changed.text != sent.text and not stuck

    def answered(self, query: Query) -> None:
        """Take in that the query was answered: what it asks for in doubt is known to Exact again."""
        with self._lock:
            self._refused.answered(query.asked)
            self._news |= self._filters.doubted
            self._filters.doubted = False

    def explained(self, refusal: QueryRefused) -> StreamError:
        """The error for a refusal from which nothing more is learnt: what Exact demands, if it demands something."""
        with self._lock:
            demanded = self._filters.demanded
        if demanded is None:
            return refusal
        said = "" if demanded and demanded_fields(refusal.message) else f": {shown(refusal.message)}"
        return StreamError(
            f"Exact Online demands a filter{_on(demanded)}, and none is known that surely lets every row through{said}",
            self._instead(),
            division=refusal.division,
            stream=refusal.stream,
            status=refusal.status,
        )

    @property
    def refused(self) -> frozenset[str]:
        """The fields that are not asked for because Exact has refused them."""
        with self._lock:
            return self._refused.names

    @property
    def doubtful(self) -> frozenset[str]:
        """These, and those that are asked for again and may be refused again."""
        with self._lock:
            return self._refused.doubtful

    @property
    def newly_refused(self) -> frozenset[str]:
        """Those of them that no earlier run knew of."""
        with self._lock:
            return self._refused.new

    def learnt(self) -> dict[str, Any] | None:
        """All that is known, for :meth:`recall` in the next run; None if it is what it was."""
        with self._lock:
            if not self._news and not self._refused.changed:
                return None
            self._news = self._refused.changed = False
            found = {"fields": self._refused.stored(), "filter": self._filters.stored()}
            return {name: value for name, value in found.items() if value}

    def recall(self, learnt: object) -> None:
        """Take over what an earlier run has learnt; what is not understood is left aside."""
        if not isinstance(learnt, Mapping):
            return
        with self._lock:
            self._filters.recall(learnt.get("filter"))
            # One thing at a time: each that is tried again may cost an error.
            self._refused.recall(learnt.get("fields"), self._spare, retry=not self._filters.doubted)

    def _take_in(self, message: str, sent: Query) -> None:
        name = self.endpoint.name
        if (demanded := demanded_fields(message)) is not None:
            self._news = True
            self._filters.demand(demanded, sent)
            self._logger.info("%s: Exact demands a filter%s", name, _on(self._filters.demanded or ()))
            return
        if (unsupported := unsupported_filter(message)) is not None:
            if self._filters.withdraw(unsupported, sent):
                self._news = True
                self._logger.warning(
                    "%s: Exact does not filter on %s; the stream is read in full each time",
                    name, self.endpoint.bookmark,
                )  # fmt: skip
            return
        field = refused_field(message, sent.asked)
        used = fields_in(sent.bookmark_filter) | fields_in(sent.own_filter)
        if field is not None:
            if field in self._spare - used:
                self._refused.refuse(field)
                self._logger.warning(
                    "%s: Exact refuses the field %s. Its column is left out; what was delivered before stays as it is",
                    name, field,
                )  # fmt: skip
            return
        if any(parameter.sent for parameter in self.endpoint.parameters) and refuses_select(message):
            self._news = True
            self._filters.select = False

    def _instead(self) -> str:
        """What the user can do about a demand that can't be met."""
        twins = [
            endpoint.name
            for endpoint in load()
            if endpoint.kind == "sync" and endpoint.entity == self.endpoint.entity
        ]
        if twins and self.endpoint.definition is None:
            return f"Select {shorten(twins)} instead, which has the same rows"
        return "Define the stream in extra_streams with a filter of your own"


class _Filters:
    """What is known about filters of an endpoint.

    Attributes:
        demanded: The fields of which a filter must use one, as far as the endpoint has them; None if none is demanded.
        bookmark_refused: Exact does not filter on the bookmark.
        select: Whether ``$select`` is sent.
        doubted: An earlier run knew something that is tried again now.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._since: datetime | None = None
        self._always = False
        self._unusable: set[str] = set()
        self.demanded: tuple[str, ...] | None = None
        self.bookmark_refused = False
        self.select = True
        self.doubted = False

    def needed(self, others: Sequence[str | None]) -> Everything | None:
        """The filter that must be added to others so that the demand is met."""
        used = frozenset[str]().union(*map(fields_in, others))
        if self.demanded is None or (not self._always and not used.isdisjoint(self.demanded)):
            return None
        if len(self._unusable) >= _MOST_UNUSABLE:
            return None
        return everything(self._endpoint, self.demanded, self._unusable)

    def unmet(self, query: Query) -> bool:
        """Whether a query will be refused again since nothing in it meets the demand."""
        used = fields_in(query.bookmark_filter) | fields_in(query.own_filter)
        met = query.everything is not None or not (self._always or used.isdisjoint(self.demanded or ()))
        return self.demanded is not None and not met

    def demand(self, demanded: tuple[str, ...], sent: Query) -> None:
        """Exact demands a filter on one of these, and what was sent is none."""
        self._note()
        self.demanded = self._known(demanded)
        used = fields_in(sent.bookmark_filter) | fields_in(sent.own_filter)
        # A filter of ours that uses one of them does not do.
        self._always = self._always or not used.isdisjoint(demanded)
        if sent.everything is not None and sent.everything.field in demanded:
            self._unusable.add(sent.everything.field)

    def withdraw(self, names: tuple[str, ...], sent: Query) -> bool:
        """Exact does not filter on these, or not on one that it does not name.

        Returns:
            Whether this ends filtering on the bookmark.
        """
        if self._endpoint.kind == "sync":
            return False
        if sent.everything is not None and (
            sent.everything.field in names or not (names or sent.bookmark_filter or sent.own_filter)
        ):
            self._note()
            self._unusable.add(sent.everything.field)
        if sent.bookmark_filter is None or not (
            self._endpoint.bookmark in names or not (names or sent.own_filter)
        ):
            return False
        self._note()
        self.bookmark_refused = True
        return True

    def stored(self) -> dict[str, Any]:
        """For :meth:`recall`."""
        if self._since is None:
            return {}
        found: dict[str, Any] = {"at": self._since.isoformat(timespec="seconds")}
        if self.demanded is not None:
            found["demanded"] = list(self.demanded)
        if self._unusable:
            found["unusable"] = sorted(self._unusable)
        flags = {
            "always": self._always,
            "bookmark_refused": self.bookmark_refused,
            "no_select": not self.select,
        }
        return found | {name: True for name, on in flags.items() if on}

    def recall(self, stored: object) -> None:
        """Take over what an earlier run knew, unless it is time to try again."""
        since = moment(stored.get("at")) if isinstance(stored, Mapping) else None
        if since is None or not isinstance(stored, Mapping):
            return
        if not since <= datetime.now(UTC) < since + KEPT:
            self.doubted = True
            return
        self._since = since
        if "demanded" in stored:
            self.demanded = self._known(_listed(stored["demanded"]))
        self._unusable = set(_listed(stored.get("unusable")))
        self._always = stored.get("always") is True
        self.bookmark_refused = stored.get("bookmark_refused") is True
        self.select = stored.get("no_select") is not True

    def _known(self, names: Sequence[str]) -> tuple[str, ...]:
        known = {field.name for field in self._endpoint.fields}
        return tuple(name for name in names if name in known)

    def _note(self) -> None:
        self._since = datetime.now(UTC)


def _listed(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _on(demanded: Sequence[str]) -> str:
    return f" on one of the fields {shorten(demanded, 12)}" if demanded else ""
