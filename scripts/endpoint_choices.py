"""What the reference does not say about its endpoints, and how this tap decides it.

Each table here is a choice of ours, or knowledge from elsewhere; the comment beside it says why. ``build_endpoints``
applies them to the catalogue.
"""

from __future__ import annotations

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

# Functions of which somebody tells that they never answer.
FAILING = {"Financial/AgingReceivablesListByAgeGroup": "reported to answer HTTP 400 always (July 2026)"}

# Streams that only whoever asks for them reads, together: name → services, and what of them does not belong to it.
# HR and payroll: salaries, absence with its cause, citizen service numbers. Cost centers and cost units are bookkeeping,
# and the lists of administrations have nothing to do with employees.
GROUPS: dict[str, tuple[set[str], set[str]]] = {
    "hr_payroll": (
        {"hrm", "payroll"},
        {
            "HRM/Costcenters",
            "HRM/Costunits",
            "HRM/DivisionClassNames",
            "HRM/DivisionClassValues",
            "HRM/DivisionClasses",
            "HRM/Divisions",
        },
    ),
}

# Besides every sync endpoint that is in no group: what has no sync twin and most people ask for first. Not invoices and
# orders at 60 rows a call, since sync has their rows, and not the bulk lists of open items: they have no bookmark and show
# no deletion, while sync_cashflow_payment_terms has both.
DEFAULT = {
    "system_divisions",
    "financial_exchange_rates",
    "financial_financial_periods",
    "financial_gl_account_classification_mappings",
    "financial_gl_schemes",
    "financial_journals",
    "vat_vat_codes",
    "general_currencies",
    "hrm_costcenters",
    "hrm_costunits",
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
