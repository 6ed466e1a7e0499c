"""Build ``tap_exactonline/endpoints/endpoints.json`` from a catalogue of Exact's REST reference.

The catalogue (``resources.json``: names, Edm types, URIs and flags of every resource) is collected from
Exact's public reference pages and kept outside this repository. To renew the data file::

    python scripts/build_endpoints.py path/to/resources.json

and review the difference: every line of it is a promise to somebody's tables. Choices that are ours
(default selection, spelling of columns, numbers of deleted entities) are the tables in this file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "tap_exactonline" / "endpoints" / "endpoints.json"

# Besides every sync endpoint: what has no sync twin and most people ask for first.
DEFAULT = {
    "system_divisions",
    "bulk_cashflow_receivables",
    "bulk_cashflow_payments",
    "financial_journals",
    "financial_financial_periods",
    "vat_vat_codes",
    "general_currencies",
    "hrm_costcenters",
    "hrm_costunits",
    "salesinvoice_sales_invoices",
    "salesorder_sales_orders",
}

# Where splitting at capitals reads badly.
COLUMNS = {
    "EMail": "email",
    "CustomerPOnumber": "customer_po_number",
    "SharePointID": "sharepoint_id",
    "SharePointConnectionStatus": "sharepoint_connection_status",
}

# Numbers in sync/Deleted (Exact, reference page "Sync/Deleted"). 30, 31, 53 are inferred from the
# entities' order of appearance and 56 to 59 seen in one client: unknown numbers pass through in any case.
ENTITY_TYPES: dict[int, tuple[str, str | None]] = {
    1: ("TransactionLines", "Sync/Financial/TransactionLines"),
    2: ("Accounts", "Sync/CRM/Accounts"),
    3: ("Addresses", "Sync/CRM/Addresses"),
    4: ("Attachments", "Sync/Documents/DocumentAttachments"),
    5: ("Contacts", "Sync/CRM/Contacts"),
    6: ("Documents", "Sync/Documents/Documents"),
    7: ("GLAccounts", "Sync/Financial/GLAccounts"),
    8: ("ItemPrices", "Sync/Logistics/SalesItemPrices"),
    9: ("Items", "Sync/Logistics/Items"),
    10: ("PaymentTerms", "Sync/Cashflow/PaymentTerms"),
    11: ("Quotations", None),
    12: ("SalesOrders", None),
    13: ("SalesInvoices", "Sync/SalesInvoice/SalesInvoices"),
    14: ("TimeCostTransactions", "Sync/Project/TimeCostTransactions"),
    15: ("StockPositions", "Sync/Inventory/StockPositions"),
    16: ("GoodsDeliveries", "Sync/SalesOrder/GoodsDeliveries"),
    17: ("GoodsDeliveryLines", "Sync/SalesOrder/GoodsDeliveryLines"),
    18: ("GLClassifications", "Sync/Financial/GLClassifications"),
    19: ("ItemWarehouses", "Sync/Inventory/ItemWarehouses"),
    20: ("StorageLocationStockPositions", "Sync/Inventory/StorageLocationStockPositions"),
    21: ("Projects", "Sync/Project/Projects"),
    22: ("PurchaseOrders", "Sync/PurchaseOrder/PurchaseOrders"),
    23: ("Subscriptions", "Sync/Subscription/Subscriptions"),
    24: ("SubscriptionLines", "Sync/Subscription/SubscriptionLines"),
    25: ("ProjectWBS", "Sync/Project/ProjectWBS"),
    26: ("ProjectPlanning", "Sync/Project/ProjectPlanning"),
    27: ("LeaveAbsenceHoursByDay", "Sync/HRM/LeaveAbsenceHoursByDay"),
    28: ("SerialBatchNumbers", "Sync/Inventory/SerialBatchNumbers"),
    29: ("StockSerialBatchNumbers", "Sync/Inventory/StockSerialBatchNumbers"),
    30: ("ItemAccounts", "Sync/Logistics/SupplierItem"),
    31: ("DiscountTables", "Sync/Sales/SalesPriceListVolumeDiscounts"),
    32: ("SalesOrderHeaders", "Sync/SalesOrder/SalesOrderHeaders"),
    33: ("SalesOrderLines", "Sync/SalesOrder/SalesOrderLines"),
    34: ("QuotationHeaders", "Sync/CRM/QuotationHeaders"),
    35: ("QuotationLines", "Sync/CRM/QuotationLines"),
    36: ("ShopOrders", "Sync/Manufacturing/ShopOrders"),
    37: ("ShopOrderMaterialPlans", "Sync/Manufacturing/ShopOrderMaterialPlans"),
    38: ("ShopOrderRoutingStepPlans", "Sync/Manufacturing/ShopOrderRoutingStepPlans"),
    39: ("Schedules", "Sync/HRM/Schedules"),
    40: ("ScheduleEntries", "Sync/HRM/ScheduleEntries"),
    41: ("ItemStorageLocations", "Sync/Inventory/ItemStorageLocations"),
    42: ("Employees", "Sync/Payroll/Employees"),
    43: ("Employments", "Sync/Payroll/Employments"),
    44: ("EmploymentContracts", "Sync/Payroll/EmploymentContracts"),
    45: ("EmploymentOrganizations", "Sync/Payroll/EmploymentOrganizations"),
    46: ("EmploymentCLAs", "Sync/Payroll/EmploymentCLAs"),
    47: ("EmploymentSalaries", "Sync/Payroll/EmploymentSalaries"),
    48: ("BankAccounts", "Sync/Payroll/BankAccounts"),
    49: ("EmploymentTaxAuthoritiesGeneral", "Sync/Payroll/EmploymentTaxAuthoritiesGeneral"),
    50: ("ShopOrderPurchasePlanning", "Sync/Manufacturing/ShopOrderPurchasePlanning"),
    51: ("ShopOrderSubOrders", "Sync/Manufacturing/ShopOrderSubOrders"),
    53: ("RequirementIssues", "Sync/Manufacturing/MaterialIssues"),
    54: ("BillOfMaterialMaterials", "Sync/Manufacturing/BillOfMaterialMaterials"),
    55: ("BillOfMaterialVersions", "Sync/Manufacturing/BillOfMaterialVersions"),
    56: ("LeaveRegistrations", "Sync/HRM/LeaveRegistrations"),
    57: ("LeaveBuildUpRegistrations", "Sync/HRM/LeaveBuildUpRegistrations"),
    58: ("AbsenceRegistrationTransactions", "Sync/HRM/AbsenceRegistrationTransactions"),
    59: ("AbsenceRegistrations", "Sync/HRM/AbsenceRegistrations"),
}

# A capital starts a word when it follows a lower-case letter or digit, or ends a run of capitals. Runs that
# hold two words are listed; DC and FC (default and foreign currency) are words wherever they end a run.
_KNOWN = re.compile(r"(GL(?=Account|AP|AR)|VAT(?=GL|DC|FC))")
_PLURAL = re.compile(r"(?<=[A-Z])s$")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """``AmountVATDC`` → ``amount_vat_dc``."""
    text = _KNOWN.sub(r"\1_", _PLURAL.sub("S", name))
    return re.sub(r"_+", "_", _WORD.sub("_", text)).lower()


def column(name: str) -> str:
    """The name under which a field is emitted."""
    return COLUMNS.get(name) or snake(name)


def field_type(edm: str) -> str:
    """``Edm.Int64`` → ``int64``; everything nested is ``collection`` or ``complex``."""
    if edm.startswith("Edm."):
        return edm[4:].lower()
    return "collection" if edm.startswith("Collection(") else "complex"


def fields(resource: dict[str, Any]) -> list[list[Any]]:
    """The fields that the tap offers, as rows of the data file."""
    rows = []
    for field in resource["fields"]:
        if field["name"] == "Division":
            continue
        kind = field_type(field["type"])
        hidden = bool(field.get("hidden") or field.get("obsolete")) or kind in {
            "collection",
            "complex",
            "binary",
        }
        if field["name"] in key_of(resource) or field["name"] == "Timestamp":
            hidden = False
        row: list[Any] = [field["name"], column(field["name"]), kind]
        rows.append([*row, True] if hidden else row)
    return rows


def key_of(resource: dict[str, Any]) -> list[str]:
    """The business key without the division (sync: the entity's id, as Timestamp changes with each update)."""
    if resource["kind"] == "sync":
        return [resource["row_id"]]
    return [name for name in resource["key"] if name != "Division"]


def bookmark_of(resource: dict[str, Any]) -> str | None:
    """The field that tells what is new, unless the reference says that it may not be filtered."""
    if resource["kind"] == "sync":
        return "Timestamp"
    if resource["modified_filterable"] is False or resource["division"] == "current":
        return None
    modified: str | None = resource["modified_field"]
    return modified


def endpoint(
    resource: dict[str, Any], entity: str, codes: dict[str, int], stamps: set[str]
) -> dict[str, Any]:
    """One entry of the data file."""
    uri: str = resource["uri"]
    path = re.sub(r"^/api/v1/(beta/)?(\{division\}/)?", "", uri)
    kind = resource["kind"]
    if kind == "function" or (kind == "single" and resource["read_view"]):
        kind = "read"
    name = "system_me" if resource["id"] == "System/Me" else "_".join(snake(part) for part in path.split("/"))
    entry: dict[str, Any] = {
        "name": name,
        "path": path,
        "doc": resource["doc_name"],
        "kind": kind,
        "scope": resource["scope"] or "",
        "entity": entity,
        "key": key_of(resource),
        "page_size": {"sync": 1000, "bulk": 1000, "single": 60, "read": 0}[kind],
    }
    optional = {
        "bookmark": bookmark_of(resource),
        "filters": resource["allowed_filters"] if kind == "bulk" else None,
        "selected": kind == "sync" or name in DEFAULT,
        "select_required": kind in {"sync", "bulk"},
        "beta": resource["beta"],
        "login_wide": resource["division"] == "current",
        "hr": path.split("/")[-2].lower() in {"hrm", "payroll"},
        "entity_type": codes.get(resource["id"]),
        "sync_timestamp": resource["name"].rsplit("/", 1)[-1]
        if kind == "sync" and resource["name"].rsplit("/", 1)[-1] in stamps
        else None,
        "deprecated": bool(resource["deprecated"]),
    }
    entry.update({key: value for key, value in optional.items() if value not in (None, False)})
    entry["fields"] = fields(resource)
    return entry


def entities(data: dict[str, Any]) -> dict[str, str]:
    """Resource id → name of the business object that its variants share."""
    names: dict[str, str] = {}
    for variant in data["entity_variants"]:
        for value in (variant["single"], variant["bulk"], variant["sync"]):
            for resource_id in value if isinstance(value, list) else [value]:
                if resource_id:
                    names[resource_id] = variant["entity"]
    return names


def build(data: dict[str, Any]) -> dict[str, Any]:
    """The whole data file."""
    resources = {resource["id"]: resource for resource in data["resources"]}
    names = entities(data)
    codes = {sync: code for code, (_, sync) in ENTITY_TYPES.items() if sync}
    stamps = set(data["sync_timestamp_supported_endpoints"]["values"])
    endpoints = sorted(
        (
            endpoint(resources[resource_id], names.get(resource_id, resource_id), codes, stamps)
            for resource_id in data["plain_get_resources"]
        ),
        key=lambda entry: entry["name"],
    )
    streams = {resources[i]["uri"].split("{division}/")[-1]: i for i in data["plain_get_resources"]}
    by_resource = {streams[e["path"]]: e["name"] for e in endpoints if e["path"] in streams}
    check(endpoints, {sync for _, sync in ENTITY_TYPES.values() if sync} - set(by_resource))
    return {
        "entity_types": [
            [code, entity, *([by_resource[sync]] if sync else [])]
            for code, (entity, sync) in ENTITY_TYPES.items()
        ],
        "endpoints": endpoints,
    }


def check(endpoints: list[dict[str, Any]], missing: set[str]) -> None:
    """Refuse data that would make wrong streams."""
    names = [entry["name"] for entry in endpoints]
    problems = [f"stream {name} twice" for name in set(names) if names.count(name) > 1]
    problems += [f"unknown default stream {name}" for name in DEFAULT - set(names)]
    problems += [f"entity type refers to unknown {name}" for name in missing]
    for entry in endpoints:
        columns = [field[1] for field in entry["fields"]]
        if len(set(columns)) < len(columns):
            problems.append(f"{entry['name']}: a column twice")
        known = {field[0] for field in entry["fields"]}
        problems += [f"{entry['name']}: key {key} is no field" for key in set(entry["key"]) - known]
        if entry.get("bookmark") and entry["bookmark"] not in known:
            problems.append(f"{entry['name']}: bookmark is no field")
    if problems:
        sys.exit("\n".join(problems))


def dump(data: dict[str, Any]) -> str:
    """JSON with one field a line: differences stay readable."""
    lines = json.dumps(data, ensure_ascii=False, indent=1).split("\n")
    text = "\n".join(lines)
    flat = re.sub(
        r"\[\s+((?:\"[^\"\n]*\"|-?\d+|true|false)(?:,\s+(?:\"[^\"\n]*\"|-?\d+|true|false))*)\s+\]",
        _one_line,
        text,
    )
    return flat + "\n"


def _one_line(match: re.Match[str]) -> str:
    return "[" + re.sub(r",\s+", ", ", match[1]) + "]"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.write_text(dump(build(json.loads(Path(sys.argv[1]).read_text()))))
    print(f"wrote {TARGET}")
