"""METRIC lines as the SDK writes them, one set for each stream and administration: for dashboards, not for people."""

from __future__ import annotations

import os
from typing import Any

from singer_sdk.metrics import Metric, Point, Status, Tag, get_metrics_logger, log

from tap_exactonline.sync.report import Outcome
from tap_exactonline.sync.report import Status as OutcomeStatus

_LOGGER = get_metrics_logger()


def log_metrics(outcome: Outcome, path: str) -> None:
    """Tell what a stream of an administration brought and cost, if it brought something or something is wrong.

    With hundreds of administrations most streams bring nothing in most runs; four lines for each of them would bury the
    rest.

    Args:
        outcome: What became of it.
        path: The endpoint, as in Exact's reference.
    """
    succeeded = outcome.status in (OutcomeStatus.OK, OutcomeStatus.NOT_COVERED)
    if succeeded and not outcome.rows:
        return
    tags: dict[str, Any] = {
        Tag.STREAM: outcome.stream,
        Tag.CONTEXT: None if outcome.division is None else {"division": outcome.division},
        Tag.PID: os.getpid(),
    }
    status: dict[str, Any] = {Tag.STATUS: Status.SUCCEEDED if succeeded else Status.FAILED}
    endpoint: dict[str, Any] = {Tag.ENDPOINT: path}
    log(_LOGGER, Point("counter", Metric.RECORD_COUNT, outcome.rows, tags))
    log(_LOGGER, Point("timer", Metric.SYNC_DURATION, outcome.seconds, {**tags, **status}))
    log(_LOGGER, Point("counter", Metric.HTTP_REQUEST_COUNT, outcome.calls, {**tags, **endpoint}))
    log(_LOGGER, Point("timer", Metric.HTTP_REQUEST_DURATION, outcome.asking, {**tags, **endpoint, **status}))
