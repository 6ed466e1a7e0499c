"""Which fields of generated rows hold the key of a row in another table.

Generated values are noise, so no line would find its ledger account. With the switch ``references`` these fields hold
the key, or the code, of a row that exists. Only what the default selection can resolve is listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from .store import Table

LISTS = ("system_divisions", "system_all_divisions", "hrm_divisions")
ACCOUNTS, CONTACTS, ADDRESSES = "sync_crm_accounts", "sync_crm_contacts", "sync_crm_addresses"
LEDGER, ITEMS, PROJECTS = "sync_financial_gl_accounts", "sync_logistics_items", "sync_project_projects"
ORDERS, ORDER_LINES = "sync_sales_order_sales_order_headers", "sync_sales_order_sales_order_lines"
SHOP_ORDERS, MATERIALS = "sync_manufacturing_shop_orders", "sync_manufacturing_shop_order_material_plans"

# Field → stream, wherever the field is a GUID.
BY_ID = {
    **dict.fromkeys(
        ("Account", "Accountant", "Customer", "DeliverTo", "DeliveryAccount", "InvoiceAccount", "InvoiceTo",
         "OrderAccount", "OrderedBy", "Reseller", "Supplier"),
        ACCOUNTS,
    ),
    **dict.fromkeys(
        ("AccountContact", "Contact", "DeliverToContactPerson", "DeliveryAccountContact", "DeliveryContact",
         "InvoiceAccountContact", "InvoiceToContactPerson", "OrderAccountContact", "OrderedByContactPerson",
         "SupplierContact"),
        CONTACTS,
    ),
    **dict.fromkeys(("DeliverToAddress", "DeliveryAddress", "InvoiceAddress"), ADDRESSES),
    **dict.fromkeys(
        ("GLAP", "GLAR", "GLAccount", "GLAccountPurchase", "GLAccountSales", "GLCosts", "GLCostsWorkInProgress",
         "GLDiscountPurchase", "GLDiscountSales", "GLRevenue", "GLRevenueWorkInProgress", "GLStock", "GLToClaim",
         "GLToPay", "PaymentInTransitAccount", "PrivateGLAccount", "VATNonDeductibleGLAccount",
         "YearEndCostGLAccount", "YearEndReflectionGLAccount"),
        LEDGER,
    ),
    **dict.fromkeys(
        ("DefaultItem", "FixedPriceItem", "HourType", "Item", "ItemId", "PartItem", "PrepaidItem"), ITEMS
    ),
    "Document": "sync_documents_documents",
    "GLSchemeID": "financial_gl_schemes",
    "ItemVersion": "sync_manufacturing_bill_of_material_versions",
    "Project": PROJECTS,
    "ProjectWBS": "sync_project_project_wbs",
    "WBS": "sync_project_project_wbs",
    "SerialBatchNumber": "sync_inventory_serial_batch_numbers",
    "Subscription": "sync_subscription_subscriptions",
    "SalesOrder": ORDERS,
    "SalesOrderLine": ORDER_LINES,
    "SalesOrderLineID": ORDER_LINES,
    "ShopOrder": SHOP_ORDERS,
    "ShopOrderMain": SHOP_ORDERS,
    "ShopOrderParent": SHOP_ORDERS,
    "ShopOrderMaterialPlan": MATERIALS,
    "ShopOrderRoutingStepPlan": "sync_manufacturing_shop_order_routing_step_plans",
    "SourceQuotation": "sync_crm_quotation_headers",
    "TransactionID": "sync_financial_transaction_lines",
    "OffsetID": "sync_financial_transaction_lines",
}  # fmt: skip

# Field → stream, wherever the field is a text: it holds the other row's Code.
BY_CODE = {
    "CostCenter": "hrm_costcenters",
    "Costcenter": "hrm_costcenters",
    "CostUnit": "hrm_costunits",
    "Costunit": "hrm_costunits",
    "Currency": "general_currencies",
    "GLAccountCode": LEDGER,
    "ItemCode": ITEMS,
    "Journal": "financial_journals",
    "JournalCode": "financial_journals",
    "SourceCurrency": "general_currencies",
    "VATCode": "vat_vat_codes",
}

# The same name means something else here.
IN_STREAM = {
    ("financial_gl_account_classification_mappings", "Classification"): "sync_financial_gl_classifications",
    ("sync_financial_gl_classifications", "Parent"): "sync_financial_gl_classifications",
    ("sync_crm_accounts", "Parent"): ACCOUNTS,
    ("sync_subscription_subscription_lines", "EntryID"): "sync_subscription_subscriptions",
    ("sync_sales_order_goods_delivery_lines", "EntryID"): "sync_sales_order_goods_deliveries",
    ("sync_sales_order_sales_order_lines", "OrderID"): ORDERS,
    ("sync_project_project_wbs", "PartOf"): "sync_project_project_wbs",
}


def refers(stream: str, field: str, kind: str) -> tuple[str, str] | None:
    """Whose row a field names.

    Args:
        stream: The stream that has the field.
        field: Exact's spelling.
        kind: The field's type.

    Returns:
        The other stream and ``key`` or ``Code``; None if the field refers to nothing here.
    """
    if stream in LISTS:
        return None  # made of the administrations, not out of tables
    if kind == "guid":
        other = IN_STREAM.get((stream, field)) or BY_ID.get(field)
        return (other, "key") if other else None
    if kind == "string" and field in BY_CODE:
        return BY_CODE[field], "Code"
    return None


def values(table: Table, number: int) -> dict[str, Any]:
    """The referring fields of template ``number``: a row that exists, now and then none."""
    found: dict[str, Any] = {}
    for name, field in table.fields.items():
        told = [refers(endpoint.name, name, field.type) for endpoint in table.endpoints]
        if name in table.own or not any(told):
            continue
        stream, what = next(one for one in told if one)
        other = table.division.table(stream)
        chosen = number + crc32(name.encode())
        found[name] = other.reference(chosen, what) if other.count and chosen % 7 else None
    return found
