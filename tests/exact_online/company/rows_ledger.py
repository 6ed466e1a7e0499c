"""The rows of what is booked: transaction lines, entries, invoices, and the lists that Exact derives from them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from . import chart
from .ids import Ids, Rows, Values, euros, moment, vat_code
from .people import ITEM_BY_CODE
from .rows_master import account_names, gl_names, item_names

if TYPE_CHECKING:
    from .books import Entry, Posting
    from .company import Company
    from .people import Party

_SALES = (chart.SALES_ENTRY, chart.SALES_CREDIT)
_PURCHASES = (chart.PURCHASE_ENTRY, chart.PURCHASE_CREDIT)
_INVOICE_TYPE = {chart.SALES_ENTRY: 8020, chart.SALES_CREDIT: 8021}


def ledger_rows(company: Company, ids: Ids) -> dict[str, Rows]:
    """Stream → its rows."""
    found: dict[str, Rows] = defaultdict(dict)
    for entry in company.ledger.entries.values():
        for posting in entry.postings:
            line = (entry.number, posting.number)
            values = _line(company, ids, entry, posting)
            found["sync_financial_transaction_lines"][ids.of("line", *line)] = values
            if entry.type in _SALES:
                found["sync_financial_sales_entries"][ids.of("salesentry", *line)] = _entry(
                    company, ids, entry, posting, "Customer"
                )
                found["sync_sales_invoice_sales_invoices"][ids.of("invoiceline", *line)] = _sync_invoice(
                    company, ids, entry, posting
                )
                if 0 < posting.number < 9000:
                    found["salesinvoice_sales_invoice_lines"][ids.of("invoiceline", *line)] = _single_line(
                        ids, entry, posting
                    )
            elif entry.type in _PURCHASES:
                found["sync_financial_purchase_entries"][ids.of("purchaseentry", *line)] = _entry(
                    company, ids, entry, posting, "Supplier"
                )
        if entry.type in _SALES:
            found["salesinvoice_sales_invoices"][ids.of("invoice", entry.number)] = _single_invoice(
                company, ids, entry
            )
    return {
        "sync_financial_sales_entries": {}, "sync_financial_purchase_entries": {}, **found, "financial_reporting_balance": _balances(company, ids),
        "read_financial_revenue_list": _revenue(company),
    }  # fmt: skip


def entry_names(ids: Ids, entry: Entry) -> Values:
    journal = next(one for one in chart.JOURNALS if one.code == entry.journal)
    return {
        "EntryID": ids.of("entry", entry.number), "EntryNumber": entry.number, "JournalCode": journal.code, "Journal": journal.code,
        "JournalDescription": journal.description, "FinancialYear": entry.day.year, "FinancialPeriod": entry.day.month,
    }  # fmt: skip


def _money(entry: Entry, posting: Posting) -> Values:
    vat = chart.VAT_CODES[posting.vat] if posting.vat else None
    return {
        "AmountDC": euros(posting.amount), "AmountFC": euros(posting.foreign), "AmountVATFC": euros(posting.vat_foreign),
        "AmountVATBaseFC": euros(posting.foreign) if vat and posting.vat_foreign else 0.0, "Currency": entry.currency,
        "ExchangeRate": entry.rate, "VATCode": vat_code(vat.code) if vat else None,
        "VATCodeDescription": vat.description if vat else None, "VATPercentage": vat.fraction if vat else None,
        "Quantity": posting.quantity,
    }  # fmt: skip


def _line(company: Company, ids: Ids, entry: Entry, posting: Posting) -> Values:
    values: Values = {
        **entry_names(ids, entry), **_money(entry, posting), **gl_names(ids, posting.gl), "Date": moment(entry.day),
        "Description": posting.description or entry.description, "LineNumber": posting.number, "Type": entry.type, "Status": 50,
        "InvoiceNumber": entry.invoice, "YourRef": entry.your_ref, "DueDate": moment(entry.due) if entry.due else None,
        "OrderNumber": entry.order, **ids.stamps(entry.day, entry.touched),
    }  # fmt: skip
    return values | _refers(company, ids, posting)


def _refers(company: Company, ids: Ids, posting: Posting) -> Values:
    """To whom, what and which subscription a line refers."""
    values: Values = {}
    if posting.party is not None:
        values |= account_names(ids, company.parties[posting.party])
    if posting.item is not None:
        values |= item_names(ids, ITEM_BY_CODE[posting.item])
    if posting.subscription is not None:
        values["Subscription"] = ids.of("subscription", posting.subscription)
    return values


def _entry(company: Company, ids: Ids, entry: Entry, posting: Posting, who: str) -> Values:
    party = company.parties[posting.party or 0]
    values = _line(company, ids, entry, posting)
    values |= {
        who: ids.of("account", party.number), f"{who}Name": party.name, "EntryDate": moment(entry.day), "Rate": entry.rate,
        "ReportingYear": entry.day.year, "ReportingPeriod": entry.day.month, "PaymentCondition": str(party.payment_days),
    }  # fmt: skip
    return values


def _sync_invoice(company: Company, ids: Ids, entry: Entry, posting: Posting) -> Values:
    """Line 0 is the total, line 9999 the VAT, with the sign of the books (api-facts, section 13)."""
    party = company.parties[posting.party or 0]
    values = _line(company, ids, entry, posting)
    values |= {
        "InvoiceID": ids.of("invoice", entry.number), "InvoiceDate": moment(entry.day), "Type": _INVOICE_TYPE[entry.type],
        "StatusDescription": "Verwerkt", "AmountFCExclVat": values["AmountFC"], "VATAmountFC": values["AmountVATFC"],
        "VATAmountDC": euros(round(posting.vat_foreign * entry.rate)), **_invoice_parties(ids, party),
        "PaymentCondition": str(party.payment_days),
    }  # fmt: skip
    return values


def _invoice_parties(ids: Ids, party: Party) -> Values:
    account = ids.of("account", party.number)
    roles = ("InvoiceTo", "OrderedBy", "DeliverTo")
    return dict.fromkeys(roles, account) | {f"{role}Name": party.name for role in roles}


def _single_invoice(company: Company, ids: Ids, entry: Entry) -> Values:
    """The same invoice as the single endpoint shows it: one row, amounts of the customer's side."""
    party = company.parties[entry.total.party or 0]
    vat = [p for p in entry.postings if p.number > 9000]
    return {
        "AmountDC": euros(entry.total.amount), "AmountFC": euros(entry.total.foreign), "Currency": entry.currency,
        "AmountFCExclVat": euros(entry.total.foreign + sum(p.foreign for p in vat)), "VATAmountDC": euros(-sum(p.amount for p in vat)),
        "VATAmountFC": euros(-sum(p.foreign for p in vat)), "Description": entry.description, "InvoiceDate": moment(entry.day),
        "InvoiceNumber": entry.invoice, "DueDate": moment(entry.due) if entry.due else None, "Journal": entry.journal,
        "OrderNumber": entry.order, "Status": 50, "StatusDescription": "Verwerkt", "Type": _INVOICE_TYPE[entry.type],
        "YourRef": entry.your_ref, "PaymentCondition": str(party.payment_days), **_invoice_parties(ids, party),
        **ids.stamps(entry.day, entry.touched),
    }  # fmt: skip


