"""The streams of the setting ``extra_streams``, with the columns that have to be asked from Exact."""

from __future__ import annotations

import logging
from collections.abc import Collection

from tap_exactonline.connection import Connection
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.endpoints.extra import ExtraStream, field_of
from tap_exactonline.exact.edmx import Entity, Service, read_metadata
from tap_exactonline.exact.errors import DivisionError, ExactError, SettingsError


def extra_endpoints(
    connection: Connection, wanted: Collection[str] | None, logger: logging.Logger
) -> tuple[list[Endpoint], list[str]]:
    """The endpoints, one call for each service whose ``$metadata`` is needed.

    The answers are not kept: a stored copy could be older than the rows, and a run needs few of them.

    Args:
        connection: The way to Exact; not used unless columns have to be asked.
        wanted: Names of the streams that are needed; None for all.
        logger: Where it is told.

    Returns:
        The endpoints, and a sentence for each stream that could not be described.

    Raises:
        SettingsError: If a definition does not fit what Exact says.
    """
    found: list[Endpoint] = []
    missing: list[str] = []
    seen: dict[tuple[str, bool], Service] = {}
    for extra in connection.config.extra_streams:
        if wanted is not None and extra.endpoint.name not in wanted:
            continue
        if not extra.asks:
            found.append(extra.endpoint)
            continue
        try:
            entity = _ask(connection, extra, seen, logger)
        except ExactError as exc:
            missing.append(
                f"{extra.place} ({extra.endpoint.name}): its columns have to be asked from Exact, which fails: {exc}. "
                "Put that right, or write the columns into the setting"
            )
            continue
        offered = [field_of(name, kind) for name, kind in entity.fields.items()]
        found.append(extra.complete(offered, entity.key))
    return found, missing


def _ask(
    connection: Connection, extra: ExtraStream, seen: dict[tuple[str, bool], Service], logger: logging.Logger
) -> Entity:
    endpoint = extra.endpoint
    service, _, name = endpoint.path.rpartition("/")
    place = (service.lower(), endpoint.beta)
    if place not in seen:
        divisions = connection.chosen.selected
        if not divisions:
            raise DivisionError("there is no administration to ask", "`tap-exactonline divisions` lists them")
        logger.info("%s: asking Exact for the columns of %s (one call)", endpoint.name, endpoint.path)
        seen[place] = read_metadata(connection.client, service, divisions[0].code, beta=endpoint.beta)
    entity = seen[place].find(name)
    if entity is None or not entity.fields:
        raise SettingsError(
            f"{extra.place}.path",
            f"$metadata of {service} does not know {name}",
            "Check the path, or write the columns into the setting",
        )
    return entity
