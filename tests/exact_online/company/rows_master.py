"""The rows of what seldom changes: accounts, items, the chart of accounts, journals, VAT codes, periods, currencies."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING

from . import chart
from .ids import Ids, Rows, Values, account_code, euros, gl_code, moment, vat_code
from .people import ITEMS, Item, Party

if TYPE_CHECKING:
    from .company import Company

_UNIT = {"Unit": "stuk    ", "UnitDescription": "Stuk"}


def master_rows(company: Company, ids: Ids, start: date) -> dict[str, Rows]:
    """Stream → its rows."""
    return {
        "sync_crm_accounts": {ids.of("account", p.number): _account(ids, p, start) for p in company.parties.values()},
        "sync_crm_contacts": {ids.of("contact", p.number): _contact(ids, p, start) for p in company.parties.values()},
        "sync_crm_addresses": {ids.of("address", p.number): _address(ids, p, start) for p in company.parties.values()},
        "sync_logistics_items": {ids.of("item", i.code): _item(ids, company, i, start) for i in ITEMS},
        "sync_logistics_sales_item_prices": {ids.of("price", i.code): _price(ids, i, start) for i in ITEMS},
        "sync_inventory_stock_positions": {ids.of("stock", i.code): _stock(ids, company, i) for i in ITEMS if i.stock},
        "sync_inventory_item_warehouses": {ids.of("itemwarehouse", i.code): _item_warehouse(ids, i, start) for i in ITEMS if i.stock},
        "inventory_warehouses": {ids.of("warehouse", 1): {"Code": "1", "Description": "Magazijn", "Main": True, **ids.stamps(start)}},
        "sync_financial_gl_accounts": {ids.of("gl", a.code): _gl_account(ids, a, start) for a in chart.GL_ACCOUNTS},
        "financial_journals": {ids.of("journal", j.code): _journal(ids, j, start) for j in chart.JOURNALS},
        "vat_vat_codes": {ids.of("vat", v.code): _vat(ids, v, start) for v in chart.VAT_CODES.values()},
        "general_currencies": {
            code: {"Description": name, "AmountPrecision": 0.01, "PricePrecision": 0.01, "Created": moment(start), "Modified": moment(start)}
            for code, name in chart.CURRENCIES.items()
        },
        "financial_financial_periods": dict(_periods(ids, start, company.today)),
        "financial_exchange_rates": dict(_rates(company, ids, start)),
        **_classifications(ids, start),
    }  # fmt: skip


def account_names(ids: Ids, party: Party, prefix: str = "Account") -> Values:
    """The account of a row, with its code and name as Exact copies them."""
    return {
        prefix: ids.of("account", party.number),
        f"{prefix}Code": account_code(party.number),
        f"{prefix}Name": party.name,
    }


def gl_names(ids: Ids, code: str) -> Values:
    return {
        "GLAccount": ids.of("gl", code),
        "GLAccountCode": gl_code(code),
        "GLAccountDescription": chart.GL_BY_CODE[code].description,
    }


def item_names(ids: Ids, item: Item) -> Values:
    return {"Item": ids.of("item", item.code), "ItemCode": item.code, "ItemDescription": item.description}


def _account(ids: Ids, party: Party, start: date) -> Values:
    side = "Purchase" if party.is_supplier else "Sales"
    since = max(party.active[0], start)
    return {
        "Code": account_code(party.number), "Name": party.name, "Status": "S" if party.is_supplier else "C",
        "IsSupplier": party.is_supplier, "IsSales": not party.is_supplier, "Type": "A", "AddressLine1": party.street,
        "City": party.city, "Postcode": party.postcode, "Country": party.country, "Language": "NL", "Blocked": False,
        "Email": f"administratie@{''.join(c for c in party.name.lower() if c.isalnum())[:20]}.example", "StartDate": moment(since),
        f"PaymentCondition{side}": f"{party.payment_days}", f"{side}Currency": party.currency, f"{side}VATCode": vat_code(party.vat),
        "MainContact": ids.of("contact", party.number), "GLAP": ids.of("gl", chart.PAYABLE), "GLAR": ids.of("gl", chart.RECEIVABLE),
        "GLAccountPurchase": ids.of("gl", party.gl) if party.gl else None, **ids.stamps(since),
    }  # fmt: skip


def _contact(ids: Ids, party: Party, start: date) -> Values:
    first, _, last = party.contact.partition(" ")
    return {
        "Account": ids.of("account", party.number), "AccountName": party.name, "AccountMainContact": ids.of("contact", party.number),
        "FirstName": first, "LastName": last, "FullName": party.contact, "IsMainContact": True, "Country": party.country,
        "AccountIsSupplier": party.is_supplier, "AccountIsCustomer": not party.is_supplier, "HID": 100 + party.number,
        **ids.stamps(max(party.active[0], start)),
    }  # fmt: skip


def _address(ids: Ids, party: Party, start: date) -> Values:
    return {
        "Account": ids.of("account", party.number), "AccountName": party.name, "AddressLine1": party.street, "City": party.city,
        "Postcode": party.postcode, "Country": party.country, "Main": True, "Type": 1, "Contact": ids.of("contact", party.number),
        "ContactName": party.contact, **ids.stamps(max(party.active[0], start)),
    }  # fmt: skip


def _item(ids: Ids, company: Company, item: Item, start: date) -> Values:
    return {
        "Code": item.code, "Description": item.description, "IsSalesItem": True, "IsStockItem": item.stock, "IsPurchaseItem": item.stock,
        "GLRevenue": ids.of("gl", item.gl_revenue), "GLRevenueCode": gl_code(item.gl_revenue), "SalesVatCode": vat_code(item.vat),
        "GLCosts": ids.of("gl", chart.COST_OF_GOODS), "GLStock": ids.of("gl", chart.INVENTORY), "ItemGroupDescription": item.group,
        "CostPriceStandard": euros(item.cost), "Stock": float(company.stock[item.code]) if item.stock else None, **_UNIT,
        **ids.stamps(start),
    }  # fmt: skip


def _price(ids: Ids, item: Item, start: date) -> Values:
    return {**item_names(ids, item), "Price": euros(item.price), "Currency": "EUR", "Quantity": 1.0, "StartDate": moment(start), **_UNIT,
            **ids.stamps(start)}  # fmt: skip


def _stock(ids: Ids, company: Company, item: Item) -> Values:
    pieces = float(company.stock[item.code])
    return {
        "ItemId": ids.of("item", item.code), "ItemCode": item.code, "ItemDescription": item.description, "CurrentStock": pieces,
        "FreeStock": pieces, "ProjectedStock": pieces, "PlanningIn": 0.0, "PlanningOut": 0.0, "Warehouse": ids.of("warehouse", 1),
        "WarehouseCode": "1", "WarehouseDescription": "Magazijn",
    }  # fmt: skip


def _item_warehouse(ids: Ids, item: Item, start: date) -> Values:
    return {**item_names(ids, item), "Warehouse": ids.of("warehouse", 1), "WarehouseCode": "1", "WarehouseDescription": "Magazijn",
            "ReorderPoint": 2.0, **ids.stamps(start)}  # fmt: skip


def _gl_account(ids: Ids, account: chart.GLAccount, start: date) -> Values:
    return {
        "Code": gl_code(account.code), "Description": account.description, "Type": account.type,
        "TypeDescription": chart.TYPES[account.type], "BalanceType": account.balance, "BalanceSide": account.side, "IsBlocked": False,
        "Matching": account.type in (20, 22), "SearchCode": account.description.upper()[:10], **ids.stamps(start),
    }  # fmt: skip


def _journal(ids: Ids, journal: chart.Journal, start: date) -> Values:
    values: Values = {
        "Code": journal.code,
        "Description": journal.description,
        "Type": journal.type,
        "Currency": "EUR",
        **ids.stamps(start),
    }
    if journal.gl_account:
        values |= gl_names(ids, journal.gl_account)
    return values


def _vat(ids: Ids, vat: chart.VatCode, start: date) -> Values:
    return {
        "Code": vat_code(vat.code), "Description": vat.description, "Percentage": vat.fraction, "Type": "E", "IsBlocked": False,
        "GLToPay": ids.of("gl", vat.gl_due) if vat.gl_due else None, "GLToClaim": ids.of("gl", vat.gl_claim) if vat.gl_claim else None,
        **ids.stamps(start),
    }  # fmt: skip


def _months(start: date, until: date) -> list[date]:
    return [
        date(start.year + n // 12, n % 12 + 1, 1) for n in range((until.year - start.year) * 12 + until.month)
    ]


def _periods(ids: Ids, start: date, today: date) -> list[tuple[str, Values]]:
    return [
        (
            ids.of("period", first),
            {"FinYear": first.year, "FinPeriod": first.month, "StartDate": moment(first),
             "EndDate": moment(first.replace(day=monthrange(first.year, first.month)[1])), **ids.stamps(start)},
        )
        for first in _months(start, date(today.year, 12, 1))
    ]  # fmt: skip


def _rates(company: Company, ids: Ids, start: date) -> list[tuple[str, Values]]:
    return [
        (
            ids.of("rate", first),
            {"SourceCurrency": "USD", "TargetCurrency": "EUR", "Rate": company.rate("USD", first), "StartDate": moment(first),
             **ids.stamps(first)},
        )
        for first in _months(start, company.today)
    ]  # fmt: skip


def _classifications(ids: Ids, start: date) -> dict[str, Rows]:
    """A scheme of the reference kind (RGS) and where each ledger account belongs in it."""
    scheme = {"Code": "RGS3.5", "Description": "Referentie Grootboekschema", "Main": 1, **ids.stamps(start)}
    classes = {
        ids.of("class", kind): {
            "Code": f"RGS{kind}",
            "Name": name,
            "Description": name,
            "Abstract": False,
            **ids.stamps(start),
        }
        for kind, name in chart.TYPES.items()
    }
    mappings = {
        ids.of("mapping", account.code): {
            "Classification": ids.of("class", account.type), "ClassificationCode": f"RGS{account.type}",
            "ClassificationDescription": chart.TYPES[account.type], "GLSchemeID": ids.of("scheme", 1), "GLSchemeCode": "RGS3.5",
            **gl_names(ids, account.code),
        }
        for account in chart.GL_ACCOUNTS
    }  # fmt: skip
    return {
        "financial_gl_schemes": {ids.of("scheme", 1): scheme},
        "sync_financial_gl_classifications": classes,
        "financial_gl_account_classification_mappings": mappings,
    }