def _single_line(ids: Ids, entry: Entry, posting: Posting) -> Values:
    values: Values = {
        "InvoiceID": ids.of("invoice", entry.number), "AmountDC": euros(-posting.amount), "AmountFC": euros(-posting.foreign),
        "LineNumber": posting.number, "Description": posting.description, "Quantity": posting.quantity,
        "GLAccount": ids.of("gl", posting.gl), "VATCode": vat_code(posting.vat) if posting.vat else None,
        "VATAmountFC": euros(-posting.vat_foreign), "VATAmountDC": euros(round(-posting.vat_foreign * entry.rate)),
    }  # fmt: skip
    if posting.item is not None:
        values |= item_names(ids, ITEM_BY_CODE[posting.item])
    if posting.quantity:
        values["UnitPrice"] = values["NetPrice"] = round(
            abs(posting.foreign) / 100 / abs(posting.quantity), 2
        )
    return values


def _balances(company: Company, ids: Ids) -> Rows:
    """Exact's own totals: the movement of each account, period and transaction type (api-facts, section 13)."""
    return {
        int(ids.of("balance", *place).replace("-", "")[:12], 16): {
            **gl_names(ids, gl), "ReportingYear": year, "ReportingPeriod": period, "Type": kind, "Status": 50, "Count": total.count,
            "Amount": euros(total.debit - total.credit), "AmountDebit": euros(total.debit), "AmountCredit": euros(total.credit),
            "BalanceType": chart.GL_BY_CODE[gl].balance,
        }
        for place, total in company.ledger.totals.items()
        for gl, year, period, kind in [place]
        if total.count
    }  # fmt: skip


def _revenue(company: Company) -> Rows:
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for entry in company.ledger.entries.values():
        if entry.type < chart.PERIOD_CLOSED:
            for posting in entry.postings:
                if chart.GL_BY_CODE[posting.gl].type == 110:
                    sums[entry.day.month, entry.day.year] -= posting.amount
    return {place: {"Amount": euros(cents)} for place, cents in sums.items()}
