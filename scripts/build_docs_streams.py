"""A page of documentation for every stream, and the list of them, from the data file and the tap's own schemas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from scripts import personal
from scripts.stream_notes import NOTES, STALE
from tap_exactonline.endpoints import Endpoint, Field, catalogue, load
from tap_exactonline.sync.records.schema import COMPUTED, DIVISION, Naming

REFERENCE = "https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name="
NAMING, EVERYTHING = Naming(), Naming(hidden=True)
KINDS = {
    "sync": "sync: 1,000 rows a call, only what changed",
    "bulk": "bulk: 1,000 rows a call",
    "single": "single: 60 rows a call",
    "read": "read: all rows in one call",
}
_SERVICES = {
    "crm": "CRM",
    "current": "System",
    "expensemanagement": "Expense management",
    "financialtransaction": "Financial transactions",
    "generaljournalentry": "General journal entries",
    "hrm": "HRM",
    "openingbalance": "Opening balance",
    "purchaseentry": "Purchase entries",
    "purchaseorder": "Purchase orders",
    "salesentry": "Sales entries",
    "salesinvoice": "Sales invoices",
    "salesorder": "Sales orders",
    "sync": "System",
    "vat": "VAT",
}
GROUPS = {"hr_payroll": "[HR and payroll](../streams.md#hr-and-payroll): read only if you select it"}
_CHEAP = ("sync", "bulk", "read", "single")


def page(endpoint: Endpoint) -> str:
    """The page of one stream, in Markdown."""
    parts = [
        f"# {endpoint.name}",
        *_warnings(endpoint),
        _facts(endpoint),
        *_notes(endpoint),
        _siblings(endpoint),
        _columns(endpoint),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def index() -> str:
    """The list of all streams, by service."""
    groups: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in load():
        groups[service(endpoint)].append(endpoint)
    names = sorted(groups, key=str.lower)
    chosen = sum(endpoint.selected for endpoint in load())
    summary = (
        f"{len(load())} streams, one for each endpoint of Exact Online that a plain GET can read. **●** marks the {chosen} "
        "that are read by default. To find one, type its name, or Exact's, into the search."
    )
    contents = [f"- [{name}](#{name.lower().replace(' ', '-')}) ({len(groups[name])})" for name in names]
    lines = [
        "# All streams",
        "",
        summary,
        "",
        '<div class="grid-list" markdown>',
        "",
        *contents,
        "",
        "</div>",
        "",
    ]
    for name in names:
        lines += [f"## {name}", "", "| | stream | kind | what is new | scope |", "|:-:|---|---|---|---|"]
        lines += [
            f"| {'●' if one.selected else ''} | [{one.name}]({one.name}.md) | {one.kind} | {_short_bookmark(one)} | {_scope(one)} |"
            for one in sorted(groups[name], key=lambda one: (_CHEAP.index(one.kind), one.name))
        ]
        lines.append("")
    return "\n".join(lines)


def service(endpoint: Endpoint) -> str:
    """The service that an endpoint belongs to, in words."""
    parts = endpoint.path.split("/")
    name = parts[1] if parts[0].lower() in ("sync", "bulk", "read") and len(parts) > 2 else parts[0]
    return _SERVICES.get(name.lower(), name.capitalize())


def _warnings(endpoint: Endpoint) -> Iterable[str]:
    if endpoint.deprecated:
        yield '!!! warning "Exact advises against this endpoint"\n    It may disappear. See whether another stream has the same rows.'
    if endpoint.beta:
        yield '!!! note "Beta at Exact"\n    Exact may change this endpoint without notice.'


def _scope(endpoint: Endpoint) -> str:
    return endpoint.scope if endpoint.scope not in ("", "-") else "none known"


def _address(endpoint: Endpoint) -> str:
    if endpoint.login_wide:
        return f"/api/v1/{endpoint.path}"
    return f"/api/v1/{'beta/' if endpoint.beta else ''}{{division}}/{endpoint.path}"


def _short_bookmark(endpoint: Endpoint) -> str:
    return f"by `{NAMING.bookmark(endpoint)}`" if endpoint.bookmark else "full table"


def _bookmark(endpoint: Endpoint) -> str:
    column = NAMING.bookmark(endpoint)
    if column is None:
        return "none: the whole table is read in every run"
    if endpoint.kind == "sync":
        return f"`{column}`, saved after every page, as far as the page before it; a run that is cut off goes on from there"
    return f"`{column}`, saved after a complete read; each run reads the last two hours before it again"


def _calls(endpoint: Endpoint) -> str:
    if endpoint.page_size == 0 or endpoint.kind == "read":
        return "usually 1"
    size = f"{endpoint.page_size:,}"
    if endpoint.bookmark:
        return f"first run: 1 for every {size} rows; later: 1 for every {size} changed rows, at least 1"
    return f"1 for every {size} rows, in every run"


def _deletions(endpoint: Endpoint) -> str:
    if endpoint.name == "sync_deleted":
        return "this is the log of them"
    if endpoint.kind == "sync" and endpoint.entity_type is not None:
        return f"in [sync_deleted](sync_deleted.md), `entity_type` {endpoint.entity_type}"
    return "not told by Exact"


def _start(endpoint: Endpoint) -> str:
    if not endpoint.dated:
        return "has no effect: all rows are read, however old"
    if endpoint.bookmark is None:
        return "has no effect: the whole table is read in every run"
    if endpoint.kind != "sync":
        return "Exact is asked for newer rows only"
    if endpoint.sync_timestamp:
        return "Exact is asked where to begin (`SyncTimestamp`), one call more"
    if any(field.name == "Modified" for field in endpoint.fields):
        return "everything is fetched once; older rows are dropped on arrival"
    return "has no effect: the rows carry no date of change"


def _facts(endpoint: Endpoint) -> str:
    facts = [
        ("Address", f"`{_address(endpoint)}`"),
        ("Exact's reference", f"[{endpoint.doc}]({REFERENCE}{endpoint.doc})"),
        ("Kind", KINDS[endpoint.kind]),
        ("Read by default", "yes" if endpoint.selected else "no"),
        *([("Group", GROUPS[endpoint.group])] if endpoint.group else []),
        ("Key", ", ".join(f"`{column}`" for column in NAMING.key(endpoint))),
        ("Bookmark", _bookmark(endpoint)),
        ("Calls", f"{_calls(endpoint)}{'' if endpoint.login_wide else ' (for each administration)'}"),
        ("`start_date`", _start(endpoint)),
        ("Deletions", _deletions(endpoint)),
        ("[Personal data](../privacy.md)", personal.fact(endpoint)),
        ("Scope of the app", _scope(endpoint)),
    ]
    if endpoint.filters is not None:
        allowed = ", ".join(f"`{name}`" for name in endpoint.filters) or "nothing"
        facts.append(("Exact filters on", allowed))
    table = "\n".join(f"| {name} | {value} |" for name, value in facts)
    text = f"| at a glance | |\n|---|---|\n{table}"
    if not endpoint.selected:
        text += f"\n\n```sh\nmeltano select tap-exactonline {endpoint.name} '*'\n```"
    return text


def _siblings(endpoint: Endpoint) -> str:
    same = [one for one in load() if one.entity == endpoint.entity and one.name != endpoint.name]
    if not same:
        return ""
    same.sort(key=lambda one: (_CHEAP.index(one.kind), one.name))
    links = ", ".join(f"[{one.name}]({one.name}.md) ({one.kind})" for one in same)
    text = f"The same kind of thing, read in another way: {links}."
    bulk = twin(endpoint)
    return f"{text}\n\n{_cheaper(endpoint, bulk)}" if bulk else text


def twin(single: Endpoint) -> Endpoint | None:
    """The bulk stream with the rows of a single stream under the same key, if there is one."""
    if single.kind != "single":
        return None
    last = single.path.rpartition("/")[2].lower()
    return next(
        (
            other
            for other in load()
            if other.kind == "bulk" and other.key == single.key and other.path.lower().endswith(f"/{last}")
        ),
        None,
    )


def _lacking(single: Endpoint, bulk: Endpoint) -> str:
    there = {field.name for field in bulk.fields}
    columns = [f"`{field.column}`" for field in single.fields if not field.hidden and field.name not in there]
    return ", ".join(columns)


def _cheaper(single: Endpoint, bulk: Endpoint) -> str:
    text = f"**[{bulk.name}]({bulk.name}.md) brings the same rows at 1,000 a call instead of 60.**"
    if lacking := _lacking(single, bulk):
        text += f" It lacks {lacking}."
    if single.bookmark and not bulk.bookmark:
        text += " It has no bookmark: each run reads all of it, while this stream brings only what changed."
    return text


def bulk_twins() -> str:
    """The single streams that have a bulk twin, as a Markdown table."""
    lines = ["| instead of | take | lacks | later runs bring |", "|---|---|---|---|"]
    for single in load():
        bulk = twin(single)
        if bulk is not None:
            brings = "what changed" if bulk.bookmark else "all"
            cells = (
                f"[{single.name}]({single.name}.md)",
                f"[{bulk.name}]({bulk.name}.md)",
                _lacking(single, bulk),
                brings,
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def group(name: str) -> str:
    """The streams of a group, as a Markdown table."""
    lines = ["| stream | kind | scope |", "|---|---|---|"]
    members = sorted(
        (one for one in load() if one.group == name), key=lambda one: (_CHEAP.index(one.kind), one.name)
    )
    lines += [f"| [{one.name}]({one.name}.md) | {one.kind} | {_scope(one)} |" for one in members]
    return "\n".join(lines)


def _notes(endpoint: Endpoint) -> Iterable[str]:
    yield from NOTES.get(endpoint.name, ())
    if endpoint.kind == "sync" and (names := _looked_up(endpoint)):
        shown = ", ".join(f"`{name}`" for name in names[:3])
        yield STALE.format(names=f"{shown}, …" if len(names) > 3 else shown)


def _looked_up(endpoint: Endpoint) -> list[str]:
    """Columns with the name of what another column identifies: ``account_name`` beside ``account``."""
    guids = {field.name for field in endpoint.fields if field.type == "guid"}
    return [
        field.column
        for field in endpoint.fields
        if not field.hidden
        and not field.name.startswith(("Creator", "Modifier"))
        and any(
            field.name.endswith(end) and field.name.removesuffix(end) in guids
            for end in ("Name", "Description", "FullName")
        )
    ]


def type_name(schema: dict[str, Any]) -> str:
    """A JSON Schema type in a word: what the target will make of it."""
    (type_,) = [one for one in schema["type"] if one != "null"]
    return {"uuid": "uuid", "date-time": "timestamp"}.get(schema.get("format", ""), type_)


def _columns(endpoint: Endpoint) -> str:
    schema = EVERYTHING.schema(endpoint)["properties"]
    fields = {field.column: field for field in endpoint.fields}
    key = set(NAMING.key(endpoint))
    rows = [
        f"| `{column}` | {_exact_name(endpoint, column, fields)} | {type_name(kind)} | {_remark(column, fields, key, endpoint)} |"
        for column, kind in schema.items()
    ]
    shown = [row for row, column in zip(rows, schema, strict=True) if not _hidden(column, fields)]
    hidden = [row for row, column in zip(rows, schema, strict=True) if _hidden(column, fields)]
    head = "| column | Exact's field | type | |\n|---|---|---|---|\n"
    text = f'## Columns\n\n<div class="columns" markdown>\n\n{head}' + "\n".join(shown) + "\n\n</div>"
    if hidden:
        text += (
            "\n\n## Hidden columns\n\nOnly with `hidden_fields: true`: hidden or withdrawn in Exact's reference, nested, or "
            f'binary.\n\n<div class="columns" markdown>\n\n{head}' + "\n".join(hidden) + "\n\n</div>"
        )
    return text


def _hidden(column: str, fields: dict[str, Field]) -> bool:
    return column in fields and fields[column].hidden


def _exact_name(endpoint: Endpoint, column: str, fields: dict[str, Field]) -> str:
    if column in fields:
        return f"`{fields[column].name}`"
    computed = {name: source for name, source, _ in COMPUTED.get(endpoint.name, ())}
    return f"from `{computed[column]}`" if column in computed else "the address"


def _remark(column: str, fields: dict[str, Field], key: set[str], endpoint: Endpoint) -> str:
    remarks = []
    if column in key:
        remarks.append("key")
    if column == NAMING.bookmark(endpoint):
        remarks.append("bookmark")
    if column == DIVISION and column not in fields:
        remarks.append("number of the administration")
    if how := personal.columns(endpoint).get(column):
        remarks.append(personal.WORDS[how])
    return ", ".join(remarks)


def entity_types() -> str:
    """The numbers in the log of deletions, as a Markdown table."""
    lines = ["| `entity_type` | `entity` | `stream` |", "|--:|---|---|"]
    for entry in catalogue().entity_types:
        link = f"[{entry.stream}]({entry.stream}.md)" if entry.stream else ""
        lines.append(f"| {entry.code} | {entry.entity} | {link} |")
    return "\n".join(lines)
