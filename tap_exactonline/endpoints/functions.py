"""Exact's functions: addresses that answer only when they are given parameters.

They are not streams by themselves, since nobody but the user knows for which values. The setting ``extra_streams``
makes streams of them. The data lies in ``functions.json`` beside this file.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from tap_exactonline.endpoints import Field, FieldType

CHANGES = frozenset({"users/unlinkallroles"})
"""Changes that Exact's own ``$metadata`` declares as functions of GET (seen live), in lower case: never called."""


class FunctionParameter(msgspec.Struct, frozen=True, array_like=True):
    """What a function must be told."""

    name: str
    type: FieldType


class Function(msgspec.Struct, frozen=True):
    """One function that is read by GET.

    Attributes:
        path: What follows ``/api/v1/{division}/`` (``/api/v1/beta/{division}/`` if ``beta``).
        doc: ``name=`` of the page in Exact's REST reference.
        scope: The scope that the app registration needs.
        key: The business key within one answer, in Exact's spelling; empty where an answer is one row.
        page_size: Rows a page; 0 where it is not paged.
        fields: The properties, without ``Division``.
        parameters: All of them are mandatory, unless it is ``plain``; None where their names are not known.
        plain: Also answers without parameters, or without some of them, as several public clients show.
        beta: Lies under ``/api/v1/beta``.
        failing: What is told of a function that never answers.
    """

    path: str
    doc: str
    scope: str
    key: tuple[str, ...]
    page_size: int
    fields: tuple[Field, ...]
    parameters: tuple[FunctionParameter, ...] | None = None
    plain: bool = False
    beta: bool = False
    failing: str | None = None


class Functions(msgspec.Struct, frozen=True):
    """The whole data file.

    Attributes:
        actions: Paths that take only POST, and so are nothing to read.
    """

    actions: tuple[str, ...]
    functions: tuple[Function, ...]


@cache
def functions() -> Functions:
    """Read the data file once."""
    data = files(__package__).joinpath("functions.json").read_bytes()
    return msgspec.json.decode(data, type=Functions)
