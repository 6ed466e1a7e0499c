"""The rows of what surrounds the trade: quotations and their documents, purchase orders, projects and hours, cost centres."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from . import chart
from .ids import Ids, Rows, Values, account_code, euros, moment, vat_code
from .people import ITEM_BY_CODE, ITEMS
from .rows_master import item_names

if TYPE_CHECKING:
    from .agreements import Order
    from .books import Entry
    from .company import Company
    from .people import Party

_ACCEPTED = 50
"""``Quotation.Status`` (reference page "Quotations")."""
_TIME_AND_MATERIAL = 3
"""``Project.Type`` (reference page "Projects")."""
_COST_CENTERS = (("VERK", "Verkoop"), ("MAG", "Magazijn"), ("KANT", "Kantoor"))
_HOUR = 8_500


def work_rows(company: Company, ids: Ids, start: date) -> dict[str, Rows]:
    """Stream → its rows.

    Args:
        company: Whose they are. Every fourth order began as a quotation, every sixth customer has a project.
        ids: Of the administration.
        start: The first day of the books.
    """
    stamps = ids.stamps(start)
    centers: Rows = {
        ids.of("costcenter", code): {"Code": code, "Description": name, **stamps}
        for code, name in _COST_CENTERS
    }
    units: Rows = {ids.of("costunit", 1): {"Code": "ALG", "Description": "Algemeen", **stamps}}
    return {
        "hrm_costcenters": centers,
        "hrm_costunits": units,
        "sync_purchase_order_purchase_orders": dict(_purchase_orders(company, ids)),
        **_supplied(company, ids, start),
        **_quotations(company, ids),
        **_projects(company, ids, start),
    }


# -- what is bought ------------------------------------------------------------------------------


def _purchase_orders(company: Company, ids: Ids) -> Iterator[tuple[str, Values]]:
    for entry in company.ledger.entries.values():
        if entry.type == chart.PURCHASE_ENTRY and entry.postings[1].gl == chart.INVENTORY:
            yield ids.of("purchaseline", entry.number), _purchase_order(company, ids, entry)


def _purchase_order(company: Company, ids: Ids, entry: Entry) -> Values:
    line = entry.postings[1]
    party, item = company.parties[line.party or 0], ITEM_BY_CODE[line.item or ""]
    ordered, pieces = entry.day - timedelta(days=4), float(line.quantity or 0)
    return {
        "PurchaseOrderID": ids.of("purchaseorder", entry.number), "OrderNumber": entry.number, "LineNumber": 1,
        "OrderDate": moment(ordered), "ReceiptDate": moment(entry.day), "Supplier": ids.of("account", party.number),
        "SupplierCode": account_code(party.number), "SupplierName": party.name, "Currency": party.currency, "ExchangeRate": 1.0,
        "Quantity": pieces, "QuantityInPurchaseUnits": pieces, "ReceivedQuantity": pieces, "InvoicedQuantity": pieces,
        "UnitPrice": euros(item.cost), "NetPrice": euros(item.cost), "AmountDC": euros(line.amount), "AmountFC": euros(line.foreign),
        "VATCode": vat_code(party.vat), "Description": item.description, "PaymentCondition": str(party.payment_days),
        "Warehouse": ids.of("warehouse", 1), "WarehouseCode": "1", "WarehouseDescription": "Magazijn",
        **item_names(ids, item), **ids.stamps(ordered, entry.day),
    }  # fmt: skip


def _supplied(company: Company, ids: Ids, start: date) -> dict[str, Rows]:
    """Who delivers each item from stock, and for how much."""
    delivering = [party for party in company.parties.values() if party.gl == chart.INVENTORY]
    items: Rows = {}
    prices: Rows = {}
    for item in (item for item in ITEMS if item.stock):
        party = next(one for one in delivering if ("Apparaten" in one.name) == (item.group == "Apparaten"))
        account, price = ids.of("account", party.number), euros(item.cost)
        items[ids.of("supplieritem", item.code)] = {
            "Supplier": account, "SupplierCode": account_code(party.number), "SupplierDescription": party.name, "MainSupplier": True,
            "PurchasePrice": price, "Currency": "EUR", "PurchaseLeadTime": 4, "StartDate": moment(start),
            "PurchaseVATCode": vat_code(party.vat), **item_names(ids, item), **ids.stamps(start),
        }  # fmt: skip
        prices[ids.of("purchaseprice", item.code)] = {
            "Account": account, "AccountName": party.name, "Price": price, "Currency": "EUR", "Quantity": 1.0,
            "StartDate": moment(start), **item_names(ids, item), **ids.stamps(start),
        }  # fmt: skip
    return {"sync_logistics_supplier_item": items, "sync_logistics_purchase_item_prices": prices}


# -- what is offered -----------------------------------------------------------------------------


def _quotations(company: Company, ids: Ids) -> dict[str, Rows]:
    headers: Rows = {}
    lines: Rows = {}
    documents: Rows = {}
    files: Rows = {}
    for order in (order for order in company.orders.values() if order.number % 4 == 0):
        party = company.parties[order.party]
        day = order.day - timedelta(days=9)
        subject = f"Offerte {order.number} {party.name}"
        document = ids.of("document", order.number)
        headers[ids.of("quotationversion", order.number)] = _quotation(ids, order, party, day) | {
            "Document": document, "DocumentSubject": subject,
        }  # fmt: skip
        documents[document] = {
            "Subject": subject, "Account": ids.of("account", party.number), "AccountCode": account_code(party.number),
            "AccountName": party.name, "DocumentDate": moment(day), "HID": order.number, "HasEmptyBody": True,
            "Language": "nl", **ids.stamps(day),
        }  # fmt: skip
        files[ids.of("attachment", order.number)] = {
            "Document": document, "FileName": f"offerte-{order.number}.pdf", "FileSize": 20_000.0 + order.number % 977,
        }  # fmt: skip
        for number, (item, quantity) in enumerate(order.lines, 1):
            lines[ids.of("quotationline", order.number, number)] = {
                "QuotationID": ids.of("quotation", order.number), "QuotationNumber": order.number, "LineNumber": number,
                "Quantity": float(quantity), "UnitPrice": euros(item.price), "NetPrice": euros(item.price),
                "AmountDC": euros(item.price * quantity), "AmountFC": euros(item.price * quantity), "Description": item.description,
                "VATCode": vat_code(item.vat), **item_names(ids, item), **ids.stamps(day),
            }  # fmt: skip
    return {
        "sync_crm_quotation_headers": headers,
        "sync_crm_quotation_lines": lines,
        "sync_documents_documents": documents,
        "sync_documents_document_attachments": files,
    }


def _quotation(ids: Ids, order: Order, party: Party, day: date) -> Values:
    cents = sum(item.price * quantity for item, quantity in order.lines)
    account, contact = ids.of("account", party.number), ids.of("contact", party.number)
    return {
        "QuotationID": ids.of("quotation", order.number), "QuotationNumber": order.number, "VersionNumber": 1,
        "QuotationDate": moment(day), "DueDate": moment(day + timedelta(days=30)), "CloseDate": moment(order.day),
        "Status": _ACCEPTED, "StatusDescription": "Geaccepteerd", "AmountDC": euros(cents), "AmountFC": euros(cents),
        "Currency": party.currency, "Description": party.name, "PaymentCondition": str(party.payment_days),
        "OrderAccount": account, "OrderAccountCode": account_code(party.number), "OrderAccountName": party.name,
        "OrderAccountContact": contact, "OrderAccountContactFullName": party.contact, "InvoiceAccount": account,
        "InvoiceAccountCode": account_code(party.number), "InvoiceAccountName": party.name,
        **ids.stamps(day, order.day),
    }  # fmt: skip


# -- what is done --------------------------------------------------------------------------------


def _projects(company: Company, ids: Ids, start: date) -> dict[str, Rows]:
    """A customer's shop is fitted out: three months, four hours on each Tuesday and Thursday."""
    projects: Rows = {}
    parts: Rows = {}
    hours: Rows = {}
    for party in company.parties.values():
        begin = max(party.active[0], start) + timedelta(days=30) if not party.is_supplier else date.max
        if party.number % 6 or begin > company.today:
            continue
        end = begin + timedelta(days=90)
        named = {
            "Project": ids.of("project", party.number), "ProjectDescription": f"Winkelinrichting {party.name}",
        }  # fmt: skip
        customer = {"Account": ids.of("account", party.number), "AccountName": party.name}
        span = {"StartDate": moment(begin), "EndDate": moment(end)}
        projects[ids.of("project", party.number)] = {
            "Code": f"P{party.number}", "Description": named["ProjectDescription"], "Type": _TIME_AND_MATERIAL,
            "AccountCode": account_code(party.number), "PaymentCondition": str(party.payment_days), "HasWBSLines": True,
            "AccountContact": ids.of("contact", party.number), **customer, **span, **ids.stamps(begin),
        }  # fmt: skip
        part = ids.of("wbs", party.number)
        parts[part] = {"Description": "Montage", "SequenceNumber": 1, **named, **span, **ids.stamps(begin)}
        for day in _working(begin, min(end, company.today)):
            hours[ids.of("hours", party.number, day)] = {
                **named, **customer, "ProjectCode": f"P{party.number}", "ProjectAccount": customer["Account"],
                "ProjectAccountCode": account_code(party.number), "ProjectAccountName": party.name, "WBS": part, "WBSDescription": "Montage",
                "Date": moment(day), "Quantity": 4.0, "PriceFC": euros(_HOUR), "AmountFC": euros(4 * _HOUR), "Currency": "EUR",
                "Type": 1, "HourStatus": 20, **ids.stamps(day),
            }  # fmt: skip
    return {
        "sync_project_projects": projects,
        "sync_project_project_wbs": parts,
        "sync_project_time_cost_transactions": hours,
    }


def _working(begin: date, end: date) -> Iterator[date]:
    for days in range((end - begin).days + 1):
        day = begin + timedelta(days=days)
        if day.weekday() in (1, 3):
            yield day
