"""The fields of one endpoint that Exact does not know, remembered over runs.

A refused field is not asked for again for a week, since each refusal counts towards the ten errors an hour that block the
key (Exact, "API limits"). Then it is tried again: Exact may have taken it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

KEPT = timedelta(days=7)
"""After this, what was learnt from a refusal is tried again."""

MOST_REFUSALS = 3
"""Refusals of one read. With it goes the one that a later run may meet: at most four errors of an endpoint an hour."""


class RefusedFields:
    """Which fields are not asked for now, and what is known of them. Not safe to share between threads.

    Fields whose week is over are all tried at once. If one of them is refused again, the longest known of the others is tried
    alone, and after a second refusal none: one read spends at most two refusals on what was known before.

    Attributes:
        changed: What has to be stored has changed. The owner resets it.
    """

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._tried: set[str] = set()
        self._retries = 0
        self._new: set[str] = set()
        self.changed = False

    @property
    def names(self) -> frozenset[str]:
        """The fields that are not asked for."""
        return frozenset(self._since.keys() - self._tried)

    @property
    def doubtful(self) -> frozenset[str]:
        """The fields whose last known answer is a refusal: these, and those that are tried again."""
        return frozenset(self._since)

    @property
    def new(self) -> frozenset[str]:
        """Those of them that no earlier run knew of."""
        return frozenset(self._new)

    def recall(self, stored: object, allowed: Collection[str], *, retry: bool = True) -> None:
        """Take over what an earlier run has stored; what is not understood is left aside.

        Args:
            stored: A value of :meth:`stored`.
            allowed: The fields that may be left out.
            retry: Try those again whose week is over.
        """
        now = datetime.now(UTC)
        for name, text in stored.items() if isinstance(stored, Mapping) else ():
            since = moment(text)
            if name in allowed and since is not None:
                self._since[name] = since
                if retry and not timedelta() <= now - since < KEPT:
                    self._tried.add(name)

    def refuse(self, name: str) -> None:
        """Exact does not know the field."""
        self.changed = True
        if name not in self._since:
            self._new.add(name)
        elif name in self._tried:
            self._retries += 1
            left = sorted(self._tried - {name}, key=self._since.__getitem__)
            self._tried = set(left[:1]) if self._retries == 1 else set()
        self._since[name] = datetime.now(UTC)

    def answered(self, asked: Collection[str]) -> None:
        """A query with these fields was answered: Exact knows them."""
        for name in self._tried.intersection(asked):
            self.changed = True
            self._tried.discard(name)
            del self._since[name]

    def stored(self) -> dict[str, str]:
        """What a later run should know: field → when it was refused last."""
        return {name: since.isoformat(timespec="seconds") for name, since in sorted(self._since.items())}


def moment(text: object) -> datetime | None:
    """A moment as it was stored, or None if it is not one."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
