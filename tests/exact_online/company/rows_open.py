"""The rows of what is outstanding: payment terms, receivables, payables, and how old they are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from . import chart
from .ids import Ids, Rows, Values, account_code, euros, moment
from .rows_ledger import entry_names
from .rows_master import account_names, gl_names

if TYPE_CHECKING:
    from .books import Term
    from .company import Company

RECEIPT, PAYMENT = 20, 22
"""``PaymentTerms.LineType`` (reference page "sync Cashflow/PaymentTerms")."""

OPEN, MATCHED = 20, 50
"""``PaymentTerms.Status``: 20 open, 30 selected, 40 processed, 50 matched."""

AGES = ((1, "0 - 30"), (2, "31 - 60"), (3, "61 - 90"), (4, "> 90"))


def open_rows(company: Company, ids: Ids) -> dict[str, Rows]:
    """Stream → its rows."""
    terms = {ids.of("term", term.number): term for term in company.ledger.terms.values()}
    values = {key: _term(company, ids, term) for key, term in terms.items()}
    sides = {True: "receivables", False: "payments"}
    bulk: dict[str, Rows] = {f"bulk_cashflow_{side}": {} for side in sides.values()}
    for key, term in terms.items():
        bulk[f"bulk_cashflow_{sides[term.receivable]}"][key] = values[key]
    listed = [term for term in terms.values() if term.open_on(company.today)]
    return {
        "sync_cashflow_payment_terms": values,
        **bulk,
        "read_financial_receivables_list": _list(company, ids, [t for t in listed if t.receivable]),
        "read_financial_payables_list": _list(company, ids, [t for t in listed if not t.receivable]),
        "read_financial_aging_receivables_list": _aging(company, ids, [t for t in listed if t.receivable], 1),
        "read_financial_aging_payables_list": _aging(
            company, ids, [t for t in listed if not t.receivable], -1
        ),
        "read_financial_aging_overview": _overview(company, listed),
        "read_financial_outstanding_invoices_overview": {"EUR": _outstanding(company, listed)},
    }


def _term(company: Company, ids: Ids, term: Term) -> Values:
    entry = company.ledger.entries[term.entry]
    party = company.parties[term.party]
    ended = moment(term.ended) if term.ended else None
    control = chart.RECEIVABLE if term.receivable else chart.PAYABLE
    names = {
        name: value
        for name, value in entry_names(ids, entry).items()
        if name not in ("FinancialYear", "FinancialPeriod", "JournalCode")
    }
    return {
        **names, **account_names(ids, party), **gl_names(ids, control), "AccountCountry": party.country,
        "LineType": RECEIPT if term.receivable else PAYMENT, "Status": OPEN if ended is None else MATCHED, "IsFullyPaid": ended is not None,
        "AmountDC": euros(term.amount), "AmountFC": euros(term.foreign), "Currency": term.currency, "RateFC": term.rate,
        "TransactionAmountDC": euros(entry.total.amount), "TransactionAmountFC": euros(entry.total.foreign),
        "InvoiceDate": moment(term.day), "EntryDate": moment(term.day), "DueDate": moment(term.due), "TransactionDueDate": moment(term.due),
        "InvoiceNumber": term.invoice, "EndDate": ended, "EndYear": term.ended.year if term.ended else None,
        "EndPeriod": term.ended.month if term.ended else None, "LastPaymentDate": moment(term.paid) if term.paid else None,
        "TransactionID": ids.of("line", entry.number, 0),
        "TransactionEntryID": ids.of("entry", entry.number), "TransactionType": entry.type, "TransactionReportingYear": entry.day.year,
        "TransactionReportingPeriod": entry.day.month, "TransactionStatus": 50, "PaymentDays": party.payment_days,
        "PaymentCondition": str(party.payment_days), "Description": entry.description, "YourRef": entry.your_ref,
        **ids.stamps(term.day, term.touched),
    }  # fmt: skip


def _list(company: Company, ids: Ids, terms: list[Term]) -> Rows:
    return {
        1000 + term.number: {
            "AccountCode": account_code(term.party), "AccountId": ids.of("account", term.party), "CurrencyCode": term.currency,
            "AccountName": company.parties[term.party].name, "Amount": euros(term.foreign), "AmountInTransit": 0.0,
            "DueDate": moment(term.due), "InvoiceDate": moment(term.day), "EntryNumber": term.entry, "InvoiceNumber": term.invoice,
        }
        for term in terms
    }  # fmt: skip


def age_group(company: Company, term: Term) -> int:
    """1 to 4: how many days ago the invoice was written."""
    days = (company.today - term.day).days
    return 1 if days <= 30 else 2 if days <= 60 else 3 if days <= 90 else 4


def _aging(company: Company, ids: Ids, terms: list[Term], sign: int) -> Rows:
    sums: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for term in terms:
        sums[term.party][age_group(company, term)] += sign * term.amount
    return {
        ids.of("account", party): {
            "AccountCode": account_code(party), "AccountName": company.parties[party].name, "CurrencyCode": "EUR",
            "TotalAmount": euros(sum(ages.values())),
            **{name: value for group, words in AGES for name, value in (
                (f"AgeGroup{group}", group), (f"AgeGroup{group}Description", words), (f"AgeGroup{group}Amount", euros(ages[group])))},
        }
        for party, ages in sums.items()
    }  # fmt: skip


def _overview(company: Company, terms: list[Term]) -> Rows:
    return {
        group: {
            "AgeGroupDescription": words, "CurrencyCode": "EUR",
            "AmountReceivable": euros(sum(t.amount for t in terms if t.receivable and age_group(company, t) == group)),
            "AmountPayable": euros(-sum(t.amount for t in terms if not t.receivable and age_group(company, t) == group)),
        }
        for group, words in AGES
    }  # fmt: skip


def _outstanding(company: Company, terms: list[Term]) -> Values:
    values: Values = {}
    for name, mine in (
        ("Receivable", [t for t in terms if t.receivable]),
        ("Payable", [t for t in terms if not t.receivable]),
    ):
        for word, some in (("Outstanding", mine), ("Overdue", [t for t in mine if t.due < company.today])):
            values[f"{word}{name}InvoiceAmount"] = euros(abs(sum(t.amount for t in some)))
            values[f"{word}{name}InvoiceCount"] = float(len(some))
    return values
