"""What ``start_date`` applies to: endpoint by endpoint, with the reasons.

The setting leaves out rows that were last changed before it. That is right for what happened at some time: an entry, an
invoice, an hour. It is wrong for what such rows refer to: a ledger account that nobody has touched since 2015 is needed
by each line of this year. So a row is *dated* if it tells of an event and no other row depends on it, or only rows of
the same event (the lines of an order). All else is read whole. In doubt it is whole: rows too many cost time, rows
missing are wrong sums.

The names are ids of the catalogue without ``Sync/`` and ``Bulk/``: all ways to read an entity are alike. The table names
endpoints without a bookmark, too, although nothing can be left out of a full table.
"""

from __future__ import annotations

DATED: dict[str, str] = {
    "entries and their lines, as booked": """
        Financial/TransactionLines FinancialTransaction/TransactionLines Financial/SalesEntries
        Financial/PurchaseEntries SalesEntry/SalesEntries SalesEntry/SalesEntryLines PurchaseEntry/PurchaseEntries
        PurchaseEntry/PurchaseEntryLines FinancialTransaction/BankEntries FinancialTransaction/BankEntryLines
        FinancialTransaction/CashEntries FinancialTransaction/CashEntryLines
        GeneralJournalEntry/GeneralJournalEntries GeneralJournalEntry/GeneralJournalEntryLines""",
    "tax returns that were filed for a period": "Financial/OfficialReturns Financial/Returns",
    "invoices": """
        SalesInvoice/SalesInvoices SalesInvoice/SalesInvoiceLines SalesInvoice/SalesInvoiceOrderChargeLines
        Purchase/PurchaseInvoices Purchase/PurchaseInvoiceLines""",
    "quotations and orders": """
        CRM/Quotations CRM/QuotationHeaders CRM/QuotationLines CRM/QuotationOrderChargeLines
        SalesOrder/SalesOrders SalesOrder/SalesOrderHeaders SalesOrder/SalesOrderLines
        SalesOrder/SalesOrderOrderChargeLines PurchaseOrder/PurchaseOrders PurchaseOrder/PurchaseOrderLines""",
    "shop orders with all their parts, and assembly orders": """
        Manufacturing/ShopOrders Manufacturing/ShopOrderMaterialPlans Manufacturing/ShopOrderMaterialPlanDetails
        Manufacturing/ShopOrderPurchasePlanning Manufacturing/ShopOrderRoutingStepPlans
        Manufacturing/ShopOrderSubOrders Inventory/AssemblyOrders""",
    "deliveries, receipts and returns": """
        SalesOrder/GoodsDeliveries SalesOrder/GoodsDeliveryLines SalesOrder/DropShipments SalesOrder/DropShipmentLines
        SalesOrder/PlannedSalesReturns SalesOrder/PlannedSalesReturnLines PurchaseOrder/GoodsReceipts
        PurchaseOrder/GoodsReceiptLines PurchaseOrder/PurchaseReturns PurchaseOrder/PurchaseReturnLines""",
    "movements of stock": """
        Inventory/StockBatchNumbers Inventory/StockSerialNumbers Inventory/StockSerialBatchNumbers
        Inventory/StockCounts Inventory/StockCountLines Inventory/WarehouseTransfers Inventory/WarehouseTransferLines
        Manufacturing/MaterialIssues Manufacturing/MaterialReversals Manufacturing/ByProductReceipts
        Manufacturing/ByProductReversals Manufacturing/ShopOrderReceipts Manufacturing/ShopOrderReversals
        Manufacturing/StageForDeliveryReceipts Manufacturing/StageForDeliveryReversals
        Manufacturing/SubOrderReceipts Manufacturing/SubOrderReversals""",
    "hours and costs": """
        Project/TimeCostTransactions Project/TimeTransactions Project/CostTransactions Project/TimeCorrections
        Project/ProjectPlanning Manufacturing/TimeTransactions Manufacturing/TimedTimeTransactions
        Manufacturing/RecentTimeTransactions ExpenseManagement/ExpenseReports ExpenseManagement/Expenses""",
    "leave and absence by day, and what an employee was paid once": """
        HRM/LeaveAbsenceHoursByDay HRM/LeaveBuildUpRegistrations HRM/LeaveRegistrations
        HRM/AbsenceRegistrationTransactions Payroll/VariableMutations""",
    "what was done and said": """
        Activities/AnnualStatements Activities/CommunicationNotes Activities/Complaints Activities/Events
        Activities/Fiscals Activities/ServiceRequests Activities/Tasks Mailbox/MailMessagesSent
        Mailbox/MailMessageAttachments""",
}
"""Why rows are dated → ids."""

