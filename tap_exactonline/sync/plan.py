"""How to ask an endpoint, and what is learnt from being refused.

One plan serves all divisions of a run: what one of them was refused, the others do not ask again, since
errors are counted and too many of them block the key (Exact, "API limits").
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tap_exactonline.endpoints import Endpoint, Field
from tap_exactonline.endpoints.variants import Variant
from tap_exactonline.exact.odata import datetime_literal, guid_literal, select_query

_EVER = datetime(1900, 1, 1)  # noqa: DTZ001 - wall clock, as in Exact's own filters
_NIL = "00000000-0000-0000-0000-000000000000"
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MANDATORY = re.compile(r"mandatory filter", re.IGNORECASE)
_NO_SELECT = re.compile(r"\$select|query options?\b", re.IGNORECASE)
_PLAIN = Variant()
_UNSUPPORTED = re.compile(r"filter(ing)?\b.*not supported", re.IGNORECASE | re.DOTALL)


class Plan:
    """The query of one endpoint for a whole run. Safe to share between lanes.

    Args:
        endpoint: What is read.
        fields: The fields to ask for.
        logger: Where a refusal is told, once.
    """

    def __init__(self, endpoint: Endpoint, fields: Sequence[Field], logger: logging.Logger) -> None:
        self.endpoint = endpoint
        self._fields = tuple(fields)
        self._logger = logger
        self._lock = threading.Lock()
        self._refused: set[str] = set()
        self._demanded: str | None = None
        self._demanded_always = False
        self._select = True
        self.filter_refused = False
        self._news = False

    def query(self, bookmark_filter: str | None = None, variant: Variant = _PLAIN) -> str:
        """The encoded query of one read.

        Args:
            bookmark_filter: Used as long as the endpoint has not refused to filter.
            variant: The values of the endpoint's parameters.
        """
        with self._lock:
            fields = [field for field in self._fields if field.name not in self._refused]
            chosen = self._demanded if self.filter_refused or not bookmark_filter else bookmark_filter
            if chosen and chosen != self._demanded and self._demanded and self._demanded_always:
                chosen = f"{chosen} and ({self._demanded})"
            expand = [field.name for field in fields if field.type == "collection"]
            select = [field.name for field in fields] if self._select else []
        if variant.filter:
            chosen = f"({variant.filter}) and {chosen}" if chosen else variant.filter
        return select_query(select, chosen, expand, variant.query)

    def learn(self, message: str, sent: str, bookmark_filter: str | None, variant: Variant = _PLAIN) -> bool:
        """Take in Exact's answer to a refused query.

        Args:
            message: Exact's own text.
            sent: The query that was refused.
            bookmark_filter: As given to :meth:`query`.
            variant: As given to :meth:`query`.

        Returns:
            True if it is worth asking again, because the query is another one now.
        """
        if self.query(bookmark_filter, variant) == sent:
            with self._lock:
                self._news = True
                self._take_in(message, bookmark_filter)
        return self.query(bookmark_filter, variant) != sent

    @property
    def refused(self) -> frozenset[str]:
        """The fields that are not asked for because Exact has refused them."""
        with self._lock:
            return frozenset(self._refused)

    def learnt(self) -> dict[str, Any]:
        """What this run has learnt, for :meth:`recall` in the next; empty if nothing new."""
        with self._lock:
            if not self._news:
                return {}
            self._news = False
            return {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "fields": sorted(self._refused),
                "filter": self._demanded,
                "filter_always": self._demanded_always,
                "filter_refused": self.filter_refused,
            }

    def recall(self, learnt: Mapping[str, Any]) -> None:
        """Take over what an earlier run has learnt; what is not understood is left aside."""
        fields = learnt.get("fields")
        names = {field.name for field in self._fields} - {*self.endpoint.key, self.endpoint.bookmark}
        with self._lock:
            self._refused |= names.intersection(fields if isinstance(fields, list) else ())
            demanded = learnt.get("filter")
            self._demanded = demanded if isinstance(demanded, str) else self._demanded
            self._demanded_always = learnt.get("filter_always") is True
            self.filter_refused = learnt.get("filter_refused") is True

    def _take_in(self, message: str, bookmark_filter: str | None) -> None:
        name = self.endpoint.name
        if _MANDATORY.search(message):
            self._demanded = self._mandatory(message)
            # Exact is not content with a filter on the bookmark.
            self._demanded_always = bookmark_filter is not None and not self.filter_refused
            if self._demanded:
                self._logger.info("%s: Exact demands a filter; asking with %s", name, self._demanded)
            return
        if _UNSUPPORTED.search(message) and self.endpoint.kind != "sync":
            if self.endpoint.filter and self.endpoint.bookmark not in _WORD.findall(message):
                return  # it is the user's own filter that Exact refuses
            if bookmark_filter and not self.filter_refused:
                self.filter_refused = True
                self._logger.warning(
                    "%s: Exact does not filter on %s; the stream is read in full each time",
                    name,
                    self.endpoint.bookmark,
                )
            else:
                self._demanded = None
            return
        if any(one.sent for one in self.endpoint.parameters) and _NO_SELECT.search(message):
            self._select = False
            return
        words = set(_WORD.findall(message))
        fixed = {*self.endpoint.key, self.endpoint.bookmark}
        for field in self._fields:
            if field.name in words and field.name not in fixed | self._refused:
                self._refused.add(field.name)
                self._logger.warning(
                    "%s: Exact refuses the field %s; it is left out (null) and the read goes on",
                    name,
                    field.name,
                )

    def _mandatory(self, message: str) -> str | None:
        """A filter that lets everything through, on a field that the endpoint names."""
        listed = message.rsplit(":", 1)[-1]
        names = [name for name in _WORD.findall(listed) if name]
        known = {field.name: field for field in self.endpoint.fields}
        usable = [known[name] for name in names if name in known]
        preference = ("datetime", "int64", "guid", "boolean", "byte")
        for kind in preference:
            for field in sorted(usable, key=lambda item: item.name not in ("Modified", "Created", "ID")):
                if field.type == kind:
                    return _everything(field)
        return None


def _everything(field: Field) -> str:
    if field.type == "datetime":
        return f"{field.name} ge {datetime_literal(_EVER)}"
    if field.type == "int64":
        return f"{field.name} gt 0"
    if field.type == "guid":
        return f"{field.name} ne {guid_literal(_NIL)}"
    if field.type == "boolean":
        return f"{field.name} eq true or {field.name} eq false"
    return f"{field.name} ge 0"
