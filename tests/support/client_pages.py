"""Pages that the tests of a failing network share, and a client that has read well before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.scripted import ScriptedFixture, rows, world

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
SECRET_ROW = "Jansen-and-sons"
PAGE = rows(*({"ID": str(i), "Name": SECRET_ROW} for i in range(200)))


@contextmanager
def after_a_good_answer() -> Iterator[ScriptedFixture]:
    """A client that knows already that its host is Exact Online."""
    with world() as made:
        made.say(rows())
        made.get("current/Me", division=None)
        made.server.requests.clear()
        yield made
