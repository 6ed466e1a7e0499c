"""``$metadata``: what a service says about itself, as EDMX."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from tap_exactonline.endpoints import load
from tap_exactonline.endpoints.functions import functions

from . import called
from .division import LISTS
from .wire import Reply, error

if TYPE_CHECKING:
    from tap_exactonline.endpoints import Endpoint

    from .exact import ExactOnline

EDM = {
    "string": "Edm.String", "guid": "Edm.Guid", "double": "Edm.Double", "decimal": "Edm.Decimal", "int16": "Edm.Int16",
    "int32": "Edm.Int32", "int64": "Edm.Int64", "byte": "Edm.Byte", "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTime", "binary": "Edm.Binary",
}  # fmt: skip
SPACE = "Exact.Web.Api.Models"
NO_DIVISION = {"sync_documents_document_attachments", "sync_payroll_bank_accounts", *LISTS}
HEAD = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
    '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
    '<edmx:DataServices m:DataServiceVersion="1.0" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
    f'<Schema Namespace="{SPACE}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
)


def metadata(exact: ExactOnline, service: str, accept: str, *, beta: bool) -> Reply:
    """A service's EDMX; only who takes XML gets it."""
    if accept and not any(kind in accept for kind in ("xml", "*/*")):
        return error(415, "Unsupported media type requested.")
    known = [*load(), *(added.endpoint for added in exact.added.values())]
    inside = [e for e in known if _service(e.path) == service and e.beta == beta and not e.login_wide]
    calls = [(f, e) for f, e in called.by_path().values() if _service(f.path) == service and f.beta == beta]
    if service in exact.no_metadata or not (inside or calls):
        return error(404, "Resource not found for the segment '$metadata'.")
    types = [_type(exact, e) for e in inside] + [_type(exact, e) for f, e in calls if not called.is_scalar(e)]
    sets = [_set(e.path) for e in inside]
    if not beta:
        actions = [path for path in functions().actions if _service(path) == service]
        sets += [_set(path) for path in actions]
        types += [f"<EntityType Name={quoteattr(_name(path))}/>" for path in actions]
    imports = []
    for function, endpoint in calls:
        returned = (
            EDM[endpoint.fields[0].type]
            if called.is_scalar(endpoint)
            else f"Collection({SPACE}.{_name(function.path)})"
        )
        parameters = "".join(
            f'<Parameter Name={quoteattr(p.name)} Type="{EDM[p.type]}" Mode="In"/>'
            for p in function.parameters or ()
        )
        imports.append(
            f"<FunctionImport Name={quoteattr(_name(function.path))} ReturnType={quoteattr(returned)} "
            f'm:HttpMethod="GET">{parameters}</FunctionImport>'
        )
    text = (
        f'{HEAD}{"".join(types)}<EntityContainer Name="Service" m:IsDefaultEntityContainer="true">'
        f"{''.join(sets)}{''.join(imports)}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
    for old, new in exact.metadata_edits.get(service, ()):
        assert old in text, f"{old} is not in $metadata of {service}"
        text = text.replace(old, new)
    return Reply(200, text.encode(), {"Content-Type": "application/xml;charset=utf-8"})


def _service(path: str) -> str:
    return path.lower().rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _set(path: str) -> str:
    return f"<EntitySet Name={quoteattr(_name(path))} EntityType={quoteattr(f'{SPACE}.{_name(path)}')}/>"


def _type(exact: ExactOnline, endpoint: Endpoint) -> str:
    refused = exact.refused_in(None, endpoint.name)
    key = ("Timestamp",) if endpoint.kind == "sync" else endpoint.key
    lines = [f"<Key>{''.join(f'<PropertyRef Name={quoteattr(name)}/>' for name in key)}</Key>"] if key else []
    if endpoint.name not in NO_DIVISION:
        lines.append('<Property Name="Division" Type="Edm.Int32" Nullable="true"/>')
    lines += [
        f'<Property Name={quoteattr(name)} Type="Edm.Binary" Nullable="true"/>'
        for name in endpoint.write_only
    ]
    for field in endpoint.fields:
        name = quoteattr(field.name)
        if field.name in refused:
            continue
        if field.type == "collection":
            lines.append(
                f'<NavigationProperty Name={name} Relationship="{SPACE}.R" FromRole="A" ToRole={name}/>'
            )
        else:
            kind = EDM.get(field.type, f"{SPACE}.{field.name}")
            lines.append(
                f'<Property Name={name} Type="{kind}" Nullable="{str(field.name not in key).lower()}"/>'
            )
    return f"<EntityType Name={quoteattr(_name(endpoint.path))}>{''.join(lines)}</EntityType>"
