"""Build the data files in ``tap_exactonline/endpoints`` from a catalogue of Exact's REST reference.

``endpoints.json`` holds what a plain GET can read, ``functions.json`` the functions that want parameters.

The catalogue (``resources.json``: names, Edm types, URIs and flags of every resource) is collected from
Exact's public reference pages and kept outside this repository. To renew the data file::

    python scripts/build_endpoints.py path/to/resources.json

and review the difference: every line is a promise to somebody's tables. Choices that are ours stand in this file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tap_exactonline.endpoints.spelling import LONGEST, column, field_type, stream

FOLDER = Path(__file__).parents[1] / "tap_exactonline" / "endpoints"

# Off by default, like what is withdrawn: nested rows and pictures.
NESTED = {"collection", "complex", "binary"}

# Functions for which the reference marks no key. A function that is not named here and gives one value has one row.
FUNCTION_KEYS = {
    "Logistics/ItemExtraField": ["ItemID", "Number"],
    "Logistics/SalesItemPrice": ["ItemId"],
    "Logistics/StockPosition": ["ItemId"],
    "Payroll/EmploymentContractFlexPhasesOnFocusDate": ["ID"],
    "Payroll/EmploymentEndReasonsOnFocusDate": ["ID"],
}

# Documented with parameters, yet several public clients read it without any, and filter it by Modified.
PLAIN = {"Logistics/ItemExtraField"}

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


def fields(resource: dict[str, Any]) -> list[list[Any]]:
    """The fields that the tap offers, as rows of the data file."""
    rows = []
    for field in resource["fields"]:
        if field["name"] == "Division":
            continue
        kind = field_type(field["type"])
        hidden = bool(field.get("hidden") or field.get("obsolete")) or kind in NESTED
        if field["name"] in key_of(resource) or field["name"] == "Timestamp":
            hidden = False
        row: list[Any] = [field["name"], column(field["name"]), kind]
        rows.append([*row, True] if hidden else row)
    return rows


def key_of(resource: dict[str, Any]) -> list[str]:
    """The business key without the division (sync: the entity's id, as Timestamp changes with each update)."""
    if resource["kind"] == "sync":
        return [resource["row_id"]]
    return [name for name in resource["key"] or () if name != "Division"]


def path_of(resource: dict[str, Any]) -> str:
    """What follows the number of the administration in an address."""
    return re.sub(r"^/api/v1/(beta/)?(\{division\}/)?", "", resource["uri"])


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
    path = path_of(resource)
    kind = resource["kind"]
    if kind == "function" or (kind == "single" and resource["read_view"]):
        kind = "read"
    name = "system_me" if resource["id"] == "System/Me" else stream(path)
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


def function(resource: dict[str, Any]) -> dict[str, Any]:
    """One entry of the data file of functions; no parameters if not all of their names are known."""
    given: list[dict[str, str | None]] = resource["parameters"] or [{"name": None}]
    entry: dict[str, Any] = {
        "path": path_of(resource),
        "doc": resource["doc_name"],
        "scope": resource["scope"] or "",
        "key": resource["key"] or FUNCTION_KEYS.get(resource["id"], []),
        "page_size": resource["page_size"] or 0,
    }
    if all(one["name"] for one in given):
        entry["parameters"] = [[one["name"], field_type(str(one["type"]))] for one in given]
    flags = {"plain": resource["id"] in PLAIN, "beta": resource["beta"]}
    entry.update({name: True for name, true in flags.items() if true})
    return entry | {"fields": fields(resource)}


def functions(data: dict[str, Any]) -> dict[str, Any]:
    """The data file of functions, and the names of what only takes POST."""
    current = [one for one in data["resources"] if not one["status"].startswith("withdrawn")]
    readable = {one["id"] for one in current if "GET" in one["methods"]}
    wanted = [one for one in current if one["kind"] == "function" and not one["plain_get"]]
    found = sorted(
        (function(one) for one in wanted if one["id"] in readable), key=lambda one: str(one["path"])
    )
    return {
        "actions": sorted(path_of(one) for one in current if one["id"] not in readable),
        "functions": found,
    }


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
    problems += [f"{name} is longer than {LONGEST} characters" for name in names if len(name) > LONGEST]
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
    text = json.dumps(data, ensure_ascii=False, indent=1)
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
    catalogue = json.loads(Path(sys.argv[1]).read_text())
    for file, content in (("endpoints.json", build(catalogue)), ("functions.json", functions(catalogue))):
        (FOLDER / file).write_text(dump(content))
        print(f"wrote {FOLDER / file}")
