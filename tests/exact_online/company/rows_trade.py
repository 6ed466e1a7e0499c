"""The rows of what is agreed and delivered: sales orders, deliveries, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ids import Ids, Rows, Values, account_code, euros, moment, vat_code
from .rows_master import item_names

if TYPE_CHECKING:
    from .agreements import Order, Subscription
    from .company import Company
    from .people import Party

_OPEN, _COMPLETE = 12, 21
"""``SalesOrder.Status``: 12 open, 21 complete (reference page "SalesOrders")."""


def trade_rows(company: Company, ids: Ids) -> dict[str, Rows]:
    """Stream → its rows."""
    headers: Rows = {}
    lines: Rows = {}
    deliveries: Rows = {}
    delivered: Rows = {}
    for order in company.orders.values():
        party = company.parties[order.party]
        header = _order(ids, order, party)
        headers[ids.of("order", order.number)] = header
        for number in range(1, len(order.lines) + 1):
            line = _order_line(ids, order, party, number)
            lines[ids.of("orderline", order.number, number)] = line
            if order.delivered:
                delivered[ids.of("deliveryline", order.number, number)] = _delivery_line(ids, order, number)
        if order.delivered:
            deliveries[ids.of("delivery", order.number)] = _delivery(ids, order, party)
    return {
        "sync_sales_order_sales_order_headers": headers,
        "salesorder_sales_orders": {values["OrderID"]: values for values in headers.values()},
        "sync_sales_order_sales_order_lines": lines,
        "sync_sales_order_goods_deliveries": deliveries,
        "sync_sales_order_goods_delivery_lines": delivered,
        "sync_subscription_subscriptions": {
            ids.of("subscription", one.number): _subscription(company, ids, one) for one in company.subscriptions.values()
        },
        "sync_subscription_subscription_lines": {
            ids.of("subscriptionline", one.number): _subscription_line(company, ids, one) for one in company.subscriptions.values()
        },
    }  # fmt: skip


def _order(ids: Ids, order: Order, party: Party) -> Values:
    cents = sum(item.price * quantity for item, quantity in order.lines)
    account = ids.of("account", party.number)
    return {
        "OrderID": ids.of("order", order.number), "OrderNumber": order.number, "OrderDate": moment(order.day), "AmountDC": euros(cents),
        "AmountFC": euros(cents), "Currency": party.currency, "OrderedBy": account, "OrderedByName": party.name, "InvoiceTo": account,
        "InvoiceToName": party.name, "DeliverTo": account, "DeliverToName": party.name, "Description": party.name,
        "DeliveryAddress": ids.of("address", party.number), "DeliveryDate": moment(order.delivered) if order.delivered else None,
        "Status": _COMPLETE if order.delivered else _OPEN, "StatusDescription": "Compleet" if order.delivered else "Open",
        "WarehouseID": ids.of("warehouse", 1), "WarehouseCode": "1", "PaymentCondition": str(party.payment_days),
        **ids.stamps(order.day, order.touched),
    }  # fmt: skip


def _order_line(ids: Ids, order: Order, party: Party, number: int) -> Values:
    item, quantity = order.lines[number - 1]
    done = float(quantity) if order.delivered else 0.0
    return {
        "OrderID": ids.of("order", order.number), "OrderNumber": order.number, "LineNumber": number, "Quantity": float(quantity),
        "UnitPrice": euros(item.price), "NetPrice": euros(item.price), "AmountDC": euros(item.price * quantity),
        "AmountFC": euros(item.price * quantity), "VATCode": vat_code(party.vat if party.country != "NL" else item.vat),
        "QuantityDelivered": done, "QuantityInvoiced": done, "Description": item.description, **item_names(ids, item),
        **ids.stamps(order.day, order.touched),
    }  # fmt: skip


def _delivery(ids: Ids, order: Order, party: Party) -> Values:
    return {
        "DeliveryAccount": ids.of("account", party.number), "DeliveryAccountCode": account_code(party.number), "DeliveryAccountName": party.name,
        "DeliveryAddress": ids.of("address", party.number), "DeliveryDate": moment(order.delivered or order.day),
        "DeliveryNumber": order.number, "EntryNumber": order.number, "Warehouse": ids.of("warehouse", 1), "WarehouseCode": "1",
        **ids.stamps(order.delivered or order.day),
    }  # fmt: skip


def _delivery_line(ids: Ids, order: Order, number: int) -> Values:
    item, quantity = order.lines[number - 1]
    return {
        "EntryID": ids.of("delivery", order.number), "SalesOrderLineID": ids.of("orderline", order.number, number), "LineNumber": number,
        "SalesOrderNumber": order.number, "SalesOrderLineNumber": number, "QuantityDelivered": float(quantity),
        "QuantityOrdered": float(quantity), "DeliveryDate": moment(order.delivered or order.day), "Description": item.description,
        **item_names(ids, item), **ids.stamps(order.delivered or order.day),
    }  # fmt: skip


def _subscription(company: Company, ids: Ids, one: Subscription) -> Values:
    party = company.parties[one.party]
    account = ids.of("account", party.number)
    ended = moment(one.ended) if one.ended else None
    return {
        "Number": one.number, "Description": one.item.description, "StartDate": moment(one.started), "EndDate": ended,
        "CancellationDate": ended, "OrderedBy": account, "OrderedByName": party.name, "InvoiceTo": account, "InvoiceToName": party.name,
        "PaymentCondition": str(party.payment_days), "Currency": party.currency, **ids.stamps(one.started, one.touched),
    }  # fmt: skip


def _subscription_line(company: Company, ids: Ids, one: Subscription) -> Values:
    price = euros(one.item.price)
    return {
        "EntryID": ids.of("subscription", one.number), "LineNumber": 1, "FromDate": moment(one.started),
        "ToDate": moment(one.ended) if one.ended else None, "Quantity": float(one.quantity), "UnitPrice": price, "NetPrice": price,
        "AmountDC": round(price * one.quantity, 2), "AmountFC": round(price * one.quantity, 2), "Description": one.item.description,
        "VATCode": vat_code(company.parties[one.party].vat), **item_names(ids, one.item), **ids.stamps(one.started, one.touched),
    }  # fmt: skip
