"""Two functions of Exact Online that help to read: SyncTimestamp and UserHasRights."""

from __future__ import annotations

from datetime import datetime

from tap_exactonline.endpoints import Endpoint
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.errors import ExactError, StreamError
from tap_exactonline.exact.odata import (
    MalformedPage,
    datetime_literal,
    decode_json,
    read_rows,
    string_literal,
)

_SYNC_TIMESTAMP = "read/sync/Sync/SyncTimestamp"


def first_timestamp(client: ExactClient, endpoint: Endpoint, division: int, since: datetime) -> int:
    """The Timestamp of the first row modified on or after a date; 0 if no row was (Exact, "Sync/SyncTimestamp").

    Args:
        client: The way to Exact.
        endpoint: A sync endpoint with ``sync_timestamp``.
        division: Number of the administration.
        since: In the administration's wall clock.

    Raises:
        StreamError: If the function does not answer for this endpoint, or has refused another one lately: errors are
            counted, and each stream would be refused in turn.
        ExactError: As the client.
    """
    if client.errors(division, _SYNC_TIMESTAMP):
        raise StreamError("it was refused in this administration within the last hour")
    name = string_literal(endpoint.sync_timestamp or "")
    return client.get(
        _SYNC_TIMESTAMP,
        division=division,
        query=f"modified={datetime_literal(since)}&endPoint={name}",
        decode=_first_timestamp,
        stream=endpoint.name,
        scope="Organization administration",
    )


def user_has_rights(client: ExactClient, endpoint: Endpoint, division: int) -> bool | None:
    """Ask whether an empty answer means "no rows" or "no rights" (Exact, "Tips and Tricks"); None if unknown.

    The call is not counted against the day's budget.
    """
    try:
        return ask_rights(client, endpoint, division)
    except ExactError:
        return None


def ask_rights(client: ExactClient, endpoint: Endpoint, division: int) -> bool | None:
    """As :func:`user_has_rights`, but why there is no answer is told; None if the answer makes no sense.

    Raises:
        ExactError: As the client.
    """
    name = (
        endpoint.path.removeprefix("sync/").removeprefix("bulk/")
        if endpoint.kind != "sync"
        else endpoint.path
    )
    query = f"endpoint={string_literal(name)}&action={string_literal('GET')}"
    return client.get(
        "users/UserHasRights", division=division, query=query, decode=_verdict, stream=endpoint.name
    )


def _verdict(body: bytes) -> bool | None:
    answer = decode_json(body)
    value = answer.get("d") if isinstance(answer, dict) else None
    while isinstance(value, dict | list) and value:
        value = value[0] if isinstance(value, list) else value.get("results", value.get("UserHasRights"))
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | int) else None


def _first_timestamp(body: bytes) -> int:
    rows = read_rows(body).rows
    try:
        return int(rows[0]["TimeStampAsBigInt"]) if rows else 0
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise MalformedPage("SyncTimestamp names no Timestamp") from exc