WHOLE: dict[str, str] = {
    "the chart of accounts and what surrounds it: each line refers to it": """
        Financial/GLAccounts Financial/GLClassifications Financial/GLSchemes
        Financial/GLAccountClassificationMappings Financial/GLTransactionSources Financial/GLTransactionTypes
        Financial/Journals Financial/FinancialPeriods Financial/DeductibilityPercentages VAT/VATCodes
        VAT/VatPercentages General/Currencies HRM/Costcenters HRM/Costunits""",
    # The rate of a day, or the budget of a year, may have been entered long before that day or year.
    "valid for a date that has nothing to do with when it was entered": """
        Financial/ExchangeRates Budget/BudgetScenarios Budget/Budgets Assets/CommercialBuildingValues
        Project/EmploymentInternalRates Project/ProjectHourBudgets""",
    # An invoice of 2015 that nobody has paid is an open item of today.
    "what is open now, however old, and agreements about paying": """
        Cashflow/PaymentTerms Cashflow/Payments Cashflow/Receivables Cashflow/DirectDebitMandates
        Cashflow/PaymentConditions Cashflow/AllocationRule Cashflow/Banks""",
    "customers, suppliers and people": """
        CRM/Accounts CRM/Addresses CRM/BankAccounts CRM/Contacts CRM/AccountClasses CRM/AccountClassificationNames
        CRM/AccountClassifications CRM/AddressStates CRM/LeadPurposes CRM/LeadSources CRM/ReasonCodes
        Accountancy/AccountInvolvedAccounts Accountancy/AccountOwners Accountancy/ClientGroups
        Accountancy/ClientMainGroups Accountancy/InvolvedUserRoles Accountancy/InvolvedUsers
        Accountancy/SolutionLinks Accountancy/TaskTypes Users/UserRoles Users/UserRolesPerDivision""",
    "quotations, documents and activities refer to them": """
        CRM/Opportunities CRM/HostingOpportunities CRM/OpportunityContacts""",
    # An entry changed today may have a document of last year; dropping them on arrival would save no call.
    "entries, invoices and orders refer to documents": """
        Documents/Documents Documents/DocumentAttachments Documents/DocumentCategories Documents/DocumentFolders
        Documents/DocumentTypeCategories Documents/DocumentTypeFolders Documents/DocumentTypes CRM/Documents
        CRM/DocumentsAttachments Workflow/RequestAttachments""",
    "items, prices and warehouses": """
        Logistics/CustomerItems Logistics/Incoterms Logistics/ItemAssortment Logistics/ItemAssortmentProperty
        Logistics/ItemChargeRelation Logistics/ItemGroups Logistics/ItemVersions Logistics/Items
        Logistics/PurchaseItemPrices Logistics/ReasonCodes Logistics/ReasonCodesLinkTypes Logistics/SalesItemPrices
        Logistics/SelectionCodes Logistics/SupplierItem Logistics/Units Inventory/AssemblyBillOfMaterialHeader
        Inventory/AssemblyBillOfMaterialMaterials Inventory/BatchNumbers Inventory/SerialBatchNumbers
        Inventory/SerialNumbers Inventory/StorageLocations Inventory/Warehouses Sales/OrderCharges
        Sales/SalesChannels Sales/SalesPriceListLinkedAccounts Sales/SalesPriceListPeriods
        Sales/SalesPriceListVolumeDiscounts Sales/SalesPriceLists Sales/ShippingMethods""",
    "the stock as it is now": """
        Inventory/ItemStorageLocations Inventory/ItemWarehousePlanningDetails
        Inventory/ItemWarehouseStorageLocations Inventory/ItemWarehouses Inventory/StockPositions
        Inventory/StorageLocationStockPositions""",
    "how things are made": """
        Manufacturing/BillOfMaterialMaterials Manufacturing/BillOfMaterialRoutings
        Manufacturing/BillOfMaterialVersions Manufacturing/ManufacturingSettings Manufacturing/OperationResources
        Manufacturing/Operations Manufacturing/ProductionAreas Manufacturing/ShopOrderPriorities
        Manufacturing/Workcenters""",
    "projects and their set-up: hours, invoices and entries refer to them": """
        Project/EmployeeRestrictionItems Project/InvoiceTerms Project/ProjectAccountMutations
        Project/ProjectBudgetTypes Project/ProjectClassifications Project/ProjectPlanningRecurring
        Project/ProjectRestrictionEmployeeItems Project/ProjectRestrictionEmployees
        Project/ProjectRestrictionItems Project/ProjectRestrictionRebillings Project/ProjectWBS Project/Projects
        Project/WBSActivities Project/WBSDeliverables Project/WBSExpenses""",
    "contracts that run, however old: entries and invoices refer to them": """
        Subscription/SubscriptionLineTypes Subscription/SubscriptionLines Subscription/SubscriptionReasonCodes
        Subscription/SubscriptionRestrictionEmployees Subscription/SubscriptionRestrictionItems
        Subscription/SubscriptionTypes Subscription/Subscriptions""",
    "assets: entries refer to them": "Assets/AssetGroups Assets/Assets Assets/DepreciationMethods",
    # A salary of 2015 that has not changed is the salary of today.
    "employees, and what holds for them until it changes": """
        HRM/Departments HRM/JobGroups HRM/JobTitles HRM/ScheduleEntries HRM/Schedules Payroll/ActiveEmployments
        Payroll/BankAccounts Payroll/Employees Payroll/EmploymentCLAs Payroll/EmploymentConditionGroups
        Payroll/EmploymentContractFlexPhases Payroll/EmploymentContracts Payroll/EmploymentEndReasons
        Payroll/EmploymentOrganizations Payroll/EmploymentSalaries Payroll/EmploymentTaxAuthoritiesGeneral
        Payroll/Employments Payroll/TaxEmploymentEndFlexCodes""",
    "an absence has no date of its own: its transactions have, and refer to it": "HRM/AbsenceRegistrations",
    "administrations and settings": """
        HRM/DivisionClassNames HRM/DivisionClassValues HRM/DivisionClasses HRM/Divisions System/AccountantInfo
        System/AllDivisions System/AvailableFeatures System/Divisions System/GetMostRecentlyUsedDivisions System/Me
        General/Layouts SalesInvoice/Layouts Mailbox/DefaultMailbox Mailbox/Mailboxes Mailbox/PreferredMailbox
        Webhooks/WebhookSubscriptions""",
    "balances and lists that Exact computes": """
        Financial/AgingOverview Financial/AgingPayablesList Financial/AgingReceivablesList
        Financial/JournalStatusList Financial/OutstandingInvoicesOverview Financial/PayablesList
        Financial/ProfitLossOverview Financial/ReceivablesList Financial/ReportingBalance Financial/RevenueList
        OpeningBalance/CurrentYear/AfterEntry OpeningBalance/CurrentYear/Processed
        OpeningBalance/PreviousYear/AfterEntry OpeningBalance/PreviousYear/Processed
        Manufacturing/ShopOrderRoutingStepPlansAvailableToWork Manufacturing/StartedTimedTimeTransactions
        Project/CostEntryRecentAccounts Project/CostEntryRecentCostTypes Project/CostEntryRecentProjects
        Project/CostTypes Project/HourCostTypes Project/HourEntryRecentAccounts Project/HourEntryRecentHourTypes
        Project/HourEntryRecentProjects Project/HourTypes Project/RecentCosts Project/RecentHours
        Project/TimeAndBillingAccountDetails Project/TimeAndBillingActivitiesAndExpenses
        Project/TimeAndBillingEntryAccounts Project/TimeAndBillingEntryProjects
        Project/TimeAndBillingEntryRecentAccounts Project/TimeAndBillingEntryRecentActivitiesAndExpenses
        Project/TimeAndBillingEntryRecentHourCostTypes Project/TimeAndBillingEntryRecentProjects
        Project/TimeAndBillingItemDetails Project/TimeAndBillingProjectDetails Project/TimeAndBillingRecentProjects""",
    "the log of deletions: Exact keeps two months of it": "Deleted",
}
"""Why rows are read whole → ids."""


def entity(resource_id: str) -> str:
    """``Sync/CRM/Accounts`` → ``CRM/Accounts``: what the tables here are about."""
    return resource_id.removeprefix("Sync/").removeprefix("Bulk/")


def is_dated(resource_id: str) -> bool:
    """Whether ``start_date`` applies. An endpoint that nobody has decided about is read whole."""
    return any(entity(resource_id) in ids.split() for ids in DATED.values())
