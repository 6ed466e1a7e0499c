"""The staging models that say nothing but what the catalogue says, with their descriptions and the package's sources.

``make models`` writes them. Written by hand are those that the marts are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.dbt import PACKAGE
from scripts.dbt_streams import IRREGULAR, LOOKED_UP, STAGED, Source, Staged
from tap_exactonline.endpoints import Endpoint, Field, by_name, load
from tap_exactonline.endpoints.meanings import meaning
from tap_exactonline.sync.row_counts import counted_by

FOLDER = PACKAGE / "models/staging/streams"
SOURCES = PACKAGE / "models/staging/_sources.yml"
COUNTABLE = PACKAGE / "macros/countable_streams.sql"
_NOTICE = "Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead."
# Streams that the default selection leaves out and that a model or a test of the package reads.
OPT_IN = ("financial_reporting_balance", "row_counts")
# Stream → the model that is written by hand, and what its rows are.
BY_HAND = {
    "financial_journals": ("journals", "Journals, read whole."),
    "financial_reporting_balance": (
        "reporting_balance", "Exact's own totals by account and period. Not in the default selection."
    ),
    "row_counts": ("row_counts", "How many rows Exact has of each stream. Not in the default selection."),
    "sync_cashflow_payment_terms": ("payment_terms", "Open and settled items."),
    "sync_crm_accounts": ("accounts", "Customers, suppliers and other relations."),
    "sync_financial_gl_accounts": ("gl_accounts", "The chart of accounts."),
    "sync_financial_transaction_lines": ("transaction_lines", "Every line that was booked."),
    "sync_logistics_items": ("items", "Items."),
    "sync_subscription_subscription_lines": ("subscription_lines", "What each subscription consists of."),
    "sync_subscription_subscriptions": ("subscriptions", "Subscriptions."),
    "system_divisions": ("divisions", "The administrations."),
}  # fmt: skip
_PRICES = ("price", "cost", "rate", "factor", "precision", "percentage")


@dataclass(frozen=True)
class Column:
    """A column of a model: its name, the SQL that makes it, and what it means."""

    name: str
    sql: str
    text: str


@dataclass(frozen=True)
class Lookup:
    """A join that brings present names."""

    alias: str
    refers: Field
    source: Source

    def sql(self) -> str:
        other = f"{self.alias}.{self.source.key}"
        value = f"r.{self.refers.column}"
        mine = f"{{{{ identifier('{value}') }}}}" if self.refers.type == "guid" else f"trim({value})"
        return (
            f"{{% if is_loaded('{self.source.stream}') -%}}\n"
            f"left join {{{{ ref('stg_exact_online__{self.source.model}') }}}} as {self.alias}\n"
            f"  on {self.alias}.division = r.division and {other} = {mine}\n"
            "{% endif -%}"
        )


def lookups(endpoint: Endpoint, model: str) -> dict[str, tuple[Lookup, str]]:
    """Copy → the join that has its present value, and the column there."""
    fields = {field.column: field for field in endpoint.fields if not field.hidden}
    found: dict[str, tuple[Lookup, str]] = {}
    for name, field in fields.items():
        source = LOOKED_UP.get(name)
        if source is None or source.model == model:
            continue
        base = name.removesuffix("_id")
        joined = Lookup(f"{base}_now", field, source)
        named = {base + ending: column for ending, column in source.names.items()}
        named |= {copy: source.irregular for copy, refers in IRREGULAR.items() if refers == name}
        found |= {copy: (joined, column) for copy, column in named.items() if copy in fields and copy != name}
    return found


def _sql(field: Field) -> str:
    """A column of a row, in the type that the models have."""
    value = f"r.{field.column}"
    if field.type == "guid":
        return f"{{{{ identifier('{value}') }}}}"
    if field.type in ("double", "decimal"):
        name = field.column
        money = not any(word in name for word in _PRICES) and (
            "amount" in name or name.endswith(("_dc", "_fc"))
        )
        return f"{{{{ {'amount' if money else 'quantity'}('{value}') }}}}"
    if field.type == "datetime" and (field.column == "date" or field.column.endswith("_date")):
        return value if field.column in ("created_date", "deleted_date") else f"cast({value} as date)"
    if field.type == "string" and (field.column == "code" or field.column.endswith("_code")):
        return f"trim({value})"
    if field.type == "string" and field.column in _CODES:
        return f"trim({value})"
    return value


_CODES = {
    "cost_center", "cost_unit", "costcenter", "costunit", "currency", "country", "journal", "source_currency", "target_currency",
    "unit", "unitcode", "payment_condition",
}  # fmt: skip


def _origins(endpoint: Endpoint) -> Mapping[str, str]:
    """Copy → the column that refers to the row which it is copied from."""
    guids = [field.column for field in endpoint.fields if field.type == "guid" and not field.hidden]
    endings = ("_code", "_name", "_description", "_full_name", "_fullname", "_subject")
    return {
        base + ending: guid for guid in guids for base in (guid.removesuffix("_id"),) for ending in endings
    } | {copy: refers for copy, refers in IRREGULAR.items() if refers in guids}


def columns(endpoint: Endpoint, staged: Staged) -> Iterator[Column]:
    """The columns of a model, in Exact's order after the administration and the key."""
    yield Column("division", "r.division", "Number of the administration.")
    for name, source in (("division_name", "division_name"), ("division_currency", "currency")):
        sql = f"{{{{ present('system_divisions', 'd.{source}') }}}}"
        text = "Name" if name == "division_name" else "Base currency"
        yield Column(
            name, sql, f"{text} of the administration; null if the stream system_divisions is not loaded."
        )
    (key,) = (endpoint.field(name) for name in endpoint.key)
    if key.type == "guid":
        yield Column(staged.key, _sql(key), "Key: GUID of the row.")
    else:
        sql = f"{{{{ surrogate_key(['r.division', 'r.{key.column}']) }}}}"
        yield Column(staged.key, sql, f"Key: administration and {key.column}.")
        yield Column(key.column, _sql(key), meaning(key))
    present, origins = lookups(endpoint, staged.model), _origins(endpoint)
    for field in endpoint.fields:
        if (
            field.hidden
            or field is key
            or field.column in ("timestamp", "division", "division_name", "division_description")
        ):
            continue
        name = field.column
        if name in present:
            join, there = present[name]
            sql = f"{{{{ present('{join.source.stream}', '{join.alias}.{there}', {_quoted(_sql(field))}) }}}}"
            yield Column(name, sql, meaning(field, copied_from=join.refers.column, fresh=True))
            continue
        if field.type == "guid" and not name.endswith("_id"):
            name += "_id"
        yield Column(name, _sql(field), meaning(field, copied_from=origins.get(field.column)))
    for name in staged.extra:
        yield Column(name, f"r.{name}", meaning(Field(name, name, "string")))


