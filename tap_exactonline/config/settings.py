"""The settings, each declared once: what it is read as, and what people and programs are told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import EMIT_ACTIVATE_VERSION_CONFIG, STREAM_MAPS_CONFIG

from tap_exactonline.config.readers import (
    ZONES,
    Reader,
    any_text,
    api_url,
    choice,
    connection,
    contract_calls,
    flag,
    integer,
    numbers,
    numbers_or_none,
    secret_or_empty,
    secret_text,
    shard,
    start_date,
    text,
    text_or_empty,
    token_command,
    zone,
)
from tap_exactonline.shard import Shard

if TYPE_CHECKING:
    from tap_exactonline.extra_streams.stream import ExtraStream


def _setting(kind: Any, *, read: Reader, **described: Any) -> Any:
    """A field of `Config`.

    Args:
        kind: Its type in the JSON Schema.
        read: From what was written to the value.
        described: Title, description and more, as `th.Property` takes them.
    """
    return field(metadata={"read": read, "kind": kind, "described": described})


def _choice(*, default: str, allowed_values: list[str], **described: Any) -> Any:
    return _setting(
        th.StringType,
        read=choice(default, allowed_values),
        default=default,
        allowed_values=allowed_values,
        **described,
    )


def _integer(*, default: int, least: int, most: int | None = None, **described: Any) -> Any:
    return _setting(th.IntegerType, read=integer(default, least, most), default=default, **described)


def _extra_streams(raw: Mapping[str, Any], name: str) -> tuple[ExtraStream, ...]:
    if not raw.get(name):
        return ()
    # Most runs define none, and need not read the functions' data file.
    from tap_exactonline.extra_streams.definitions import define  # noqa: PLC0415

    today = datetime.now(zone(raw, "timezone")).replace(tzinfo=None)
    return define(raw[name], today, start_date(raw, "start_date"))


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """The settings, checked. ``start_date`` is in the administration's wall clock.

    Attributes:
        address_given: Whether the settings say which Exact Online it is; if not, that is up to the connection.
    """

    client_id: str = _setting(
        th.StringType,
        read=text_or_empty,
        title="Client ID",
        description="The app's client ID, from its registration at Exact.",
    )
    client_secret: str = _setting(
        th.StringType,
        read=secret_or_empty,
        secret=True,
        title="Client secret",
        description="The app's client secret, from its registration at Exact.",
    )
    redirect_uri: str | None = _setting(
        th.StringType,
        read=any_text,
        title="Redirect address",
        description="The app's redirect address, exactly as registered at Exact. Only `login` needs it, and asks for it if it is "
        "absent.",
        examples=["https://www.example.com/exact"],
    )
    refresh_token: str | None = _setting(
        th.StringType,
        read=secret_text,
        secret=True,
        title="Refresh token",
        description="A refresh token to begin with, if the login was made elsewhere. Not needed if you use `login`. "
        "A new one wins over the token store; one that the store knows already is not used again.",
    )
    access_token: str | None = _setting(
        th.StringType,
        read=secret_text,
        secret=True,
        title="Access token",
        description="An access token from elsewhere, used without a login until it expires, ten minutes after it was made.",
    )
    access_token_command: str | None = _setting(
        th.StringType,
        read=token_command,
        secret=True,  # it may hold a key of the broker or vault
        title="Command for access tokens",
        description='A command that prints `{"access_token": …, "expires_in": …}`, for those who keep the logins elsewhere. It is '
        "started without a shell whenever a token is needed, so runs may take longer than ten minutes.",
        examples=["vault-exact-token --customer 17"],
    )
    connection: str = _setting(
        th.StringType,
        read=connection,
        title="Connection",
        description="Name of the login to use, where one token store holds the logins of several customers; `default` if absent. "
        "What the settings leave out (country, administrations) comes from what was chosen for the connection.",
        examples=["customer-17"],
    )
    country: str = _setting(
        th.StringType,
        read=choice("nl", list(ZONES)),
        allowed_values=list(ZONES),
        title="Country",
        description="The Exact Online that the app is registered at; it chooses the address. Absent: that of the connection, "
        "else nl.",
    )
    api_url: str = _setting(
        th.StringType,
        read=api_url,
        title="API address",
        description="An address to use instead of the country's, for proxies and test servers. Plain http only on this machine.",
    )
    divisions: tuple[int, ...] | None = _setting(
        th.ArrayType(th.IntegerType),
        read=numbers,
        title="Divisions",
        description="Numbers of the administrations to read (`tap-exactonline divisions` lists them). "
        "Absent: all that the login may read, including those that are added later.",
        examples=[[123456, 234567]],
    )
    exclude_divisions: tuple[int, ...] = _setting(
        th.ArrayType(th.IntegerType),
        read=numbers_or_none,
        title="Excluded divisions",
        description="Numbers of the administrations to leave out.",
    )
    shard: Shard = _setting(
        th.StringType,
        read=shard,
        title="Shard",
        description="Read only one part of the administrations, so that several processes or machines share the work: number and "
        "count of the parts, as `0/4`, `1/4`, `2/4` and `3/4`. What belongs to the login is read by part 0.",
        examples=["3/16"],
    )
    only_schemas: bool = _setting(
        th.BooleanType,
        read=flag,
        default=False,
        title="Only schemas",
        description="Write the schemas of the selected streams and nothing else, without any call. So a target makes its tables "
        "before several parts start at once.",
    )
    start_date: datetime | None = _setting(
        th.DateTimeType,
        read=start_date,
        title="Start date",
        description="On a first run, read nothing older than this: of dated streams (entries, invoices, orders, hours, …), rows "
        "that were last changed before it are left out. Everything else (accounts, ledger accounts, items, open items, …) is always read whole. "
        "A date or a date with time, in the administration's own clock.",
        examples=["2024-01-01"],
    )
    token_store: str | None = _setting(
        th.StringType,
        read=text,
        secret=True,  # a database URL holds a password
        title="Token store",
        description="Where the login is kept: a file, or a database URL (`postgresql://…`) if several machines share it. "
        "Absent: a file under Meltano's system directory, else in the user's state directory.",
    )
    token_store_passphrase: str | None = _setting(
        th.StringType,
        read=text,
        secret=True,
        title="Passphrase of the token store",
        description="A passphrase that encrypts the login at rest.",
    )
    adopt_state: str | None = _setting(
        th.StringType,
        read=text,
        title="Adopt a state",
        description="The mark of another login's state that this connection may go on with, as the message says that refuses it. "
        "For the case that another user takes over the same administrations.",
        examples=["3f2a90c1d4e5b678"],
    )
    max_parallel_divisions: int = _integer(
        least=1,
        most=64,
        default=8,
        title="Parallel divisions",
        description="How many administrations are read side by side. Calls of one administration are never parallel.",
    )
    reserve_calls: int = _integer(
        least=0,
        default=0,
        title="Reserved calls",
        description="How many calls of each administration's day to leave to other programs that use the same app.",
    )
    contract_calls: int | None = _setting(
        th.IntegerType,
        read=contract_calls,
        title="Calls of the contract",
        description="How many calls a day your contract with Exact allows over all administrations. All processes that share the "
        "database of `token_store` count them together, and stop when they are used. Absent: they are not counted.",
        examples=[20000],
    )
    max_response_mb: int = _integer(
        least=1,
        most=2048,
        default=64,
        title="Largest answer (MB)",
        description="Megabytes that one answer of Exact Online may have, decompressed. Reading ends there, so that no "
        "answer fills the memory.",
    )
    deletions: str = _choice(
        default="log",
        allowed_values=["log", "tombstones"],
        title="Deletions",
        description="`log`: only in the stream `sync_deleted`. `tombstones`: also in the stream of the deleted row, as a "
        "record with its key and `_sdc_deleted_at`.",
    )
    column_names: str = _choice(
        default="snake_case",
        allowed_values=["snake_case", "exact"],
        title="Column names",
        description="`snake_case` gives `amount_vat_dc`, `exact` gives `AmountVATDC` as Exact writes it.",
    )
    hidden_fields: bool = _setting(
        th.BooleanType,
        read=flag,
        default=False,
        title="Hidden fields",
        description="Also offer the fields that Exact's reference hides or calls obsolete, nested collections and pictures.",
    )
    timestamps: str = _choice(
        default="local",
        allowed_values=["local", "utc"],
        title="Timestamps",
        description="`local`: as Exact shows them. `utc`: Created, Modified and the like are converted; dates in the books "
        "stay as they are.",
    )
    timezone: ZoneInfo = _setting(
        th.StringType,
        read=zone,
        title="Time zone",
        description="IANA name of the administrations' wall clock. Absent: that of the country.",
        examples=["Europe/Amsterdam"],
    )
    extra_streams: tuple[ExtraStream, ...] = _setting(
        th.ArrayType(th.ObjectType()),
        read=_extra_streams,
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
    )
    run_log: str = _choice(
        default="short",
        allowed_values=["short", "full"],
        title="Run log",
        description="How much the stream `run_log` tells. `short`: reads that brought nothing share a row for each "
        "administration. `full`: a row for each stream and administration.",
    )
    count_rows: bool = _setting(
        th.BooleanType,
        read=flag,
        default=False,
        title="Count rows",
        description="Ask Exact how many rows there are before a stream is read from the beginning, one call each. A read that "
        "brings fewer is incomplete, and the next run reads the stream from the beginning again.",
    )
    report: str | None = _setting(
        th.StringType,
        read=text,
        title="Report",
        description="A file that each run replaces with what became of it: the rows of the stream `run_log` as JSON lines, for "
        "monitors and schedulers.",
        examples=["output/report.jsonl"],
    )
    user_agent: str | None = _setting(
        th.StringType,
        read=text,
        title="User agent",
        description="The User-Agent header sent with each call. Absent: name and version of this tap.",
    )
    address_given: bool = False

    @property
    def tombstones(self) -> bool:
        """Deletions are written into the streams of the deleted rows."""
        return self.deletions == "tombstones"

    @property
    def exact_names(self) -> bool:
        """Columns keep Exact's spelling."""
        return self.column_names == "exact"

    @property
    def utc(self) -> bool:
        """Created, Modified and the like are converted."""
        return self.timestamps == "utc"

    def __repr__(self) -> str:
        """No secrets."""
        return f"Config(api_url={self.api_url!r})"


_SETTINGS = [setting for setting in fields(Config) if setting.metadata]


def read_settings(raw: Mapping[str, Any]) -> Config:
    """Read each setting.

    Raises:
        SettingsError: Naming the first one that is wrong.
    """
    return Config(
        **{setting.name: setting.metadata["read"](raw, setting.name) for setting in _SETTINGS},
        address_given=any(text(raw, name) for name in ("country", "api_url")),
    )


SCHEMA: dict[str, Any] = th.PropertiesList(
    *(
        th.Property(setting.name, setting.metadata["kind"], **setting.metadata["described"])
        for setting in _SETTINGS
    )
).to_dict()
SCHEMA["properties"].update(EMIT_ACTIVATE_VERSION_CONFIG["properties"])
# As the SDK has it, less the member `__else__`, which `sdk_settings` checks. Meltano Hub's script takes an object with
# members apart: users could set `stream_maps.__else__` and no `stream_maps`.
SCHEMA["properties"]["stream_maps"] = {
    name: value
    for name, value in STREAM_MAPS_CONFIG["properties"]["stream_maps"].items()
    if name != "properties"
}
