"""A stand-in for Exact Online: one program for tests, the demo and the benchmark.

    exact = ExactOnline()
    exact.add_division(101, rows=25)
    with exact.serve() as url:
        ...  # api_url=url, client_id=exact.client_id, refresh_token=exact.issue_login()

``python -m tests.exact_online --port 8000`` starts it for a person.
"""

from __future__ import annotations

from . import faults, front
from .clock import Clock
from .division import Division
from .exact import ExactOnline
from .record import Call
from .store import Table
from .switches import Switches

__all__ = ["Call", "Clock", "Division", "ExactOnline", "Switches", "Table", "faults", "front"]
