"""Stream maps and flattening: the SDK runs them, on expressions that a person wrote."""

from __future__ import annotations

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError

from tap_exactonline.exact.foreign_text import clean_text

_MOST = 300


class MappingFailed(Exception):
    """Stream maps or flattening fail on a row. The message names the stream and holds nothing of the row."""


def described(exc: Exception) -> str:
    """What is wrong with a stream map, on one line.

    The SDK's own failures quote the expression. Others (a conversion, a missing name) may quote the row, so that only
    their kind is told.
    """
    if isinstance(exc, StreamMapConfigError | MapExpressionError):
        return clean_text(str(exc), most=_MOST)
    return f"an expression fails with {type(exc).__name__}"
