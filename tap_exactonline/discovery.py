"""The streams of the setting ``extra_streams``, with what has to be asked from Exact: columns, and what is a function."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from tap_exactonline.connection import Connection
from tap_exactonline.endpoints import Endpoint
from tap_exactonline.endpoints.functions import CHANGES
from tap_exactonline.exact.errors import (
    DivisionError,
    EndpointMissing,
    ExactError,
    NotLicensed,
    ScopeViolated,
    SettingsError,
    StreamError,
    TemporaryError,
)
from tap_exactonline.exact.metadata import Entity, Service, read_metadata
from tap_exactonline.extra_streams.parameters import NOT_READING
from tap_exactonline.extra_streams.stream import ExtraStream, field_of

Documents = dict[tuple[str, bool], Service]
"""The ``$metadata`` of services that were asked for it, by path in lower case and whether they are a beta."""


def extra_endpoints(
    connection: Connection, wanted: Collection[str] | None, logger: logging.Logger, seen: Documents
) -> tuple[list[Endpoint], list[str]]:
    """The endpoints, one call for each service whose ``$metadata`` is needed.

    The answers are kept for this process only: a stored copy could be older than the rows, and a run needs few of them.

    Args:
        connection: The way to Exact; not used unless columns have to be asked.
        wanted: Names of the streams that are needed; None for all.
        logger: Where it is told.
        seen: What was asked before; added to.

    Returns:
        The endpoints, and a sentence for each stream that could not be described.

    Raises:
        SettingsError: If a definition does not fit what Exact says.
    """
    found: list[Endpoint] = []
    missing: list[str] = []
    for extra in connection.config.extra_streams:
        if wanted is not None and extra.endpoint.name not in wanted:
            continue
        if not extra.asks:
            found.append(extra.endpoint)
            continue
        try:
            entity = _ask(connection, extra, seen, logger)
        except _FunctionRefused as exc:
            missing.append(str(exc))
            continue
        except ExactError as exc:
            missing.append(
                f"{extra.place} ({extra.endpoint.name}): its columns have to be asked from Exact, which fails: {exc}. "
                "Put that right, or write the columns into the setting"
            )
            continue
        offered = [field_of(name, kind) for name, kind in entity.fields.items()]
        found.append(extra.complete(offered, entity.key))
    return found, missing


def called_functions(
    connection: Connection, extras: Iterable[ExtraStream], logger: logging.Logger, seen: Documents
) -> dict[str, str]:
    """Which streams, about to be read, would call a function that Exact's reference does not document for reading.

    Only paths that the tap does not know are looked up, one call for each service. Where Exact shows no ``$metadata``,
    the path is taken for what its definition says, an endpoint.

    Returns:
        Name of the stream that must not be read → a sentence.

    Raises:
        LoginError, NotExactOnline, TokenStoreError, Stopped: Nothing can be asked.
    """
    found: dict[str, str] = {}
    for extra in extras:
        if extra.known is not None:
            continue
        service, _, name = extra.endpoint.path.rpartition("/")
        try:
            document = _document(connection, extra, seen, logger)
        except (EndpointMissing, NotLicensed, ScopeViolated):
            if extra.endpoint.path.lower() in CHANGES:
                found[extra.endpoint.name] = str(_FunctionRefused(extra))
                continue
            logger.info("%s: Exact shows no $metadata of %s", extra.endpoint.name, service)
        except (StreamError, DivisionError, TemporaryError) as exc:
            found[extra.endpoint.name] = (
                f"{extra.place} ({extra.endpoint.name}): not read, since it can't be asked whether {extra.endpoint.path} "
                f"only reads: {exc}"
            )
        else:
            if document.is_function(name):
                found[extra.endpoint.name] = str(_FunctionRefused(extra))
    return found


class _FunctionRefused(SettingsError):
    """The path of a definition names a function that may change something."""

    def __init__(self, extra: ExtraStream) -> None:
        super().__init__(f"{extra.place}.path", NOT_READING.format(extra.endpoint.path), "Remove the entry")


def _document(connection: Connection, extra: ExtraStream, seen: Documents, logger: logging.Logger) -> Service:
    endpoint = extra.endpoint
    service = endpoint.path.rpartition("/")[0]
    place = (service.lower(), endpoint.beta)
    if place not in seen:
        divisions = connection.chosen.selected
        if not divisions:
            raise DivisionError("there is no administration to ask", "`tap-exactonline divisions` lists them")
        logger.info("%s: asking Exact what %s is (one call)", endpoint.name, endpoint.path)
        seen[place] = read_metadata(connection.client, service, divisions[0].code, beta=endpoint.beta)
    return seen[place]


def _ask(connection: Connection, extra: ExtraStream, seen: Documents, logger: logging.Logger) -> Entity:
    service, _, name = extra.endpoint.path.rpartition("/")
    document = _document(connection, extra, seen, logger)
    if extra.known is None and document.is_function(name):
        raise _FunctionRefused(extra)
    entity = document.find(name)
    if entity is None or not entity.fields:
        raise SettingsError(
            f"{extra.place}.path",
            f"$metadata of {service} does not know {name}",
            "Check the path, or write the columns into the setting",
        )
    return entity