def _quoted(sql: str) -> str:
    return f'"{sql}"' if "'" in sql else f"'{sql}'"


def _live(endpoint: Endpoint) -> str:
    """The arguments of the macro `live_rows`; those with their default are left out."""
    if endpoint.entity_type is None:
        return f"'{endpoint.name}', key=none"
    names = {field.column for field in endpoint.fields if not field.hidden}
    key = endpoint.field(endpoint.key[0]).column
    modified = next((name for name in ("modified", "sysmodified") if name in names), None)
    parts = [f"'{endpoint.name}'"]
    if key != "id":
        parts.append(f"key='{key}'")
    if modified != "modified":
        parts.append(f"modified='{modified}'" if modified else "modified=none")
    return ", ".join(parts)


def model(endpoint: Endpoint, staged: Staged) -> str:
    """The SQL of a model."""
    made = list(columns(endpoint, staged))
    repeated = {column.name for column in made if [one.name for one in made].count(column.name) > 1}
    if repeated:
        raise ValueError(f"{endpoint.name}: two columns are called {', '.join(sorted(repeated))}")
    joins = {join.alias: join for join, _ in lookups(endpoint, staged.model).values()}
    return "\n".join(
        [
            f"{{{{ config(enabled=is_loaded('{endpoint.name}')) }}}}",
            "",
            f"-- {_NOTICE}",
            "select",
            ",\n".join(
                f"  {column.sql}" + ("" if column.sql == f"r.{column.name}" else f" as {column.name}")
                for column in made
            ),
            f"from {{{{ live_rows({_live(endpoint)}) }}}} as r",
            "{% if is_loaded('system_divisions') -%}",
            "left join {{ ref('stg_exact_online__divisions') }} as d",
            "  on d.division = r.division",
            "{% endif -%}",
            *(join.sql() for join in joins.values()),
            "",
        ]
    )


def descriptions() -> str:
    """What the models and their columns are, for dbt."""
    lines = [f"# {_NOTICE}", "version: 2", "", "models:"]
    for stream, staged in STAGED.items():
        lines += [
            f"- name: stg_exact_online__{staged.model}",
            f"  description: {_yaml(staged.text)}",
            "  columns:",
        ]
        for column in columns(by_name(stream), staged):
            lines += [f"  - name: {column.name}", f"    description: {_yaml(column.text)}"]
            if column.name == staged.key:
                lines.append("    data_tests: [unique, not_null]")
    return "\n".join(lines) + "\n"


def sources() -> str:
    """The tables of the tap that the package reads."""
    texts = {stream: staged.text for stream, staged in STAGED.items()}
    texts |= {stream: text for stream, (_, text) in BY_HAND.items()}
    lines = [
        f"# {_NOTICE}",
        "version: 2",
        "",
        "sources:",
        "- name: exact_online",
        "  description: What tap-exactonline loads, one table a stream.",
        "  database: \"{{ var('exact_online_database') or target.database }}\"",
        "  schema: \"{{ var('exact_online_schema') }}\"",
        "  tables:",
    ]
    for stream in sorted({endpoint.name for endpoint in load() if endpoint.selected} | {*OPT_IN}):
        lines += [f"  - name: {stream}", f"    description: {_yaml(texts[stream])}"]
    return "\n".join(lines) + "\n"


def countable() -> str:
    """The streams of which the tap's `row_counts` can tell a number, with their models."""
    models = {stream: staged.model for stream, staged in STAGED.items()}
    models |= {stream: model for stream, (model, _) in BY_HAND.items()}
    lines = [
        f"  '{endpoint.name}': '{models[endpoint.name]}',"
        for endpoint in load()
        if endpoint.selected and counted_by(endpoint) is not None and not endpoint.login_wide
    ]
    return "\n".join(
        [
            f"{{# {_NOTICE} #}}",
            "",
            "{# The streams whose rows Exact can count → what follows `stg_exact_online__` in the name of their model. #}",
            "{% macro countable_streams() -%}",
            "{{ return({",
            *lines,
            "}) }}",
            "{%- endmacro %}",
            "",
        ]
    )


def _yaml(text: str) -> str:
    return f'"{text}"' if ": " in text or text.startswith(("'", "`")) else text


def files() -> dict[Path, str]:
    """All that is written: path → text."""
    made = {
        FOLDER / f"stg_exact_online__{staged.model}.sql": model(by_name(stream), staged)
        for stream, staged in STAGED.items()
    }
    return made | {FOLDER / "_streams.yml": descriptions(), SOURCES: sources(), COUNTABLE: countable()}


def main() -> None:
    wanted = files()
    for old in set(FOLDER.glob("*")) - wanted.keys():
        old.unlink()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
