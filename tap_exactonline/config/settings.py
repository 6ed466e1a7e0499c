"""The settings: what may be said. `config` checks what was said."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import EMIT_ACTIVATE_VERSION_CONFIG, STREAM_MAPS_CONFIG

ZONES = {
    "nl": "Europe/Amsterdam",
    "be": "Europe/Brussels",
    "de": "Europe/Berlin",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
    "uk": "Europe/London",
    "us": "America/New_York",
}
"""Country → time zone of its administrations' wall clock. Exact documents CET; the last two are a guess."""

SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "client_id",
        th.StringType,
        title="Client ID",
        description="The app's client ID, from its registration at Exact.",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="Client secret",
        description="The app's client secret, from its registration at Exact.",
    ),
    th.Property(
        "redirect_uri",
        th.StringType,
        title="Redirect address",
        description="The app's redirect address, exactly as registered at Exact. Only `login` needs it, and asks for it if it is "
        "absent.",
        examples=["https://www.example.com/exact"],
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="Refresh token",
        description="A refresh token to begin with, if the login was made elsewhere. Not needed if you use `login`. "
        "A new one wins over the token store; one that the store knows already is not used again.",
    ),
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="Access token",
        description="An access token from elsewhere, used without a login until it expires, ten minutes after it was made.",
    ),
    th.Property(
        "country",
        th.StringType,
        default="nl",
        allowed_values=list(ZONES),
        title="Country",
        description="The Exact Online that the app is registered at; it chooses the address.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API address",
        description="An address to use instead of the country's, for proxies and test servers. Plain http only on this machine.",
    ),
    th.Property(
        "divisions",
        th.ArrayType(th.IntegerType),
        title="Divisions",
        description="Numbers of the administrations to read (`tap-exactonline divisions` lists them). "
        "Absent: all that the login may read, including those that are added later.",
        examples=[[123456, 234567]],
    ),
    th.Property(
        "exclude_divisions",
        th.ArrayType(th.IntegerType),
        title="Excluded divisions",
        description="Numbers of the administrations to leave out.",
    ),
    th.Property(
        "shard",
        th.StringType,
        title="Shard",
        description="Read only one part of the administrations, so that several processes or machines share the work: number and "
        "count of the parts, as `0/4`, `1/4`, `2/4` and `3/4`. What belongs to the login is read by part 0.",
        examples=["3/16"],
    ),
    th.Property(
        "only_schemas",
        th.BooleanType,
        default=False,
        title="Only schemas",
        description="Write the schemas of the selected streams and nothing else, without any call. So a target makes its tables "
        "before several parts start at once.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="On a first run, read nothing older than this: of dated streams (entries, invoices, orders, hours, …), rows "
        "that were last changed before it are left out. Everything else (accounts, ledger accounts, items, open items, …) is always read whole. "
        "A date or a date with time, in the administration's own clock.",
        examples=["2024-01-01"],
    ),
    th.Property(
        "token_store",
        th.StringType,
        secret=True,  # a database URL holds a password
        title="Token store",
        description="Where the login is kept: a file, or a database URL (`postgresql://…`) if several machines share it. "
        "Absent: a file under Meltano's system directory, else in the user's state directory.",
    ),
    th.Property(
        "token_store_passphrase",
        th.StringType,
        secret=True,
        title="Passphrase of the token store",
        description="A passphrase that encrypts the login at rest.",
    ),
    th.Property(
        "max_parallel_divisions",
        th.IntegerType,
        default=8,
        title="Parallel divisions",
        description="How many administrations are read side by side. Calls of one administration are never parallel.",
    ),
    th.Property(
        "reserve_calls",
        th.IntegerType,
        default=0,
        title="Reserved calls",
        description="How many calls of each administration's day to leave to other programs that use the same app.",
    ),
    th.Property(
        "contract_calls",
        th.IntegerType,
        title="Calls of the contract",
        description="How many calls a day your contract with Exact allows over all administrations. All processes that share the "
        "database of `token_store` count them together, and stop when they are used. Absent: they are not counted.",
        examples=[20000],
    ),
    th.Property(
        "max_response_mb",
        th.IntegerType,
        default=64,
        title="Largest answer (MB)",
        description="Megabytes that one answer of Exact Online may have, decompressed. Reading ends there, so that no "
        "answer fills the memory.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        default="log",
        allowed_values=["log", "tombstones"],
        title="Deletions",
        description="`log`: only in the stream `sync_deleted`. `tombstones`: also in the stream of the deleted row, as a "
        "record with its key and `_sdc_deleted_at`.",
    ),
    th.Property(
        "column_names",
        th.StringType,
        default="snake_case",
        allowed_values=["snake_case", "exact"],
        title="Column names",
        description="`snake_case` gives `amount_vat_dc`, `exact` gives `AmountVATDC` as Exact writes it.",
    ),
    th.Property(
        "hidden_fields",
        th.BooleanType,
        default=False,
        title="Hidden fields",
        description="Also offer the fields that Exact's reference hides or calls obsolete, nested collections and pictures.",
    ),
    th.Property(
        "timestamps",
        th.StringType,
        default="local",
        allowed_values=["local", "utc"],
        title="Timestamps",
        description="`local`: as Exact shows them. `utc`: Created, Modified and the like are converted; dates in the books "
        "stay as they are.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        title="Time zone",
        description="IANA name of the administrations' wall clock. Absent: that of the country.",
        examples=["Europe/Amsterdam"],
    ),
    th.Property(
        "extra_streams",
        th.ArrayType(th.ObjectType()),
        title="Extra streams",
        description="Endpoints of your own choice: functions with parameters, fixed filters, what the tap does not know "
        "yet. A list of objects with `name`, `path` and more; the documentation has a page about them.",
        examples=[
            [
                {
                    "name": "revenue_by_year",
                    "path": "read/financial/RevenueListByYear",
                    "parameters": {"year": [2024, "current_year"]},
                }
            ]
        ],
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="The User-Agent header sent with each call. Absent: name and version of this tap.",
    ),
).to_dict()
SCHEMA["properties"].update(EMIT_ACTIVATE_VERSION_CONFIG["properties"])
# As the SDK has it, less the member `__else__`, which `sdk_settings` checks. Meltano Hub's script takes an object with
# members apart: users could set `stream_maps.__else__` and no `stream_maps`.
SCHEMA["properties"]["stream_maps"] = {
    name: value
    for name, value in STREAM_MAPS_CONFIG["properties"]["stream_maps"].items()
    if name != "properties"
}
