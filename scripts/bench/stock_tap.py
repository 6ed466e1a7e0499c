"""What is compared with: the same endpoint read by a tap as the SDK's template and documentation make it.

`RESTStream` with `records_jsonpath`, a paginator that reads the link in the answer, dates by regular expression in
`post_process`, one partition for each administration, `$select` of the selected columns, the SDK's own writer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator

from scripts.bench.rows import ENDPOINT, FIELDS, STREAM

_DATE = re.compile(r"/Date\((-?\d+)\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: dict[str, Any] = {
    "string": th.StringType, "guid": th.UUIDType, "double": th.NumberType, "int16": th.IntegerType,
    "int32": th.IntegerType, "int64": th.IntegerType, "datetime": th.DateTimeType,
}  # fmt: skip


class Paginator(BaseHATEOASPaginator):
    """The next page stands in the answer."""

    def get_next_url(self, response: requests.Response) -> str | None:
        """The link, if there is one."""
        return response.json()["d"].get("__next")


class TransactionLines(RESTStream[Any]):
    """One administration after the other."""

    name = STREAM
    path = f"/api/v1/{{division}}/{ENDPOINT.path}"
    primary_keys: ClassVar[tuple[str, ...]] = ("division", "ID")
    replication_key = "Timestamp"
    is_sorted = True
    records_jsonpath = "$.d.results[*]"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("division", th.IntegerType), *(th.Property(f.name, _TYPES[f.type]) for f in FIELDS)
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The page server."""
        return str(self.config["api_url"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """Any token will do."""
        return BearerTokenAuthenticator(self, token="benchmark")  # noqa: S106

    @property
    def partitions(self) -> list[dict[str, Any]]:
        """The administrations."""
        return [{"division": code} for code in self.config["divisions"]]

    def get_new_paginator(self) -> Paginator:
        """A new one for each administration."""
        return Paginator()

    def get_url_params(self, context: Mapping[str, Any] | None, next_page_token: Any) -> dict[str, Any]:
        """Filter and selection, or those of the link."""
        if next_page_token:
            return dict(parse_qsl(urlsplit(next_page_token.geturl()).query))
        selected = [field.name for field in FIELDS if self.mask["properties", field.name]]
        after = self.get_starting_replication_key_value(context) or 1
        return {"$filter": f"Timestamp gt {after}L", "$select": ",".join(selected)}

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """The SDK's own, by `records_jsonpath`."""
        return super().parse_response(response)

    def post_process(self, row: dict[str, Any], context: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Dates and numbers that arrive as text."""
        row.pop("__metadata", None)
        row["Timestamp"] = int(row["Timestamp"])
        for name, value in row.items():
            if isinstance(value, str) and (match := _DATE.fullmatch(value)):
                row[name] = _EPOCH + timedelta(milliseconds=int(match[1]))
        return row


class StockTap(Tap):
    """One stream."""

    name = "tap-stock"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("divisions", th.ArrayType(th.IntegerType), default=[101]),
    ).to_dict()

    def discover_streams(self) -> list[TransactionLines]:
        """The stream."""
        return [TransactionLines(self)]


if __name__ == "__main__":
    sys.argv[0] = "tap-stock"
    StockTap.cli()
