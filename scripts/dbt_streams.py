"""What we decide about the generated staging models: their names, their keys, and where present names are looked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Staged:
    """A stream that gets a generated staging model.

    Attributes:
        model: What follows ``stg_exact_online__``.
        key: The model's key column: the row's GUID, or a hash where Exact has none.
        text: What its rows are.
        extra: Columns that the catalogue lacks, because the tap computes them.
    """

    model: str
    key: str
    text: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where the present name of something is.

    Attributes:
        stream: The stream that has it.
        model: Its staging model.
        key: The column there that is referred to.
        names: Ending of the copy's name → the column there with the present value.
    """

    stream: str
    model: str
    key: str
    names: dict[str, str]

    @property
    def irregular(self) -> str:
        """The column that copies with a name of their own are copied from: the last one."""
        return list(self.names.values())[-1]


# Written by hand: stg_exact_online__divisions, accounts, gl_accounts, journals, items, transaction_lines, payment_terms,
# subscriptions, subscription_lines and, outside of the default selection, reporting_balance.
STAGED = {
    "financial_exchange_rates": Staged("exchange_rates", "exchange_rate_id", "Exchange rates by day."),
    "financial_financial_periods": Staged("financial_periods", "financial_period_id", "Periods of the financial years."),
    "financial_gl_account_classification_mappings": Staged(
        "gl_account_classifications", "gl_account_classification_id", "Which classification each ledger account has."
    ),
    "financial_gl_schemes": Staged("gl_schemes", "gl_scheme_id", "Schemes of classifications, such as RGS."),
    "general_currencies": Staged("currencies", "currency_key", "Currencies of each administration."),
    "hrm_costcenters": Staged("cost_centers", "cost_center_id", "Cost centres."),
    "hrm_costunits": Staged("cost_units", "cost_unit_id", "Cost units."),
    "sync_crm_addresses": Staged("addresses", "address_id", "Addresses of relations."),
    "sync_crm_contacts": Staged("contacts", "contact_id", "People at relations."),
    "sync_crm_quotation_headers": Staged("quotations", "quotation_version_id", "Quotations, one row a version."),
    "sync_crm_quotation_lines": Staged("quotation_lines", "quotation_line_id", "Lines of quotations."),
    "sync_deleted": Staged("deletions", "deletion_id", "What was deleted in Exact.", ("entity", "stream")),
    "sync_documents_document_attachments": Staged("document_attachments", "attachment_id", "Files of documents."),
    "sync_documents_documents": Staged("documents", "document_id", "Documents."),
    "sync_financial_gl_classifications": Staged("gl_classifications", "gl_classification_id", "Classifications of ledger accounts."),
    "sync_financial_purchase_entries": Staged(
        "purchase_entries", "purchase_entry_line_id",
        "Lines of purchase entries. Exact's log of deletions does not cover them: deleted ones stay.",
    ),
    "sync_financial_sales_entries": Staged(
        "sales_entries", "sales_entry_line_id",
        "Lines of sales entries. Exact's log of deletions does not cover them: deleted ones stay.",
    ),
    "sync_inventory_item_storage_locations": Staged(
        "item_storage_locations", "item_storage_location_id", "Which item lies at which storage location."
    ),
    "sync_inventory_item_warehouses": Staged("item_warehouses", "item_warehouse_id", "How each item is kept in each warehouse."),
    "sync_inventory_serial_batch_numbers": Staged("serial_batch_numbers", "serial_batch_number_id", "Serial and batch numbers."),
    "sync_inventory_stock_positions": Staged("stock_positions", "stock_position_id", "Stock of each item in each warehouse."),
    "sync_inventory_stock_serial_batch_numbers": Staged(
        "stock_serial_batch_numbers", "stock_serial_batch_number_id", "Movements of serial and batch numbers."
    ),
    "sync_inventory_storage_location_stock_positions": Staged(
        "storage_location_stock_positions", "storage_location_stock_position_id", "Stock of each item at each storage location."
    ),
    "sync_logistics_purchase_item_prices": Staged(
        "purchase_item_prices", "purchase_item_price_id",
        "Prices at which items are bought. Exact's log of deletions does not cover them: deleted ones stay.",
    ),
    "sync_logistics_sales_item_prices": Staged("sales_item_prices", "sales_item_price_id", "Prices at which items are sold."),
    "sync_logistics_supplier_item": Staged("supplier_items", "supplier_item_id", "Which supplier delivers which item."),
    "sync_manufacturing_bill_of_material_materials": Staged(
        "bill_of_material_materials", "bill_of_material_material_id", "Parts of what is made."
    ),
    "sync_manufacturing_bill_of_material_versions": Staged(
        "bill_of_material_versions", "bill_of_material_version_id", "Versions of bills of material."
    ),
    "sync_manufacturing_material_issues": Staged("material_issues", "material_issue_id", "Material taken for shop orders."),
    "sync_manufacturing_shop_order_material_plans": Staged(
        "shop_order_material_plans", "shop_order_material_plan_id", "Material planned for shop orders."
    ),
    "sync_manufacturing_shop_order_purchase_planning": Staged(
        "shop_order_purchase_planning", "shop_order_purchase_planning_id", "Purchases planned for shop orders."
    ),
    "sync_manufacturing_shop_order_routing_step_plans": Staged(
        "shop_order_routing_step_plans", "shop_order_routing_step_plan_id", "Work planned for shop orders."
    ),
    "sync_manufacturing_shop_order_sub_orders": Staged(
        "shop_order_sub_orders", "shop_order_sub_order_id", "Shop orders that belong to another one."
    ),
    "sync_manufacturing_shop_orders": Staged("shop_orders", "shop_order_id", "Shop orders."),
    "sync_project_project_planning": Staged("project_planning", "project_planning_id", "Who works on which project when."),
    "sync_project_project_wbs": Staged("project_wbs", "project_wbs_id", "Parts of projects: deliverables, activities, expenses."),
    "sync_project_projects": Staged("projects", "project_id", "Projects."),
    "sync_project_time_cost_transactions": Staged("time_cost_transactions", "time_cost_transaction_id", "Hours and costs."),
    "sync_purchase_order_purchase_orders": Staged("purchase_order_lines", "purchase_order_line_id", "Lines of purchase orders."),
    "sync_sales_invoice_sales_invoices": Staged(
        "sales_invoice_lines", "sales_invoice_line_id",
        "Lines of sales invoices: line 0 is the total and 9999 the VAT, with the sign of the books.",
    ),
    "sync_sales_order_goods_deliveries": Staged("goods_deliveries", "goods_delivery_id", "Deliveries of goods."),
    "sync_sales_order_goods_delivery_lines": Staged("goods_delivery_lines", "goods_delivery_line_id", "Lines of deliveries."),
    "sync_sales_order_sales_order_headers": Staged("sales_orders", "sales_order_row_id", "Sales orders."),
    "sync_sales_order_sales_order_lines": Staged("sales_order_lines", "sales_order_line_row_id", "Lines of sales orders."),
    "sync_sales_sales_price_list_volume_discounts": Staged(
        "price_list_volume_discounts", "price_list_volume_discount_id", "Discounts of price lists by volume."
    ),
    "vat_vat_codes": Staged("vat_codes", "vat_code_id", "VAT codes."),
}  # fmt: skip

