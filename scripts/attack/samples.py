"""Genuine answers of the stand-in, to be damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import requests

from tap_exactonline.endpoints import by_name
from tap_exactonline.exact.odata import select_query
from tests.exact_online import ExactOnline, front
from tests.exact_online.metadata import metadata
from tests.exact_online.wire import error

STREAMS = (
    "sync_crm_accounts", "crm_contacts", "financial_journals", "sync_financial_transaction_lines", "activities_tasks",
    "sync_deleted", "system_divisions",
)  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Bodies, by what they are."""

    pages: dict[str, bytes]
    divisions: bytes
    errors: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    edmx: bytes
    me: bytes


@cache
def samples() -> Samples:
    """Ask the stand-in once."""
    exact = ExactOnline(seed=3)
    exact.add_division(101, rows=dict.fromkeys(STREAMS[:5], 3))
    exact.table(101, "sync_crm_accounts").delete(next(iter(exact.table(101, "sync_crm_accounts").keys())))
    with exact.serve() as url:
        header = {"Authorization": f"Bearer {exact.issue_access_token()}", "Accept": "application/json"}

        def get(path: str) -> bytes:
            return requests.get(f"{url}/api/v1/{path}", headers=header, timeout=30).content

        pages = {name: get(f"101/{address(name)}") for name in STREAMS}
        me, divisions = get("current/Me"), get("101/system/Divisions?$select=Code,Description,Status,Hid")
    granted = {
        "access_token": "a" * 40,
        "token_type": "bearer",
        "expires_in": "600",
        "refresh_token": "r" * 40,
    }
    refused = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
    return Samples(
        pages,
        divisions,
        (error(403, "Forbidden - Application Scope Violated. Cannot read Crm accounts.").body, front.AKAMAI,
         error(400, "Could not find a property named 'X' on type 'Exact.Web.Api.Models.Sync.CRM.AccountSync'.").body,
         front.IIS_404, b"Bad Request", b"<error><message lang='en'>No</message></error>", b'{"error":"invalid_request"}'),
        (json.dumps(granted).encode(), json.dumps(refused).encode()),
        metadata(exact, "crm", "application/xml", beta=False).body,
        me,
    )  # fmt: skip


def address(stream: str) -> str:
    """The path of a stream with all its fields in the query."""
    endpoint = by_name(stream)
    return f"{endpoint.path}?{select_query([one.name for one in endpoint.fields if not one.hidden])}"