_ACCOUNT = Source(
    "sync_crm_accounts", "accounts", "account_id",
    {"_code": "account_code", "_name": "account_name", "_description": "account_name"},
)  # fmt: skip
_ITEM = Source("sync_logistics_items", "items", "item_id", {"_code": "item_code", "_description": "item"})
_LEDGER = Source(
    "sync_financial_gl_accounts", "gl_accounts", "gl_account_id",
    {"_code": "gl_account_code", "_description": "gl_account"},
)  # fmt: skip
_CONTACT = Source(
    "sync_crm_contacts", "contacts", "contact_id", {"_full_name": "full_name", "_name": "full_name"}
)
_COST_CENTER = Source("hrm_costcenters", "cost_centers", "code", {"_description": "description"})
_COST_UNIT = Source("hrm_costunits", "cost_units", "code", {"_description": "description"})

# The column that refers → where what it names is called by its present name.
LOOKED_UP: dict[str, Source] = {
    **dict.fromkeys(
        (
            "account", "customer", "supplier", "deliver_to", "invoice_to", "ordered_by", "delivery_account", "invoice_account",
            "order_account", "project_account", "subscription_account",
        ),
        _ACCOUNT,
    ),
    **dict.fromkeys(("item", "part_item", "fixed_price_item", "prepaid_item"), _ITEM),
    **dict.fromkeys(("gl_account", "gl_discount_purchase", "gl_discount_sales", "gl_to_claim", "gl_to_pay"), _LEDGER),
    **dict.fromkeys(
        (
            "contact", "deliver_to_contact_person", "invoice_to_contact_person", "ordered_by_contact_person", "delivery_account_contact",
            "invoice_account_contact", "order_account_contact", "delivery_contact", "supplier_contact",
        ),
        _CONTACT,
    ),
    **dict.fromkeys(("cost_center", "costcenter"), _COST_CENTER),
    **dict.fromkeys(("cost_unit", "costunit"), _COST_UNIT),
    "classification": Source(
        "sync_financial_gl_classifications", "gl_classifications", "gl_classification_id", {"_code": "code", "_description": "description"}
    ),
    "document": Source("sync_documents_documents", "documents", "document_id", {"_subject": "subject"}),
    "gl_scheme_id": Source("financial_gl_schemes", "gl_schemes", "gl_scheme_id", {"_code": "code", "_description": "description"}),
    "journal": Source("financial_journals", "journals", "journal_code", {"_description": "journal"}),
    "project": Source("sync_project_projects", "projects", "project_id", {"_code": "code", "_description": "description"}),
    "project_wbs": Source("sync_project_project_wbs", "project_wbs", "project_wbs_id", {"_description": "description"}),
    "subscription": Source("sync_subscription_subscriptions", "subscriptions", "subscription_id", {"_description": "description"}),
    "vat_code": Source("vat_vat_codes", "vat_codes", "code", {"_description": "description"}),
}  # fmt: skip
# Copies whose name does not begin with that of the column that refers.
IRREGULAR = {
    "supplier_description": "supplier",
    "delivery_contact_person_full_name": "delivery_contact",
    "supplier_contact_person_full_name": "supplier_contact",
    "vat_description": "vat_code",
}
